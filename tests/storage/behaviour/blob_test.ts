import { assert, assertEquals, assertRejects } from "@std/assert";
import { type BlobStorage, type BlobTransaction, type Storage, supportsUndo } from "../../../storage/mod.ts";
import { ConflictError, NO_TID, type Oid, oid, POSKeyError, type Tid, tid } from "../../../values/mod.ts";
import { RemoteStorage } from "../../server/remote_storage.ts";
import { BLOB_RECORD, kinds as own } from "../blob/folders.ts";
import { bytes, nobody, noise, undo } from "../samples.ts";
import { inFolder } from "./kinds.ts";

const x = oid(1);

/** A storage with blobs, as it is or through a server. */
class Blobs {
  constructor(readonly storage: Storage) {}

  begin(): BlobTransaction {
    return this.storage.begin(nobody) as BlobTransaction;
  }

  /** A file with this content, to be stored. */
  file(content: string | Uint8Array): string {
    const blob = (this.storage as BlobStorage | RemoteStorage).receiveBlob();
    blob.write(typeof content === "string" ? bytes(content) : content);
    blob.close();
    return blob.path;
  }

  async commit(id: number, serial: Tid, content: string | Uint8Array): Promise<Tid> {
    const transaction = this.begin();
    transaction.storeBlob(oid(id), serial, BLOB_RECORD, this.file(content));
    await transaction.vote();
    return await transaction.finish();
  }

  /** A revision's content. A client is sent it, the storage has a file. */
  async content(id: number | Oid, serial: Tid): Promise<Uint8Array> {
    return this.storage instanceof RemoteStorage
      ? await this.storage.fetchBlob(oid(id), serial)
      : Deno.readFileSync(await (this.storage as BlobStorage).loadBlob(oid(id), serial));
  }

  async text(id: number | Oid, serial: Tid): Promise<string> {
    return new TextDecoder().decode(await this.content(id, serial));
  }
}

/** A test for every kind of storage with blobs, as it is and through a server. */
function everyBlobStorage(name: string, body: (blobs: Blobs) => Promise<void>): void {
  for (const kind of own) {
    for (const encoding of [undefined, "M", "Z"] as const) {
      // The pickles are the same for all kinds.
      if (encoding === "Z" && kind.name !== "FileStorage") continue;
      const way = encoding ? `${kind.name}, through a server, ${encoding}` : kind.name;
      Deno.test(`${name} (${way})`, () =>
        inFolder(async (folder) => {
          const opened = kind.open(folder);
          await using storage = encoding ? await RemoteStorage.open(opened, { encoding, folder }) : opened;
          await body(new Blobs(storage));
        }));
    }
  }
}

everyBlobStorage(
  "a blob is committed with its record, and each revision keeps its content",
  async (blobs) => {
    const tids: Tid[] = [];
    for (const text of ["one", "", "three"]) tids.push(await blobs.commit(1, tids.at(-1) ?? NO_TID, text));
    assertEquals(await Promise.all(tids.map((tid) => blobs.text(1, tid))), ["one", "", "three"]);
    for (const tid of tids) assertEquals(await blobs.storage.loadSerial(x, tid), BLOB_RECORD);
    const error = await assertRejects(() => blobs.content(1, tid(5n)), POSKeyError);
    assertEquals([error.oid, error.serial], [x, tid(5n)]);
    assert(error.reason?.startsWith("No blob file at /"), error.reason);
  },
);

everyBlobStorage("a blob of some megabytes comes back as it was", async (blobs) => {
  const content = noise(3_000_001, 5);
  assertEquals(await blobs.content(1, await blobs.commit(1, NO_TID, content)), content);
});

everyBlobStorage("of two files for one blob in a transaction the later counts", async (blobs) => {
  const transaction = blobs.begin();
  transaction.store(x, NO_TID, BLOB_RECORD);
  transaction.storeBlob(x, NO_TID, BLOB_RECORD, blobs.file("early"));
  transaction.storeBlob(x, NO_TID, BLOB_RECORD, blobs.file("late"));
  await transaction.vote();
  assertEquals(await blobs.text(1, await transaction.finish()), "late");
});

everyBlobStorage(
  "a blob that is given up, or in conflict, is not there, and the one before is",
  async (blobs) => {
    const first = await blobs.commit(1, NO_TID, "one");
    const voted = blobs.begin();
    voted.storeBlob(x, first, BLOB_RECORD, blobs.file("voted"));
    voted.storeBlob(oid(2), NO_TID, BLOB_RECORD, blobs.file("new"));
    await voted.vote();
    voted.abort();
    const conflict = blobs.begin();
    conflict.storeBlob(x, NO_TID, BLOB_RECORD, blobs.file("conflict"));
    await assertRejects(async () => void await conflict.vote(), ConflictError);
    assertEquals([await blobs.text(1, first), blobs.storage.length()], ["one", 1]);
    assertEquals(await blobs.text(1, await blobs.commit(1, first, "two")), "two");
  },
);

everyBlobStorage("forty blobs in one transaction", async (blobs) => {
  const transaction = blobs.begin();
  for (let id = 0; id < 40; id++) {
    transaction.storeBlob(oid(id), NO_TID, BLOB_RECORD, blobs.file(`${id}`));
  }
  await transaction.vote();
  const serial = await transaction.finish();
  for (let id = 0; id < 40; id++) assertEquals(await blobs.text(id, serial), `${id}`);
});

everyBlobStorage("undo gives a blob the content from before, and undo of that the other", async (blobs) => {
  const { storage } = blobs;
  if (!supportsUndo(storage)) return assertEquals(storage.kind, "MappingStorage");
  const two = await blobs.commit(1, await blobs.commit(1, NO_TID, "one"), "two");
  const undone = await undo(storage, two);
  assertEquals(await blobs.text(1, undone), "one");
  assertEquals(await blobs.text(1, await undo(storage, undone)), "two");
  // The object is gone when its creation is undone, and needs no file.
  const created = await blobs.commit(2, NO_TID, "new");
  const gone = await undo(storage, created);
  await assertRejects(() => blobs.content(2, gone), POSKeyError);
  assertEquals(await blobs.text(2, created), "new");
  // And it is there again when that is undone.
  const back = await undo(storage, gone);
  assertEquals(await blobs.text(2, back), "new");
  assertEquals(await blobs.text(2, await undo(storage, await undo(storage, back))), "new");
});

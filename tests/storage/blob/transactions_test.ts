/** Blobs in transactions: committed, given up, undone, restored, packed. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BlobDirectory,
  type BlobRestoringTransaction,
  capabilitiesOf,
  FileStorage,
  type IteratedRecord,
  type Packable,
  realBlobFiles,
  type Storage,
  supportsBlobs,
} from "../../../storage/mod.ts";
import {
  ConflictError,
  NO_TID,
  oid,
  ROOT_OID,
  type Tid,
  tid,
  tidFromTime,
  tidTime,
  UnresolvedConflicts,
} from "../../../values/mod.ts";
import { bytes, commit, nobody, record, undo } from "../samples.ts";
import {
  BLOB_RECORD,
  blobRevisions,
  commitBlob,
  contentOf,
  everyBlobStorage,
  filesBelow,
  inFolder,
  kinds,
  received,
} from "./folders.ts";

const x = oid(1);

everyBlobStorage(
  "committed files can be read by whoever may read the directory, and written by nobody",
  async (
    storage,
  ) => {
    const serial = await commitBlob(storage, 1, NO_TID, "one");
    assertEquals(Deno.statSync(storage.loadBlob(x, serial) as string).mode! & 0o777, 0o444);
  },
);

everyBlobStorage("nothing stays in tmp, whatever becomes of a transaction", async (storage, folder) => {
  const first = await commitBlob(storage, 1, NO_TID, "one");
  const before = filesBelow(`${folder}/blobs`);
  const open = storage.begin(nobody);
  open.storeBlob(x, first, BLOB_RECORD, received(storage, "open"));
  open.abort();
  open.abort();
  const voted = storage.begin(nobody);
  voted.storeBlob(x, first, BLOB_RECORD, received(storage, "voted"));
  voted.storeBlob(oid(2), NO_TID, BLOB_RECORD, received(storage, "new"));
  await voted.vote();
  voted.abort();
  voted.abort();
  const conflict = storage.begin(nobody);
  conflict.storeBlob(oid(3), NO_TID, BLOB_RECORD, received(storage, "bystander"));
  conflict.storeBlob(x, NO_TID, BLOB_RECORD, received(storage, "conflict"));
  await assertRejects(async () => await conflict.vote(), ConflictError);
  conflict.abort();
  assertEquals(filesBelow(`${folder}/blobs`), before);
  // Their directories are gone as well.
  assertEquals([...Deno.readDirSync(`${folder}/blobs/0x00/0x00/0x00/0x00/0x00/0x00/0x00`)].length, 1);
  await commitBlob(storage, 1, first, "two");
});

everyBlobStorage(
  "a vote that is given up while files are made durable stays given up",
  async (storage, folder) => {
    const transaction = storage.begin(nobody);
    transaction.storeBlob(x, NO_TID, BLOB_RECORD, received(storage, "one"));
    const voting = Promise.resolve(transaction.vote());
    transaction.abort();
    await assertRejects(() => voting, Error, "aborted");
    assertEquals(filesBelow(`${folder}/blobs`), {});
    assertEquals(await storage.length(), 0);
    await commitBlob(storage, 1, NO_TID, "two");
  },
);

everyBlobStorage("blobs stay through a vote after which the caller merges conflicts", async (storage) => {
  if (storage.kind !== "FileStorage") return assertEquals(storage.kind, "MappingStorage");
  const one = await commit(storage, [[7, NO_TID, "one"]]);
  const two = await commit(storage, [[7, one, "two"]]);
  const transaction = storage.begin(nobody, { callerResolves: true });
  transaction.store(oid(7), one, record("three"));
  transaction.storeBlob(x, NO_TID, BLOB_RECORD, received(storage, "content"));
  await assertRejects(async () => await transaction.vote(), UnresolvedConflicts);
  transaction.store(oid(7), two, record("merged"));
  await transaction.vote();
  const serial = await transaction.finish();
  assertEquals(contentOf(storage, 1, serial), "content");
  assertEquals(await storage.loadSerial(oid(7), serial), record("merged"));
});

everyBlobStorage(
  "a file may come from anywhere, and one that is missing fails the vote",
  async (storage, folder) => {
    Deno.writeTextFileSync(`${folder}/mine`, "mine");
    const transaction = storage.begin(nobody);
    transaction.storeBlob(x, NO_TID, BLOB_RECORD, `${folder}/mine`);
    await transaction.vote();
    assertEquals(contentOf(storage, 1, await transaction.finish()), "mine");
    const missing = storage.begin(nobody);
    missing.storeBlob(oid(2), NO_TID, BLOB_RECORD, `${folder}/mine`);
    await assertRejects(async () => await missing.vote(), Error, "expected a blob's file");
    assertEquals(storage.length(), 1);
  },
);

everyBlobStorage("a restored blob has the revision that it had elsewhere", async (storage) => {
  if (!capabilitiesOf(storage).includes("IBlobStorageRestoreable")) {
    assertEquals(storage.kind, "MappingStorage");
    return;
  }
  const serial = tidFromTime(Date.UTC(2030, 1));
  const transaction = storage.begin(nobody, { tid: serial }) as BlobRestoringTransaction;
  transaction.restoreBlob(x, serial, BLOB_RECORD, null, received(storage, "copy"));
  await transaction.vote();
  assertEquals(await transaction.finish(), serial);
  assertEquals(contentOf(storage, 1, serial), "copy");
});

Deno.test("a storage without a blob directory takes no blobs and says so", () =>
  inFolder(async (folder) => {
    await using storage = FileStorage.open(`${folder}/Data.fs`);
    assert(!supportsBlobs(storage));
    const transaction = storage.begin(nobody);
    assertThrows(
      () => transaction.storeBlob(x, NO_TID, BLOB_RECORD, "file"),
      TypeError,
      "Blobs are not supported",
    );
    transaction.abort();
    assertThrows(() => storage.loadBlob(x, tid(1)), TypeError, "Blobs are not supported");
  }));

/** A root that refers to object 1. */
const rootRecord = Uint8Array.fromHex(
  `8003${bytes("cpersistent.mapping\nPersistentMapping\nq\0.").toHex()}80037d5801000000784308${
    "00".repeat(7)
  }0151732e`,
);

for (const keepOld of [true, false]) {
  Deno.test(`a pack removes the files of what it drops, ${keepOld ? "and keeps them beside" : "for good"}`, () =>
    inFolder(async (folder) => {
      await using storage = FileStorage.open(`${folder}/Data.fs`, {
        blobDir: `${folder}/blobs`,
        packKeepOld: keepOld,
      });
      await commit(storage, [[ROOT_OID, NO_TID, rootRecord]]);
      const [one, two, three] = await blobRevisions(storage, 1, ["one", "two", "three"]);
      const unreachable = await commitBlob(storage, 0x0102, NO_TID, "nobody's");
      const result = await storage.pack(Date.now() / 1000 + 1);
      assertEquals(result.outcome, "packed");
      const name = (id: string, serial: bigint) =>
        `0x00/0x00/0x00/0x00/0x00/0x00/${id}/0x0${serial.toString(16)}.blob`;
      assertEquals(filesBelow(`${folder}/blobs`), { [name("0x00/0x01", three)]: "three" });
      assertEquals([...Deno.readDirSync(`${folder}/blobs`)].map(({ name }) => name).sort(), [
        ".layout",
        "0x00",
        "tmp",
      ]);
      if (keepOld) {
        assertEquals(filesBelow(`${folder}/blobs.old`), {
          [name("0x00/0x01", one)]: "one",
          [name("0x00/0x01", two)]: "two",
          [name("0x00/0x01", three)]: "three",
          [name("0x01/0x02", unreachable)]: "nobody's",
        });
        assertEquals(Deno.readTextFileSync(`${folder}/blobs.old/.layout`), "bushy");
      } else assertThrows(() => Deno.statSync(`${folder}/blobs.old`), Deno.errors.NotFound);
      assertEquals(contentOf(storage, 1, three), "three");
    }));
}

Deno.test("undo and packs do without second names for files, where the file system has none", () =>
  inFolder(async (folder) => {
    const link = () => {
      throw new Deno.errors.NotSupported("no second names");
    };
    const blobDir = BlobDirectory.open(`${folder}/blobs`, { files: { ...realBlobFiles, link } });
    await using storage = FileStorage.open(`${folder}/Data.fs`, { blobDir, packKeepOld: true });
    await commit(storage, [[ROOT_OID, NO_TID, rootRecord]]);
    const [, two] = await blobRevisions(storage, 1, ["one", "two"]);
    const undone = await undo(storage, two);
    assertEquals(contentOf(storage, 1, undone), "one");
    await storage.pack(Date.now() / 1000 + 1);
    assertEquals(Object.values(filesBelow(`${folder}/blobs`)), ["one"]);
    assertEquals(Object.values(filesBelow(`${folder}/blobs.old`)), ["one", "two", "one"]);
    assertEquals(Deno.readTextFileSync(`${folder}/blobs.old/.layout`), "bushy");
    assertEquals(contentOf(storage, 1, undone), "one");
  }));

Deno.test("a pack of a storage inside of blobs removes their files as well", () =>
  inFolder(async (folder) => {
    await using storage = kinds[1].open(folder);
    await commit(storage, [[ROOT_OID, NO_TID, rootRecord]]);
    await blobRevisions(storage, 1, ["one", "two"]);
    await commitBlob(storage, 2, NO_TID, "nobody's");
    await (storage as Storage as Packable).pack(Date.now() / 1000 + 1);
    assertEquals(Object.values(filesBelow(`${folder}/blobs`)), ["two"]);
  }));

Deno.test("an interrupted removal goes on at the next start, and removes no blob that has a record", () =>
  inFolder(async (folder) => {
    const open = () => FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
    let kept, path;
    {
      await using storage = open();
      kept = await commitBlob(storage, 1, NO_TID, "kept");
      path = storage.loadBlob(x, kept);
    }
    const stray = path.replace(/0x[0-9a-f]+\.blob$/, "0x01.blob");
    Deno.writeTextFileSync(stray, "dropped");
    const hex = (id: bigint) => id.toString(16).padStart(16, "0");
    // A list of a pack that never got into its place, and of one that did.
    Deno.writeTextFileSync(
      `${folder}/blobs/.removed`,
      `${hex(1n)}\n${hex(1n)}${hex(kept)}\n${hex(1n)}${hex(1n)}\n${hex(77n)}\n`,
    );
    {
      await using storage = open();
      // A pack waits for it.
      await storage.pack(0);
      assertEquals(contentOf(storage, 1, kept), "kept");
    }
    const { ".removed": left, ...files } = filesBelow(`${folder}/blobs`);
    assertEquals([left ?? "", Object.values(files)], ["", ["kept"]]);
    assertEquals(Object.values(filesBelow(`${folder}/blobs.old`)).sort(), ["dropped", "kept"]);
  }));

/** A storage with a minute between any two transactions. */
function openTicking(folder: string): FileStorage {
  let time = Date.UTC(2024, 0, 1);
  const now = () => time += 60_000;
  return FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs`, now });
}

/** A blob that was changed, and after that moment changed back; so a pack to it keeps the first revision's record. */
async function changedBack(storage: FileStorage): Promise<{ first: Tid; moment: number }> {
  await commit(storage, [[ROOT_OID, NO_TID, rootRecord]]);
  const transaction = storage.begin(nobody);
  // Python's clients have a blob's record stored twice.
  transaction.store(x, NO_TID, BLOB_RECORD);
  transaction.storeBlob(x, NO_TID, BLOB_RECORD, received(storage, "first"));
  await transaction.vote();
  const first = await transaction.finish();
  const second = await commitBlob(storage, 1, first, "second");
  const undoing = storage.begin(nobody);
  undoing.undo(second);
  await undoing.vote();
  await undoing.finish();
  return { first, moment: tidTime(second) / 1000 + 1 };
}

/** The revisions of the blob that an iteration finds, and their contents. */
function iterated(storage: FileStorage): string[] {
  const found: string[] = [];
  for (const transaction of storage.transactions()) {
    for (const { oid } of transaction.records() as Iterable<IteratedRecord>) {
      if (oid === x) found.push(contentOf(storage, 1, transaction.tid));
    }
  }
  return found;
}

Deno.test("a record that a pack keeps for a later undo keeps its file", () =>
  inFolder(async (folder) => {
    await using storage = openTicking(folder);
    const { moment } = await changedBack(storage);
    await storage.pack(moment);
    assertEquals(iterated(storage), ["first", "second", "first"]);
  }));

Deno.test("a pack that a crash has stopped before its file got into place removes no blob", () =>
  inFolder(async (folder) => {
    let expected: string[];
    {
      await using storage = openTicking(folder);
      const { first, moment } = await changedBack(storage);
      await storage.pack(moment);
      expected = iterated(storage);
      const hex = (id: bigint) => id.toString(16).padStart(16, "0");
      Deno.writeTextFileSync(`${folder}/blobs/.removed`, `${hex(x)}${hex(first)}\n`);
      Deno.writeTextFileSync(`${folder}/Data.fs.pack`, "FS30");
    }
    await using storage = openTicking(folder);
    await storage.pack(0);
    assertEquals(iterated(storage), expected);
  }));

Deno.test("an object's record that is no blob has no file to undo", () =>
  inFolder(async (folder) => {
    await using storage = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
    const one = await commit(storage, [[1, NO_TID, record("one")]]);
    const two = await commit(storage, [[1, one, record("two")]]);
    const transaction = storage.begin(nobody);
    transaction.undo(two);
    await transaction.vote();
    await transaction.finish();
    assertEquals(filesBelow(`${folder}/blobs`), {});
  }));

Deno.test("a database that is begun anew has none of the blobs of the one before", () =>
  inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, blobDir = `${folder}/blobs`;
    {
      await using storage = FileStorage.open(path, { blobDir });
      await blobRevisions(storage, 1, ["one", "two"]);
      await commitBlob(storage, 2 ** 20, NO_TID, "far away");
    }
    await using storage = FileStorage.open(path, { blobDir, create: true });
    assertEquals([storage.length(), filesBelow(blobDir)], [0, {}]);
    const serial = await commitBlob(storage, 1, NO_TID, "new");
    assertEquals(contentOf(storage, 1, serial), "new");
  }));

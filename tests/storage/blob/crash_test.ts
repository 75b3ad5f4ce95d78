/** Blobs and crashes: no record without its file, no file without its record, nothing acknowledged lost. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type BlobFiles,
  type BlobStorage,
  type Disk,
  type DiskFile,
  realBlobFiles,
  realDisk,
} from "../../../storage/mod.ts";
import { NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { nobody, record } from "../samples.ts";
import { BLOB_RECORD, commitBlob, filesBelow, inFolder, kinds, received } from "./folders.ts";

/** Everything that is done to files, in order; from a number on nothing is done any more, as after `kill -9`. */
class Machine {
  readonly done: string[] = [];
  /** How much may still be done. */
  left = Infinity;
  /** Fails what matches, once. */
  fault?: RegExp;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Notes an operation, or refuses it. */
  step(operation: string, ...paths: string[]): void {
    const what = [operation, ...paths.map((path) => path.replace(`${this.#folder}/`, ""))].join(" ");
    if (this.left-- <= 0) throw new Error(`crashed before: ${what}`);
    if (this.fault?.test(what)) {
      this.fault = undefined;
      throw Object.assign(new Error(`failed: ${what}`), { code: "EIO" });
    }
    this.done.push(what);
  }

  get files(): BlobFiles {
    return {
      ...realBlobFiles,
      create: (path) => {
        this.step("create", path);
        const writer = realBlobFiles.create(path);
        return {
          close: () => writer.close(),
          write: (bytes) => {
            this.step("write", path);
            writer.write(bytes);
          },
        };
      },
      makeDirectories: (path) => {
        this.step("mkdir", path);
        return realBlobFiles.makeDirectories(path);
      },
      rename: (from, to) => {
        this.step("rename", from, to);
        realBlobFiles.rename(from, to);
      },
      remove: (path) => {
        this.step("remove", path);
        realBlobFiles.remove(path);
      },
      link: (from, to) => {
        this.step("link", from, to);
        realBlobFiles.link(from, to);
      },
      sync: async (path) => {
        this.step("sync", path);
        await realBlobFiles.sync(path);
      },
    };
  }

  get disk(): Disk {
    return {
      ...realDisk,
      open: (path, mode) => {
        if (mode === "create") this.step("create", path);
        return this.#file(realDisk.open(path, mode));
      },
      rename: (from, to) => {
        this.step("rename", from, to);
        realDisk.rename(from, to);
      },
      remove: (path) => {
        if (this.left <= 0) return;
        this.step("remove", path);
        realDisk.remove(path);
      },
    };
  }

  #file(file: DiskFile): DiskFile {
    return {
      path: file.path,
      size: () => file.size(),
      read: (buffer, position) => file.read(buffer, position),
      close: () => file.close(),
      write: (bytes, position) => {
        this.step("write", file.path);
        file.write(bytes, position);
      },
      truncate: (size) => {
        this.step("truncate", file.path);
        file.truncate(size);
      },
      sync: async () => {
        this.step("sync", file.path);
        await file.sync();
      },
      syncNow: () => {
        this.step("sync", file.path);
        file.syncNow();
      },
    };
  }
}

const NAME = /^((?:0x[0-9a-f]{2}\/){8})0x([0-9a-f]+)\.blob$/;

/** Asserts that every blob's record has its file and every file its record; answers the contents by oid and tid. */
async function consistent(storage: BlobStorage, folder: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const [path, content] of Object.entries(filesBelow(`${folder}/blobs`))) {
    const found = NAME.exec(path);
    if (!found) throw new Error(`${path} should not be there`);
    const id = oid(BigInt(`0x${found[1].replaceAll(/0x|\//g, "")}`));
    const serial = BigInt(`0x${found[2]}`) as Tid;
    assertEquals(await storage.loadSerial(id, serial), BLOB_RECORD, path);
    contents[`${id} ${serial}`] = content;
  }
  for (const { tid, oids } of await storage.lastInvalidations(100)) {
    for (const id of oids) storage.loadBlob(id, tid);
  }
  return contents;
}

for (const kind of kinds.filter(({ durable }) => durable)) {
  Deno.test(`S23: content and names of a blob are durable before its record is written (${kind.name})`, () =>
    inFolder(async (folder) => {
      const machine = new Machine(folder);
      await using storage = kind.open(folder, { files: machine.files }, machine.disk);
      const transaction = storage.begin(nobody);
      transaction.storeBlob(oid(1), NO_TID, BLOB_RECORD, received(storage, "one"));
      machine.done.length = 0;
      await transaction.vote();
      const voted = machine.done.splice(0);
      await transaction.finish();
      const { done } = machine;
      const first = (list: string[], pattern: RegExp) => {
        const at = list.findIndex((what) => pattern.test(what));
        assert(at >= 0, `no ${pattern} in ${list.join("\n")}`);
        return at;
      };
      // The vote: the content, and the directories that were made.
      first(voted, /^sync blobs\/tmp\/zeo-.+\.upload$/);
      for (let depth = 0; depth < 8; depth++) {
        assert(voted.includes(`sync blobs${"/0x00".repeat(depth)}`), `directory ${depth}: ${voted}`);
      }
      // The finish: the name, then the record.
      const renamed = first(done, /^rename blobs\/tmp\/zeo-.+\.upload blobs\/0x00.+\.blob$/);
      const named = first(done, /^sync blobs\/0x00\/.+\/0x01$/);
      const written = first(done, /^write Data\.fs$/);
      const synced = first(done, /^sync Data\.fs$/);
      assert(renamed < named && named < written && written < synced, done.join("\n"));
      assert(first(done, /^remove blobs\/tmp\/.+\.placing$/) > synced, done.join("\n"));
    }));

  Deno.test(`a crash at any point of a commit leaves all of it or nothing (${kind.name})`, async () => {
    let outcomes = "";
    for (let steps = 0, finished = false; !finished; steps++) {
      await inFolder(async (folder) => {
        let first: Tid, second: Tid | undefined;
        {
          const machine = new Machine(folder);
          await using storage = kind.open(folder, { files: machine.files }, machine.disk);
          first = await commitBlob(storage, 1, NO_TID, "one");
          machine.left = steps;
          try {
            const transaction = storage.begin(nobody);
            transaction.storeBlob(oid(1), first, BLOB_RECORD, received(storage, "two"));
            transaction.storeBlob(oid(0x0201), NO_TID, BLOB_RECORD, received(storage, "new"));
            await transaction.vote();
            second = await transaction.finish();
            finished = machine.left > 0;
          } catch (error) {
            assert(error instanceof Error && error.message.includes("crashed before"), String(error));
          }
        }
        await using storage = kind.open(folder);
        const contents = await consistent(storage, folder);
        const last = storage.lastTransaction();
        const whole = { [`1 ${first}`]: "one", [`1 ${last}`]: "two", [`513 ${last}`]: "new" };
        if (second !== undefined) assertEquals(last, second);
        assertEquals(contents, last === first ? { [`1 ${first}`]: "one" } : whole, `after ${steps} steps`);
        outcomes += last === first ? "-" : "+";
        await commitBlob(storage, 1, last, "three");
      });
    }
    // First nothing, from some point on all of it.
    assert(/^-{10,}\+{2,}$/.test(outcomes), outcomes);
  });

  Deno.test(`a name that can't be given stops the writing, and the next start has all that was acknowledged (${kind.name})`, () =>
    inFolder(async (folder) => {
      let first: Tid;
      {
        const machine = new Machine(folder);
        await using storage = kind.open(folder, { files: machine.files }, machine.disk);
        first = await commitBlob(storage, 1, NO_TID, "one");
        machine.fault = /^rename blobs\/tmp\/zeo-.+\.upload blobs\/0x/;
        await assertRejects(() => commitBlob(storage, 1, first, "two"), Error, "failed");
        await assertRejects(() => commitBlob(storage, 2, NO_TID, "three"), Error, "no more changes");
        assertEquals(Deno.readTextFileSync(storage.loadBlob(oid(1), first) as string), "one");
      }
      await using storage = kind.open(folder);
      assertEquals(await consistent(storage, folder), { [`1 ${first}`]: "one" });
      await commitBlob(storage, 1, first, "two");
    }));

  Deno.test(`a record that can't be written leaves no file at the next start (${kind.name})`, () =>
    inFolder(async (folder) => {
      let first: Tid;
      for (const fault of [/^write Data\.fs$/, /^sync Data\.fs$/]) {
        await Deno.remove(`${folder}/Data.fs`).catch(() => {});
        await Deno.remove(`${folder}/blobs`, { recursive: true }).catch(() => {});
        {
          const machine = new Machine(folder);
          await using storage = kind.open(folder, { files: machine.files }, machine.disk);
          first = await commitBlob(storage, 1, NO_TID, "one");
          machine.fault = fault;
          await assertRejects(() => commitBlob(storage, 1, first, "two"), Error, "failed");
        }
        await using storage = kind.open(folder);
        assertEquals(await consistent(storage, folder), { [`1 ${first}`]: "one" });
      }
    }));

  Deno.test(`V08: a full disk is told at the vote, and frees what was written (${kind.name})`, () =>
    inFolder(async (folder) => {
      const machine = new Machine(folder);
      await using storage = kind.open(folder, { files: machine.files }, machine.disk);
      for (const fault of [/^sync .+\.upload$/, /^create .+\.voted$/, /^mkdir blobs\/0x/]) {
        machine.fault = fault;
        await assertRejects(() => commitBlob(storage, 1, NO_TID, "one"), Error, "failed");
        assertEquals(filesBelow(`${folder}/blobs`), {});
      }
      const transaction = storage.begin(nobody);
      transaction.store(oid(7), NO_TID, record("goes on"));
      await transaction.vote();
      await transaction.finish();
      await commitBlob(storage, 1, NO_TID, "one");
    }));
}

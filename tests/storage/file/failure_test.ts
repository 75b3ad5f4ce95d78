import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import type { FileStorage, FileStorageTransaction } from "../../../storage/mod.ts";
import { type Awaitable, FileStorageError, NO_TID, oid, type Tid } from "../../../values/mod.ts";
import type { DiskCall, Fault, FaultyDisk } from "../faulty_disk.ts";
import { commit, nobody, noise, record } from "../samples.ts";
import { onDisk, type Place, settle, texts } from "./on_disk.ts";

const EIO = Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
const ENOSPC = Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });

/** For a crash that loses nothing but what comes later. */
const keepAll = () => 0.999_999;

/** Ways in which the next commit fails, once they are set off. */
const mishaps: Record<string, { message: string; setOff(place: Place): void }> = {
  "a write that fails": {
    message: "EIO",
    setOff: ({ disk, path }) => disk.fault = on(path, "write", { error: EIO }),
  },
  "a write that is done in part": {
    message: "EIO",
    setOff: ({ disk, path }) => disk.fault = on(path, "write", { error: EIO, written: 40 }),
  },
  "a write that is done and reported as failed": {
    message: "EIO",
    setOff: ({ disk, path }) => disk.fault = on(path, "write", { error: EIO, written: 1e9 }),
  },
  "a disk that stays full whatever is given up": {
    message: "ENOSPC",
    setOff: ({ disk, path }) => disk.fault = on(path, "write", { error: ENOSPC, written: 40 }),
  },
  "a sync that fails": {
    message: "EIO",
    setOff: ({ disk, path }) => disk.fault = on(path, "sync", { error: EIO }),
  },
  "a file that grew behind our back": {
    message: "somebody else",
    setOff: ({ disk, path }) => disk.append(path, new Uint8Array(3)),
  },
};

function on(path: string, kind: DiskCall["kind"], fault: Fault): (call: DiskCall) => Fault | undefined {
  return (call) => call.path === path && call.kind === kind ? fault : undefined;
}

async function failure(promise: Awaitable<unknown>): Promise<FileStorageError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FileStorageError) return error;
    throw error;
  }
  throw new Error("it went well");
}

async function voted(
  storage: FileStorage,
  id: number,
  data: readonly Uint8Array[] = [],
): Promise<FileStorageTransaction> {
  const transaction = storage.begin(nobody);
  transaction.store(oid(id), NO_TID, record(`${id}`));
  for (const [number, each] of data.entries()) transaction.store(oid(100 + number), NO_TID, each);
  await transaction.vote();
  return transaction;
}

async function finishing(storage: FileStorage, id: number, data?: readonly Uint8Array[]): Promise<Tid> {
  return await (await voted(storage, id, data)).finish();
}

/** Who uses the storage alone has its syncs done on the spot, others have them done in another thread. */
const mishapsOf = [1, 2].flatMap((users) =>
  Object.entries(mishaps).map(([name, mishap]) => [users, name, mishap] as const)
);

for (const [users, name, { message, setOff }] of mishapsOf) {
  Deno.test(`after ${name} nothing is written any more, reads go on, nothing acknowledged is lost (users: ${users})`, () =>
    onDisk(async (place) => {
      const { disk, path, open } = place;
      const storage = open();
      storage.users = users;
      const first = await commit(storage, [[0, NO_TID, "a"], [1, NO_TID, "b"]]);
      const second = await commit(storage, [[1, first, "c"]]);
      const voted = storage.begin(nobody);
      voted.store(oid(4), NO_TID, record("voted before"));
      await voted.vote();
      setOff(place);
      let published = false;
      const failing = storage.begin(nobody);
      failing.store(oid(2), NO_TID, record("lost"));
      failing.store(oid(0), first, record("lost"));
      await failing.vote();
      const error = await failure(failing.finish(() => void (published = true)));
      assertStringIncludes(error.message, path);
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, "no more changes");

      const readable = () => {
        assertEquals(texts(storage, 5), ["a", "c", null, null, null]);
        assertEquals([storage.lastTransaction(), storage.length()], [second, 2]);
        assertEquals(storage.history(oid(1), 9).map(({ tid }) => tid), [second, first]);
      };
      readable();
      assertEquals(published, false);
      disk.fault = () => undefined;
      // That the disk works again is no reason to trust it.
      assertStringIncludes((await failure(voted.finish())).message, "no more changes");
      assertStringIncludes((await failure(commit(storage, [[3, NO_TID, "d"]]))).message, "no more changes");
      readable();
      await storage.close();

      const again = open();
      assertEquals(texts(again, 5), ["a", "c", null, null, null]);
      assertEquals(again.lastTransaction(), second);
      await commit(again, [[3, NO_TID, "d"]]);
      assertEquals(texts(again, 4), ["a", "c", null, "d"]);
    }));
}

Deno.test("what was written before a write that failed becomes durable and is answered", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    disk.holdSyncs = true;
    const one = finishing(storage, 0);
    await settle();
    const two = finishing(storage, 1);
    await settle();
    disk.fault = on(path, "write", { error: EIO, written: 30 });
    const three = failure(finishing(storage, 2));
    const error = await three;
    assertStringIncludes(error.message, "failed write");
    disk.releaseSyncs();
    const tids = [await one, await two];
    assertEquals(tids, tids.toSorted());
    assertEquals(texts(storage, 3), ["0", "1", null]);
    await storage.close();
    disk.fault = () => undefined;
    assertEquals(texts(open(), 3), ["0", "1", null]);
  }));

Deno.test("when a sync fails, all that wait for it or come after it fail, and none of them comes back", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    disk.holdSyncs = true;
    const first = failure(finishing(storage, 1));
    await settle();
    const others = [2, 3].map((id) => failure(finishing(storage, id)));
    await settle();
    disk.waiting[0].fail(EIO);
    for (const error of [await first, ...await Promise.all(others)]) {
      assertStringIncludes(error.message, "failed sync");
    }
    assertEquals(texts(storage, 4), ["0", null, null, null]);
    assertEquals(disk.waiting.length, 1, "a sync that failed is not tried again");
    disk.holdSyncs = false;
    await storage.close();
    assertEquals(storage.size(), disk.content(path).length);
    assertEquals(texts(open(), 4), ["0", null, null, null]);
  }));

Deno.test("when a sync fails under a long write, the file can be opened again", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    const size = storage.size();
    const [one, two, three] = [
      await voted(storage, 1),
      await voted(storage, 2, [noise(6 << 20), noise(6 << 20)]),
      await voted(storage, 3),
    ];
    disk.holdSyncs = true;
    const first = failure(one.finish());
    const long = failure(two.finish());
    // The first sync is the small transaction's; the long one is in the middle of its pieces.
    disk.holdSyncs = false;
    disk.waiting[0].fail(EIO);
    const behind = failure(three.finish());
    for (const error of [await first, await long, await behind]) {
      assertStringIncludes(error.message, "failed sync");
    }
    assertEquals(texts(storage, 4), ["0", null, null, null]);
    await storage.close();
    assertEquals(disk.content(path).length, size);
    assertEquals(texts(open(), 4), ["0", null, null, null]);
  }));

Deno.test("a crash under a long write that goes on after a failed sync leaves a file that opens", () =>
  onDisk(async (place) => {
    const { disk, open } = place;
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    const one = await voted(storage, 1), two = await voted(storage, 2, [noise(6 << 20), noise(6 << 20)]);
    disk.holdSyncs = true;
    const first = failure(one.finish());
    let left: FaultyDisk | undefined;
    // The next sync is the long write's own, when all its pieces are there.
    disk.fault = ({ kind }) => {
      if (kind === "sync") left ??= disk.crash({ random: keepAll });
      return undefined;
    };
    const long = failure(two.finish());
    disk.holdSyncs = false;
    disk.waiting[0].fail(EIO);
    await Promise.all([first, long]);
    await storage.close();
    place.disk = left!;
    const again = open();
    assertEquals([texts(again, 1), texts(again, 3)[2]], [["0"], null]);
  }));

Deno.test("a crash at any step of a long write leaves nothing of it, or all", async () => {
  const data = [1, 2, 3].map((seed) => noise(3 << 20, seed));
  // Everything that was written survives: the order of the writes alone has to do.
  for (let step = 1, crashed = true; crashed; step++) {
    await onDisk(async (place) => {
      const { disk, path, open } = place;
      const storage = open();
      await commit(storage, [[0, NO_TID, "0"]]);
      let calls = 0, syncs = 0, left: FaultyDisk | undefined;
      disk.fault = (call) => {
        if (left) return undefined;
        if (call.path === path && call.kind === "sync") syncs++;
        if (++calls !== step) return undefined;
        left = disk.crash({ random: keepAll });
        return { error: new Error("the machine crashes") };
      };
      const outcome = await finishing(storage, 1, data).catch(() => null);
      crashed = left !== undefined;
      await storage.close();
      if (!left) return;
      place.disk = left;
      const again = open();
      const all = again.length() === 5;
      if (outcome !== null) assert(all);
      assertEquals(texts(again, 2), ["0", all ? "1" : null]);
      assertEquals(again.length(), all ? 5 : 1);
      assertEquals(all, syncs === 2, "the write between the two syncs makes it complete");
    });
  }
});

for (const number of [2, 5, 12]) {
  Deno.test(`a long write that fails at its write number ${number} leaves nothing behind`, () =>
    onDisk(async ({ disk, path, open }) => {
      const storage = open();
      await commit(storage, [[0, NO_TID, "0"]]);
      const size = storage.size();
      const from = disk.calls.filter((call) => call.kind === "write" && call.path === path).length;
      disk.fault = (call) =>
        call.path === path && call.kind === "write" && call.number === from + number
          ? { error: EIO, written: 10 }
          : undefined;
      const error = await failure(finishing(storage, 1, [noise(6 << 20), noise(5 << 20)]));
      assertStringIncludes(error.message, "failed write");
      assertEquals(disk.content(path).length, size);
      assertEquals(texts(storage, 2), ["0", null]);
      await storage.close();
      assertEquals(disk.paths, [path, `${path}.index`]);
      assertEquals(texts(open(), 2), ["0", null]);
    }));
}

Deno.test("a disk too full for a transaction's temporary file fails that vote and nothing else", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const transaction = storage.begin(nobody);
    disk.capacity = 5 << 20;
    for (const id of [0, 1, 2, 3]) transaction.store(oid(id), NO_TID, noise(3 << 20, id));
    await assertRejects(async () => await transaction.vote(), Error, "ENOSPC");
    assertEquals([storage.length(), disk.paths.length], [0, 2]);
    await commit(storage, [[9, NO_TID, "small"]]);
    assertEquals(texts(storage, 10)[9], "small");
    assertEquals(disk.content(path).length, storage.size());
  }));

Deno.test("a truncation that fails too does not bring back what was not acknowledged in part", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    await commit(storage, [[0, NO_TID, "0"]]);
    disk.fault = (call) =>
      call.path === path && (call.kind === "write" || call.kind === "truncate")
        ? { error: EIO, written: 70 }
        : undefined;
    await failure(finishing(storage, 1));
    await storage.close();
    disk.fault = () => undefined;
    const again = open();
    assertEquals(texts(again, 2), ["0", null]);
    assert(disk.paths.includes(`${path}.tr0`), "what was cut off is kept");
  }));

Deno.test("V08 between vote and finish a transaction's bytes can't be lost by others, nor by itself", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const big = storage.begin(nobody);
    for (const id of [1, 2, 3]) big.store(oid(id), NO_TID, noise(4 << 20, id));
    await big.vote();
    const small = storage.begin(nobody);
    small.store(oid(4), NO_TID, record("4"));
    await small.vote();
    // A third that fills the disk with its temporary file gets the error; the two that are voted get through.
    disk.capacity = disk.used + (13 << 20);
    const greedy = storage.begin(nobody);
    for (let id = 10; id < 20; id++) greedy.store(oid(id), NO_TID, noise(4 << 20, id));
    await assertRejects(async () => await greedy.vote(), Error, "ENOSPC");
    await Promise.all([big.finish(), small.finish()]);
    assertEquals([storage.length(), texts(storage, 5)[4]], [4, "4"]);
  }));

Deno.test("the error names what went wrong, as its cause", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    disk.fault = on(path, "sync", { error: EIO });
    const error = await failure(finishing(storage, 0));
    assertInstanceOf(error, FileStorageError);
    assertEquals(error.cause, EIO);
  }));

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BeforeStorage,
  DemoStorage,
  FileStorage,
  MappingStorage,
  type PackProgress,
  statisticsOf,
  ZlibStorage,
} from "../../../storage/mod.ts";
import { MAX_TID, NO_TID, ROOT_OID, type Tid } from "../../../values/mod.ts";
import { commit } from "../samples.ts";

/** Runs a test with a new file. */
async function opened(test: (storage: FileStorage) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using storage = FileStorage.open(`${folder}/Data.fs`);
    await test(storage);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Commits revisions of the root object, one after the other. */
async function revise(storage: FileStorage, count: number): Promise<void> {
  let serial: Tid = NO_TID;
  for (let i = 0; i < count; i++) serial = await commit(storage, [[0, serial, `revision ${i}`]]);
}

Deno.test("each commit that waits for the one before has a sync of its own, with a time", () =>
  opened(async (storage) => {
    const syncs = storage.statistics.syncs!;
    const start = performance.now();
    await revise(storage, 3);
    assertEquals(syncs.seconds.count, 3);
    assert(
      start <= syncs.lastStart && syncs.lastStart <= syncs.lastEnd && syncs.lastEnd <= performance.now(),
    );
    assert(syncs.seconds.sum <= (syncs.lastEnd - start) / 1000);
  }));

Deno.test("when a transaction is published, the last sync is the one that made it durable", () =>
  opened(async (storage) => {
    const syncs = storage.statistics.syncs!;
    storage.users = 2;
    const transactions = [1, 2, 3].map(() =>
      storage.begin({ user: none, description: none, extension: none })
    );
    for (const [i, transaction] of transactions.entries()) {
      transaction.store(storage.newOids(1)[0], NO_TID, new Uint8Array(10).fill(i));
      await transaction.vote();
    }
    const finished = performance.now();
    const seen: number[] = [];
    await Promise.all(
      transactions.map((transaction) => transaction.finish(() => seen.push(syncs.lastStart))),
    );
    assertEquals(seen.length, 3);
    for (const start of seen) assert(start >= finished);
    // The second and the third share one.
    assertEquals(syncs.seconds.count, 2);
  }));

Deno.test("a pack under way says how far it is; one that is over, what came of it", () =>
  opened(async (storage) => {
    await revise(storage, 4);
    const packs = storage.statistics.packs!;
    assertEquals([packs.running, packs.progress, packs.last, packs.done, packs.failed], [
      ...[false, undefined, undefined, 0, 0],
    ]);
    const before = Date.now();
    const told: (PackProgress | undefined)[] = [], known: (PackProgress | undefined)[] = [];
    const progress = (now: PackProgress) => {
      told.push(now);
      known.push(packs.running ? packs.progress : undefined);
    };
    const time = Date.now() / 1000 + 1;
    const packing = storage.pack(time, { progress });
    await assertRejects(() => storage.pack(0), Error, "Already packing");
    assertEquals(packs.running, true);
    await packing;
    assert(told.length > 0);
    assertEquals(known, told);
    assertEquals([packs.running, packs.progress, packs.done, packs.failed], [false, undefined, 1, 0]);
    assertEquals(packs.last!.outcome, "packed");
    assert(packs.last!.at >= before && packs.last!.seconds > 0);
    await storage.pack(time);
    assertEquals([packs.done, packs.last!.outcome], [2, "redundant"]);
    const failing = storage.pack(time, { signal: AbortSignal.abort(new Error("stop")) });
    await assertRejects(() => failing, Error, "stop");
    assertEquals([packs.done, packs.failed, packs.last!.outcome], [2, 1, "failed"]);
  }));

Deno.test("loads are found in memory or not", () =>
  opened(async (storage) => {
    await revise(storage, 1);
    const { hits, misses } = storage.statistics.recordCache!;
    for (let i = 0; i < 5; i++) storage.loadBefore(ROOT_OID, MAX_TID);
    const after = storage.statistics.recordCache!;
    assertEquals([after.hits - hits, after.misses - misses], [5, 0]);
  }));

Deno.test("a storage around another has its statistics; one that measures nothing has none", () =>
  opened(async (storage) => {
    const { statistics } = storage;
    await using zlib = new ZlibStorage(storage);
    await using demo = new DemoStorage({ base: new MappingStorage(), changes: zlib });
    await using before = new BeforeStorage(demo, new Date());
    await using memory = new ZlibStorage(new MappingStorage());
    for (const around of [storage, zlib, demo, before]) assertEquals(statisticsOf(around), statistics);
    for (const without of [memory, new MappingStorage()]) assertEquals(statisticsOf(without), undefined);
    await Promise.resolve();
  }));

const none = new Uint8Array(0);

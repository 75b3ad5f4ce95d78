import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type CachedRevision,
  FileRecordCache,
  MemoryRecordCache,
  type RecordCache,
} from "../../cache/mod.ts";
import { NO_TID, oid, tid } from "../../values/mod.ts";
import { recordOf, withCachePath } from "./folder.ts";
import { CacheModel } from "./model.ts";

/** Each kind of cache; `memory: 0` makes the file answer every load. */
const kinds: readonly { readonly name: string; open(path: string, size: number): RecordCache }[] = [
  { name: "in memory", open: (_path, size) => new MemoryRecordCache({ size }) },
  { name: "in a file", open: (path, size) => FileRecordCache.open(path, { size, memory: 2000 }) },
  { name: "in a file only", open: (path, size) => FileRecordCache.open(path, { size, memory: 0 }) },
];

function show(revision: CachedRevision | undefined): string {
  return revision === undefined ? "nothing" : `${revision.serial}..${revision.end} ${revision.data.toHex()}`;
}

function eachKind(name: string, test: (open: (size: number) => RecordCache) => Promise<void> | void): void {
  for (const kind of kinds) {
    Deno.test(`${name} (${kind.name})`, () => withCachePath((path) => test((size) => kind.open(path, size))));
  }
}

type Step =
  | { kind: "store"; oid: number; serial: number; lasts: number | null; length: number }
  | { kind: "invalidate"; oid: number; tid: number | null }
  | { kind: "load"; oid: number }
  | { kind: "loadBefore"; oid: number; before: number }
  | { kind: "clear" };

const anOid = fc.integer({ min: 0, max: 12 });
const aTid = fc.integer({ min: 1, max: 40 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("store" as const),
        oid: anOid,
        serial: aTid,
        lasts: fc.option(fc.integer({ min: 1, max: 10 })),
        length: fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 6000 })),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("invalidate" as const),
        oid: anOid,
        tid: fc.option(aTid, { freq: 4 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("load" as const), oid: anOid }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("loadBefore" as const), oid: anOid, before: aTid }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const) }) },
  ),
  { maxLength: 120 },
);

/** Plays one step on both; returns what they answered. */
function play(step: Step, cache: RecordCache, model: CacheModel): [string, string] {
  switch (step.kind) {
    case "store": {
      const data = recordOf(step.oid, step.serial, step.length);
      const end = step.lasts === null ? null : tid(step.serial + step.lasts);
      for (const one of [cache, model]) one.store(oid(step.oid), tid(step.serial), end, data);
      data.fill(0);
      return ["", ""];
    }
    case "invalidate":
      for (const one of [cache, model]) {
        one.invalidate(oid(step.oid), step.tid === null ? null : tid(step.tid));
      }
      return ["", ""];
    case "load":
      return [show(cache.load(oid(step.oid))), show(model.load(oid(step.oid)))];
    case "loadBefore":
      return [
        show(cache.loadBefore(oid(step.oid), tid(step.before))),
        show(model.loadBefore(oid(step.oid), tid(step.before))),
      ];
    case "clear":
      cache.clear();
      model.held = [];
      return ["", ""];
  }
}

eachKind("a cache with room for everything answers as one without bounds", async (open) => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await using cache = open(1_000_000);
      cache.clear();
      const model = new CacheModel();
      for (const step of steps) {
        const [answer, expected] = play(step, cache, model);
        assertEquals(answer, expected);
        assertEquals(cache.statistics.records, model.held.length);
        assertEquals(cache.statistics.bytes, model.held.reduce((sum, { data }) => sum + data.length, 0));
      }
      const expected = model.held.filter(({ end }) => end === null).map(({ oid, serial }) =>
        `${oid} ${serial}`
      );
      assertEquals(
        [...cache.contents()].map(({ oid, serial }) => `${oid} ${serial}`).sort(),
        expected.sort(),
      );
      assertEquals(cache.statistics.evictions, 0);
      assertEquals(cache.statistics.corrupt, 0);
    }),
    { numRuns: 60 },
  );
});

// In a bounded cache evictions make answers go missing, and a revision that is gone is no longer there to contradict
// another. So the histories here are those that a server could tell: each object's revisions follow each other.
eachKind("a bounded cache forgets, but what it answers is true", async (open) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(2), anOid, fc.nat(1500)), { maxLength: 300 }),
      fc.integer({ min: 300, max: 9000 }),
      async (steps, size) => {
        await using cache = open(size);
        cache.clear();
        const serials = new Map<number, number[]>();
        const truth = (id: number, before: number) => {
          const all = serials.get(id) ?? [];
          const place = all.findLastIndex((serial) => serial < before);
          return place < 0 ? undefined : { serial: all[place], end: all[place + 1] ?? null };
        };
        let now = 1;
        for (const [kind, id, length] of steps) {
          if (kind === 0) {
            now++;
            cache.invalidate(oid(id), tid(now));
            serials.set(id, [...serials.get(id) ?? [], now]);
            cache.setLastTid(tid(now));
          }
          const before = kind === 1 ? now + 1 : 1 + length % (now + 1);
          const expected = truth(id, before);
          const answer = cache.loadBefore(oid(id), tid(before));
          if (answer !== undefined) {
            assertEquals(
              [answer.serial, answer.end],
              [tid(expected!.serial), expected!.end === null ? null : tid(expected!.end)],
            );
            assertEquals(answer.data, recordOf(id, expected!.serial, id * 97));
          } else if (expected !== undefined) {
            const { serial, end } = expected;
            cache.store(oid(id), tid(serial), end === null ? null : tid(end), recordOf(id, serial, id * 97));
          }
          assert(cache.statistics.bytes <= size);
        }
        assertEquals(cache.statistics.corrupt, 0);
      },
    ),
    { numRuns: 60 },
  );
});

eachKind(
  "R12: a replayed invalidation, which has no tid, takes all revisions of its object",
  async (open) => {
    await using cache = open(10_000);
    cache.store(oid(1), tid(10), tid(20), new Uint8Array([1]));
    cache.store(oid(1), tid(20), null, new Uint8Array([2]));
    cache.store(oid(2), tid(20), null, new Uint8Array([3]));
    cache.invalidate(oid(1), null);
    assertEquals(cache.loadBefore(oid(1), tid(15)), undefined);
    assertEquals(cache.load(oid(1)), undefined);
    assertEquals(cache.load(oid(2))?.data, new Uint8Array([3]));
  },
);

eachKind("a revision that turns out to have ended when it began was none", async (open) => {
  await using cache = open(10_000);
  for (const end of [10, 9]) {
    cache.store(oid(1), tid(10), null, new Uint8Array([1]));
    cache.invalidate(oid(1), tid(end));
    // Python refuses a file that has such a one.
    assertEquals([cache.load(oid(1)), cache.statistics.records], [undefined, 0]);
  }
});

eachKind("R13: what a late reply calls current stays ended", async (open) => {
  await using cache = open(10_000);
  cache.store(oid(1), tid(10), null, new Uint8Array([1]));
  cache.invalidate(oid(1), tid(20));
  cache.store(oid(1), tid(10), null, new Uint8Array([1]));
  assertEquals(cache.load(oid(1)), undefined);
  assertEquals(cache.loadBefore(oid(1), tid(20))?.end, tid(20));
});

eachKind("R17: a record that is larger than the cache is not kept, one that just fits is", async (open) => {
  for (const size of [700, 701, 1000, 4096, 5000]) {
    await using cache = open(size);
    cache.clear();
    let largest = -1;
    for (let length = 0; length <= size + 10; length++) {
      cache.store(oid(length), tid(1), null, recordOf(length, 1, length));
      const found = cache.load(oid(length));
      if (found === undefined) break;
      assertEquals(found.data, recordOf(length, 1, length));
      largest = length;
    }
    assert(largest > size - 300, `${largest} of ${size}`);
    assertEquals(cache.statistics.refused, 1);
    assertEquals(cache.load(oid(largest))?.data.length, largest);
  }
});

eachKind("the last tid moves forward, and back only by forgetting everything", async (open) => {
  await using cache = open(10_000);
  assertEquals(cache.lastTid, NO_TID);
  cache.setLastTid(tid(20));
  cache.setLastTid(tid(20));
  assertThrows(() => cache.setLastTid(tid(19)), RangeError, "expected 0000000000000014 or later");
  assertEquals(cache.lastTid, tid(20));
  cache.store(oid(1), tid(10), null, new Uint8Array(3));
  cache.clear();
  assertEquals([cache.lastTid, cache.load(oid(1)), cache.statistics.records], [NO_TID, undefined, 0]);
  cache.setLastTid(tid(5));
});

eachKind("a revision has to end after it began", async (open) => {
  await using cache = open(10_000);
  assertThrows(
    () => cache.store(oid(1), tid(5), tid(5), new Uint8Array(1)),
    RangeError,
    "expected a later end",
  );
});

eachKind("a closed cache finds nothing and takes nothing in", async (open) => {
  await using cache = open(10_000);
  cache.store(oid(1), tid(10), null, new Uint8Array(3));
  cache.close();
  cache.close();
  cache.store(oid(2), tid(10), null, new Uint8Array(3));
  cache.invalidate(oid(1), tid(11));
  assertEquals([cache.load(oid(1)), cache.load(oid(2))], [undefined, undefined]);
});

eachKind("records in use survive a scan of records that nobody asks for again", async (open) => {
  await using cache = open(100_000);
  for (let id = 0; id < 50; id++) cache.store(oid(id), tid(1), null, recordOf(id, 1, 500));
  for (let scanned = 1000; scanned < 3000; scanned++) {
    cache.store(oid(scanned), tid(1), null, recordOf(scanned, 1, 500));
    cache.load(oid(scanned % 50));
  }
  let found = 0;
  for (let id = 0; id < 50; id++) if (cache.load(oid(id)) !== undefined) found++;
  assertEquals(found, 50);
});

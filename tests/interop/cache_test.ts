/** One client cache file in many hands: ours, Python's. And its trace, read by the original's tool. */

import { createHash } from "node:crypto";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileRecordCache, type RecordCache } from "../../cache/mod.ts";
import { LockError, oid, tid } from "../../values/mod.ts";
import { interopTest, type PythonSession } from "./peers.ts";

const OBJECTS = 25;

/** Object, moment that it was asked for, serial, end, the data's digest. */
type Answer = [number, number, number, number | null, string];

interface PythonCache {
  readonly last: number;
  readonly answers: Answer[];
  readonly current: [number, number][];
  readonly records: number;
}

function describe(cache: RecordCache): Answer[] {
  const answers: Answer[] = [];
  for (let id = 0; id < OBJECTS; id++) {
    for (let before = 1; before <= Number(cache.lastTid) + 1; before++) {
      const found = cache.loadBefore(oid(id), tid(before));
      if (found === undefined) continue;
      const { serial, end, data } = found;
      answers.push([id, before, Number(serial), end === null ? null : Number(end), digest(data)]);
    }
  }
  return answers;
}

function digest(data: Uint8Array): string {
  return createHash("sha1").update(data).digest("hex").slice(0, 12);
}

/** One line an answer: what differs is then seen. */
function lines(answers: readonly Answer[]): string {
  return answers.join("\n");
}

function currentOf(cache: RecordCache): [number, number][] {
  return [...cache.contents()].map(({ oid, serial }): [number, number] => [Number(oid), Number(serial)])
    .sort(([a], [b]) => a - b);
}

/** A history on our side; `chance` tells it apart from others. */
function fill(cache: RecordCache, chance: number, steps: number): void {
  let state = chance;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  let now = Math.max(1, Number(cache.lastTid));
  const written = new Map<number, number>();
  for (let step = 0; step < steps; step++) {
    const id = random(OBJECTS);
    const choice = random(20);
    if (choice < 6) {
      now++;
      cache.invalidate(oid(id), tid(now));
      written.set(id, now);
      cache.setLastTid(tid(now));
    } else if (choice < 7) {
      cache.invalidate(oid(id), null);
    } else if (cache.load(oid(id)) === undefined) {
      const data = new TextEncoder().encode(`${id} `.repeat(random(200)));
      cache.store(oid(id), tid(written.get(id) ?? now), null, data);
    }
  }
  cache.setLastTid(tid(now));
}

/** Both say the same of a file. Our stamp takes the place of the first record of a file that Python has written in. */
async function agree(python: PythonSession, path: string, size: number, displaced = 0): Promise<void> {
  const theirs = await python.call<PythonCache>("caches.read", { path, size, objects: OBJECTS });
  await using cache = FileRecordCache.open(path, { size, memory: 0 });
  assertEquals(Number(cache.lastTid), theirs.last);
  const { records, corrupt } = cache.statistics;
  assertEquals(corrupt, 0);
  assert(theirs.records - records <= displaced, `${theirs.records} records, ours ${records}`);
  const ours = describe(cache);
  if (records === theirs.records) {
    assertEquals(lines(ours), lines(theirs.answers));
    assertEquals(currentOf(cache), theirs.current);
  } else {
    const known = new Set(theirs.answers.map(String));
    assertEquals(ours.filter((answer) => !known.has(String(answer))), []);
  }
}

await interopTest(
  "Python's client cache reads the file that ours wrote, and says the same",
  async (peers) => {
    const python = peers.session();
    for (const [chance, size] of [400, 1000, 4000, 60_000].entries()) {
      const path = `${peers.folder}/ours-${size}.zec`;
      {
        await using cache = FileRecordCache.open(path, { size });
        fill(cache, chance, 400);
        assert(cache.statistics.records > 0);
        assertEquals(cache.statistics.evictions > 0, size < 60_000);
      }
      const expected: Answer[] = [];
      {
        await using cache = FileRecordCache.open(path, { size });
        expected.push(...describe(cache));
      }
      const theirs = await python.call<PythonCache>("caches.read", { path, size, objects: OBJECTS });
      assertEquals(lines(theirs.answers), lines(expected));
      await agree(python, path, size);
      await assertNoneMovedAside(path);
    }
  },
);

await interopTest("one cache file goes back and forth between Python and us", async (peers) => {
  const python = peers.session();
  for (const size of [1500, 9000]) {
    const path = `${peers.folder}/shared-${size}.zec`;
    for (let round = 0; round < 8; round++) {
      await python.call("caches.go_on", { path, size, seed: round, steps: 120, objects: OBJECTS });
      await agree(python, path, size, 1);
      {
        await using cache = FileRecordCache.open(path, { size });
        fill(cache, round, 120);
      }
      await agree(python, path, size);
    }
    await assertNoneMovedAside(path);
  }
});

await interopTest("a cache file is locked for the other make as well", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/locked.zec`;
  {
    await using _ours = FileRecordCache.open(path, { size: 1000 });
    assertEquals(await python.call("caches.locked", { path, size: 1000 }), true);
  }
  await python.call("caches.hold", { path, size: 1000 });
  assertThrows(() => FileRecordCache.open(path, { size: 1000 }), LockError);
  await python.call("caches.release", {});
  await using _again = FileRecordCache.open(path, { size: 1000 });
});

await interopTest("ZEO's cache_stats reads our trace", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/traced.zec`;
  {
    await using cache = FileRecordCache.open(path, { size: 10_000, trace: true });
    const data = new Uint8Array(100);
    cache.load(oid(1));
    cache.store(oid(1), tid(5), null, data);
    for (let i = 0; i < 7; i++) cache.load(oid(1));
    cache.loadBefore(oid(1), tid(3));
    cache.invalidate(oid(1), tid(9));
    for (let i = 0; i < 3; i++) cache.loadBefore(oid(1), tid(9));
    cache.store(oid(2), tid(4), tid(6), data);
    cache.invalidate(oid(1), null);
    cache.invalidate(oid(3), tid(10));
  }
  assertEquals(Deno.readFileSync(`${path}.trace`).subarray(4, 26).toHex(), "00".repeat(22));
  const report = await python.call<string>("caches.statistics", { path: `${path}.trace` });
  const counts = Object.fromEntries(
    [...report.matchAll(/^ +(\d+) {2}([0-9a-f]{2}) /gm)].map(([, count, code]) => [code, Number(count)]),
  );
  assertEquals(counts, {
    "00": 1,
    "10": 1,
    "1c": 1,
    "1e": 1,
    "20": 1,
    "22": 7,
    "24": 1,
    "26": 3,
    "52": 1,
    "54": 1,
  }, report);
  assert(report.includes("83.3%"), report);
});

async function assertNoneMovedAside(path: string): Promise<void> {
  for await (const { name } of Deno.readDir(path.slice(0, path.lastIndexOf("/")))) {
    assert(!name.endsWith(".bad"), name);
  }
}

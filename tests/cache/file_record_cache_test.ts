import { configure, reset } from "@logtape/logtape";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileRecordCache, type RecordCache } from "../../cache/mod.ts";
import { LockError, NO_TID, oid, tid } from "../../values/mod.ts";
import { recordOf, withCachePath } from "./folder.ts";
import { seeded } from "./history.ts";
import { LossyFile } from "./lossy_file.ts";

/** Tids as servers make them, of this century. */
const moment = (transaction: number) => tid(0x03f7_048f_0000_0000n + BigInt(transaction) * 0x1_0000_0000n);

function answers(cache: RecordCache, objects: number, last: number): string[] {
  const lines = [];
  for (let id = 0; id < objects; id++) {
    for (let before = last + 1; before > 0; before--) {
      const found = cache.loadBefore(oid(id), moment(before));
      if (found !== undefined) {
        lines.push(`${id} ${before} ${found.serial} ${found.end} ${found.data.toHex()}`);
      }
    }
  }
  return lines;
}

/** Fills a cache with objects that each have an ended and a current revision, up to transaction 20. */
function fill(cache: RecordCache, objects = 20): void {
  for (let id = 0; id < objects; id++) {
    cache.store(oid(id), moment(2), moment(9), recordOf(id, 2, 40 + id));
    cache.store(oid(id), moment(9), null, recordOf(id, 9, 90 + id));
    if (id % 3 === 0) cache.invalidate(oid(id), moment(15));
  }
  cache.setLastTid(moment(20));
}

Deno.test("a file says the same after it is opened again, and knows where it left off", () =>
  withCachePath(async (path) => {
    const expected: string[] = [];
    {
      await using cache = FileRecordCache.open(path, { size: 10_000 });
      fill(cache);
      expected.push(...answers(cache, 20, 20));
      assertEquals(expected.length > 200, true);
    }
    assertEquals(Deno.statSync(path).size, 10_000);
    for (const memory of [0, 500, 10_000]) {
      await using cache = FileRecordCache.open(path, { size: 10_000, memory });
      assertEquals(cache.lastTid, moment(20));
      assertEquals(answers(cache, 20, 20), expected);
      assertEquals(cache.statistics.corrupt, 0);
    }
    {
      await using cache = FileRecordCache.open(path, { size: 10_000 });
      for (let id = 100; id < 110; id++) cache.store(oid(id), moment(3), null, recordOf(id, 3, 100));
      assertEquals(cache.statistics.evictions, 0);
    }
  }));

Deno.test("what is newer than the last tid is not believed by the next one who opens the file", () =>
  withCachePath(async (path) => {
    {
      await using cache = FileRecordCache.open(path);
      cache.store(oid(1), moment(10), null, new Uint8Array([1]));
      cache.store(oid(2), moment(11), null, new Uint8Array([2]));
      cache.store(oid(3), moment(9), moment(11), new Uint8Array([3]));
      cache.setLastTid(moment(10));
    }
    await using cache = FileRecordCache.open(path);
    assertEquals([...cache.contents()], [{ oid: oid(1), serial: moment(10) }]);
    assertEquals([cache.statistics.records, cache.statistics.corrupt], [1, 0]);
  }));

Deno.test("one process at a time, one cache at a time", () =>
  withCachePath(async (path) => {
    {
      await using _cache = FileRecordCache.open(path);
      assertThrows(() => FileRecordCache.open(path), LockError, "client.zec.lock");
    }
    await using _again = FileRecordCache.open(path);
  }));

Deno.test("the file's bytes are those of the original's format", () =>
  withCachePath(async (path) => {
    {
      await using cache = FileRecordCache.open(path, { size: 400 });
      cache.store(oid(1), tid(10), null, new Uint8Array(20).fill(0x41));
      cache.store(oid(2), tid(11), tid(20), new Uint8Array(20).fill(0x42));
      cache.invalidate(oid(1), tid(30));
      cache.setLastTid(tid(100));
    }
    const bytes = Deno.readFileSync(path);
    assertEquals(bytes.length, 400);
    assertEquals(bytes.subarray(0, 12).toHex(), "5a454333" + "0000000000000064");
    const blocks = [];
    for (let at = 12; at < bytes.length;) {
      const size = new DataView(bytes.buffer).getUint32(at + 1);
      blocks.push(`${String.fromCharCode(bytes[at])} ${size}`);
      at += size;
    }
    assertEquals(blocks, ["f 26", "a 63", "f 13", "a 63", "f 13", "f 210"]);
    assertEquals(
      bytes.subarray(38, 101).toHex(),
      "61" + "0000003f" + "0000000000000001" + "000000000000000a" + "000000000000001e" + "0000" + "00000014" +
        "41".repeat(20) + "0000000000000001",
    );
    assertEquals(
      bytes.subarray(114, 177).toHex(),
      "61" + "0000003f" + "0000000000000002" + "000000000000000b" + "0000000000000014" + "0000" + "00000014" +
        "42".repeat(20) + "0000000000000002",
    );
  }));

Deno.test("a file that is no cache is moved aside once, then removed, with a line in the log each time", () =>
  withCachePath(async (path) => {
    const lines: string[] = [];
    await configure({
      sinks: { lines: ({ message }) => lines.push(message.join("").replaceAll(path, "PATH")) },
      loggers: [
        { category: "zeo", sinks: ["lines"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
      ],
    });
    await using _logging = { [Symbol.asyncDispose]: reset };
    for (const junk of ["not a cache at all, but long enough", "ZEC3", "ZEC3abcdefgh?"]) {
      Deno.writeTextFileSync(path, junk);
      {
        await using cache = FileRecordCache.open(path, { size: 1000 });
        assertEquals([cache.lastTid, cache.statistics.records], [NO_TID, 0]);
        cache.store(oid(1), tid(1), null, new Uint8Array(1));
      }
      assertEquals(Deno.statSync(path).size, 1000);
    }
    assertEquals(Deno.readTextFileSync(`${path}.bad`), "not a cache at all, but long enough");
    assertEquals(lines, [
      'cache PATH: starts with 6e6f7420: expected 5a454333 ("ZEC3"): moved to PATH.bad',
      "cache PATH: 4 bytes: expected a header of 12: removed, PATH.bad being there already",
      "cache PATH: at 12: block starts with 0x3f: expected a, f, 1, 2, 3 or 4: removed, PATH.bad being there already",
    ]);
  }));

Deno.test("what is cleared is gone from the file, not only hidden in it", () =>
  withCachePath(async (path) => {
    await using cache = FileRecordCache.open(path, { size: 10_000 });
    fill(cache);
    cache.clear();
    const bytes = Deno.readFileSync(path);
    assertEquals(bytes.length, 10_000);
    assertEquals(bytes.subarray(43).every((byte) => byte === 0), true);
  }));

Deno.test("a cache grows and shrinks to the size that it is opened with, and keeps what has its place", () =>
  withCachePath(async (path) => {
    let size = 6000;
    const random = seeded(7);
    let kept = 0;
    for (let round = 0; round < 40; round++) {
      const before = size;
      if (round % 2 === 1) size = 100 + Math.floor(random() * 8000);
      let expected: string[];
      {
        await using cache = FileRecordCache.open(path, { size: before });
        cache.setLastTid(moment(20));
        for (let id = 0; id < 12; id++) {
          cache.store(oid(id), moment(2), null, recordOf(id, 2, Math.floor(random() * 300)));
          if (random() < 0.2) cache.invalidate(oid(id), random() < 0.3 ? null : moment(10));
        }
        expected = answers(cache, 12, 20);
      }
      await using cache = FileRecordCache.open(path, { size });
      assertEquals(Deno.statSync(path).size, size);
      const found = answers(cache, 12, 20);
      assertEquals(found.filter((line) => !expected.includes(line)), []);
      if (size >= before) assertEquals(found, expected);
      assertEquals(cache.statistics.corrupt, 0);
      kept += found.length;
    }
    assert(kept > 100);
    assertEquals([...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].length, 2);
  }));

Deno.test("sizes that can't be are refused", () =>
  withCachePath((path) => {
    for (const size of [0, -1, 93, 1.5, NaN, Infinity]) {
      assertThrows(() => FileRecordCache.open(path, { size }), RangeError, `size ${size}: expected`);
    }
    assertThrows(() => FileRecordCache.open(path, { memory: -1 }), RangeError, "memory -1: expected");
  }));

/** Damages an image somewhere, as disks and people do. */
function damage(image: Uint8Array, random: () => number): Uint8Array {
  const damaged = image.slice();
  const place = () => Math.floor(random() * damaged.length);
  const kind = random();
  if (kind < 0.5) {
    damaged[place()] ^= 1 << Math.floor(random() * 8);
  } else if (kind < 0.8) {
    for (let i = 0; i < 4; i++) damaged[place()] = Math.floor(random() * 256);
  } else if (kind < 0.9) {
    const start = place();
    damaged.copyWithin(start, place(), start + Math.floor(random() * 600));
  } else {
    return damaged.subarray(0, place());
  }
  return damaged;
}

Deno.test("R20: a damaged file never gives out a wrong record; the damage is counted or the file moved aside", () =>
  withCachePath(async (path) => {
    const whole = new LossyFile();
    const truth = new Set<string>();
    {
      await using cache = FileRecordCache.openOn(path, { size: 6000, memory: 0 }, () => whole);
      fill(cache);
      for (const line of answers(cache, 20, 20)) truth.add(line);
    }
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seeded(seed);
    const outcomes = { whole: 0, counted: 0, aside: 0 };
    for (let run = 0; run < Number(Deno.env.get("ZEO_CACHE_DAMAGES") ?? 1500); run++) {
      Deno.writeFileSync(path, new Uint8Array());
      const files = [new LossyFile(), new LossyFile(damage(whole.image(), random))];
      await using cache = FileRecordCache.openOn(path, { size: 6000, memory: 0 }, () => files.pop()!);
      assert(cache.lastTid <= moment(20), `last tid ${cache.lastTid} (seed ${seed}, run ${run})`);
      for (const line of answers(cache, 20, 20)) {
        assert(truth.has(line), `${line} (seed ${seed}, run ${run})`);
      }
      if (files.length === 0) outcomes.aside++;
      else if (cache.statistics.corrupt > 0) outcomes.counted++;
      else outcomes.whole++;
    }
    assert(Object.values(outcomes).every((count) => count > 0), JSON.stringify(outcomes));
  }));

Deno.test("a record that is found damaged when it is read is a miss, and gone", () =>
  withCachePath(async (path) => {
    await using cache = FileRecordCache.open(path, { size: 1000, memory: 0 });
    cache.store(oid(1), tid(1), null, recordOf(1, 1, 100));
    cache.store(oid(2), tid(1), null, recordOf(2, 1, 100));
    {
      using file = Deno.openSync(path, { write: true });
      file.seekSync(38 + 35 + 50, Deno.SeekMode.Start);
      file.writeSync(new Uint8Array([1, 2, 3]));
    }
    assertEquals(cache.load(oid(1)), undefined);
    const { corrupt, records, misses } = cache.statistics;
    assertEquals({ corrupt, records, misses }, { corrupt: 1, records: 1, misses: 1 });
    assertEquals(cache.load(oid(2))?.data, recordOf(2, 1, 100));
  }));

Deno.test("a disk that refuses writes takes the file away, not the client", () =>
  withCachePath(async (path) => {
    const file = new LossyFile();
    Deno.writeFileSync(path, new Uint8Array());
    await using cache = FileRecordCache.openOn(path, { size: 10_000 }, () => file);
    fill(cache, 5);
    file.writesLeft = 0;
    cache.store(oid(70), moment(1), null, new Uint8Array(10));
    cache.invalidate(oid(1), moment(21));
    cache.setLastTid(moment(21));
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
    assertEquals([cache.load(oid(70)), cache.load(oid(1))], [undefined, undefined]);
    assertEquals(cache.load(oid(2))?.serial, moment(9));
    cache.clear();
    assertEquals(cache.load(oid(2)), undefined);
  }));

Deno.test("records that lie far apart in the file take no more memory than they have bytes", () =>
  withCachePath(async (path) => {
    const options = { size: 2_000_000, memory: 1_000_000 };
    {
      await using cache = FileRecordCache.open(path, options);
      for (let id = 0; id < 1500; id++) cache.store(oid(id), moment(1), null, recordOf(id, 1, 1000));
      cache.setLastTid(moment(1));
    }
    await using cache = FileRecordCache.open(path, options);
    for (let id = 0; id < 1500; id++) if (id % 50 > 1) cache.invalidate(oid(id), null);
    const buffers = new Set<ArrayBufferLike>();
    for (let id = 0; id < 1500; id++) {
      const data = cache.load(oid(id))?.data;
      assertEquals(data, id % 50 > 1 ? undefined : recordOf(id, 1, 1000));
      if (data) buffers.add(data.buffer);
    }
    const bytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert(bytes <= 60 * 1000 * 2, `${bytes} bytes for 60 records of 1000`);
    assert(cache.statistics.memoryHits > 0, "neighbours come along");
  }));

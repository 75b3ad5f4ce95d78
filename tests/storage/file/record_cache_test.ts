import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { FileStorage } from "../../../storage/mod.ts";
import { RecordCache, type StoredRecord } from "../../../storage/file/record_cache.ts";
import { equalBytes, MAX_TID, NO_TID, oid, type Tid, tid } from "../../../values/mod.ts";
import { commit, noise } from "../samples.ts";
import { onDisk } from "./on_disk.ts";

const MIB = 1 << 20;

const stored = (position: number, size: number): StoredRecord => ({
  oid: oid(1),
  tid: tid(BigInt(position)),
  previous: 0,
  transaction: 4,
  data: noise(size, position),
  back: 0,
});

Deno.test("the cache never takes more memory than it may, whatever it is given", () => {
  const sizes = fc.array(fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 300_000 })), {
    minLength: 20,
    maxLength: 120,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 }), sizes, (mebibytes, sizes) => {
      const limit = mebibytes * MIB, cache = new RecordCache(limit), data = noise(300_000);
      for (const [number, size] of sizes.entries()) {
        // Many small ones between the big ones: their overhead counts as well.
        for (let small = 0; small < 300; small++) {
          cache.add(number * 1000 + small, {
            oid: oid(1),
            tid: tid(1n),
            previous: 0,
            transaction: 4,
            data: small === 0 ? data.subarray(0, size) : null,
            back: 0,
          });
          assert(cache.bytes <= limit, `${cache.bytes} of ${limit}`);
          cache.get((number >> 1) * 1000 + small);
          assert(cache.bytes <= limit, `${cache.bytes} of ${limit}`);
        }
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("what the cache answers is what it was given, and nothing else", () => {
  const cache = new RecordCache(5 * MIB);
  const given = new Map<number, StoredRecord>();
  for (let position = 1; position < 3000; position++) {
    const record = stored(position, position * 7919 % 5000);
    given.set(position, record);
    const mine = { ...record, data: record.data!.slice() };
    const kept = cache.add(position, mine);
    // The caller's buffer is the caller's again.
    mine.data.fill(0);
    assert(equalBytes(kept.data!, record.data!));
    const back = 1 + position * 31 % 2999 % position;
    const found = cache.get(back);
    if (found) assert(equalBytes(found.data!, given.get(back)!.data!) && found.tid === given.get(back)!.tid);
  }
  assert(cache.hits > 0 && cache.misses > 0);
  assertEquals(cache.get(99_999), undefined);
});

Deno.test("a record that is asked for again and again stays, one that is not goes", () => {
  const cache = new RecordCache(8 * MIB);
  cache.add(1, stored(1, 1000));
  cache.add(2, stored(2, 1000));
  for (let position = 10; position < 1000; position++) {
    cache.add(position, stored(position, 100_000));
    assert(cache.get(1), `hot at ${position}`);
  }
  assertEquals(cache.get(2), undefined);
  assert(equalBytes(cache.get(1)!.data!, noise(1000, 1)));
});

Deno.test("one big record does not sweep the others out", () => {
  const cache = new RecordCache(8 * MIB);
  for (let position = 1; position <= 20; position++) cache.add(position, stored(position, 1000));
  for (let position = 100; position < 110; position++) {
    const record = stored(position, 2_000_000);
    assert(equalBytes(cache.add(position, record).data!, record.data!));
  }
  for (let position = 1; position <= 20; position++) assert(cache.get(position), `${position}`);
});

Deno.test("data that was handed out stays as it was after the cache has forgotten it", () => {
  const cache = new RecordCache(4 * MIB);
  const views = new Map<number, Uint8Array>();
  for (let position = 1; position < 300; position++) {
    views.set(position, cache.add(position, stored(position, 100_000)).data!);
  }
  assertEquals(cache.get(1), undefined);
  for (const [position, view] of views) assert(equalBytes(view, noise(100_000, position)), `${position}`);
});

Deno.test("with a cache of any size every load answers what is in the file", async () => {
  const history = fc.array(fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 200_000 })), {
    minLength: 20,
    maxLength: 80,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 4 * MIB, 5 * MIB, 64 * MIB),
      history,
      (cacheSize, changes) =>
        onDisk(async ({ disk, path, open }) => {
          const storage = open({ cacheSize });
          const current = new Map<number, Tid>();
          for (const [number, [id, size]] of changes.entries()) {
            const data = noise(1 + size, number);
            current.set(id, await commit(storage, [[id, current.get(id) ?? NO_TID, data]]));
            const other = changes[number >> 1][0];
            storage.loadBefore(oid(other), MAX_TID);
          }
          await using uncached = FileStorage.open(path, { disk, readOnly: true, cacheSize: 0 });
          for (const id of current.keys()) {
            for (const { tid } of uncached.history(oid(id), 1000)) {
              assert(equalBytes(storage.loadSerial(oid(id), tid), uncached.loadSerial(oid(id), tid)));
            }
          }
          for (const [id, serial] of current) assertEquals(storage.getTid(oid(id)), serial);
        }),
    ),
    { numRuns: 12 },
  );
});

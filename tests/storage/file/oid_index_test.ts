import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { oid } from "../../../values/mod.ts";
import { OidIndex } from "../../../storage/file/oid_index.ts";

/** Clusters wherever a page or a half of 32 bits ends, so that neighbours meet. */
const keys = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 5000n }) },
  { weight: 2, arbitrary: fc.bigInt({ min: 2n ** 32n - 600n, max: 2n ** 32n + 600n }) },
  { weight: 2, arbitrary: fc.bigInt({ min: 2n ** 64n - 700n, max: 2n ** 64n - 1n }) },
  { weight: 2, arbitrary: fc.bigInt({ min: 2n ** 53n - 5n, max: 2n ** 53n + 5n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("set" as const), key: keys, count: fc.constant(1) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("run" as const),
        key: keys,
        count: fc.integer({ min: 1, max: 900 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("delete" as const), key: keys, count: fc.constant(1) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("deleteRun" as const),
        key: keys,
        count: fc.integer({ min: 1, max: 3000 }),
      }),
    },
  ),
  { maxLength: 40 },
);

Deno.test("an index holds what a map would, in order, whatever is set and deleted", () => {
  fc.assert(
    fc.property(steps, fc.array(keys, { minLength: 5, maxLength: 20 }), (todo, probes) => {
      const index = new OidIndex();
      const model = new Map<bigint, number>();
      let position = 2 ** 40;
      for (const { kind, key, count } of todo) {
        for (let step = 0; step < count; step++) {
          const id = BigInt.asUintN(64, key + BigInt(step));
          if (kind === "set" || kind === "run") {
            index.set(id, ++position);
            model.set(id, position);
          } else assertEquals(index.delete(id), model.delete(id));
        }
      }
      const sorted = [...model].sort(([a], [b]) => a < b ? -1 : 1);
      assertEquals(index.size, model.size);
      assertEquals([...index.entries()] as [bigint, number][], sorted);
      assertEquals(index.maxOid as bigint | undefined, sorted.at(-1)?.[0]);
      for (const [id, place] of model) {
        if (index.get(id) !== place) assertEquals([id, index.get(id)], [id, place]);
      }
      for (const probe of probes) {
        assertEquals(index.get(probe), model.get(probe));
        assertEquals(index.has(probe), model.has(probe));
        assertEquals(index.nextKey(probe) as bigint | undefined, sorted.find(([id]) => id >= probe)?.[0]);
      }
      index.clear();
      assertEquals([index.size, index.maxOid, index.nextKey(0n), [...index.entries()]], [
        0,
        undefined,
        undefined,
        [],
      ]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("oids that arrive in any order are found and listed in order", () => {
  const count = 30_000, stride = 7919;
  const index = new OidIndex();
  for (let i = 0; i < count; i++) index.set(BigInt(i * stride % count), 4 + i);
  assertEquals(index.size, count);
  let expected = 0n;
  for (const [id, position] of index.entries()) {
    if (id !== expected || (position - 4) * stride % count !== Number(id)) {
      assertEquals([id, position], [expected, -1]);
    }
    expected++;
  }
  assertEquals(expected, BigInt(count));
  let steps = 0;
  for (let at = index.nextKey(0n); at !== undefined; at = index.nextKey(at + 1n)) steps++;
  assertEquals(steps, count);
});

Deno.test("an index refuses what is no position", () => {
  const index = new OidIndex();
  for (const position of [0, -1, 1.5, 2 ** 53, NaN]) {
    assertThrows(() => index.set(oid(1), position), RangeError, `position ${position}: expected`);
  }
  index.set(oid(1), 2 ** 53 - 1);
  assertEquals(index.get(oid(1)), 2 ** 53 - 1);
});

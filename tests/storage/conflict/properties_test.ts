import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Global, readRecord, Tuple, tuple, type Value, writeRecord } from "../../../pickle/mod.ts";
import {
  BTreeConflict,
  PythonOrder,
  type Resolver,
  ResolverRegistry,
  Unresolvable,
} from "../../../storage/conflict/mod.ts";
import { readCases, resolve } from "./cases.ts";

const mergeBuckets = new ResolverRegistry().get("BTrees.IIBTree.IIBucket") as Resolver;

type Items = ReadonlyMap<number, number>;

/** Small ranges, so that the sides meet. */
const items = fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(2)), { selector: ([key]) => key, maxLength: 8 })
  .map((pairs): Items => new Map(pairs.toSorted(([left], [right]) => left - right)));

function bucket(map: Items): Value {
  return tuple(new Tuple([...map].flat()));
}

function merge(old: Items, committed: Items, current: Items): Items | number {
  try {
    const state = mergeBuckets(bucket(old), bucket(committed), bucket(current)) as Tuple;
    const flat = (state.items[0] as Tuple).items as number[];
    return new Map(flat.flatMap((key, i) => i % 2 ? [] : [[key, flat[i + 1]] as const]));
  } catch (error) {
    if (error instanceof BTreeConflict) return error.reason;
    throw error;
  }
}

/** Both sides' changes by key, without any order; undefined where both changed the same one. */
function union(old: Items, committed: Items, current: Items): Items | undefined {
  const result: [number, number][] = [];
  for (let key = 0; key < 8; key++) {
    const [before, one, other] = [old.get(key), committed.get(key), current.get(key)];
    if (one !== before && other !== before) return undefined;
    const value = one === before ? other : one;
    if (value !== undefined) result.push([key, value]);
  }
  return new Map(result);
}

Deno.test("a merge has exactly the changes of both sides, in order, or is refused", () => {
  fc.assert(
    fc.property(items, items, items, (old, committed, current) => {
      const merged = merge(old, committed, current);
      if (typeof merged === "number") return;
      assertEquals([...merged], [...union(old, committed, current) ?? []]);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a merge with a side that changed nothing is the other side", () => {
  fc.assert(
    fc.property(items, items, (old, changed) => {
      const [first] = old.keys();
      for (const merged of [merge(old, old, changed), merge(old, changed, old)]) {
        if (typeof merged !== "number") assertEquals([...merged], [...changed]);
        else assert(!changed.has(first), `refused for reason ${merged}`);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("it makes no difference which side was first", () => {
  const mirrored = new Map([[2, 3], [3, 2], [7, 8], [8, 7]]);
  fc.assert(
    fc.property(items, items, items, (old, committed, current) => {
      const one = merge(old, committed, current), other = merge(old, current, committed);
      if (typeof one === "number") assertEquals(other, mirrored.get(one) ?? one);
      else assertEquals(other, one);
    }),
    { numRuns: 2000 },
  );
});

const { cases } = readCases();

Deno.test("bytes of any kind are resolved or not, and never break the resolver", () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(fc.property(bytes, bytes, bytes, (...records) => void resolve(records)));
  const damage = fc.record({
    example: fc.constantFrom(...cases),
    which: fc.nat(2),
    at: fc.nat(),
    byte: fc.nat(255),
    cut: fc.boolean(),
  });
  fc.assert(
    fc.property(damage, ({ example, which, at, byte, cut }) => {
      const records = example.records.map((record) => record.slice()) as [Uint8Array, Uint8Array, Uint8Array];
      const place = at % records[which].length;
      if (cut) records[which] = records[which].subarray(0, place);
      else records[which][place] = byte;
      const resolved = resolve(records);
      if (resolved !== undefined) readRecord(resolved);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("values that are very deep, or small and huge when unfolded, are given up on", () => {
  const bucketClass = new Global("BTrees.OOBTree", "OOBucket");
  const deep = () => {
    let value: Value = 1;
    for (let i = 0; i < 5000; i++) value = [value];
    return value;
  };
  const wide = () => {
    let value: Value = tuple(1);
    for (let i = 0; i < 60; i++) value = tuple(value, value);
    return value;
  };
  const circular = () => {
    const value: Value[] = [];
    value.push(value, value, tuple(value));
    return value;
  };
  for (const make of [deep, wide, circular]) {
    const record = () => writeRecord(bucketClass, tuple(tuple("a", make())));
    assertEquals(resolve([record(), record(), record()]), undefined);
  }
});

const plain = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom<Value>(null, true, false, 0.5, 2n ** 70n),
    fc.string({ maxLength: 2, unit: "grapheme" }),
    fc.uint8Array({ maxLength: 2 }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(tie("value"), { maxLength: 3 }).map((parts) => new Tuple(parts)),
  ),
})).value;

Deno.test("of two values that can be compared one is less, or they are equal, and both ways round", () => {
  const compare = (left: Value, right: Value) => {
    try {
      return new PythonOrder().compare(left, right);
    } catch (error) {
      if (error instanceof Unresolvable) return undefined;
      throw error;
    }
  };
  fc.assert(
    fc.property(plain, plain, (left, right) => {
      const order = compare(left, right), reverse = compare(right, left);
      assertEquals(reverse, order === undefined ? undefined : 0 - order);
      if (order !== undefined) assertEquals(new PythonOrder().equal(left, right), order === 0);
      assertEquals(new PythonOrder().equal(left, left), true);
    }),
    { numRuns: 3000 },
  );
});

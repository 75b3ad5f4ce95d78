/** Trees, sets and buckets against a plain sorted array, in memory and loaded again and again. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  DB,
  IIBTree,
  IITreeSet,
  IOBTree,
  OIBTree,
  OOBTree,
  OOBucket,
  OOSet,
  OOTreeSet,
  registerClass,
} from "../../../zodb/mod.ts";

/** A tree that gets deep with few keys. */
class DeepTree extends IIBTree {
  static readonly maxLeafSize = 3;
  static readonly maxInternalSize = 3;
}
registerClass("tests.btrees.DeepTree", DeepTree);

type Step =
  | { readonly kind: "set" | "delete" | "get"; readonly key: number }
  | {
    readonly kind: "range";
    readonly min?: number;
    readonly max?: number;
    readonly excludeMin: boolean;
    readonly excludeMax: boolean;
    readonly reverse: boolean;
  }
  | { readonly kind: "forget" | "ends" };

const key = fc.nat(80), bound = fc.option(key, { nil: undefined });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("set", "delete", "get"), key }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("range"),
        min: bound,
        max: bound,
        excludeMin: fc.boolean(),
        excludeMax: fc.boolean(),
        reverse: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("forget", "ends") }) },
  ) as fc.Arbitrary<Step>,
  { minLength: 20, maxLength: 150 },
);

/** Does a step on a tree and on a model of it, and compares what both say. */
async function compare(tree: DeepTree, model: Map<number, number>, step: Step, value: number): Promise<void> {
  const keys = [...model.keys()].sort((a, b) => a - b);
  switch (step.kind) {
    case "set":
      await tree.set(step.key, value);
      model.set(step.key, value);
      break;
    case "delete":
      assertEquals(await tree.delete(step.key), model.delete(step.key));
      break;
    case "get":
      assertEquals(await tree.get(step.key), model.get(step.key));
      assertEquals(await tree.has(step.key), model.has(step.key));
      assertEquals(await tree.minKey(step.key), keys.find((key) => key >= step.key));
      assertEquals(await tree.maxKey(step.key), keys.findLast((key) => key <= step.key));
      break;
    case "range": {
      const { min, max, excludeMin, excludeMax } = step;
      // Without a bound, what is excluded is the first key of all, or the last.
      const low = min ?? keys[0], high = max ?? keys.at(-1)!;
      const expected = keys.filter((key) =>
        (excludeMin ? key > low : key >= low) && (excludeMax ? key < high : key <= high)
      );
      if (step.reverse) expected.reverse();
      assertEquals(await tree.keys(min, max, step).toArray(), expected);
      assertEquals(await tree.keys(min, max, step).count(), expected.length);
      assertEquals(await tree.items(min, max, step).toArray(), expected.map((key) => [key, model.get(key)!]));
      assertEquals([...tree.values(min, max, step)], expected.map((key) => model.get(key)!));
      break;
    }
    case "ends":
      assertEquals(await tree.minKey(), keys[0]);
      assertEquals(await tree.maxKey(), keys.at(-1));
      assertEquals(await tree.size(), keys.length);
      assertEquals(await tree.isEmpty(), keys.length === 0);
  }
}

Deno.test("a tree holds what a sorted array would, whatever is done to it and whenever it is stored", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await using db = await DB.open();
      await using connection = db.open();
      const tree = new DeepTree(), model = new Map<number, number>();
      await connection.root.set("tree", tree);
      for (const [i, step] of steps.entries()) {
        await compare(tree, model, step, i);
        if (step.kind !== "forget") continue;
        await tree.check();
        await connection.commit();
        connection.cacheMinimize();
      }
      await tree.check();
    }),
    { numRuns: 150 },
  );
});

Deno.test("a deep tree is emptied key by key, from either end and from the middle", async () => {
  const count = 200, all = [...Array(count).keys()];
  for (const order of [all, all.toReversed(), all.map((i) => (i * 83 + 7) % count)]) {
    await using db = await DB.open();
    await using connection = db.open();
    const tree = new DeepTree(all.map((i) => [i, i]));
    await connection.root.set("tree", tree);
    await connection.commit();
    connection.cacheMinimize();
    for (const [i, key] of order.entries()) {
      assert(await tree.delete(key));
      assert(!await tree.delete(key));
      if (i % 20 === 0) {
        await tree.check();
        await connection.commit();
        connection.cacheMinimize();
      }
    }
    assert(await tree.isEmpty());
    assertEquals(tree.__getstate__(), null);
    await connection.commit();
    await tree.set(1, 1);
    assertEquals(await tree.items().toArray(), [[1, 1]]);
  }
});

Deno.test("what is in memory is answered at once, without a promise", () => {
  const tree = new OOBTree<string, number>();
  for (let i = 0; i < 1000; i++) assertEquals(tree.set(`k${i}`, i), undefined);
  assertEquals(tree.get("k500"), 500);
  assertEquals(tree.has("k"), false);
  assertEquals(tree.delete("k1"), true);
  assertEquals([tree.size(), tree.minKey(), tree.maxKey("k5")], [999, "k0", "k5"]);
  assertEquals([...tree.keys("k10", "k102")], ["k10", "k100", "k101", "k102"]);
});

Deno.test("a map sets, inserts, defaults, pops and updates", async () => {
  for (const map of [new OIBTree<string>(), new OOBucket<string, number>()]) {
    assertEquals(await map.insert("a", 1), true);
    assertEquals(await map.insert("a", 2), false);
    assertEquals(await map.setdefault("a", 3), 1);
    assertEquals(await map.setdefault("b", 3), 3);
    await map.update(new Map([["c", 4], ["b", 5]]));
    await map.update(new OOBTree<string, number>([["d", 6]]));
    assertEquals(await Array.fromAsync(map), [["a", 1], ["b", 5], ["c", 4], ["d", 6]]);
    assertEquals(await map.pop("c"), 4);
    assertEquals(await map.pop("c"), undefined);
    assertEquals(await map.popItem(), ["a", 1]);
    assertEquals(await map.entries().toArray(), [["b", 5], ["d", 6]]);
    await map.clear();
    assertEquals([await map.popItem(), await map.isEmpty(), await map.minKey()], [
      undefined,
      true,
      undefined,
    ]);
  }
});

Deno.test("a set adds, updates, pops and compares", async () => {
  for (const set of [new OOTreeSet<string>(["b"]), new OOSet<string>(["b"])]) {
    assertEquals([await set.add("a"), await set.add("a")], [true, false]);
    assertEquals(await set.update(["a", "c", "d"]), 2);
    assertEquals(await Array.fromAsync(set), ["a", "b", "c", "d"]);
    assertEquals([await set.isDisjointFrom(["x", "c"]), await set.isDisjointFrom(new OOSet(["x"]))], [
      false,
      true,
    ]);
    assertEquals([await set.pop(), await set.delete("c"), await set.delete("c")], ["a", true, false]);
    assertEquals([...set.keys(undefined, undefined, { reverse: true })], ["d", "b"]);
  }
});

Deno.test("a tree may be changed by those who go through it", async () => {
  const tree = new DeepTree(Array.from({ length: 100 }, (_, i) => [i, i]));
  const seen: number[] = [];
  for await (const key of tree.keys()) {
    seen.push(key);
    await tree.delete(key);
    if (key < 50) await tree.set(key + 100, 0);
  }
  assertEquals(seen, [...Array(150).keys()]);
  assertEquals(await tree.size(), 0);
});

Deno.test("a class with impossible node sizes is refused", () => {
  class Flat extends IIBTree {
    static readonly maxLeafSize = 1;
  }
  assertThrows(() => new Flat(), RangeError, "class Flat: nodes of size 1");
});

Deno.test("check tells keys out of order, a broken chain and misplaced keys", async () => {
  const { tuple } = await import("../../../zodb/mod.ts");
  const state = (left: IOTreeLeaf, right: IOTreeLeaf, separator: number, first = left) =>
    tuple(tuple(left, separator, right), first);
  type IOTreeLeaf = OOBucket<number, number>;
  const leaf = (keys: number[], next?: IOTreeLeaf): IOTreeLeaf => {
    const made = new OOBucket<number, number>();
    const items = tuple(...keys.flatMap((key) => [key, key]));
    made.__setstate__(next ? tuple(items, next) : tuple(items));
    return made;
  };
  const problem = async (state: unknown) => {
    const tree = new OOBTree<number, number>();
    tree.__setstate__(state);
    return (await assertRejects(() => tree.check())).message;
  };
  const right = leaf([5, 6]), left = leaf([1, 2], right);
  const good = new OOBTree<number, number>();
  good.__setstate__(state(left, right, 5));
  await good.check();
  assertEquals(
    await problem(state(leaf([2, 1], right), right, 5)),
    "OOBTree: OOBucket has keys out of order at 1",
  );
  assertEquals(
    await problem(state(left, right, 2)),
    "OOBTree: OOBucket has a key at 1 that belongs to the node on its right",
  );
  assertEquals(
    await problem(state(left, right, 6)),
    "OOBTree: OOBucket has a key at 0 that is less than the node above says",
  );
  assertEquals(
    await problem(state(leaf([1]), right, 5)),
    "OOBTree: OOBucket goes on with nothing instead of OOBucket",
  );
  assertEquals(
    await problem(state(left, right, 5, right)),
    "OOBTree: OOBTree has another first leaf than OOBucket",
  );
  assertEquals(
    await problem(state(left, leaf([]), 5)).then((text) => text.includes("OOBucket is empty")),
    true,
  );
});

Deno.test("a state that is none of a tree's is refused with the reason", async () => {
  const { tuple } = await import("../../../zodb/mod.ts");
  const cases: [unknown, string][] = [
    [5, "IOBTree: expected None or a tuple of children as its state"],
    [tuple(tuple(tuple(tuple(1)))), "IOBucket: its state has a key without a value"],
    [tuple(tuple(tuple(tuple("x", 1)))), 'in a tree\'s node: "x": expected an int of 32 bits'],
    [tuple(tuple(tuple(tuple(2 ** 40, 1)))), "in a tree's node: 1099511627776 is out of range"],
    [tuple(tuple(1, 2), 3), "IOBTree: expected children with keys between them"],
    [tuple(tuple(1), 3), "IOBTree: its state refers to something that is no node of a tree"],
    [
      tuple(tuple(new IOBTree(), 3, new IITreeSet()), new IOBTree()),
      "IOBTree: its state mixes leaves and inner nodes",
    ],
  ];
  for (const [state, message] of cases) {
    const tree = new IOBTree();
    assertThrows(() => tree.__setstate__(state), Error, message);
    assert(await tree.isEmpty());
  }
});

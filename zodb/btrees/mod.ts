/**
 * Python's BTrees: sorted maps and sets of any size, of which only the parts that are used are loaded and stored.
 *
 * Each family has two letters, for keys and values: `O` for objects, `I` and `L` for ints of 32 and 64 bits, `U` and `Q`
 * for unsigned ones, `F` for floats of 32 bits; and four classes: `OOBTree` and `OOBucket` are maps, `OOTreeSet` and
 * `OOSet` are sets. The trees are what one works with.
 *
 * - {@linkcode SortedMap}, {@linkcode SortedSet}: what maps and sets can do; {@linkcode Range}: keys, values and items
 * - {@linkcode union}, {@linkcode intersection}, {@linkcode difference}, {@linkcode weightedUnion},
 * {@linkcode weightedIntersection}, {@linkcode multiunion}
 *
 * Keys that are objects are in Python's order: None, numbers by value, str by code points, bytes, tuples of these, dates,
 * datetimes, timedeltas, UUIDs. What has no order (NaN, keys of different types) is refused with a `TypeError`.
 *
 * Methods answer at once where all nodes are loaded, and return a promise otherwise: `await` is right in both cases.
 * In synchronous connections and in memory, `sync` has the same methods without promises.
 *
 * @example
 * ```ts
 * import { DB, OOBTree } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using db = await DB.open();
 * await db.transaction(({ root }) => root.set("ages", new OOBTree<string, number>([["ann", 41], ["bob", 39]])));
 * await db.transaction(async ({ root }) => {
 *   const ages = (await root.get<OOBTree<string, number>>("ages"))!;
 *   await ages.set("eve", 27);
 *   assertEquals(await ages.get("ann"), 41);
 *   assertEquals(await ages.keys("b").toArray(), ["bob", "eve"]);
 *   for await (const [name, age] of ages.items("a", "b")) assertEquals([name, age], ["ann", 41]);
 * });
 * ```
 *
 * @module
 */

export type { Awaitable } from "../../values/mod.ts";
export { BTree, Bucket, BucketSet, TreeSet } from "./base_classes.ts";
export { BTreeCheckError } from "./check_error.ts";
export { type Form, SortedContainer } from "./container.ts";
export * from "./fs_trees.ts";
export * from "./int_trees.ts";
export * from "./long_trees.ts";
export * from "./object_trees.ts";
export { Range, type RangeOptions } from "./range.ts";
export {
  difference,
  intersection,
  multiunion,
  type Operand,
  type Sums,
  union,
  type Weighted,
  weightedIntersection,
  weightedUnion,
} from "./set_operations.ts";
export { type Items, SortedMap } from "./sorted_map.ts";
export { SortedSet } from "./sorted_set.ts";
export { SyncContainer, SyncMap, SyncSet } from "./sync.ts";

/**
 * Unions, intersections and differences of trees, buckets and sets of one family, in one walk through both.
 *
 * @module
 */

import { rangeOf, type SortedContainer } from "./container.ts";
import { leafClass } from "./family.ts";
import type { Leaf } from "./leaf.ts";
import { SortedMap } from "./sorted_map.ts";
import type { SortedSet } from "./sorted_set.ts";
import { type Place, type Shell, STRUCTURE } from "./structure.ts";

/** A tree, a bucket or a set. */
export type Operand<K> = SortedContainer<K>;

/**
 * The keys that are in one or the other, as a new `Set` of the family; the other operand itself where one is missing.
 *
 * @throws {TypeError} when they are of different families.
 *
 * @example
 * ```ts
 * import { IISet, IITreeSet, union } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const both = await union(new IITreeSet([1, 3]), new IISet([2, 3]));
 * assertEquals(await both.keys().toArray(), [1, 2, 3]);
 * ```
 */
export function union<K, A extends Operand<K>>(left: A, right: null | undefined): Promise<A>;
/** The same where an operand may be missing. */
export function union<K, B extends Operand<K>>(left: null | undefined, right: B): Promise<B>;
/** The same for two operands. */
export function union<K>(left: Operand<K>, right: Operand<K>): Promise<SortedSet<K>>;
export async function union<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
): Promise<Operand<K> | null | undefined> {
  if (!left || !right) return left ?? right;
  return await combine(left, right, { left: true, both: true, right: true });
}

/**
 * The keys that are in both, as a new `Set` of the family; the other operand itself where one is missing.
 * @throws {TypeError} when they are of different families.
 */
export function intersection<K, A extends Operand<K>>(left: A, right: null | undefined): Promise<A>;
/** The same where an operand may be missing. */
export function intersection<K, B extends Operand<K>>(left: null | undefined, right: B): Promise<B>;
/** The same for two operands. */
export function intersection<K>(left: Operand<K>, right: Operand<K>): Promise<SortedSet<K>>;
export async function intersection<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
): Promise<Operand<K> | null | undefined> {
  if (!left || !right) return left ?? right;
  return await combine(left, right, { left: false, both: true, right: false });
}

/**
 * What is in the first but not in the second, with its values where the first has values: a new `Bucket` or `Set` of the
 * family; the first itself where the second is missing.
 *
 * @throws {TypeError} when they are of different families.
 */
export function difference<K, V>(
  left: SortedMap<K, V>,
  right: Operand<K> | null | undefined,
): Promise<SortedMap<K, V>>;
/** The same for sets, and where an operand is missing. */
export function difference<K>(
  left: SortedSet<K>,
  right: Operand<K> | null | undefined,
): Promise<SortedSet<K>>;
/** The same for sets, and where an operand is missing. */
export function difference<K>(
  left: null | undefined,
  right: Operand<K> | null | undefined,
): Promise<null | undefined>;
export async function difference<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
): Promise<Operand<K> | null | undefined> {
  if (!left || !right) return left;
  const value: Value = ({ left: place }) => place!.leaf.values[place!.index];
  return await combine(
    left,
    right,
    { left: true, both: false, right: false },
    left instanceof SortedMap ? value : undefined,
  );
}

/** What weighted operations return. */
export interface Weighted<R> {
  /**
   * The weight of the result in further operations: 1; the sum of both weights for an intersection of sets; where an
   * operand is missing, the weight of the other.
   */
  readonly weight: number | bigint;
  /** A new `Bucket`, or a `Set` where both operands are sets; an operand itself where the other one is missing. */
  readonly result: R;
}

/** A map with numbers as values, or a set. */
export type Sums<K> = SortedMap<K, number | bigint> | SortedSet<K>;

/**
 * The keys that are in one or the other, with their values times the weights, summed. In sets every key has value 1.
 * Weights are 1 unless told otherwise.
 *
 * @throws {TypeError} when they are of different families, or values are no numbers; {@linkcode RangeError} when a sum
 * is beyond what the family holds.
 *
 * @example
 * ```ts
 * import { IIBTree, weightedUnion } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { result } = await weightedUnion(new IIBTree([[1, 3]]), new IIBTree([[1, 10], [2, 4]]), 2, 3);
 * assertEquals(await result.keys().toArray(), [1, 2]);
 * assertEquals(await (result as IIBTree).get(1), 36);
 * ```
 */
export function weightedUnion<K>(
  left: Operand<K>,
  right: Operand<K>,
  leftWeight?: number | bigint,
  rightWeight?: number | bigint,
): Promise<Weighted<Sums<K>>>;
/** The same where an operand may be missing. */
export function weightedUnion<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
  leftWeight?: number | bigint,
  rightWeight?: number | bigint,
): Promise<Weighted<Sums<K> | null>>;
export async function weightedUnion<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
  leftWeight: number | bigint = 1,
  rightWeight: number | bigint = 1,
): Promise<Weighted<Sums<K> | null>> {
  return await weighted(left, right, leftWeight, rightWeight, { left: true, both: true, right: true });
}

/** The keys that are in both, with their values times the weights, summed. As {@linkcode weightedUnion}. */
export function weightedIntersection<K>(
  left: Operand<K>,
  right: Operand<K>,
  leftWeight?: number | bigint,
  rightWeight?: number | bigint,
): Promise<Weighted<Sums<K>>>;
/** The same where an operand may be missing. */
export function weightedIntersection<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
  leftWeight?: number | bigint,
  rightWeight?: number | bigint,
): Promise<Weighted<Sums<K> | null>>;
export async function weightedIntersection<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
  leftWeight: number | bigint = 1,
  rightWeight: number | bigint = 1,
): Promise<Weighted<Sums<K> | null>> {
  return await weighted(left, right, leftWeight, rightWeight, { left: false, both: true, right: false });
}

/**
 * All keys of many: trees, buckets, sets, and keys by themselves. The family is that of the first tree among them, and
 * its keys are ints.
 *
 * @throws {TypeError} when there is no tree among them, or of several families, or keys are no ints.
 */
export async function multiunion<K extends number | bigint>(
  operands: Iterable<Operand<K> | K>,
): Promise<SortedSet<K>> {
  const all = [...operands], first = all.find((one): one is Operand<K> => typeof one === "object");
  if (!first) {
    throw new TypeError("multiunion needs a tree, a bucket or a set, to know the family of the result");
  }
  if (!first[STRUCTURE].definition.family.key.numeric) throw new TypeError("multiunion is for trees of ints");
  const keys = new Set<K>();
  for (const one of all) {
    if (typeof one === "object") {
      requireSameFamily(first, one);
      for await (const key of one.keys()) keys.add(key);
    } else {
      keys.add(first[STRUCTURE].definition.family.key.key(one) as K);
    }
  }
  const sorted = [...keys].sort((one, other) => one < other ? -1 : one > other ? 1 : 0);
  const leaf = emptyLeaf(first, false);
  for (const key of sorted) leaf.insert(leaf.keys.length, key, undefined);
  return leaf.shell as unknown as SortedSet<K>;
}

/** Which keys are in a result. */
interface Choice {
  readonly left: boolean;
  readonly both: boolean;
  readonly right: boolean;
}

/** A key, and where it is, with its values as trees hold them. */
interface Merged {
  readonly key: unknown;
  readonly left?: Place;
  readonly right?: Place;
}

/** What a key's values are made of in a result. */
type Value = (merged: Merged) => unknown;

async function combine<K>(
  left: Operand<K>,
  right: Operand<K>,
  choice: Choice,
  value?: Value,
): Promise<Operand<K>> {
  requireSameFamily(left, right);
  const leaf = emptyLeaf(left, value !== undefined);
  for await (const found of merged(left, right, choice)) {
    leaf.insert(leaf.keys.length, found.key, value?.(found));
  }
  return leaf.shell as unknown as Operand<K>;
}

/** A new bucket or set of an operand's family. */
function emptyLeaf(operand: Shell, mapping: boolean): Leaf {
  return new (leafClass(operand[STRUCTURE].definition.family, mapping))()[STRUCTURE] as Leaf;
}

function requireSameFamily(left: Shell, right: Shell): void {
  const [one, other] = [left, right].map((shell) => shell[STRUCTURE].definition.family.prefix);
  if (one !== other) throw new TypeError(`trees of different families, ${one} and ${other}`);
}

/** Both operands' keys in order, those that are wanted. */
async function* merged(left: Shell, right: Shell, choice: Choice): AsyncGenerator<Merged, void> {
  const { compare } = left[STRUCTURE].definition.family.key;
  const lefts = places(left), rights = places(right);
  let one = await lefts.next(), other = await rights.next();
  while (choice.left || !one.done) {
    if (one.done && (other.done || !choice.right)) return;
    if (other.done && !choice.left) return;
    const order = one.done ? 1 : other.done ? -1 : compare(keyAt(one.value), keyAt(other.value));
    if (order < 0 ? choice.left : order > 0 ? choice.right : choice.both) {
      const from = order <= 0 ? one.value! : undefined, to = order >= 0 ? other.value! : undefined;
      yield { key: keyAt((from ?? to)!), left: from, right: to };
    }
    if (order <= 0) one = await lefts.next();
    if (order >= 0) other = await rights.next();
  }
}

const keyAt = ({ leaf, index }: Place): unknown => leaf.keys[index];

function places(shell: Shell): AsyncGenerator<Place, void> {
  return rangeOf<Place>(shell, {}, (leaf, index) => ({ leaf, index }), false)[Symbol.asyncIterator]();
}

async function weighted<K>(
  left: Operand<K> | null | undefined,
  right: Operand<K> | null | undefined,
  leftWeight: Numeric,
  rightWeight: Numeric,
  choice: Choice,
): Promise<Weighted<Sums<K> | null>> {
  const only = left ?? right;
  if (!only) return { weight: 0, result: null };
  if (!left || !right) return { weight: left ? leftWeight : rightWeight, result: only as Sums<K> };
  const { numeric } = left[STRUCTURE].definition.family.value;
  if (!numeric) throw new TypeError(`the values of a ${left.constructor.name}'s family are no numbers`);
  const times = numeric.integer ? wholeProduct : floatProduct, plus = numeric.integer ? wholeSum : floatSum;
  const isMap = left instanceof SortedMap || right instanceof SortedMap;
  const value: Value = (found) => {
    const one = found.left && times(numberAt(found.left), leftWeight);
    const other = found.right && times(numberAt(found.right), rightWeight);
    return one === undefined ? other : other === undefined ? one : plus(one, other);
  };
  const result = await combine(left, right, choice, isMap ? value : undefined);
  return { weight: isMap || choice.left ? 1 : plus(leftWeight, rightWeight), result: result as Sums<K> };
}

type Numeric = number | bigint;

/** A key's number; in a set it is 1. */
function numberAt({ leaf, index }: Place): Numeric {
  return leaf.definition.mapping ? leaf.values[index] as Numeric : 1;
}

/** Exact; whether the result can be held is for the family to say. */
function wholeProduct(value: Numeric, weight: Numeric): Numeric {
  const product = typeof value === "number" && typeof weight === "number" ? value * weight : NaN;
  return Number.isSafeInteger(product) ? product : BigInt(value) * BigInt(weight);
}

function wholeSum(left: Numeric, right: Numeric): Numeric {
  const sum = typeof left === "number" && typeof right === "number" ? left + right : NaN;
  return Number.isSafeInteger(sum) ? sum : BigInt(left) + BigInt(right);
}

function floatProduct(value: Numeric, weight: Numeric): Numeric {
  return Math.fround(Number(value) * Math.fround(Number(weight)));
}

function floatSum(left: Numeric, right: Numeric): Numeric {
  return Math.fround(Number(left) + Number(right));
}

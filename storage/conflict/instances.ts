/**
 * The order of instances of classes from Python's standard library that are often in trees.
 *
 *   datetime.date       REDUCE(bytes of length 4)      year 2, month, day
 *   datetime.datetime   REDUCE(bytes of length 10)     year 2, month (bit 7: fold), day, hour … microsecond 3
 *   set frozenset       REDUCE(list)
 *   uuid.UUID           NEWOBJ(), state {"int": …}
 *
 * @module
 */

import { Dict, type Instance, setItems, type Value } from "../../pickle/mod.ts";
import { type Charge, compareBytes, isPlain } from "./scalars.ts";
import { Unresolvable } from "./unresolvable.ts";

/**
 * Negative, 0 or positive as in {@linkcode PythonOrder.compare}; positive for sets of which neither contains
 * the other.
 *
 * @throws {Unresolvable} when they are not instances of the same known class.
 */
export function compareInstances(left: Instance, right: Instance, charge: Charge): number {
  const leftItems = setItems(left), rightItems = setItems(right);
  if (leftItems !== undefined && rightItems !== undefined) return compareSets(leftItems, rightItems, charge);
  for (const [module, name, read] of KINDS) {
    if (left.isA(module, name) && right.isA(module, name)) {
      const one = read(left), other = read(right);
      if (one === undefined || other === undefined) break;
      return compareBytes(one, other);
    }
  }
  throw new Unresolvable("only their class knows how to compare two instances");
}

type Read = (instance: Instance) => Uint8Array | undefined;

const KINDS: readonly (readonly [module: string, name: string, read: Read])[] = [
  ["datetime", "date", (instance) => packedTime(instance, 4)],
  ["datetime", "datetime", (instance) => packedTime(instance, 10)],
  ["uuid", "UUID", uuidNumber],
];

/** Undefined also for a time with a zone, whose offset only its zone knows. */
function packedTime(instance: Instance, length: number): Uint8Array | undefined {
  const packed = onlyArgument(instance);
  if (!(packed instanceof Uint8Array) || packed.length !== length) return undefined;
  const bytes = packed.slice();
  bytes[2] &= 0x7f;
  return bytes;
}

function uuidNumber({ by, args, state, listItems, dictItems }: Instance): Uint8Array | undefined {
  if (by !== "NEWOBJ" || args.length > 0 || listItems || dictItems || !(state instanceof Dict)) {
    return undefined;
  }
  const number = state.get("int");
  if (typeof number !== "bigint" && typeof number !== "number") return undefined;
  const hex = number.toString(16);
  return /^[0-9a-f]{1,32}$/.test(hex) ? Uint8Array.fromHex(hex.padStart(32, "0")) : undefined;
}

/** The argument of an instance that is made from one, and then left alone. */
function onlyArgument(instance: Instance): Value | undefined {
  const { by, args, state, listItems, dictItems } = instance;
  if (by !== "REDUCE" || args.length !== 1 || state !== undefined || listItems || dictItems) return undefined;
  return args.items[0];
}

function compareSets(left: readonly Value[], right: readonly Value[], charge: Charge): number {
  if (!isPlain(left, charge) || !isPlain(right, charge)) {
    throw new Unresolvable("a set of what only its class can compare");
  }
  const one = setOf(left), other = setOf(right);
  for (const [item] of one) if (!other.has(item)) return 1;
  return one.size < other.size ? -1 : 0;
}

function setOf(items: readonly Value[]): Dict {
  return Dict.from(items.map((item) => [item, true]));
}

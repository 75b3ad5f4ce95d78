/**
 * The families of BTrees, and what their letters say of keys and values.
 *
 *   O      any object, in Python's order
 *   I L    signed ints of 32, 64 bits
 *   U Q    unsigned ones
 *   F      floats of 32 bits, only as values
 *   fs     two bytes as key, six as value: FileStorage's index
 *
 * @module
 */

import { Float, pythonFloat, type Value } from "../../pickle/mod.ts";
import type { PythonOrder } from "./order.ts";
import { Unresolvable } from "./unresolvable.ts";

/** What keys or values of one letter are. */
export interface ItemKind {
  /**
   * A state's value as the tree holds it.
   *
   * @throws {Unresolvable} when the tree can't hold it.
   */
  read(value: Value): Value;
  /**
   * Negative, 0 or positive, for two values that {@linkcode ItemKind.read} returned.
   *
   * @throws {Unresolvable} when Python, or we, don't know their order.
   */
  compare(left: Value, right: Value, order: PythonOrder): number;
}

/** What a leaf holds; a set has no values. */
export interface LeafKind {
  /** What its keys are. */
  readonly key: ItemKind;
  /** What its values are. */
  readonly value?: ItemKind;
}

const objects: ItemKind = {
  read: (value) => value,
  compare: (left, right, order) => order.compare(left, right),
};

function integers(min: bigint, max: bigint): ItemKind {
  return {
    read(value) {
      const whole = typeof value === "boolean" ? Number(value) : value;
      if (typeof whole !== "bigint" && !(typeof whole === "number" && Number.isInteger(whole))) {
        throw new Unresolvable("not an int, in a tree of ints");
      }
      if (whole < min || whole > max) throw new Unresolvable(`int ${whole}: expected ${min} to ${max}`);
      return whole;
    },
    compare(left, right) {
      const one = left as number | bigint, other = right as number | bigint;
      return one < other ? -1 : one > other ? 1 : 0;
    },
  };
}

const floats: ItemKind = {
  read(value) {
    const exact = value instanceof Float ? value.value : typeof value === "boolean" ? Number(value) : value;
    // An int beyond 2^53 would be rounded twice on its way to 32 bits.
    if (typeof exact !== "number") throw new Unresolvable("not a float, in a tree of floats");
    return pythonFloat(Math.fround(exact));
  },
  compare(left, right) {
    const one = Number(left), other = Number(right);
    // To BTrees a NaN equals every number, so that a change to or from it would be lost.
    if (Number.isNaN(one) !== Number.isNaN(other)) throw new Unresolvable("a number and NaN");
    return one < other ? -1 : one > other ? 1 : 0;
  },
};

function byteStrings(length: number): ItemKind {
  return {
    read(value) {
      if (!(value instanceof Uint8Array) || value.length !== length) {
        throw new Unresolvable(`not bytes of length ${length}`);
      }
      // Trees hold the bytes themselves: what was one object in the states is none in the result.
      return value.slice();
    },
    compare: (left, right, order) => order.compare(left, right),
  };
}

const LETTERS: Readonly<Record<string, ItemKind>> = {
  O: objects,
  I: integers(-(2n ** 31n), 2n ** 31n - 1n),
  U: integers(0n, 2n ** 32n - 1n),
  L: integers(-(2n ** 63n), 2n ** 63n - 1n),
  Q: integers(0n, 2n ** 64n - 1n),
  F: floats,
};

const LETTER_FAMILIES = "OO OI OU OL OQ IO II IF IU UO UI UU UF LO LL LF LQ QO QL QQ QF";

/** Each family's prefix, as in `OOBTree`, and what its buckets hold. Its sets hold the keys alone. */
export const FAMILIES: ReadonlyMap<string, Required<LeafKind>> = new Map([
  ...LETTER_FAMILIES.split(" ").map((prefix) =>
    [prefix, { key: LETTERS[prefix[0]], value: LETTERS[prefix[1]] }] as const
  ),
  ["fs", { key: byteStrings(2), value: byteStrings(6) }],
]);

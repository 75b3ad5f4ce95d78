/**
 * Numbers, str and bytes in Python's order.
 *
 * @module
 */

import { Float, Tuple, type Value } from "../../pickle/mod.ts";

const MAX_KEY_DEPTH = 8;

/** A number to JavaScript's `<` and `==`, which compare bigint and double exactly, as Python does. */
export function numberOf(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** Told of work before it is done; throws when it gets too much. */
export type Charge = (steps: number) => void;

/** Whether all values are such that a dict here finds them as Python's does. NaN is not among them. */
export function isPlain(values: readonly Value[], charge: Charge, depth = 0): boolean {
  charge(values.length);
  return depth < MAX_KEY_DEPTH && values.every((value) => {
    if (value instanceof Tuple) return isPlain(value.items, charge, depth + 1);
    const number = numberOf(value);
    if (number !== undefined) return !Number.isNaN(number);
    return value === null || typeof value === "string" || value instanceof Uint8Array;
  });
}

/** By code points. JavaScript compares UTF-16 units, in which what is beyond U+FFFF comes before U+E000. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  // Within a pair the pair decides.
  if (at > 0 && (left.charCodeAt(at - 1) & 0xfc00) === 0xd800) at--;
  return (left.codePointAt(at) ?? -1) < (right.codePointAt(at) ?? -1) ? -1 : 1;
}

/** Byte by byte, unsigned; of two of which one begins with the other, the shorter is less. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return Math.sign(left.length - right.length);
}

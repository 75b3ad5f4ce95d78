/**
 * Keys that Python compares by content and JavaScript by identity: bytes, tuples, frozensets, dates …
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";
import { equalBytes } from "../../values/mod.ts";
import { DateTime } from "./datetime.ts";
import { FrozenSet } from "./frozen_set.ts";
import { Tuple } from "./tuple.ts";
import { ValueObject } from "./value_object.ts";

/** Whether a key is one that a `Map` doesn't find by content. */
export function isCompound(key: unknown): boolean {
  return typeof key === "object" && key !== null &&
    (key instanceof Uint8Array || key instanceof Tuple || key instanceof ValueObject ||
      key instanceof FrozenSet ||
      key instanceof Date);
}

/** What is the same number to Python as a key: 1, 1n and true are one. */
export function sameNumbers(key: unknown): readonly unknown[] {
  if (typeof key !== "number" && typeof key !== "bigint" && typeof key !== "boolean") return [];
  const number = Number(key);
  if (!Number.isSafeInteger(number)) return [];
  return number === 0 || number === 1 ? [number, BigInt(number), number === 1] : [number, BigInt(number)];
}

const withFloatKeys = new WeakSet<object>();

/** Remembers that a map or set has whole floats among its keys, which are objects here. */
export function noteFloatKeys(collection: object): void {
  withFloatKeys.add(collection);
}

/** Whether a number may be found among the keys of a map or set as a float. */
export function mayHaveFloatKeys(collection: object): boolean {
  return withFloatKeys.has(collection);
}

/** Whether two keys are one to Python. */
export function equalKey(a: unknown, b: unknown): boolean {
  if (plain(a) === plain(b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return plain(a) === plain(b);
  }
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b);
  if (a instanceof Tuple) {
    return b instanceof Tuple && a.length === b.length && a.every((item, i) => equalKey(item, b[i]));
  }
  if (a instanceof FrozenSet) {
    return b instanceof FrozenSet && a.size === b.size &&
      [...a].every((item) => [...b].some((other) => equalKey(item, other)));
  }
  if (a instanceof Date) return b instanceof Date && sameMoment(a, b);
  if (a instanceof ValueObject) return b instanceof ValueObject && a.isSameKey(b);
  return false;
}

/** Python never takes a moment and a wall clock's time for the same. */
function sameMoment(a: Date, b: Date): boolean {
  const [one, other] = [a, b].map((date) => date instanceof DateTime ? date : new DateTime(date.getTime()));
  return a.getTime() === b.getTime() && one.microsecond === other.microsecond &&
    (one.zone === null) === (other.zone === null);
}

function plain(key: unknown): unknown {
  if (typeof key === "boolean") return Number(key);
  if (key instanceof Float) return key.value;
  if (typeof key === "bigint" && Number.isSafeInteger(Number(key))) return Number(key);
  return key;
}

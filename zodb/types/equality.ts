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
  if (a instanceof ValueObject) return a.constructor === b.constructor && a.toString() === b.toString();
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
  return key;
}

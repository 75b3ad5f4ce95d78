/**
 * Keys that Python compares by content and JavaScript by identity: bytes, tuples, frozensets, dates …
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";
import { equalBytes } from "../../values/mod.ts";
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

/** Whether two keys are one to Python. */
export function equalKey(a: unknown, b: unknown): boolean {
  if (a === b) return true;
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
  if (a instanceof ValueObject || a instanceof Date) {
    return a.constructor === b.constructor && a.toString() === b.toString();
  }
  return false;
}

function plain(key: unknown): unknown {
  if (typeof key === "boolean") return Number(key);
  if (key instanceof Float) return key.value;
  return key;
}

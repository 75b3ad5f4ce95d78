/**
 * Values as they are stored, and as users see them.
 *
 * An object's state holds raw values. Users get views of the mutable ones (`views.ts`), which tell the object of
 * changes. What users put in may be a view, of this object or another: its raw value is what is kept.
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";

const raws = new WeakMap<object, object>();

/** Remembers what a view is a view of. */
export function remember(view: object, raw: object): void {
  raws.set(view, raw);
}

/** What a view is a view of; any other value is itself. */
export function rawOf<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  return (raws.get(value) as T | undefined) ?? value;
}

/**
 * What to keep for a value that takes the place of another.
 *
 * Python tells floats from ints, JavaScript doesn't: so a place that held a float goes on to hold floats when a number
 * is put there. `10` in the place of `2.5` is stored as `10.0`; a bigint, `10n`, is an int anywhere.
 */
export function stored(value: unknown, previous: unknown): unknown {
  if (typeof value === "number") {
    return isFloat(previous) && Number.isInteger(value) ? new Float(value) : value;
  }
  return rawOf(value);
}

function isFloat(value: unknown): boolean {
  return typeof value === "number" ? !Number.isInteger(value) : value instanceof Float;
}

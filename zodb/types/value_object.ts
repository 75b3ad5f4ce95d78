/**
 * Values that never change: of two equal ones either will do.
 *
 * @module
 */

import { Global, PersistentReference } from "../../pickle/mod.ts";

/** A value that is what its parts are: equal as a key of a dict to another with the same parts. */
export abstract class ValueObject {
  /** Its text, as Python's `str` gives it. */
  abstract toString(): string;

  /** Whether Python takes the two for one key of a dict. */
  isSameKey(other: ValueObject): boolean {
    return this.constructor === other.constructor && this.toString() === other.toString();
  }

  /** Its text. */
  toJSON(): string {
    return this.toString();
  }
}

/** Whether a value can't be changed, so that nobody has to watch it. Bytes count as such: Python's never change. */
export function isConstant(value: object): boolean {
  return value instanceof ValueObject || value instanceof Uint8Array || value instanceof Global ||
    value instanceof PersistentReference;
}

/**
 * What the letters in a tree's name say of its keys and values.
 *
 *   O      any object                     in memory: as in other objects' states
 *   I L    signed ints of 32, 64 bits                number, or bigint where a number isn't exact
 *   U Q    unsigned ones
 *   F      floats of 32 bits              number, rounded
 *   fs     two bytes as key, six as value Uint8Array
 *
 * @module
 */

import { Float, PickleError, pythonFloat } from "../../pickle/mod.ts";
import { compareBytes } from "../../storage/mod.ts";
import { rawOf, stored } from "../tracking/raw.ts";
import { compareObjects, requireOrdered } from "./object_order.ts";

/** What keys or values of one letter are. */
export interface ItemKind {
  /** For messages. */
  readonly name: string;
  /** Whether they are numbers to calculate with. */
  readonly numeric?: { readonly integer: boolean };
  /**
   * A user's key as the tree holds it.
   * @throws {TypeError} of another type; {@linkcode RangeError} out of range.
   */
  key(value: unknown): unknown;
  /** A user's value as the tree holds it. @param previous What it takes the place of. Throws as `key`. */
  value(value: unknown, previous?: unknown): unknown;
  /** Negative, 0 or positive, for two that the tree holds. @throws {TypeError} when they have no order. */
  compare(left: unknown, right: unknown): number;
  /** Whether setting a value to this one is no change: in Python it is one for all but numbers. */
  same(left: unknown, right: unknown): boolean;
  /** From a state. @throws {PickleError} when it can't be one. */
  read(value: unknown): unknown;
  /** For a state. */
  write(value: unknown): unknown;
}

const itself = (value: unknown): unknown => value;

/** O: any object. */
export const objects: ItemKind = {
  name: "objects",
  key(value) {
    if (value === undefined) throw new TypeError("a key can't be undefined");
    const key = rawOf(value);
    requireOrdered(key);
    // Python's never change, and a tree whose keys change is out of order.
    return key instanceof Uint8Array ? key.slice() : key;
  },
  value: (value, previous) => value === undefined ? null : stored(value, previous),
  compare: compareObjects,
  same: () => false,
  read: itself,
  write: itself,
};

type Whole = number | bigint;

function integers(name: string, min: bigint, max: bigint): ItemKind {
  const low = Number(min), high = Number(max);
  function accept(value: unknown): Whole {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      if (value >= low && value <= high) return value === 0 ? 0 : value;
      throw outOfRange(value);
    }
    if (typeof value === "boolean") return Number(value);
    if (typeof value !== "bigint") {
      throw new TypeError(`${shown(value)}: expected ${name}`);
    }
    if (value < min || value > max) throw outOfRange(value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  function outOfRange(value: Whole): RangeError {
    return new RangeError(`${value} is out of range: expected ${name}, ${min} to ${max}`);
  }
  return {
    name,
    numeric: { integer: true },
    key: accept,
    value: accept,
    compare: (left: Whole, right: Whole) => left < right ? -1 : left > right ? 1 : 0,
    same: (left, right) => left === right,
    read: (value) => fromRecord(accept, value),
    write: itself,
  };
}

function float(value: unknown): number {
  if (typeof value === "number") return Math.fround(value);
  if (value instanceof Float) return Math.fround(value.value);
  if (typeof value === "boolean" || typeof value === "bigint") return Math.fround(Number(value));
  throw new TypeError(`${shown(value)}: expected a float of 32 bits`);
}

/** F: floats of 32 bits, only as values. */
export const floats: ItemKind = {
  name: "floats of 32 bits",
  numeric: { integer: false },
  key: float,
  value: float,
  compare: (left: number, right: number) => left < right ? -1 : left > right ? 1 : 0,
  same: (left, right) => left === right,
  read: (value) => fromRecord(float, value),
  write: (value) => pythonFloat(value as number),
};

/** Bytes of one length. */
export function byteStrings(length: number): ItemKind {
  const name = `${length} bytes`;
  function accept(value: unknown): Uint8Array {
    if (value instanceof Uint8Array && value.length === length) return value.slice();
    const found = value instanceof Uint8Array ? `${value.length} bytes` : shown(value);
    throw new TypeError(`${found}: expected ${name}`);
  }
  return {
    name,
    key: accept,
    value: accept,
    compare: compareBytes,
    same: () => false,
    read: (value) => fromRecord(accept, value),
    // Python makes new bytes objects of them, so that no two are shared in a record.
    write: (value) => (value as Uint8Array).slice(),
  };
}

function fromRecord<T>(accept: (value: unknown) => T, value: unknown): T {
  try {
    return accept(value);
  } catch (error) {
    throw new PickleError(`in a tree's node: ${(error as Error).message}`);
  }
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "object"}`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}

/** Kinds by letter. */
export const LETTERS: Readonly<Record<string, ItemKind>> = {
  O: objects,
  I: integers("an int of 32 bits", -(2n ** 31n), 2n ** 31n - 1n),
  U: integers("an unsigned int of 32 bits", 0n, 2n ** 32n - 1n),
  L: integers("an int of 64 bits", -(2n ** 63n), 2n ** 63n - 1n),
  Q: integers("an unsigned int of 64 bits", 0n, 2n ** 64n - 1n),
  F: floats,
};

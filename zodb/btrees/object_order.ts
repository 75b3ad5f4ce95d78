/**
 * The order of keys that are objects: Python's, for the types that have one on both sides.
 *
 *   None                           before everything else
 *   bool int float                 by value, exactly
 *   str                            by code points, which is not the order of JavaScript's `<`
 *   bytes                          byte by byte
 *   tuple list                     by their first items that differ; None has no order inside
 *   date time timedelta uuid.UUID  as one expects
 *   datetime                       by moment; those without a zone among themselves
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";
import { compareBytes, compareText } from "../../storage/mod.ts";
import { DateTime, PlainDate, PlainTime } from "../types/datetime.ts";
import { TimeDelta, TimeZone } from "../types/timedelta.ts";
import { Tuple } from "../types/tuple.ts";
import { UUID } from "../types/uuid.ts";

/** Tuples within each other. */
const MAX_DEPTH = 100;

/**
 * -1, 0 or 1.
 * @throws {TypeError} when Python knows no order of the two, or we can't know it.
 */
export function compareObjects(left: unknown, right: unknown): number {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  return compare(left, right, 0);
}

/**
 * Refuses what can't be a key.
 * @throws {TypeError} when it has no order, not even among its like.
 */
export function requireOrdered(key: unknown): void {
  if (typeof key === "string") return;
  if (key !== null) compare(key, key, 0);
}

function compare(left: unknown, right: unknown, depth: number): number {
  if (depth > MAX_DEPTH) throw new TypeError(`a key is nested deeper than ${MAX_DEPTH}`);
  const one = numberOf(left), other = numberOf(right);
  if (one !== undefined && other !== undefined) {
    if (one !== one || other !== other) throw new TypeError("NaN can't be a key: it has no order");
    return one < other ? -1 : one > other ? 1 : 0;
  }
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (typeof left === "object" && typeof right === "object" && left !== null && right !== null) {
    if (left instanceof Uint8Array && right instanceof Uint8Array) return compareBytes(left, right);
    if (Array.isArray(left) && Array.isArray(right) && left instanceof Tuple === right instanceof Tuple) {
      return compareSequences(left, right, depth);
    }
    for (const rank of [moment, wallTime, day, timeOfDay, span, uuid]) {
      const a = rank(left), b = rank(right);
      if (a !== undefined && b !== undefined) return compareRanks(a, b);
    }
  }
  throw new TypeError(`keys need an order, and Python knows none of ${shown(left)} and ${shown(right)}`);
}

function compareSequences(left: readonly unknown[], right: readonly unknown[], depth: number): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (left[i] === null && right[i] === null) continue;
    const order = compare(left[i], right[i], depth + 1);
    if (order !== 0) return order;
  }
  return Math.sign(left.length - right.length);
}

function numberOf(value: unknown): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** Numbers of which the first that differ decide. */
type Rank = readonly (number | bigint)[] | undefined;

function compareRanks(left: NonNullable<Rank>, right: NonNullable<Rank>): number {
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return 0;
}

function moment(value: object): Rank {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return undefined;
  if (!(value instanceof DateTime)) return [value.getTime(), 0];
  return value.zone instanceof TimeZone ? [value.getTime(), value.microsecond] : undefined;
}

function wallTime(value: object): Rank {
  if (!(value instanceof DateTime) || value.zone !== null || Number.isNaN(value.getTime())) return undefined;
  return [value.getTime(), value.microsecond];
}

function day(value: object): Rank {
  return value instanceof PlainDate ? [value.year, value.month, value.day] : undefined;
}

function timeOfDay(value: object): Rank {
  if (!(value instanceof PlainTime) || value.zone !== null) return undefined;
  return [value.hour, value.minute, value.second, value.microsecond];
}

function span(value: object): Rank {
  return value instanceof TimeDelta ? [value.days, value.seconds, value.microseconds] : undefined;
}

function uuid(value: object): Rank {
  return value instanceof UUID ? [value.integer] : undefined;
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "object"}`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}

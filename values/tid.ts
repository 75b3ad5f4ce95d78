/**
 * Transaction ids: 64-bit unsigned numbers that are also time stamps (UTC).
 *
 *   minutes 4   ((((year - 1900) * 12 + month - 1) * 31 + day - 1) * 24 + hour) * 60 + minute
 *   fraction 4  of a minute, in units of 60 / 2^32 seconds
 *
 * The calendar has 31 days in every month, so that the high half is not a count of minutes since 1900 and
 * arithmetic on it has to go through the calendar.
 *
 * @module
 */

import { read64, write64 } from "./bytes.ts";

/** The id of one transaction, and the revision ("serial") of the objects that it wrote. */
export type Tid = bigint & { readonly __brand: "Tid" };

/** Before every transaction: the serial of an object that was never stored. */
export const NO_TID: Tid = 0n as Tid;

/** After every transaction that clients may ask for (2^63 - 1); loads "before" it find the current revision. */
export const MAX_TID: Tid = 0x7fff_ffff_ffff_ffffn as Tid;

const FRACTIONS_PER_MINUTE = 2 ** 32;
const MINUTE_MS = 60_000;

/** Seconds from where Python's time stamps count to 1970. */
const PYTHON_OFFSET = 2_177_452_800;

/**
 * The transaction id that a number or bigint stands for.
 *
 * @throws {RangeError} when it is negative, not whole, or needs more than 64 bits.
 */
export function tid(value: number | bigint): Tid {
  const number = BigInt(value);
  if (number < 0n || number >> 64n) throw new RangeError(`tid ${number}: expected 0 to 2^64 - 1`);
  return number as Tid;
}

/** The transaction id in eight bytes, big-endian. The caller has checked that there are eight. */
export function tidFromBytes(bytes: Uint8Array, offset = 0): Tid {
  return read64(bytes, offset) as Tid;
}

/** A transaction id as its eight bytes. */
export function tidBytes(id: Tid): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  write64(bytes, 0, id);
  return bytes;
}

/** A transaction id as 16 hexadecimal digits. */
export function formatTid(id: Tid): string {
  return id.toString(16).padStart(16, "0");
}

/**
 * The transaction id of a moment.
 *
 * @param time Milliseconds since 1970, UTC; fractions count.
 *
 * @example
 * ```ts
 * import { formatTid, tidFromTime } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatTid(tidFromTime(Date.UTC(2024, 2, 5, 14, 7, 2, 500))), "03f7048f0aaaaaaa");
 * ```
 */
export function tidFromTime(time: number): Tid {
  const date = new Date(Math.floor(time / MINUTE_MS) * MINUTE_MS);
  const fraction = Math.floor((time - date.getTime()) / MINUTE_MS * FRACTIONS_PER_MINUTE);
  return (BigInt(calendarMinutes(date)) << 32n | BigInt(fraction)) as Tid;
}

/** The moment of a transaction id: milliseconds since 1970, UTC, with fractions. */
export function tidTime(id: Tid): number {
  return minuteOf(id) + Number(id & 0xffff_ffffn) * MINUTE_MS / FRACTIONS_PER_MINUTE;
}

/** The moment of a transaction id as Python's tools tell it: seconds since 1970, to the last bit the same number. */
export function tidSeconds(id: Tid): number {
  // Python counts from 1901 and takes the difference away at the end: the last bits of the sum are lost as there.
  return minuteOf(id) / 1000 + PYTHON_OFFSET + Number(id & 0xffff_ffffn) * 60 / FRACTIONS_PER_MINUTE -
    PYTHON_OFFSET;
}

/** The start of a transaction id's minute, in milliseconds since 1970. */
function minuteOf(id: Tid): number {
  let minutes = Number(id >> 32n);
  const take = (base: number) => {
    const rest = minutes % base;
    minutes = Math.floor(minutes / base);
    return rest;
  };
  const minute = take(60), hour = take(24), day = take(31) + 1, month = take(12), year = minutes + 1900;
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.setUTCHours(hour, minute);
}

/**
 * The smallest transaction id after `id`: one more, and a full minute carries over by the calendar.
 */
export function tidAfter(id: Tid): Tid {
  if ((id & 0xffff_ffffn) !== 0xffff_ffffn) return (id + 1n) as Tid;
  const minute = new Date(minuteOf(id) + MINUTE_MS);
  const carried = (BigInt(calendarMinutes(minute)) << 32n) as Tid;
  // A tid that is no date (a day 31 of February) may carry to one that is not later: then count on plainly.
  return carried > id ? carried : (id + 1n) as Tid;
}

function calendarMinutes(date: Date): number {
  const months = (date.getUTCFullYear() - 1900) * 12 + date.getUTCMonth();
  return ((months * 31 + date.getUTCDate() - 1) * 24 + date.getUTCHours()) * 60 + date.getUTCMinutes();
}

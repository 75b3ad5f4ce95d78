/**
 * Python's `datetime.date`, `datetime.time` and `datetime.datetime`.
 *
 *   date       year 2 | month | day
 *   time       hour | minute | second | microsecond 3
 *   datetime   date | time
 *
 * The numbers are big-endian; the month's top bit is a datetime's fold, the hour's a time's.
 *
 * @module
 */

import { TimeZone } from "./timedelta.ts";
import { ValueObject } from "./value_object.ts";

const digits = (value: number, count: number) => String(value).padStart(count, "0");

/** Python's `datetime.date`: a day of the calendar. */
export class PlainDate extends ValueObject {
  /** A day. @param month 1 to 12. @param day 1 to 31. */
  constructor(readonly year: number, readonly month: number, readonly day: number) {
    super();
  }

  /** The day as it begins in UTC. */
  toDate(): Date {
    const date = new Date(0);
    date.setUTCFullYear(this.year, this.month - 1, this.day);
    return date;
  }

  /** Its text. */
  override toString(): string {
    return `${digits(this.year, 4)}-${digits(this.month, 2)}-${digits(this.day, 2)}`;
  }
}

/** Python's `datetime.time`: a time of day. */
export class PlainTime extends ValueObject {
  /** A time. @param zone Its zone: a `TimeZone`, null, or an object of another class as it stands in the record. */
  constructor(
    readonly hour: number,
    readonly minute: number,
    readonly second = 0,
    readonly microsecond = 0,
    readonly zone: unknown = null,
    readonly fold: 0 | 1 = 0,
  ) {
    super();
  }

  /** Whether it shows the same, in the same zone. */
  override isSameKey(other: ValueObject): boolean {
    if (!(other instanceof PlainTime) || !super.isSameKey(other)) return false;
    return this.zone === other.zone || this.zone instanceof TimeZone && other.zone instanceof TimeZone;
  }

  /** Its text. */
  override toString(): string {
    const fraction = this.microsecond ? `.${digits(this.microsecond, 6)}` : "";
    const zone = this.zone instanceof TimeZone ? ` ${this.zone}` : "";
    return `${digits(this.hour, 2)}:${digits(this.minute, 2)}:${digits(this.second, 2)}${fraction}${zone}`;
  }
}

/**
 * Python's `datetime.datetime`: a `Date` that also knows its time zone and its microseconds.
 *
 * Python has two kinds: with a zone it is a moment, and `getTime()` gives it; without one it is what a clock on some
 * wall shows, and `getTime()` (like all `getUTC…`) reads that wall as if it were in UTC. A plain `Date` is stored as a
 * datetime in UTC, and read back as a `DateTime`.
 */
export class DateTime extends Date {
  /** Microseconds beyond the milliseconds, 0 to 999. */
  microsecond = 0;
  /**
   * The zone: a `TimeZone`; null where there is none; an object of another class as it stands in the record, where
   * `getTime()` reads the wall clock as if it were in UTC.
   */
  zone: unknown = TimeZone.utc;
  /** 1 for the second of two equal times when clocks are put back. */
  fold: 0 | 1 = 0;

  /** A moment, in milliseconds since 1970, with the zone to show it in. @param zone null for a wall clock's time. */
  constructor(time: number, zone: unknown = TimeZone.utc, microsecond = 0, fold: 0 | 1 = 0) {
    super(time);
    this.zone = zone;
    this.microsecond = microsecond;
    this.fold = fold;
  }

  /** What a clock on the wall shows, as milliseconds since 1970 on that clock. */
  get wallTime(): number {
    return this.getTime() + offsetOf(this.zone);
  }

  /** A datetime from what a clock on the wall shows. */
  static fromWallTime(wallTime: number, zone: unknown, microsecond = 0, fold: 0 | 1 = 0): DateTime {
    return new DateTime(wallTime - offsetOf(zone), zone, microsecond, fold);
  }
}

function offsetOf(zone: unknown): number {
  return zone instanceof TimeZone ? zone.offset.milliseconds : 0;
}

/** The bytes of a date. */
export function dateBytes({ year, month, day }: PlainDate): Uint8Array {
  return new Uint8Array([year >> 8, year, month, day]);
}

/** A date from its bytes. */
export function dateFromBytes(bytes: Uint8Array): PlainDate {
  return new PlainDate(bytes[0] << 8 | bytes[1], bytes[2], bytes[3]);
}

/** The bytes of a time. A fold is not written: protocol 3 has no place for it. */
export function timeBytes(time: PlainTime): Uint8Array {
  return new Uint8Array([time.hour, time.minute, time.second, ...microBytes(time.microsecond)]);
}

/** A time from its bytes. */
export function timeFromBytes(bytes: Uint8Array, zone: unknown): PlainTime {
  const micro = bytes[3] << 16 | bytes[4] << 8 | bytes[5];
  return new PlainTime(bytes[0] & 0x7f, bytes[1], bytes[2], micro, zone, bytes[0] & 0x80 ? 1 : 0);
}

/**
 * The bytes of a moment on the wall.
 * @throws {RangeError} when Python has no such year, or it is no moment at all.
 */
export function dateTimeBytes(wallTime: number, microsecond: number): Uint8Array {
  const date = new Date(wallTime), year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new RangeError(`date ${date}: expected years 1 to 9999`);
  const micro = date.getUTCMilliseconds() * 1000 + microsecond;
  return new Uint8Array([
    ...[year >> 8, year, date.getUTCMonth() + 1, date.getUTCDate()],
    ...[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), ...microBytes(micro)],
  ]);
}

/** A datetime from its bytes. */
export function dateTimeFromBytes(bytes: Uint8Array, zone: unknown): DateTime {
  const wall = new Date(0), micro = bytes[7] << 16 | bytes[8] << 8 | bytes[9];
  wall.setUTCFullYear(bytes[0] << 8 | bytes[1], (bytes[2] & 0x7f) - 1, bytes[3]);
  wall.setUTCHours(bytes[4], bytes[5], bytes[6], Math.floor(micro / 1000));
  return DateTime.fromWallTime(wall.getTime(), zone, micro % 1000, bytes[2] & 0x80 ? 1 : 0);
}

function microBytes(micro: number): number[] {
  return [micro >> 16, micro >> 8, micro].map((byte) => byte & 0xff);
}

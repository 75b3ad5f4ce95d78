/**
 * The moment that a pack goes to, as a transaction id.
 *
 * @module
 */

import { FileStorageError, type Tid, tidFromTime } from "../values/mod.ts";

const MINUTE = 60;
const SECONDS_PER_FRACTION = 60 / 2 ** 32;

/** The end of the year 9999; the calendar of transaction ids goes further, that of people doesn't. */
const LATEST = 253402300799;

/**
 * The last transaction id of a moment, to the last bit the one that Python takes.
 *
 * @param time Seconds since 1970, fractions count.
 * @throws {FileStorageError} when it is no moment.
 */
export function packTid(time: number): Tid {
  if (!(time <= LATEST)) {
    throw new FileStorageError(`pack time ${time}: expected seconds since 1970, ${LATEST} at most`);
  }
  // A long time ago, as days before today can mean, is before everything.
  time = Math.max(time, 0);
  const minute = tidFromTime(Math.floor(time / MINUTE) * MINUTE * 1000);
  return (minute | BigInt(Math.floor(time % MINUTE / SECONDS_PER_FRACTION))) as Tid;
}

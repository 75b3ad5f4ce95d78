/**
 * What a served storage has done, in the original's terms.
 *
 * @module
 */

import { Dict, type Value } from "../pickle/mod.ts";
import { formatTid, Histogram, type Tid } from "../values/mod.ts";

/** The state of things that is asked for together with the counts. */
export interface Moment {
  /** Registered connections. */
  readonly connections: number;
  /** Transactions that have begun and not ended. */
  readonly active: number;
  /** Votes that wait for objects. */
  readonly waiting: number;
  /** Since when the oldest vote has held its objects, in milliseconds since 1970; null when none does. */
  readonly lockedSince: number | null;
  /** The last transaction that is visible. */
  readonly lastTransaction: Tid;
  /** Whether transactions that take too long are ended. */
  readonly timeout: boolean;
}

/** Counts since the server was started. */
export class Statistics {
  /** When counting began. */
  readonly start: Date = new Date();
  /** Records loaded. */
  loads = 0;
  /** Records stored, restored and deleted. */
  stores = 0;
  /** Transactions finished. */
  commits = 0;
  /** Transactions that clients gave up, or left behind unfinished. */
  aborts = 0;
  /** Votes that ended in a conflict. */
  conflicts = 0;
  /** Objects whose conflicts were resolved. */
  conflictsResolved = 0;
  /** Transactions that were ended because they took too long. */
  timeouts = 0;
  /** Bytes of the records that were stored. */
  storedBytes = 0;
  /** How long votes wait for their objects, in seconds. */
  readonly lockWait: Histogram = new Histogram();
  /** How long transactions have their objects, in seconds. */
  readonly lockHold: Histogram = new Histogram();
  /** How long it takes from a client's `tpc_finish` until the transaction is durable and visible, in seconds. */
  readonly finish: Histogram = new Histogram();

  /** The counts and the moment, with the keys and in the order of the original's `server_status`. */
  status(moment: Moment): Dict {
    const entries: [string, Value][] = [
      ["connections", moment.connections],
      ["loads", this.loads],
      ["stores", this.stores],
      ["commits", this.commits],
      ["aborts", this.aborts],
      ["active_txns", moment.active],
      ["lock_time", moment.lockedSince === null ? null : moment.lockedSince / 1000],
      ["conflicts", this.conflicts],
      ["conflicts_resolved", this.conflictsResolved],
      ["start", ctime(this.start)],
      ["waiting", moment.waiting],
      ["timeout-thread-is-alive", moment.timeout ? true : "stub"],
      ["last-transaction", formatTid(moment.lastTransaction)],
    ];
    return Dict.from(entries);
  }
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A moment as C's `ctime` prints it, in local time: `Sun Nov 22 12:16:45 2026`. */
function ctime(date: Date): string {
  const two = (value: number, fill: string) => String(value).padStart(2, fill);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => two(part, "0")).join(
    ":",
  );
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${
    two(date.getDate(), " ")
  } ${time} ${date.getFullYear()}`;
}

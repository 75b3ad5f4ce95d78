/**
 * The first part of a pack: which record of each object is the current one at the pack time.
 *
 * @module
 */

import { formatTid, NO_TID, type Tid } from "../../values/mod.ts";
import type { FileWindow } from "./scan_window.ts";
import { FIRST_TRANSACTION, TransactionStatus } from "./format.ts";
import { OidIndex } from "./oid_index.ts";
import { PackCursor } from "./pack_cursor.ts";
import type { Pace } from "./pack_pace.ts";
import { corrupted } from "./scan.ts";

/** What the scan found. */
export interface PackScan {
  /** The current record of each object that is there at the pack time. */
  readonly current: OidIndex;
  /** Position of the first transaction after the pack time. */
  readonly position: number;
  /** Whether an earlier pack went as far, or further. */
  readonly redundant: boolean;
  /** Whether an earlier pack has seen all of them, though it may have kept what this one drops. */
  readonly packed: boolean;
}

/**
 * Reads the transactions up to a pack time.
 *
 * @param end Where the file's good part ends.
 * @throws {CorruptedTransactionError} when one contradicts itself, or is not later than the one before.
 */
export async function scanToPackTime(
  window: FileWindow,
  end: number,
  until: Tid,
  pace: Pace,
): Promise<PackScan> {
  const current = new OidIndex();
  const cursor = new PackCursor(window);
  let position = FIRST_TRANSACTION, last: Tid = NO_TID, allPacked = true;
  pace.begin("scan", end);
  while (position < end) {
    cursor.enter(position, end);
    const { tid, status } = cursor.transaction;
    if (tid > until) break;
    if (tid <= last) {
      const fault = `has tid ${formatTid(tid)}, expected one after ${formatTid(last)}: time-stamp reduction`;
      throw corrupted(window.file, "transaction", position, fault);
    }
    if (status === TransactionStatus.voted) {
      throw corrupted(window.file, "transaction", position, 'has status "c": it was never finished');
    }
    if (status !== TransactionStatus.packed) allPacked = false;
    const counts = status !== TransactionStatus.undone;
    while (cursor.next()) {
      if (counts) {
        if (cursor.size === 0 && cursor.back === 0) current.delete(cursor.oid);
        else current.set(cursor.oid, cursor.position);
      }
      const pause = pace.step(0, 1);
      if (pause) await pause;
    }
    last = tid;
    const pause = pace.step(cursor.end - position, 0);
    if (pause) await pause;
    position = cursor.end;
  }
  const packed = allPacked && position > FIRST_TRANSACTION;
  const redundant = position < end && packed && cursor.transaction.status === TransactionStatus.packed;
  return { current, position, redundant, packed };
}

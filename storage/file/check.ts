/**
 * Checking a data file from end to end, without opening it as a storage and without changing it.
 *
 * Every byte that has a meaning for the format is compared with something else that says the same: lengths with their
 * copies, records with their transactions, pointers with the records before, the saved index with the data, pickles
 * with their own grammar. What the format says only once can't be checked, for it has no check sums:
 *
 * - letters and numbers within a pickle, where another value makes another pickle that can be read just as well; only
 *   compressed records (see `ZlibStorage`) have a check sum of their own
 * - letters of a user or description, and within an extension
 * - the id of a transaction that has no records, as long as it stays between its neighbours'
 * - the status of the transaction at the border of what was packed: `" "` and `"p"` differ in nothing else
 * - a back pointer that became another earlier record of the same object
 * - the id of an object whose only record is damaged, without a saved index: what refers to it is found as dangling
 *   with `references`
 *
 * @module
 */

import { formatTid, NO_TID, type Tid } from "../../values/mod.ts";
import { type Disk, realDisk } from "../disk.ts";
import { type Finding, type FindingKind, Findings } from "./check_findings.ts";
import { IndexCheck } from "./check_index.ts";
import { Pace, type PaceOptions } from "./check_pace.ts";
import { RecordCheck } from "./check_records.ts";
import { checkReferences } from "./check_references.ts";
import { FIRST_TRANSACTION, MAGIC, transactionEnd, TransactionStatus } from "./format.ts";
import { type FoundTransaction, survey } from "./salvage_survey.ts";
import { FileWindow } from "./scan_window.ts";

export type { Finding, FindingKind } from "./check_findings.ts";
export type { PaceOptions } from "./check_pace.ts";

/** How a data file is checked. */
export interface CheckOptions extends PaceOptions {
  /** Where the file is; the machine's own disk unless told otherwise. */
  readonly disk?: Disk;
  /** Whether records are read as pickles; true unless told otherwise. It takes most of the time. */
  readonly pickles?: boolean;
  /** Whether to look for references to objects that aren't there, too: a second pass over the file. */
  readonly references?: boolean;
  /** How many findings are kept; 1000 unless told otherwise. */
  readonly limit?: number;
}

/** What a check found. */
export interface CheckReport {
  /** The file, as given. */
  readonly path: string;
  /** Bytes of the file when the check began; what came later was not looked at. */
  readonly size: number;
  /** Where its last finished transaction ends. */
  readonly end: number;
  /** The id of that transaction; `NO_TID` when there is none. */
  readonly lastTid: Tid;
  /** Transactions whose start and end were found. */
  readonly transactions: number;
  /** Records that were found in them. */
  readonly records: number;
  /** Objects that have records, deleted ones included. */
  readonly objects: number;
  /** Objects that are deleted, or whose creation was undone. */
  readonly deleted: number;
  /** References of current records; undefined when they were not asked for. */
  readonly references?: number;
  /** Whether there was a saved index that could be compared with the data. */
  readonly indexChecked: boolean;
  /** What is wrong, in the order in which it was found, up to the limit. */
  readonly findings: readonly Finding[];
  /** How many findings there were of each kind, those beyond the limit included. */
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  /** How many findings there were. */
  readonly total: number;
}

const DEFAULT_LIMIT = 1000;

/**
 * Checks a data file from end to end; see the module for what that finds and what it can't.
 *
 * It reads the file in its order, takes at most about 32 bytes of memory for each object (the saved index included),
 * and rests every few milliseconds, so that it may run in a process that serves the same file. It takes no lock.
 *
 * @returns What was found. Damage throws nothing.
 * @throws {Error} when the file can't be opened or read, or the signal's reason.
 *
 * @example
 * ```ts ignore
 * const report = await checkDataFile("Data.fs", { references: true });
 * for (const { position, kind, message } of report.findings) console.log(`${position}: ${kind}: ${message}`);
 * ```
 */
export async function checkDataFile(path: string, options: CheckOptions = {}): Promise<CheckReport> {
  const { disk = realDisk } = options;
  const findings = new Findings(options.limit ?? DEFAULT_LIMIT);
  const file = disk.open(path, "read");
  try {
    const size = file.size();
    const pace = new Pace(size, options);
    const window = new FileWindow(file);
    checkMagic(window, size, findings);
    const saved = new IndexCheck(path, disk, size, findings);
    const records = new RecordCheck(window, findings, options.pickles ?? true);
    const order = new TransactionOrder(findings);
    let transactions = 0, end = Math.min(size, FIRST_TRANSACTION);
    await saved.reached(end, records.index, pace);
    for await (const piece of survey(window, size, pace)) {
      if (piece.kind !== "transaction") {
        // What is longer by now was being written when its size was asked for.
        if (piece.kind === "tail" && file.size() > size) break;
        findings.add(
          piece.position,
          piece.kind,
          lostMessage(piece.kind, piece.end - piece.position, piece.fault),
        );
        continue;
      }
      order.see(piece);
      records.metadata(piece.header);
      await records.transaction(piece.header, pace);
      transactions++;
      end = transactionEnd(piece.header);
      await saved.reached(end, records.index, pace);
    }
    await saved.reached(Infinity, records.index, pace);
    const references = options.references
      ? await checkReferences(file, end, records, findings, pace)
      : undefined;
    pace.finish();
    return {
      path,
      size,
      end,
      lastTid: order.last,
      transactions,
      records: records.records,
      objects: records.index.size,
      deleted: records.gone.size,
      references,
      indexChecked: saved.compared,
      findings: findings.list,
      counts: findings.counts,
      total: findings.total,
    };
  } finally {
    file.close();
  }
}

function checkMagic(window: FileWindow, size: number, findings: Findings): void {
  // A file that was just made has nothing in it.
  if (size === 0) return;
  const offset = window.find(0, Math.min(size, MAGIC.length));
  const found = window.bytes.subarray(offset, offset + Math.min(size, MAGIC.length));
  if (found.length === MAGIC.length && MAGIC.every((byte, place) => byte === found[place])) return;
  findings.add(0, "format", `starts with ${JSON.stringify(String.fromCharCode(...found))}, expected "FS30"`);
}

function lostMessage(kind: "lost" | "tail", length: number, fault: string): string {
  return kind === "lost"
    ? `transaction ${fault}: ${length} bytes are lost, then another transaction begins`
    : `transaction ${fault}: ${length} bytes at the end, which opening the file cuts off`;
}

/** What transactions say about each other. */
class TransactionOrder {
  last: Tid = NO_TID;
  readonly #findings: Findings;
  #unpacked = -1;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  see({ header, faults }: FoundTransaction): void {
    const { position, tid, status } = header;
    for (const { kind, message } of faults) this.#findings.add(position, kind, `transaction ${message}`);
    if (tid <= this.last) {
      this.#findings.add(
        position,
        "tid",
        `transaction has tid ${formatTid(tid)}, expected one after ${
          formatTid(this.last)
        }: time-stamp reduction`,
      );
    }
    this.last = tid;
    if (status === TransactionStatus.packed && this.#unpacked >= 0) {
      const message =
        `transaction has status "p", although the one at ${this.#unpacked} before it was not packed`;
      this.#findings.add(position, "status", message);
    } else if (status === TransactionStatus.complete && this.#unpacked < 0) {
      this.#unpacked = position;
    }
  }
}

/**
 * Going through the transactions of a Data.fs.
 *
 * An iteration opens the file for itself and goes no further than what was visible when it began. So it sees a prefix
 * of the history without holes while others commit, and goes on in the old file while a pack puts another in its
 * place.
 *
 * @module
 */

import type { Oid, Tid } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";
import type { IteratedRecord, IteratedTransaction } from "../storage.ts";
import { FIRST_TRANSACTION, type TransactionHeader, TransactionStatus } from "./format.ts";
import { RecordReader } from "./record_reader.ts";
import {
  backwardWindow,
  previousTransaction,
  recordsOf,
  transactionsOf,
  type WalkedTransaction,
} from "./scan.ts";
import { FileWindow } from "./scan_window.ts";

/** Below this there is nothing to win by looking from the end. */
const SMALL_FILE = 1 << 20;

/** A first chunk for reading headers: most iterations are short. */
const WINDOW = 64 << 10;

/**
 * The transactions from `start` to `stop`, both included, that are visible when the first is asked for.
 *
 * @param visible Where the visible part of the file ends.
 */
export function* iterateTransactions(
  disk: Disk,
  path: string,
  visible: { readonly end: number },
  start: Tid | undefined,
  stop: Tid | undefined,
): Generator<IteratedTransaction, void> {
  const file = disk.open(path, "read");
  // Together with the file: a pack changes both at once.
  const { end } = visible;
  try {
    const reader = new RecordReader(file, 0);
    const from = start === undefined ? FIRST_TRANSACTION : startOf(file, start, end);
    for (const walked of transactionsOf(new FileWindow(file, WINDOW), from, end)) {
      const { tid, status } = walked.header;
      if (stop !== undefined && tid > stop || status === TransactionStatus.voted) return;
      if (status === TransactionStatus.undone) continue;
      if (start === undefined || tid >= start) yield new FileTransactionView(file, reader, walked);
    }
  } finally {
    file.close();
  }
}

/** A place at or before the first transaction from `start` on: looked for from the end, if that is nearer. */
function startOf(file: DiskFile, start: Tid, end: number): number {
  if (end < SMALL_FILE) return FIRST_TRANSACTION;
  const first = transactionsOf(file, FIRST_TRANSACTION, end).next().value;
  const window = backwardWindow(file);
  const last = previousTransaction(window, end);
  if (!first || !last || start - first.header.tid < last.tid - start) return FIRST_TRANSACTION;
  let position = end;
  for (let at: TransactionHeader | undefined = last; at && at.tid >= start;) {
    position = at.position;
    at = previousTransaction(window, position);
  }
  return position;
}

class FileTransactionView implements IteratedTransaction {
  readonly tid: Tid;
  readonly status: string;
  readonly user: Uint8Array;
  readonly description: Uint8Array;
  readonly extension: Uint8Array;
  readonly #file: DiskFile;
  readonly #reader: RecordReader;
  readonly #header: TransactionHeader;

  constructor(
    file: DiskFile,
    reader: RecordReader,
    { header, user, description, extension }: WalkedTransaction,
  ) {
    this.#file = file;
    this.#reader = reader;
    this.#header = header;
    this.tid = header.tid;
    this.status = header.status;
    this.user = user;
    this.description = description;
    this.extension = extension;
  }

  *records(): Generator<IteratedRecord, void> {
    for (const { oid, tid, position } of recordsOf(this.#file, this.#header)) {
      const record = this.#reader.record(position);
      const dataTid = record.data === null && record.back !== 0 ? this.#reader.record(record.back).tid : null;
      yield { oid, tid, data: this.#reader.data(record), dataTid };
    }
  }
}

/** The last transactions that are visible, oldest first, with the objects that each wrote. */
export function lastInvalidations(
  { file, end: visible }: { readonly file: DiskFile; readonly end: number },
  count: number,
): { tid: Tid; oids: Oid[] }[] {
  const found: { tid: Tid; oids: Oid[] }[] = [];
  for (let end = visible; found.length < count;) {
    const transaction = previousTransaction(file, end);
    if (!transaction) break;
    found.push({
      tid: transaction.tid,
      oids: Array.from(recordsOf(file, transaction), (record) => record.oid),
    });
    end = transaction.position;
  }
  return found.reverse();
}

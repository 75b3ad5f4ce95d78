/**
 * Whether a saved index belongs to the data beside it.
 *
 * It may be an index of an older or newer state of the file, or of another file altogether. The transaction before
 * its end has to be whole, and the newest records must be found through it.
 *
 * @module
 */

import { formatOid, type Tid } from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import {
  readRecordHeader,
  RECORD_HEADER,
  type RecordHeader,
  transactionFault,
  type TransactionHeader,
  TransactionStatus,
} from "./format.ts";
import type { OidIndex } from "./oid_index.ts";
import { corrupted, previousTransaction, recordsOf } from "./scan.ts";

const RECORDS_CHECKED = 5;

/** An end before this can't have more behind it than one transaction: reading all is no work. */
const LEAST_END = 100;

/** What is known of an index that fits. */
export interface CheckedIndex {
  /** The last transaction that it covers. */
  readonly lastTid: Tid;
}

/**
 * Checks an index against the data. Answers why it doesn't fit, in words, or the last transaction that it covers.
 *
 * @param end Where the last transaction that it covers ends.
 */
export function checkIndex(file: DiskFile, index: OidIndex, end: number): CheckedIndex | string {
  const size = file.size();
  if (end < LEAST_END || end > size) {
    return `ends at ${end}, expected ${LEAST_END} to ${size}, where the data ends`;
  }
  let checked: CheckedIndex | undefined;
  try {
    const last = previousTransaction(file, end)!;
    let left = RECORDS_CHECKED;
    for (
      let transaction: TransactionHeader | undefined = last;
      transaction !== undefined && left > 0;
      transaction = previousTransaction(file, transaction.position)
    ) {
      for (const record of countedRecords(file, transaction, end)) {
        if (left-- === 0) break;
        const fault = entryFault(file, index, record, end);
        if (fault) return fault;
      }
      if (left < RECORDS_CHECKED) checked = { lastTid: last.tid };
    }
    return checked ?? { lastTid: last.tid };
  } catch (error) {
    // Damage further back says nothing about the index. It would be found by reading all, which would then cut off
    // or refuse what can be reached through the index.
    return checked ?? (error instanceof Error ? error.message : String(error));
  }
}

/**
 * The records of a transaction that count.
 *
 * @throws {CorruptedTransactionError} when it is not a finished and whole one.
 */
function countedRecords(file: DiskFile, transaction: TransactionHeader, end: number): Iterable<RecordHeader> {
  const { position, status } = transaction;
  if (status === TransactionStatus.undone) return [];
  const finished = status === TransactionStatus.complete || status === TransactionStatus.packed;
  const fault = finished ? transactionFault(transaction, end) : `has status ${JSON.stringify(status)}`;
  if (fault) throw corrupted(file, "transaction", position, fault);
  return recordsOf(file, transaction);
}

/** What is wrong with the place that the index has for an object that has a record here, if something is. */
function entryFault(
  file: DiskFile,
  index: OidIndex,
  { oid, position }: RecordHeader,
  end: number,
): string | undefined {
  const newest = index.get(oid);
  if (newest === position) return undefined;
  const fault = `has ${formatOid(oid)} at ${newest}, the data has it at ${position}`;
  // A later record of the same object is right too, be it in this transaction or in a later one.
  if (newest === undefined || newest < position || newest + RECORD_HEADER > end) return fault;
  const bytes = new Uint8Array(RECORD_HEADER);
  file.read(bytes, newest);
  return readRecordHeader(bytes, 0, newest).oid === oid ? undefined : fault;
}

/**
 * Walking a Data.fs: forward through its transactions and their records, and backward from transaction to
 * transaction. Only headers are read; data is jumped over.
 *
 * @module
 */

import { CorruptedTransactionError, readPosition } from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import {
  FIRST_TRANSACTION,
  headerLength,
  readRecordHeader,
  readTransactionHeader,
  RECORD_HEADER,
  recordFault,
  type RecordHeader,
  recordLength,
  recordsEnd,
  recordsStart,
  TRANSACTION_HEADER,
  TRANSACTION_TRAILER,
  transactionEnd,
  transactionFault,
  type TransactionHeader,
} from "./format.ts";
import { FileWindow } from "./scan_window.ts";

/** Bytes that are read at once on a long way back: many transactions, as a rule. */
const BACKWARD = 64 << 10;

/** A transaction's header with the three strings behind it. */
export interface WalkedTransaction {
  /** Where it is, and its numbers. */
  readonly header: TransactionHeader;
  /** The user's name, as it is in the file. */
  readonly user: Uint8Array;
  /** What the transaction was for, as it is in the file. */
  readonly description: Uint8Array;
  /** A pickle of a dict, or nothing. */
  readonly extension: Uint8Array;
}

/** An error about something in a file, with its place. */
export function corrupted(
  file: DiskFile,
  what: "transaction" | "record",
  position: number,
  fault: string,
): CorruptedTransactionError {
  return new CorruptedTransactionError(`${file.path}: ${what} at ${position} ${fault}`);
}

/**
 * The transactions from position `from` up to position `to`, oldest first.
 *
 * @param source The file, or a window on it to share with {@linkcode recordsOf}.
 * @throws {CorruptedTransactionError} when a transaction contradicts itself or doesn't end by `to`.
 */
export function* transactionsOf(
  source: DiskFile | FileWindow,
  from: number,
  to: number,
): Generator<WalkedTransaction, void> {
  const window = windowOn(source);
  for (let position = from; position < to;) {
    const header = headerAt(window, position, to);
    const fault = transactionFault(header, to) ?? lengthFault(window, header);
    if (fault) throw corrupted(window.file, "transaction", position, fault);
    const length = headerLength(header);
    const user = window.find(position, length) + TRANSACTION_HEADER;
    const description = user + header.userLength;
    const extension = description + header.descriptionLength;
    yield {
      header,
      user: window.bytes.slice(user, description),
      description: window.bytes.slice(description, extension),
      extension: window.bytes.slice(extension, extension + header.extensionLength),
    };
    position = transactionEnd(header);
  }
}

/**
 * The headers of a transaction's records, in their order.
 *
 * @param source The file, or a window on it.
 * @throws {CorruptedTransactionError} when a record contradicts its transaction, or they don't fill it exactly.
 */
export function* recordsOf(
  source: DiskFile | FileWindow,
  transaction: TransactionHeader,
): Generator<RecordHeader, void> {
  const window = windowOn(source, transaction.length);
  const end = recordsEnd(transaction);
  for (let position = recordsStart(transaction); position < end;) {
    const offset = position + RECORD_HEADER > end ? -1 : window.find(position, RECORD_HEADER);
    if (offset < 0) {
      const fault = `should have a header of ${RECORD_HEADER} bytes, its transaction ends after ${
        end - position
      }`;
      throw corrupted(window.file, "record", position, fault);
    }
    const record = readRecordHeader(window.bytes, offset, position);
    const fault = recordFault(record, transaction);
    if (fault) throw corrupted(window.file, "record", position, fault);
    yield record;
    position += recordLength(record.size);
  }
}

/**
 * The transaction that ends at `end`, or undefined at the start of the file.
 *
 * @param source The file, or for a long walk a window on it.
 * @throws {CorruptedTransactionError} when there is none that ends there.
 */
export function previousTransaction(
  source: DiskFile | FileWindow,
  end: number,
): TransactionHeader | undefined {
  if (end <= FIRST_TRANSACTION) return undefined;
  const window = source instanceof FileWindow ? source : new FileWindow(source, TRANSACTION_HEADER);
  const trailer = window.findBackward(end - TRANSACTION_TRAILER, TRANSACTION_TRAILER);
  const length = trailer < 0 ? -1 : readPosition(window.bytes, trailer);
  const position = end - TRANSACTION_TRAILER - length;
  if (length < TRANSACTION_HEADER || position < FIRST_TRANSACTION) {
    const fault = `says that it has ${length} bytes, expected ${TRANSACTION_HEADER} to ${
      end - FIRST_TRANSACTION - TRANSACTION_TRAILER
    }`;
    throw new CorruptedTransactionError(`${window.file.path}: transaction that ends at ${end} ${fault}`);
  }
  const header = window.findBackward(position, TRANSACTION_HEADER);
  const transaction = readTransactionHeader(window.bytes, header, position);
  if (transaction.length !== length) {
    const fault = `says ${transaction.length} bytes at its start and ${length} at its end, ${end}`;
    throw corrupted(window.file, "transaction", position, fault);
  }
  return transaction;
}

/** A window for a long walk towards the start of a file. */
export function backwardWindow(file: DiskFile): FileWindow {
  return new FileWindow(file, BACKWARD);
}

/** What is wrong with the copy of the length that ends a transaction, if something is. */
export function lengthFault(window: FileWindow, transaction: TransactionHeader): string | undefined {
  const end = recordsEnd(transaction);
  const offset = window.find(end, TRANSACTION_TRAILER);
  if (offset < 0) return `says ${transaction.length} bytes, the file ends before`;
  const copy = readPosition(window.bytes, offset);
  if (copy !== transaction.length) {
    return `says ${transaction.length} bytes at its start and ${copy} at its end`;
  }
}

/** The header of the transaction at a position, where the file goes on up to `to`. */
export function headerAt(window: FileWindow, position: number, to: number): TransactionHeader {
  const offset = to - position < TRANSACTION_HEADER ? -1 : window.find(position, TRANSACTION_HEADER);
  if (offset >= 0) return readTransactionHeader(window.bytes, offset, position);
  const fault = `should have a header of ${TRANSACTION_HEADER} bytes, the file ends after ${to - position}`;
  throw corrupted(window.file, "transaction", position, fault);
}

function windowOn(source: DiskFile | FileWindow, size?: number): FileWindow {
  if (source instanceof FileWindow) return source;
  return size !== undefined && size < 1 << 20 ? new FileWindow(source, size) : new FileWindow(source);
}

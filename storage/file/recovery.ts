/**
 * Reading a Data.fs into an index, and finding where its good part ends.
 *
 * A process that is killed, or a machine that loses power, leaves a last transaction that is unfinished: its file
 * ends too early, or its status still says "voted". It was never acknowledged, so it is cut off, and its bytes are
 * kept beside the file. Anything else that is wrong is not the trace of a crash, and nobody's to repair but the
 * operator's: it is an error, and the file stays as it is.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { dirname } from "@std/path";
import { formatOid, formatTid, readPosition, type Tid } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";
import {
  isKnownStatus,
  readTransactionHeader,
  type RecordHeader,
  TRANSACTION_HEADER,
  TRANSACTION_TRAILER,
  transactionEnd,
  transactionFault,
  type TransactionHeader,
  TransactionStatus,
} from "./format.ts";
import type { OidIndex } from "./oid_index.ts";
import { corrupted, lengthFault, recordsOf } from "./scan.ts";
import { FileWindow } from "./scan_window.ts";

const log = getLogger(["zeo", "storage", "file"]);

/** Wrong previous pointers are harmless one by one; a file full of them must not fill the log. */
const POINTERS_TOLD = 10;

const COPY_SIZE = 1 << 20;

/** Where indexing starts, and where it stops. */
export interface IndexRange {
  /** Position of the first transaction to index. */
  readonly from: number;
  /** The transaction before that one; 0 at the start of the file. */
  readonly lastTid: Tid;
  /** The first transaction not to index: the storage is opened as it was before. */
  readonly stop?: Tid;
}

/** What is left behind the last good transaction. */
export interface Tail {
  /** What it looks like, for people. */
  readonly fault: string;
  /** Whether it can hold something that anybody may want to see. */
  readonly worthKeeping: boolean;
}

/** What indexing found. */
export interface Indexed {
  /** Position behind the last good transaction. */
  readonly end: number;
  /** The latest good transaction, which is the last one but after a time-stamp reduction. */
  readonly lastTid: Tid;
  /** What comes behind it, when the file doesn't end there and that was not wanted. */
  readonly tail?: Tail;
}

/**
 * Puts the transactions of a file into an index, up to its end, an unfinished transaction, or `stop`.
 *
 * @throws {CorruptedTransactionError} when a transaction contradicts itself in a way that no crash explains.
 */
export function indexTransactions(file: DiskFile, index: OidIndex, range: IndexRange): Indexed {
  const window = new FileWindow(file);
  const size = file.size();
  const pointers = new PointerCheck(file.path, index);
  let { from: position, lastTid } = range;
  let tail: Tail | undefined;
  while (position < size) {
    const offset = size - position < TRANSACTION_HEADER ? -1 : window.find(position, TRANSACTION_HEADER);
    if (offset < 0) {
      const fault = `has ${size - position} bytes, its header alone needs ${TRANSACTION_HEADER}`;
      tail = { fault, worthKeeping: false };
      break;
    }
    const transaction = readTransactionHeader(window.bytes, offset, position);
    const fault = unfinishedFault(transaction, file, size);
    if (fault !== undefined) {
      tail = { fault, worthKeeping: true };
      break;
    }
    if (range.stop !== undefined && transaction.tid >= range.stop) break;
    if (transaction.tid <= lastTid) {
      log.warn(
        `${file.path}: transaction at ${position} has tid ${formatTid(transaction.tid)}, ` +
          `expected one after ${formatTid(lastTid)}: time-stamp reduction`,
      );
    }
    indexTransaction(window, transaction, pointers);
    if (transaction.tid > lastTid) lastTid = transaction.tid;
    position = transactionEnd(transaction);
  }
  pointers.report();
  return { end: position, lastTid, tail };
}

/**
 * What shows that a transaction was never finished, if something does.
 *
 * @throws {CorruptedTransactionError} when its header is wrong although the file goes on as if it were whole.
 */
function unfinishedFault(transaction: TransactionHeader, file: DiskFile, size: number): string | undefined {
  const fault = transactionFault(transaction, size);
  if (transactionEnd(transaction) > size) return fault;
  if (transaction.status === TransactionStatus.voted) return "was voted and not finished";
  if (fault === undefined) return undefined;
  // Blocks of a torn write may be missing anywhere in it. A file that ends in what can be the copy of a length
  // was not torn.
  const trailer = new Uint8Array(TRANSACTION_TRAILER);
  file.read(trailer, size - TRANSACTION_TRAILER);
  const last = readPosition(trailer, 0);
  if (last < TRANSACTION_HEADER || last > size - transaction.position) return fault;
  throw corrupted(file, "transaction", transaction.position, fault);
}

function indexTransaction(window: FileWindow, transaction: TransactionHeader, pointers: PointerCheck): void {
  const { position, status } = transaction;
  if (!isKnownStatus(status)) {
    log.warn(
      `${window.file.path}: transaction at ${position} has invalid status ${JSON.stringify(status)}, ` +
        `expected " ", "p", "c" or "u"; taken for complete`,
    );
  }
  if (status !== TransactionStatus.undone) {
    for (const record of recordsOf(window, transaction)) pointers.put(record);
  }
  const fault = lengthFault(window, transaction);
  if (fault) throw corrupted(window.file, "transaction", position, fault);
}

/** Puts records into an index, and tells of those that don't name their object's previous record. */
class PointerCheck {
  #wrong = 0;

  constructor(readonly path: string, readonly index: OidIndex) {}

  put({ oid, previous, position, transaction }: RecordHeader): void {
    const expected = this.index.get(oid) ?? 0;
    // Of two records for one object in one transaction, both name the one in the transaction before.
    if (previous !== expected && expected < transaction && this.#wrong++ < POINTERS_TOLD) {
      const message =
        `${this.path}: record of ${formatOid(oid)} at ${position} says that its previous is at ` +
        `${previous}, expected ${expected}`;
      if (previous === 0) log.warn(message);
      else log.error(message);
    }
    this.index.set(oid, position);
  }

  report(): void {
    const untold = this.#wrong - POINTERS_TOLD;
    if (untold > 0) log.warn(`${this.path}: ${untold} more records with another previous than expected`);
  }
}

/**
 * Cuts off what comes behind `end`, after saving it in a file of its own beside the first if it is worth that.
 * The copy is durable before anything is cut.
 *
 * @returns the path of the copy, if one was made.
 */
export function cutTail(file: DiskFile, end: number, tail: Tail, disk: Disk): string | undefined {
  const copy = tail.worthKeeping ? saveTail(file, end, disk) : undefined;
  file.truncate(end);
  file.syncNow();
  log.warn(
    `${file.path} truncated at ${end}: a transaction ${tail.fault}${
      copy === undefined ? "" : `, kept in ${copy}`
    }`,
  );
  return copy;
}

function saveTail(file: DiskFile, from: number, disk: Disk): string {
  let number = 0;
  while (disk.exists(`${file.path}.tr${number}`)) number++;
  const path = `${file.path}.tr${number}`;
  const copy = disk.open(path, "create");
  try {
    const buffer = new Uint8Array(Math.min(COPY_SIZE, file.size() - from));
    for (let done = 0;;) {
      const count = file.read(buffer, from + done);
      if (count === 0) break;
      copy.write(buffer.subarray(0, count), done);
      done += count;
    }
    copy.syncNow();
  } catch (error) {
    disk.remove(path);
    throw error;
  } finally {
    copy.close();
  }
  disk.syncDirectory(dirname(path));
  return path;
}

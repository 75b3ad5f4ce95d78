/**
 * Walking a Data.fs for a pack: as `scan.ts` does, without an object for each record, since there are millions.
 *
 * @module
 */

import { type Oid, oidFromBytes, read16, readPosition, type Tid, tidFromBytes } from "../../values/mod.ts";
import {
  BACK_POINTER,
  headerLength,
  readRecordHeader,
  RECORD_HEADER,
  recordFault,
  recordLength,
  transactionEnd,
  transactionFault,
  type TransactionHeader,
} from "./format.ts";
import { corrupted, headerAt, lengthFault } from "./scan.ts";
import type { FileWindow } from "./scan_window.ts";

/**
 * A place in a file: a transaction, and one of its records.
 *
 * Whatever contradicts itself is a {@linkcode CorruptedTransactionError}.
 */
export class PackCursor {
  /** What the cursor reads through. */
  readonly window: FileWindow;
  /** The transaction it is in. */
  transaction!: TransactionHeader;
  /** Position of the record it is at. */
  position = 0;
  /** Bytes of the record's data. */
  size = 0;
  /** The record's back pointer, where it has no data. */
  back = 0;
  /** Where the record is in the window; until the window is asked for something else. */
  offset = 0;
  #next = 0;
  #recordsEnd = 0;

  constructor(window: FileWindow) {
    this.window = window;
  }

  /** Where the transaction ends, and the next one starts. */
  get end(): number {
    return transactionEnd(this.transaction);
  }

  /** The object whose record it is at; to be asked before the window moves. */
  get oid(): Oid {
    return oidFromBytes(this.window.bytes, this.offset);
  }

  /** The revision of the record that it is at; to be asked before the window moves. */
  get tid(): Tid {
    return tidFromBytes(this.window.bytes, this.offset + 8);
  }

  /** Goes to the transaction at a position, before its first record. @param end Where the file's good part ends. */
  enter(position: number, end: number): void {
    const { window } = this;
    const transaction = headerAt(window, position, end);
    const fault = transactionFault(transaction, end);
    if (fault) throw corrupted(window.file, "transaction", position, fault);
    this.transaction = transaction;
    this.#next = position + headerLength(transaction);
    this.#recordsEnd = position + transaction.length;
  }

  /** Goes to the next record of the transaction; false after its last. */
  next(): boolean {
    const position = this.#next;
    if (position >= this.#recordsEnd) {
      this.leave();
      return false;
    }
    this.#at(position);
    this.#next = position + recordLength(this.size);
    return true;
  }

  /** Goes to the record of this transaction that is known to be at a position. */
  seek(position: number): void {
    this.#at(position);
  }

  /** Checks the end of the transaction, for one who didn't walk there. */
  leave(): void {
    const fault = lengthFault(this.window, this.transaction);
    if (fault) throw corrupted(this.window.file, "transaction", this.transaction.position, fault);
  }

  #at(position: number): void {
    const { window } = this;
    // The transaction's trailer lies behind its last record, so that a back pointer's room is always there.
    const there = position + RECORD_HEADER + 1 <= this.#recordsEnd;
    const offset = there ? window.find(position, RECORD_HEADER + BACK_POINTER) : -1;
    if (offset < 0) {
      const fault = `should have ${RECORD_HEADER + 1} bytes or more, its transaction ends after ${
        this.#recordsEnd - position
      }`;
      throw corrupted(window.file, "record", position, fault);
    }
    const { bytes } = window;
    const size = readPosition(bytes, offset + 34);
    if (
      read16(bytes, offset + 32) !== 0 || readPosition(bytes, offset + 24) !== this.transaction.position ||
      position + recordLength(size) > this.#recordsEnd
    ) {
      const fault = recordFault(readRecordHeader(bytes, offset, position), this.transaction);
      throw corrupted(window.file, "record", position, fault ?? "contradicts its transaction");
    }
    this.position = position;
    this.offset = offset;
    this.size = size;
    this.back = size === 0 ? readPosition(bytes, offset + RECORD_HEADER) : 0;
    if (this.back >= position) {
      throw corrupted(
        window.file,
        "record",
        position,
        `points back to ${this.back}, expected an earlier place`,
      );
    }
  }
}

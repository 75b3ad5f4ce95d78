/**
 * Data.fs: "FS30", then transactions, oldest first. All numbers big-endian.
 *
 *   transaction   tid 8 | length-8 8 | status 1 | user 2 | description 2 | extension 2
 *                 user… | description… | extension… | record… | length-8 8
 *   record        oid 8 | tid 8 | previous 8 | transaction 8 | version 2 (0) | size 8
 *                 data…            size > 0
 *                 back pointer 8   size = 0; 0 means the object was un-created
 *
 * The length is written at both ends, so that the file can be walked either way and a torn tail shows.
 *
 * Reading here only takes bytes apart; whether they make sense is the business of the `…Fault` functions,
 * which answer what is wrong in words, or nothing.
 *
 * @module
 */

import {
  type Oid,
  oidFromBytes,
  read16,
  readPosition,
  type Tid,
  tidFromBytes,
  write16,
  write64,
  writePosition,
} from "../../values/mod.ts";

/** The first four bytes of the file: "FS30". */
export const MAGIC: Uint8Array<ArrayBuffer> = new Uint8Array([0x46, 0x53, 0x33, 0x30]);

/** Where the first transaction starts. */
export const FIRST_TRANSACTION = 4;

/** Bytes of a transaction before its user, description and extension. */
export const TRANSACTION_HEADER = 23;

/** Where the status byte lies in a transaction. */
export const STATUS_OFFSET = 16;

/** Bytes of the copy of the length that ends a transaction. */
export const TRANSACTION_TRAILER = 8;

/** Bytes of a record before its data or back pointer. */
export const RECORD_HEADER = 42;

/** Bytes of the back pointer that a record without data has in place of it. */
export const BACK_POINTER = 8;

/** The longest user, description or extension, in bytes. */
export const MAX_METADATA = 0xffff;

/**
 * How far a transaction has come, one character; {@linkcode TransactionStatus} has those with a meaning. Another
 * character is odd but counts as complete.
 */
export type Status = string;

/** The statuses that mean something. */
export const TransactionStatus = {
  /** An ordinary, finished transaction. */
  complete: " ",
  /** Finished and older than the last pack: it can't be undone. */
  packed: "p",
  /** Voted and never finished: it and everything after it is cut off when the file is opened. */
  voted: "c",
  /** Undone by a storage of long ago: its records don't count. */
  undone: "u",
} as const;

/** What the header of a transaction says. */
export interface TransactionFields {
  /** The transaction's id. */
  readonly tid: Tid;
  /** Bytes of the transaction without the copy of the length at its end. */
  readonly length: number;
  /** One character; see {@linkcode TransactionStatus}. */
  readonly status: Status;
  /** Bytes of the user's name. */
  readonly userLength: number;
  /** Bytes of the description. */
  readonly descriptionLength: number;
  /** Bytes of the extension, a pickle of a dict; 0 for an empty one. */
  readonly extensionLength: number;
}

/** Where a transaction lies and what its header says. */
export interface TransactionHeader extends TransactionFields {
  /** Byte offset in the file. */
  readonly position: number;
}

/** What the header of a record says. Positions are byte offsets in the file. */
export interface RecordFields {
  /** The object. */
  readonly oid: Oid;
  /** The revision: as a rule its transaction's id. */
  readonly tid: Tid;
  /** Position of this object's previous record, in an earlier transaction; 0 for its first. */
  readonly previous: number;
  /** Position of the transaction that the record is part of. */
  readonly transaction: number;
  /** Bytes of the data; 0 for a record that has a back pointer instead. */
  readonly size: number;
}

/** Where a record lies and what its header says. */
export interface RecordHeader extends RecordFields {
  /** Byte offset in the file. */
  readonly position: number;
  /** Length of a version's name: a feature of long ago, and always 0 now. */
  readonly versionLength: number;
}

/** Bytes of the header of a transaction with its user, description and extension. */
export function headerLength(
  transaction: Pick<TransactionFields, "userLength" | "descriptionLength" | "extensionLength">,
): number {
  return TRANSACTION_HEADER + transaction.userLength + transaction.descriptionLength +
    transaction.extensionLength;
}

/** Where the first record of a transaction starts. */
export function recordsStart(transaction: TransactionHeader): number {
  return transaction.position + headerLength(transaction);
}

/** Where the records of a transaction end, and the copy of its length starts. */
export function recordsEnd(transaction: TransactionHeader): number {
  return transaction.position + transaction.length;
}

/** Where a transaction ends, and the next one starts. */
export function transactionEnd(transaction: TransactionHeader): number {
  return transaction.position + transaction.length + TRANSACTION_TRAILER;
}

/** Bytes of a record with `size` bytes of data: header, and data or back pointer. */
export function recordLength(size: number): number {
  return RECORD_HEADER + (size || BACK_POINTER);
}

/**
 * Takes the header of a transaction apart. `offset` is where it starts in `bytes`, which must go on for
 * {@linkcode TRANSACTION_HEADER} bytes; `position` is where that is in the file.
 */
export function readTransactionHeader(
  bytes: Uint8Array,
  offset: number,
  position: number,
): TransactionHeader {
  return {
    position,
    tid: tidFromBytes(bytes, offset),
    length: readPosition(bytes, offset + 8),
    status: String.fromCharCode(bytes[offset + STATUS_OFFSET]),
    userLength: read16(bytes, offset + 17),
    descriptionLength: read16(bytes, offset + 19),
    extensionLength: read16(bytes, offset + 21),
  };
}

/** Writes the header of a transaction, {@linkcode TRANSACTION_HEADER} bytes. */
export function writeTransactionHeader(bytes: Uint8Array, offset: number, fields: TransactionFields): void {
  write64(bytes, offset, fields.tid);
  writePosition(bytes, offset + 8, fields.length);
  bytes[offset + STATUS_OFFSET] = fields.status.charCodeAt(0);
  write16(bytes, offset + 17, fields.userLength);
  write16(bytes, offset + 19, fields.descriptionLength);
  write16(bytes, offset + 21, fields.extensionLength);
}

/**
 * Takes the header of a record apart. `offset` is where it starts in `bytes`, which must go on for
 * {@linkcode RECORD_HEADER} bytes; `position` is where that is in the file.
 */
export function readRecordHeader(bytes: Uint8Array, offset: number, position: number): RecordHeader {
  return {
    position,
    oid: oidFromBytes(bytes, offset),
    tid: tidFromBytes(bytes, offset + 8),
    previous: readPosition(bytes, offset + 16),
    transaction: readPosition(bytes, offset + 24),
    versionLength: read16(bytes, offset + 32),
    size: readPosition(bytes, offset + 34),
  };
}

/** Writes the header of a record, {@linkcode RECORD_HEADER} bytes. */
export function writeRecordHeader(bytes: Uint8Array, offset: number, fields: RecordFields): void {
  write64(bytes, offset, fields.oid);
  write64(bytes, offset + 8, fields.tid);
  writePosition(bytes, offset + 16, fields.previous);
  writePosition(bytes, offset + 24, fields.transaction);
  write16(bytes, offset + 32, 0);
  writePosition(bytes, offset + 34, fields.size);
}

/** Whether a status is one that is known. */
export function isKnownStatus(status: Status): boolean {
  return status === TransactionStatus.complete || status === TransactionStatus.packed ||
    status === TransactionStatus.voted || status === TransactionStatus.undone;
}

/**
 * What is wrong with the header of a transaction in a file whose transactions end at `end`, if something is.
 */
export function transactionFault(transaction: TransactionHeader, end: number): string | undefined {
  const least = headerLength(transaction);
  if (transaction.length < least) {
    return `says ${transaction.length} bytes, its header alone has ${least}`;
  }
  const there = end - transaction.position;
  if (transaction.length + TRANSACTION_TRAILER > there) {
    return `says ${transaction.length} bytes and ${TRANSACTION_TRAILER} more, the file ends after ${there}`;
  }
}

/** What is wrong with the header of a record as a part of its transaction, if something is. */
export function recordFault(record: RecordHeader, transaction: TransactionHeader): string | undefined {
  const { position, size } = record;
  if (record.versionLength !== 0) return `has a version of ${record.versionLength} bytes, expected none`;
  if (record.transaction !== transaction.position) {
    return `says that its transaction is at ${record.transaction}, expected ${transaction.position}`;
  }
  if (position + recordLength(size) > recordsEnd(transaction)) {
    return `has ${size} bytes of data, its transaction ends after ${
      recordsEnd(transaction) - position - RECORD_HEADER
    }`;
  }
}

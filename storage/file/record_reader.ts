/**
 * Reading records by their position: from memory, else from the file.
 *
 * @module
 */

import {
  CorruptedTransactionError,
  formatOid,
  type Oid,
  oidFromBytes,
  readPosition,
  type Tid,
  tidFromBytes,
} from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import type { TransactionMetadata } from "../storage.ts";
import {
  BACK_POINTER,
  headerLength,
  readTransactionHeader,
  RECORD_HEADER,
  TRANSACTION_HEADER,
  type TransactionHeader,
} from "./format.ts";
import { RecordCache, type StoredRecord } from "./record_cache.ts";

/** What is read at once: most records are smaller, so that header and data come in one call. */
const READ = 4096;

/** A chain of back pointers longer than this is a loop. */
const LONGEST_CHAIN = 100_000;

/** See the module. */
export class RecordReader {
  readonly #file: DiskFile;
  readonly #cache: RecordCache;
  readonly #scratch = new Uint8Array(READ);

  /** @param cacheSize Bytes of memory for records. */
  constructor(file: DiskFile, cacheSize: number) {
    this.#file = file;
    this.#cache = new RecordCache(cacheSize);
  }

  /** The records in memory. */
  get cache(): RecordCache {
    return this.#cache;
  }

  /**
   * The record at a position that the index or another record gave.
   *
   * @param oid Whose it has to be, so that a wrong index never gives an object another's data.
   */
  record(position: number, oid?: Oid): StoredRecord {
    const record = this.#cache.get(position) ?? this.#read(position);
    if (oid === undefined || record.oid === oid) return record;
    throw new CorruptedTransactionError(
      `${this.#file.path}: record at ${position} is of ${formatOid(record.oid)}, expected ${
        formatOid(oid)
      }: ` +
        `the file or its index is damaged; without the index it is made anew`,
    );
  }

  #read(position: number): StoredRecord {
    const scratch = this.#scratch;
    const there = this.#file.read(scratch, position);
    if (there < RECORD_HEADER + 1) throw this.#torn(position, RECORD_HEADER, there);
    const size = readPosition(scratch, 34);
    const length = RECORD_HEADER + (size || BACK_POINTER);
    const header = {
      oid: oidFromBytes(scratch, 0),
      tid: tidFromBytes(scratch, 8),
      previous: readPosition(scratch, 16),
      transaction: readPosition(scratch, 24),
    };
    if (header.previous >= position || header.transaction >= position) {
      throw new CorruptedTransactionError(
        `${this.#file.path}: record at ${position} points to ${header.previous} and ${header.transaction}, expected earlier places`,
      );
    }
    if (size === 0) {
      if (there < length) throw this.#torn(position, length, there);
      const back = readPosition(scratch, RECORD_HEADER);
      return this.#cache.add(position, { ...header, data: null, back });
    }
    if (length <= there) {
      return this.#cache.add(position, { ...header, data: scratch.subarray(RECORD_HEADER, length), back: 0 });
    }
    if (position + length > this.#file.size()) {
      throw this.#torn(position, length, this.#file.size() - position);
    }
    const data = new Uint8Array(size);
    this.#file.read(data, position + RECORD_HEADER);
    return this.#cache.add(position, { ...header, data, back: 0 });
  }

  #torn(position: number, expected: number, found: number): CorruptedTransactionError {
    return new CorruptedTransactionError(
      `${this.#file.path}: record at ${position} has ${expected} bytes, the file ends after ${found}`,
    );
  }

  /** The data of a record, from where it is shared if need be; null when the object is gone. */
  data(record: StoredRecord): Uint8Array | null {
    for (let steps = 0; record.data === null; steps++) {
      if (record.back === 0) return null;
      if (steps > LONGEST_CHAIN) {
        throw new CorruptedTransactionError(
          `${this.#file.path}: back pointers in a circle at ${record.back}`,
        );
      }
      record = this.record(record.back, record.oid);
    }
    return record.data;
  }

  /** The header of the transaction at a position. */
  transaction(position: number): TransactionHeader {
    const header = new Uint8Array(TRANSACTION_HEADER);
    const there = this.#file.read(header, position);
    if (there < TRANSACTION_HEADER) {
      throw new CorruptedTransactionError(
        `${this.#file.path}: transaction at ${position} has a header of ${TRANSACTION_HEADER} bytes, the file ends after ${there}`,
      );
    }
    return readTransactionHeader(header, 0, position);
  }

  /** Who made a transaction, what for, and what else it says. */
  metadata(transaction: TransactionHeader): TransactionMetadata {
    const texts = new Uint8Array(headerLength(transaction) - TRANSACTION_HEADER);
    this.#file.read(texts, transaction.position + TRANSACTION_HEADER);
    const description = transaction.userLength + transaction.descriptionLength;
    return {
      user: texts.subarray(0, transaction.userLength),
      description: texts.subarray(transaction.userLength, description),
      extension: texts.subarray(description),
    };
  }

  /** Position of the record of an object that one transaction wrote, walking back from its newest record. */
  find(oid: Oid, newest: number, tid: Tid): number | undefined {
    for (let position = newest; position !== 0;) {
      const record = this.record(position, oid);
      if (record.tid === tid) return position;
      position = record.previous;
    }
  }
}

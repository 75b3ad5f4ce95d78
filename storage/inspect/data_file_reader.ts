/**
 * Looking into a Data.fs: its transactions and records with their places in the file, oldest or newest first.
 *
 * It takes no lock, changes nothing and needs no index, so it may be used beside a process that has the file open. What
 * that one has not finished writing is not shown.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { CorruptedTransactionError, FileStorageFormatError, type Oid, type Tid } from "../../values/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import {
  FIRST_TRANSACTION,
  headerLength,
  MAGIC,
  recordsEnd,
  TRANSACTION_HEADER,
  transactionEnd,
  transactionFault,
  type TransactionHeader,
  TransactionStatus,
} from "../file/format.ts";
import { RecordReader } from "../file/record_reader.ts";
import { corrupted, headerAt, lengthFault, previousTransaction, recordsOf } from "../file/scan.ts";
import { FileWindow } from "../file/scan_window.ts";
import type { TransactionMetadata } from "../storage.ts";

/** A transaction with its place in the file. Positions are byte offsets. */
export interface PlacedTransaction extends TransactionMetadata {
  /** Where it starts. */
  readonly position: number;
  /** The transaction. */
  readonly tid: Tid;
  /** Bytes of it, without the copy of this length at its end. */
  readonly length: number;
  /** Its status character: `" "`, or `"p"` before the last pack. */
  readonly status: string;
  /** Where its first record starts. */
  readonly recordsStart: number;
  /** Where its last record ends. */
  readonly recordsEnd: number;
}

/** A record with its place in the file. Positions are byte offsets. */
export interface PlacedRecord {
  /** Where it starts. */
  readonly position: number;
  /** The object. */
  readonly oid: Oid;
  /** The revision; its transaction's id. */
  readonly tid: Tid;
  /** Where the object's record before this one is; 0 when there is none. */
  readonly previous: number;
  /** Where the record is whose data this one shares; 0 when it has data of its own, or is of an object that is gone. */
  readonly back: number;
  /** The transaction of that record; null when there is none. */
  readonly dataTid: Tid | null;
  /** The record's data, wherever it is; null when it says that the object is gone. */
  readonly data: Uint8Array | null;
}

/** What a file has behind its last finished transaction. */
export interface Unfinished {
  /** Where it starts. */
  readonly position: number;
  /** How many bytes it has. */
  readonly bytes: number;
  /** What it looks like, in words. */
  readonly reason: string;
  /** Whether it begins with a transaction that is voted: whoever writes the file may still finish it. */
  readonly voted: boolean;
}

const HASH_CHUNK = 1 << 20;

/** See the module. */
export class DataFileReader implements Disposable {
  /** The path, as given. */
  readonly path: string;
  /** Bytes of the file when it was opened: what came later is not looked at. */
  readonly size: number;
  readonly #file: DiskFile;
  readonly #window: FileWindow;
  readonly #reader: RecordReader;
  #unfinished?: Unfinished;

  /**
   * Opens a file to read.
   *
   * @throws {FileStorageFormatError} when it is no Data.fs.
   */
  static open(path: string, disk: Disk = realDisk): DataFileReader {
    const file = disk.open(path, "read");
    try {
      return new DataFileReader(path, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(path: string, file: DiskFile) {
    this.path = path;
    this.#file = file;
    this.size = file.size();
    const magic = new Uint8Array(MAGIC.length);
    const count = file.read(magic, 0);
    if (this.size > 0 && (count < MAGIC.length || !MAGIC.every((byte, place) => byte === magic[place]))) {
      const found = JSON.stringify(String.fromCharCode(...magic.subarray(0, count)));
      throw new FileStorageFormatError(`${path}: starts with ${found}, expected "FS30": not a Data.fs`);
    }
    this.#window = new FileWindow(file);
    this.#reader = new RecordReader(file, 0);
  }

  /** What was found behind the last finished transaction, once an iteration has come there. */
  get unfinished(): Unfinished | undefined {
    return this.#unfinished;
  }

  /**
   * The finished transactions, oldest first.
   *
   * @throws {CorruptedTransactionError} when one contradicts itself.
   */
  *transactions(): Generator<PlacedTransaction, void> {
    for (const header of this.#headers()) yield this.#placed(header);
  }

  /**
   * The finished transactions, newest first. Where something unfinished follows them, the whole file is read once.
   *
   * @throws {CorruptedTransactionError} when one contradicts itself.
   */
  *backwards(): Generator<PlacedTransaction, void> {
    for (let end = this.#end(); end > FIRST_TRANSACTION;) {
      const header = previousTransaction(this.#file, end);
      if (header === undefined) return;
      const fault = transactionFault(header, end);
      if (fault !== undefined) throw corrupted(this.#file, "transaction", header.position, fault);
      yield this.#placed(header);
      end = header.position;
    }
  }

  /**
   * The records of a transaction, in their order.
   *
   * @throws {CorruptedTransactionError} when one contradicts its transaction.
   */
  *records(transaction: PlacedTransaction): Generator<PlacedRecord, void> {
    // A window of its own: whoever goes through the transactions needs the other one where it is.
    const header: TransactionHeader = this.#reader.transaction(transaction.position);
    for (const { position, oid, tid, previous } of recordsOf(this.#file, header)) {
      const record = this.#reader.record(position);
      const shares = record.data === null && record.back !== 0;
      yield {
        position,
        oid,
        tid,
        previous,
        back: shares ? record.back : 0,
        dataTid: shares ? this.#reader.record(record.back).tid : null,
        data: this.#reader.data(record),
      };
    }
  }

  /** SHA-1 of a transaction's records, in hex: what `fstail` shows. */
  contentHash({ recordsStart, recordsEnd }: PlacedTransaction): string {
    const hash = createHash("sha1");
    for (let position = recordsStart; position < recordsEnd; position += HASH_CHUNK) {
      const chunk = new Uint8Array(Math.min(HASH_CHUNK, recordsEnd - position));
      hash.update(chunk.subarray(0, this.#file.read(chunk, position)));
    }
    return hash.digest("hex");
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  *#headers(): Generator<TransactionHeader, void> {
    for (let position = FIRST_TRANSACTION; position < this.size;) {
      const left = this.size - position;
      if (left < TRANSACTION_HEADER) {
        return this.#stop(position, `a header of ${TRANSACTION_HEADER} bytes has only ${left}`);
      }
      const header = headerAt(this.#window, position, this.size);
      if (header.status === TransactionStatus.voted) {
        return this.#stop(position, "voted and not finished", true);
      }
      const fault = transactionFault(header, this.size);
      if (fault !== undefined && transactionEnd(header) > this.size) return this.#stop(position, fault);
      const wrong = fault ?? lengthFault(this.#window, header);
      if (wrong !== undefined) throw corrupted(this.#file, "transaction", position, wrong);
      yield header;
      position = transactionEnd(header);
    }
  }

  #stop(position: number, reason: string, voted = false): void {
    this.#unfinished = { position, bytes: this.size - position, reason, voted };
  }

  /** Where the last finished transaction ends. */
  #end(): number {
    try {
      const last = previousTransaction(this.#file, this.size);
      if (last === undefined) return this.size;
      if (last.status === TransactionStatus.complete || last.status === TransactionStatus.packed) {
        return this.size;
      }
    } catch (error) {
      if (!(error instanceof CorruptedTransactionError)) throw error;
    }
    let end = Math.min(this.size, FIRST_TRANSACTION);
    for (const header of this.#headers()) end = transactionEnd(header);
    return end;
  }

  #placed(header: TransactionHeader): PlacedTransaction {
    const { position, tid, length, status } = header;
    return {
      position,
      tid,
      length,
      status,
      recordsStart: position + headerLength(header),
      recordsEnd: recordsEnd(header),
      ...this.#reader.metadata(header),
    };
  }
}

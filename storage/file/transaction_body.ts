/**
 * The bytes of a transaction while it is collected, laid out as they will lie in the file.
 *
 *   header 23, user, description, extension | record header 42, data | record header 42, data | … | length 8
 *
 * What is known only at the end (the transaction's id and length, each record's position in the file and the
 * one of the record before it) is filled in by {@linkcode TransactionBody.writeTo}. Past a bound the bytes go to
 * a temporary file, so that a transaction may be bigger than memory.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Awaitable,
  FileStorageError,
  type Oid,
  readPosition,
  type Tid,
  writePosition,
} from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import { pause } from "../slice.ts";
import type { TransactionMetadata } from "../storage.ts";
import type { RecordCache } from "./record_cache.ts";
import { RECORD_HEADER, TRANSACTION_HEADER, writeRecordHeader, writeTransactionHeader } from "./format.ts";
import type { SpillFiles } from "./spill_files.ts";

/** One record of the transaction. Offsets count from the transaction's start. */
export interface BodyRecord {
  readonly oid: Oid;
  /** Offset of the record's header. */
  readonly offset: number;
  /** Bytes of its data; 0 for one with a back pointer. */
  readonly size: number;
  /** The record's own transaction id, where it isn't the transaction's. */
  readonly tid?: Tid;
  /** Position of the record whose data it shares; 0 when it says that the object is gone. */
  readonly back?: number;
}

const log = getLogger(["zeo", "storage", "file"]);

/** Bytes that are kept in memory for one transaction. */
const SPILL = 8 << 20;
const FIRST_CAPACITY = 4096;
/** Memory of finished transactions that waits for the next ones: buffers, and bytes of one. */
const MOST_SPARE = 8, LARGEST_SPARE = 256 << 10;
const COPY = 1 << 20;
/** A transaction with more records than this is an import: its records are not what is wanted next. */
const MOST_STORED = 1000;
/** Big records that were written are not kept before somebody asks for them. */
const LARGEST_OFFER = 16 << 10;
/** Small writes between two pauses. */
const WRITES_A_TURN = 1000;

/** Taking new memory for each transaction, from small to big, keeps the garbage collector busy. */
const spare: Uint8Array<ArrayBuffer>[] = [];

/** See the module. */
export class TransactionBody {
  readonly #metadata: TransactionMetadata;
  readonly #place: SpillFiles;
  readonly #records: BodyRecord[] = [];
  /** The number of each object's last record; made when somebody asks. */
  #newest?: Map<Oid, number>;
  /** May have another transaction's bytes in it where this one's are not yet. */
  #bytes: Uint8Array<ArrayBuffer> = spare.pop() ?? new Uint8Array(FIRST_CAPACITY);
  /** Bytes in `#bytes`. */
  #used = 0;
  /** Bytes in the temporary file, all before those in memory. */
  #spilled = 0;
  #file?: DiskFile;

  constructor(metadata: TransactionMetadata, place: SpillFiles) {
    this.#metadata = metadata;
    this.#place = place;
    const { user, description, extension } = metadata;
    this.#room(TRANSACTION_HEADER + user.length + description.length + extension.length);
    this.#used = TRANSACTION_HEADER;
    for (const text of [user, description, extension]) {
      this.#bytes.set(text, this.#used);
      this.#used += text.length;
    }
  }

  /** The records, in the order in which they came. */
  get records(): readonly BodyRecord[] {
    return this.#records;
  }

  /** Bytes of the whole transaction, with the length at its end. */
  get length(): number {
    return this.#spilled + this.#used + 8;
  }

  /** Adds a record with data. @param tid The record's id where it isn't the transaction's. */
  addData(oid: Oid, data: Uint8Array, tid?: Tid): void {
    const offset = this.#room(RECORD_HEADER + data.length);
    this.#bytes.set(data, this.#used + RECORD_HEADER);
    this.#added({ oid, offset, size: data.length, tid }, RECORD_HEADER + data.length);
  }

  /** Adds a record that shares the data of the one at position `back`; 0 says that the object is gone. */
  addBackPointer(oid: Oid, back: number, tid?: Tid): void {
    const offset = this.#room(RECORD_HEADER + 8);
    writePosition(this.#bytes, this.#used + RECORD_HEADER, back);
    this.#added({ oid, offset, size: 0, tid, back }, RECORD_HEADER + 8);
  }

  /** The data of a record, by its number. */
  dataOf(number: number): Uint8Array {
    const { offset, size } = this.#records[number];
    const start = offset + RECORD_HEADER;
    if (offset >= this.#spilled) {
      return this.#bytes.slice(start - this.#spilled, start - this.#spilled + size);
    }
    const data = new Uint8Array(size);
    this.#file!.read(data, start);
    return data;
  }

  /** Offers a cache the records that are whole in memory, once they were written. @param transaction Its position. */
  offerTo(cache: RecordCache, transaction: number, tid: Tid): void {
    if (this.#records.length > MOST_STORED) return;
    if (!cache.hold(this.#bytes.subarray(0, this.#used))) return;
    for (const record of this.#records) {
      const start = record.offset - this.#spilled, { size } = record;
      if (start < 0 || size === 0 || size > LARGEST_OFFER || record.tid !== undefined) continue;
      const fields = {
        oid: record.oid,
        tid,
        previous: readPosition(this.#bytes, start + 16),
        transaction,
        back: 0,
      };
      cache.keep(transaction + record.offset, fields, start + RECORD_HEADER, size);
    }
  }

  /** The number of an object's last record in this transaction, if it has one. */
  newest(oid: Oid): number | undefined {
    this.#newest ??= new Map(this.#records.map((record, number) => [record.oid, number]));
    return this.#newest.get(oid);
  }

  /**
   * Puts other data in place of a record's. In a transaction that has outgrown memory the record may stay, and a later
   * one for the same object counts instead, as the format allows.
   */
  replace(number: number, data: Uint8Array): void {
    const { oid, offset, size, tid } = this.#records[number];
    if (offset < this.#spilled) {
      this.addData(oid, data, tid);
      return;
    }
    const start = offset - this.#spilled + RECORD_HEADER, rest = start + size, growth = data.length - size;
    const bytes = new Uint8Array(Math.max(this.#bytes.length, this.#used + growth + 8));
    bytes.set(this.#bytes.subarray(0, start));
    bytes.set(data, start);
    bytes.set(this.#bytes.subarray(rest, this.#used), start + data.length);
    this.#bytes = bytes;
    this.#used += growth;
    this.#records[number] = { oid, offset, size: data.length, tid };
    for (let later = number + 1; later < this.#records.length; later++) {
      this.#records[later] = { ...this.#records[later], offset: this.#records[later].offset + growth };
    }
  }

  #added(record: BodyRecord, length: number): void {
    this.#used += length;
    this.#records.push(record);
    this.#newest?.set(record.oid, this.#records.length - 1);
  }

  /** Makes room for a record; returns its offset. */
  #room(length: number): number {
    if (this.#used > 0 && this.#used + length > SPILL) this.#spill();
    if (this.#used + length + 8 > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(this.#used + length + 8, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = bigger;
    }
    return this.#spilled + this.#used;
  }

  #spill(): void {
    if (!this.#file) {
      const path = this.#place.path();
      this.#file = this.#place.disk.open(path, "create");
    }
    this.#file.write(this.#bytes.subarray(0, this.#used), this.#spilled);
    this.#spilled += this.#used;
    this.#used = 0;
  }

  /**
   * Writes the transaction into the database file: at once where it fits in memory, else piece by piece with
   * pauses in which others are served.
   *
   * One that does not fit is written as unfinished, made durable, and then marked as complete, since a crash
   * between two writes must not leave something that looks whole.
   *
   * @param position Where it starts.
   * @param previous Tells the position of an object's current record; 0 for none.
   */
  writeTo(
    file: DiskFile,
    position: number,
    tid: Tid,
    status: string,
    previous: (oid: Oid) => number,
  ): Awaitable<void> {
    writePosition(this.#bytes, this.#used, this.length - 8);
    const memory = this.#bytes.subarray(0, this.#used + 8);
    const late: [number, Uint8Array][] = [];
    for (const record of this.#records) {
      const header = {
        oid: record.oid,
        tid: record.tid ?? tid,
        previous: previous(record.oid),
        transaction: position,
        size: record.size,
      };
      if (record.offset >= this.#spilled) {
        writeRecordHeader(memory, record.offset - this.#spilled, header);
      } else {
        const bytes = new Uint8Array(RECORD_HEADER);
        writeRecordHeader(bytes, 0, header);
        late.push([record.offset, bytes]);
      }
    }
    if (this.#spilled === 0) {
      this.#writeHeader(memory, tid, status);
      file.write(memory, position);
      return;
    }
    return this.#writeInPieces(file, position, tid, status, memory, late);
  }

  async #writeInPieces(
    file: DiskFile,
    position: number,
    tid: Tid,
    status: string,
    memory: Uint8Array,
    late: [number, Uint8Array][],
  ): Promise<void> {
    const header = new Uint8Array(TRANSACTION_HEADER);
    this.#writeHeader(header, tid, "c");
    // The header first: from the first byte on, the file says that this is unfinished.
    file.write(header, position);
    const chunk = new Uint8Array(COPY);
    for (let offset = TRANSACTION_HEADER; offset < this.#spilled;) {
      const part = chunk.subarray(0, Math.min(COPY, this.#spilled - offset));
      if (this.#file!.read(part, offset) < part.length) {
        throw new FileStorageError(
          `${this.#file!.path}: ends before the ${this.#spilled} bytes that were written to it`,
        );
      }
      file.write(part, position + offset);
      offset += part.length;
      await pause();
    }
    file.write(memory, position + this.#spilled);
    for (const [number, [offset, bytes]] of late.entries()) {
      file.write(bytes, position + offset);
      if (number % WRITES_A_TURN === WRITES_A_TURN - 1) await pause();
    }
    await file.sync();
    this.#writeHeader(header, tid, status);
    file.write(header, position);
  }

  #writeHeader(bytes: Uint8Array, tid: Tid, status: string): void {
    writeTransactionHeader(bytes, 0, {
      tid,
      length: this.length - 8,
      status,
      userLength: this.#metadata.user.length,
      descriptionLength: this.#metadata.description.length,
      extensionLength: this.#metadata.extension.length,
    });
  }

  /** Gives up the memory and the temporary file. */
  release(): void {
    if (this.#file) {
      const { path } = this.#file;
      try {
        this.#file.close();
        this.#place.disk.remove(path);
        this.#place.released(path);
      } catch (error) {
        // The transaction may be durable by now: a temporary file that stays must not make it look failed.
        log.warn(`${path}: could not be removed: ${error instanceof Error ? error.message : error}`);
      }
      this.#file = undefined;
    }
    if (
      spare.length < MOST_SPARE && this.#bytes.length >= FIRST_CAPACITY && this.#bytes.length <= LARGEST_SPARE
    ) {
      spare.push(this.#bytes);
    }
    this.#bytes = new Uint8Array(0);
    this.#used = this.#spilled = 0;
  }
}

/**
 * The storage behind a Data.fs: an append-only file of transactions, and in memory where each object's newest
 * record lies.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  equalBytes,
  FileStorageError,
  MAX_OID,
  type Oid,
  POSKeyError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
} from "../../values/mod.ts";
import { type Disk, realDisk } from "../disk.ts";
import {
  type BeginOptions,
  capabilities,
  type Capability,
  type CurrentRecord,
  type CurrentRecordIteration,
  type DeletingTransaction,
  type ExternalGC,
  type IterableStorage,
  type IteratedTransaction,
  type Loaded,
  type RestorableStorage,
  type RestoringTransaction,
  type Revision,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
  type UndoingTransaction,
} from "../storage.ts";
import { Appender } from "./appender.ts";
import { FileTransaction, type TransactionHost } from "./file_transaction.ts";
import { saveIndex } from "./index_file.ts";
import { LockFile } from "./lock_file.ts";
import { iterateTransactions } from "./iteration.ts";
import { type Merge, mergeNothing } from "./merge.ts";
import { openDataFile } from "./open.ts";
import { RecordReader } from "./record_reader.ts";
import { previousTransaction, recordsOf } from "./scan.ts";
import { undoLog } from "./undo.ts";
import { VisibleFile } from "./visible_file.ts";
import { Voting } from "./voting.ts";

/** How a file storage is opened. */
export interface FileStorageOptions {
  /** Start with an empty file, whatever is there. */
  create?: boolean;
  /** Open it to read only, beside a process that writes; takes no lock and changes no file. */
  readOnly?: boolean;
  /** Bytes beyond which no transaction may start a record. */
  quota?: number;
  /** How concurrent changes to one object are merged; not at all unless told. */
  merge?: Merge;
  /** Bytes of memory for records; 64 MiB unless told otherwise. */
  cacheSize?: number;
  /** Where the files are; the machine's own disk unless a test puts another in its place. */
  disk?: Disk;
  /** What time it is, in milliseconds since 1970; for tests. */
  now?: () => number;
}

/** What a transaction of a file storage can do. */
export type FileStorageTransaction = RestoringTransaction & DeletingTransaction & UndoingTransaction;

const DEFAULT_CACHE = 64 << 20;

const log = getLogger(["zeo", "storage", "file"]);

/**
 * A ZODB file storage, byte for byte compatible with Python's.
 *
 * @example
 * ```ts ignore
 * await using storage = FileStorage.open("Data.fs");
 * const root = storage.loadBefore(ROOT_OID, MAX_TID);
 * ```
 */
export class FileStorage
  implements RestorableStorage, ExternalGC, IterableStorage, CurrentRecordIteration, UndoableStorage {
  readonly kind = "FileStorage";
  readonly concurrentVotes = true;
  /** What it offers. */
  readonly [capabilities]: readonly Capability[] = [
    "IStorageRestoreable",
    "IStorageIteration",
    "IStorageUndoable",
    "IStorageCurrentRecordIteration",
    "IExternalGC",
    "IStorage",
  ];
  readonly name: string;
  readonly readOnly: boolean;
  readonly #disk: Disk;
  readonly #lock?: LockFile;
  readonly #visible: VisibleFile;
  readonly #voting: Voting;
  readonly #appender: Appender;
  readonly #host: TransactionHost;
  #maxOid: Oid;
  #temporaryFiles = 0;
  #closed = false;

  /**
   * Opens a Data.fs, or makes one.
   *
   * @throws {LockError} when another process has it.
   * @throws {FileStorageFormatError} when it is something else.
   * @throws {CorruptedTransactionError} when a transaction before the last contradicts itself.
   */
  static open(path: string, options: FileStorageOptions = {}): FileStorage {
    const lock = options.readOnly ? undefined : LockFile.acquire(`${path}.lock`);
    try {
      return new FileStorage(path, options, lock);
    } catch (error) {
      lock?.release();
      throw error;
    }
  }

  private constructor(path: string, options: FileStorageOptions, lock?: LockFile) {
    this.name = path;
    this.readOnly = options.readOnly ?? false;
    this.#disk = options.disk ?? realDisk;
    this.#lock = lock;
    const { file, index, end, lastTid, maxOid } = openDataFile(path, {
      disk: this.#disk,
      readOnly: this.readOnly,
      create: options.create ?? false,
    });
    const reader = new RecordReader(file, options.cacheSize ?? DEFAULT_CACHE);
    this.#visible = new VisibleFile(file, index, reader, end, lastTid);
    this.#maxOid = maxOid;
    this.#voting = new Voting(this.#visible, options.quota ?? Infinity, options.merge ?? mergeNothing);
    this.#appender = new Appender(this.#visible, options.now ?? Date.now);
    this.#host = {
      readOnly: this.readOnly,
      spill: { disk: this.#disk, path: () => `${path}.tmp${++this.#temporaryFiles}` },
      sharedData: (oid, data, previous) => this.#sharedData(oid, data, previous),
      vote: (transaction) => this.#vote(transaction),
      finish: (transaction, published) => this.#finish(transaction, published),
      forget: (transaction) => this.#voting.forget(transaction),
    };
  }

  loadBefore(oid: Oid, before: Tid): Loaded | null {
    let record = this.#visible.newest(oid);
    let end: Tid | null = null;
    while (record.tid >= before) {
      if (record.previous === 0) return null;
      end = record.tid;
      record = this.#visible.reader.record(record.previous);
    }
    const data = record.data ?? this.#visible.reader.data(record);
    if (data === null) throw new POSKeyError(oid);
    return { data, serial: record.tid, end };
  }

  loadSerial(oid: Oid, serial: Tid): Uint8Array {
    const position = this.#visible.reader.find(this.#visible.newestPosition(oid), serial);
    const data = position === undefined
      ? null
      : this.#visible.reader.data(this.#visible.reader.record(position));
    if (data === null) throw new POSKeyError(oid);
    return data;
  }

  getTid(oid: Oid): Tid {
    const record = this.#visible.newest(oid);
    if (record.data === null && record.back === 0) throw new POSKeyError(oid);
    return record.tid;
  }

  history(oid: Oid, size: number): Revision[] {
    const revisions: Revision[] = [];
    for (let position = this.#visible.newestPosition(oid); position !== 0 && revisions.length < size;) {
      const record = this.#visible.reader.record(position);
      const transaction = this.#visible.reader.transaction(record.transaction);
      revisions.push({
        ...this.#visible.reader.metadata(transaction),
        tid: record.tid,
        size: record.data?.length ?? 0,
      });
      position = record.previous;
    }
    return revisions;
  }

  lastTransaction(): Tid {
    return this.#visible.lastTid;
  }

  lastInvalidations(count: number): { tid: Tid; oids: Oid[] }[] {
    const found: { tid: Tid; oids: Oid[] }[] = [];
    for (let end = this.#visible.end; found.length < count;) {
      const transaction = previousTransaction(this.#visible.file, end);
      if (!transaction) break;
      const oids = Array.from(recordsOf(this.#visible.file, transaction), (record) => record.oid);
      found.push({ tid: transaction.tid, oids });
      end = transaction.position;
    }
    return found.reverse();
  }

  transactions(start?: Tid, stop?: Tid): Iterable<IteratedTransaction> {
    return iterateTransactions(this.#disk, this.name, this.#visible.end, start, stop);
  }

  currentRecord(from: Oid): CurrentRecord | null {
    const { index, reader } = this.#visible;
    const oid = index.nextKey(from);
    if (oid === undefined) return null;
    const record = this.#visible.newest(oid);
    const data = reader.data(record);
    if (data === null) throw new POSKeyError(oid);
    const next = oid < MAX_OID ? index.nextKey((oid + 1n) as Oid) : undefined;
    return { oid, tid: record.tid, data, next: next ?? null };
  }

  undoLog(
    first: number,
    last: number,
    filter: (entry: UndoEntry) => boolean = () => true,
  ): Promise<UndoEntry[]> {
    return undoLog(this.#visible, first, last, filter);
  }

  newOids(count: number): Oid[] {
    if (this.readOnly) throw new ReadOnlyError();
    if (this.#maxOid + BigInt(count) > MAX_OID) {
      throw new FileStorageError(`${this.name}: no object ids are left`);
    }
    return Array.from({ length: count }, () => this.#maxOid = (this.#maxOid + 1n) as Oid);
  }

  length(): number {
    return this.#visible.index.size;
  }

  size(): number {
    return this.#visible.end;
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): FileStorageTransaction {
    return new FileTransaction(this.#host, metadata, options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#appender.idle();
    if (!this.readOnly && !this.#appender.failure) {
      const fault = saveIndex(this.name, this.#visible.index, this.#visible.end, this.#disk);
      if (fault) log.warn(`${this.name}.index: not written: ${fault}`);
    }
    this.#visible.file.close();
    this.#lock?.release();
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Where an object that is restored finds the same data in the transaction that is said to have it. */
  #sharedData(oid: Oid, data: Uint8Array, previous: Tid): number | undefined {
    const newest = this.#visible.index.get(oid);
    const position = newest === undefined ? undefined : this.#visible.reader.find(newest, previous);
    if (position === undefined) return undefined;
    const shared = this.#visible.reader.data(this.#visible.reader.record(position));
    return shared !== null && equalBytes(shared, data) ? position : undefined;
  }

  #vote(transaction: FileTransaction): readonly Oid[] {
    if (this.readOnly) throw new ReadOnlyError();
    if (this.#closed) throw new StorageTransactionError(`${this.name} is closed`);
    if (this.#appender.failure) throw this.#appender.failure;
    const resolved = this.#voting.vote(transaction, this.#appender.last);
    // Never to be given out as new ones, whether the transaction is finished or not.
    for (const oid of transaction.changes) if (oid > this.#maxOid) this.#maxOid = oid;
    return resolved;
  }

  #finish(transaction: FileTransaction, published?: (tid: Tid) => void): Promise<Tid> {
    if (this.#closed) throw new StorageTransactionError(`${this.name} is closed`);
    return this.#appender.append(transaction, {
      writing: () => this.#voting.written(transaction),
      published: (tid) => {
        // Before anybody hears of it: whoever waits for these objects may vote at once.
        this.#voting.forget(transaction);
        published?.(tid);
      },
    });
  }
}

/**
 * The storage behind a Data.fs: an append-only file of transactions, and in memory where each object's newest
 * record lies.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Awaitable,
  ConflictError,
  equalBytes,
  FileStorageError,
  FileStorageQuotaError,
  isPromise,
  MAX_OID,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadConflictError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  tidAfter,
  tidFromTime,
} from "../../values/mod.ts";
import { recordClass } from "../../pickle/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import {
  type BeginOptions,
  capabilities,
  type Capability,
  type Loaded,
  type Revision,
  type Storage,
  type TransactionMetadata,
} from "../storage.ts";
import { CommitQueue, type Stage } from "./commit_queue.ts";
import { FileTransaction, type Step, type TransactionHost } from "./file_transaction.ts";
import { saveIndex } from "./index_file.ts";
import { LockFile } from "./lock_file.ts";
import type { OidIndex } from "./oid_index.ts";
import { openDataFile } from "./open.ts";
import { RecordReader } from "./record_reader.ts";
import type { StoredRecord } from "./record_cache.ts";
import { previousTransaction, recordsOf } from "./scan.ts";

/** How a file storage is opened. */
export interface FileStorageOptions {
  /** Start with an empty file, whatever is there. */
  create?: boolean;
  /** Open it to read only, beside a process that writes; takes no lock and changes no file. */
  readOnly?: boolean;
  /** Bytes beyond which no transaction may start a record. */
  quota?: number;
  /** Bytes of memory for records; 64 MiB unless told otherwise. */
  cacheSize?: number;
  /** Where the files are; the machine's own disk unless a test puts another in its place. */
  disk?: Disk;
  /** What time it is, in milliseconds since 1970; for tests. */
  now?: () => number;
}

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
export class FileStorage implements Storage {
  readonly kind = "FileStorage";
  readonly concurrentVotes = true;
  readonly [capabilities]: readonly Capability[] = ["IStorageRestoreable", "IExternalGC", "IStorage"];
  readonly name: string;
  readonly readOnly: boolean;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #lock?: LockFile;
  readonly #index: OidIndex;
  readonly #reader: RecordReader;
  readonly #queue: CommitQueue;
  readonly #quota: number;
  readonly #now: () => number;
  readonly #host: TransactionHost;
  /** Which voted, unpublished transaction has an object. */
  readonly #taken = new Map<Oid, FileTransaction>();
  /** Bytes of transactions that were voted and not yet written. */
  readonly #reserved = new Map<FileTransaction, number>();
  /** Where the visible, durable part of the file ends. */
  #end: number;
  /** Where the written part ends; beyond `#end` lies what is being made durable. */
  #written: number;
  #lastTid: Tid;
  /** The id of the last transaction that was written, visible or not. */
  #lastWrittenTid: Tid;
  #maxOid: Oid;
  #temporaryFiles = 0;
  #failure?: Error;
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
    this.#quota = options.quota ?? Infinity;
    this.#now = options.now ?? Date.now;
    const opened = openDataFile(path, {
      disk: this.#disk,
      readOnly: this.readOnly,
      create: options.create ?? false,
    });
    this.#file = opened.file;
    this.#index = opened.index;
    this.#end = this.#written = opened.end;
    this.#lastTid = this.#lastWrittenTid = opened.lastTid;
    this.#maxOid = opened.maxOid;
    this.#reader = new RecordReader(this.#file, options.cacheSize ?? DEFAULT_CACHE);
    this.#queue = new CommitQueue(() => this.#file.sync(), (cause, stage) => this.#fail(cause, stage));
    this.#host = {
      spill: { disk: this.#disk, path: () => `${path}.tmp${++this.#temporaryFiles}` },
      noticeOid: (oid) => {
        if (oid > this.#maxOid) this.#maxOid = oid;
      },
      sharedData: (oid, data, previous) => this.#sharedData(oid, data, previous),
      vote: (transaction) => this.#vote(transaction),
      finish: (transaction, published) => this.#finish(transaction, published),
      forget: (transaction) => this.#forget(transaction),
    };
  }

  loadBefore(oid: Oid, before: Tid): Loaded | null {
    let record = this.#newest(oid);
    let end: Tid | null = null;
    while (record.tid >= before) {
      if (record.previous === 0) return null;
      end = record.tid;
      record = this.#reader.record(record.previous);
    }
    const data = record.data ?? this.#reader.data(record);
    if (data === null) throw new POSKeyError(oid);
    return { data, serial: record.tid, end };
  }

  loadSerial(oid: Oid, serial: Tid): Uint8Array {
    const position = this.#reader.find(this.#newestPosition(oid), serial);
    const data = position === undefined ? null : this.#reader.data(this.#reader.record(position));
    if (data === null) throw new POSKeyError(oid);
    return data;
  }

  getTid(oid: Oid): Tid {
    const record = this.#newest(oid);
    if (record.data === null && record.back === 0) throw new POSKeyError(oid);
    return record.tid;
  }

  history(oid: Oid, size: number): Revision[] {
    const revisions: Revision[] = [];
    for (let position = this.#newestPosition(oid); position !== 0 && revisions.length < size;) {
      const record = this.#reader.record(position);
      const transaction = this.#reader.transaction(record.transaction);
      revisions.push({
        ...this.#reader.metadata(transaction),
        tid: record.tid,
        size: record.data?.length ?? 0,
      });
      position = record.previous;
    }
    return revisions;
  }

  lastTransaction(): Tid {
    return this.#lastTid;
  }

  lastInvalidations(count: number): { tid: Tid; oids: Oid[] }[] {
    const found: { tid: Tid; oids: Oid[] }[] = [];
    for (let end = this.#end; found.length < count;) {
      const transaction = previousTransaction(this.#file, end);
      if (!transaction) break;
      const oids = Array.from(recordsOf(this.#file, transaction), (record) => record.oid);
      found.push({ tid: transaction.tid, oids });
      end = transaction.position;
    }
    return found.reverse();
  }

  newOids(count: number): Oid[] {
    if (this.readOnly) throw new ReadOnlyError();
    if (this.#maxOid + BigInt(count) > MAX_OID) {
      throw new FileStorageError(`${this.name}: no object ids are left`);
    }
    return Array.from({ length: count }, () => this.#maxOid = (this.#maxOid + 1n) as Oid);
  }

  length(): number {
    return this.#index.size;
  }

  size(): number {
    return this.#end;
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): FileTransaction {
    return new FileTransaction(this.#host, metadata, options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    if (!this.readOnly && !this.#failure) {
      const fault = saveIndex(this.name, this.#index, this.#end, this.#disk);
      if (fault) log.warn(`${this.name}.index: not written: ${fault}`);
    }
    this.#file.close();
    this.#lock?.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #newestPosition(oid: Oid): number {
    const position = this.#index.get(oid);
    if (position === undefined) throw new POSKeyError(oid);
    return position;
  }

  #newest(oid: Oid): StoredRecord {
    return this.#reader.record(this.#newestPosition(oid));
  }

  /** Where an object that is restored finds the same data in the transaction that is said to have it. */
  #sharedData(oid: Oid, data: Uint8Array, previous: Tid): number | undefined {
    const newest = this.#index.get(oid);
    const position = newest === undefined ? undefined : this.#reader.find(newest, previous);
    if (position === undefined) return undefined;
    const shared = this.#reader.data(this.#reader.record(position));
    return shared !== null && equalBytes(shared, data) ? position : undefined;
  }

  #vote(transaction: FileTransaction): readonly Oid[] {
    this.#requireWritable();
    if (transaction.tid !== undefined && transaction.tid <= this.#lastWrittenTid) {
      throw new StorageTransactionError(
        `transaction id ${transaction.tid} is not later than the last one, ${this.#lastWrittenTid}`,
      );
    }
    for (const oid of transaction.changes) {
      const other = this.#taken.get(oid);
      if (other && other !== transaction) {
        throw new StorageTransactionError(`oid ${oid}: another transaction has voted to change it`);
      }
    }
    for (const step of transaction.steps) this.#check(step, transaction);
    this.#checkQuota(transaction);
    for (const oid of transaction.changes) {
      this.#taken.set(oid, transaction);
      this.#host.noticeOid(oid);
    }
    this.#reserved.set(transaction, transaction.body.length);
    return [];
  }

  #check(step: Step, transaction: FileTransaction): void {
    if (step.kind === "restore") return;
    const position = this.#index.get(step.oid);
    if (position === undefined) {
      // An object that nobody has seen can have any serial; one that is relied on or deleted must be there.
      if (step.kind === "store") return;
      throw new POSKeyError(step.oid);
    }
    const committed = this.#reader.record(position).tid;
    if (committed === step.serial) return;
    const conflict = { oid: step.oid, committed, read: step.serial };
    if (step.kind === "check") throw new ReadConflictError(conflict);
    if (step.kind === "delete") throw new ConflictError(conflict);
    throw new ConflictError({ ...conflict, className: classOf(transaction.body.dataOf(step.record)) });
  }

  #checkQuota(transaction: FileTransaction): void {
    if (this.#quota === Infinity) return;
    let start = this.#written;
    for (const length of this.#reserved.values()) start += length;
    const last = transaction.body.records.at(-1);
    if (last && start + last.offset > this.#quota) {
      throw new FileStorageQuotaError(
        `${this.name}: the storage quota of ${this.#quota} bytes has been exceeded`,
      );
    }
  }

  #requireWritable(): void {
    if (this.readOnly) throw new ReadOnlyError();
    if (this.#closed) throw new StorageTransactionError(`${this.name} is closed`);
    if (this.#failure) throw this.#failure;
  }

  #finish(transaction: FileTransaction, published?: (tid: Tid) => void): Awaitable<Tid> {
    const { body } = transaction;
    let tid: Tid = NO_TID, position = 0;
    return this.#queue.add<Tid>({
      write: () => {
        position = this.#written;
        const now = tidFromTime(this.#now());
        tid = transaction.tid ?? (now > this.#lastWrittenTid ? now : tidAfter(this.#lastWrittenTid));
        const size = this.#file.size();
        if (size !== position) {
          throw new FileStorageError(
            `${this.name}: has ${size} bytes, expected ${position}: somebody else has changed it`,
          );
        }
        this.#reserved.delete(transaction);
        const writing = this.#write(transaction, position, tid);
        this.#written += body.length;
        this.#lastWrittenTid = tid;
        return writing;
      },
      publish: () => {
        this.#end = position + body.length;
        for (const record of body.records) this.#index.set(record.oid, position + record.offset);
        this.#lastTid = tid;
        // Before anybody hears of it: whoever waits for these objects may vote at once.
        this.#forget(transaction);
        published?.(tid);
        return tid;
      },
    });
  }

  /** Writes a transaction at the end of the file; if that fails, nothing of it stays there. */
  #write(transaction: FileTransaction, position: number, tid: Tid): Awaitable<void> {
    const failed = (cause: unknown): never => {
      this.#cut(position);
      throw cause;
    };
    try {
      const previous = (oid: Oid) => this.#index.get(oid) ?? 0;
      const writing = transaction.body.writeTo(this.#file, position, tid, transaction.status, previous);
      return isPromise(writing) ? writing.catch(failed) : writing;
    } catch (cause) {
      return failed(cause);
    }
  }

  #forget(transaction: FileTransaction): void {
    this.#reserved.delete(transaction);
    for (const oid of transaction.changes) {
      if (this.#taken.get(oid) === transaction) this.#taken.delete(oid);
    }
  }

  /** After a failed write or sync nothing is written any more; what is visible stays so. */
  #fail(cause: unknown, stage: Stage): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new FileStorageError(
      `${this.name}: takes no more changes after a failed ${stage}: ${reason}`,
      {
        cause,
      },
    );
    log.fatal(`${this.name}: ${stage} failed, the storage takes no more changes: ${reason}`);
    // What was never acknowledged must not come back at the next start.
    if (stage === "sync") this.#cut(this.#end);
  }

  #cut(position: number): void {
    try {
      this.#file.truncate(position);
    } catch (error) {
      log.error(`${this.name}: could not cut off what was written after ${position}: ${error}`);
    }
  }
}

function classOf(record: Uint8Array): string | undefined {
  const found = recordClass(record);
  return found && `${found.module}.${found.name}`;
}

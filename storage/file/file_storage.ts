/**
 * The storage behind a Data.fs: an append-only file of transactions, and in memory where each object's newest
 * record lies.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Awaitable,
  equalBytes,
  FileStorageError,
  LockFile,
  MAX_OID,
  type Oid,
  POSKeyError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
} from "../../values/mod.ts";
import { BlobDirectory, BlobPacking } from "../blob/mod.ts";
import { ConflictResolver } from "../conflict/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import type { Packable, PackOptions, PackResult } from "../pack.ts";
import type { MeasuredStorage, StorageStatistics } from "../statistics.ts";
import {
  type AdaptsToUsers,
  type BeginOptions,
  type BlobRestoringTransaction,
  type BlobStorage,
  capabilities,
  type Capability,
  type CurrentRecord,
  type CurrentRecordIteration,
  type DeletingTransaction,
  type ExternalGC,
  type IterableStorage,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type RestorableStorage,
  type Revision,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
  type UndoingTransaction,
} from "../storage.ts";
import { Appender } from "./appender.ts";
import { Ballast } from "./ballast.ts";
import { FileStatistics, type PackMeter } from "./file_statistics.ts";
import { FileTransaction, type TransactionHost } from "./file_transaction.ts";
import { saveIndex } from "./index_file.ts";
import { iterateTransactions, lastInvalidations } from "./iteration.ts";
import { mergeWith } from "./merge.ts";
import { openDataFile } from "./open.ts";
import type { FileStorageOptions } from "./options.ts";
import { FilePacker } from "./pack.ts";
import { packPath } from "./pack_paths.ts";
import { RecordReader } from "./record_reader.ts";
import { SpillFiles } from "./spill_files.ts";
import { findUndoable, undoLog } from "./undo.ts";
import { VisibleFile } from "./visible_file.ts";
import { Voting } from "./voting.ts";

/** What a transaction of a file storage can do. */
export type FileStorageTransaction = BlobRestoringTransaction & DeletingTransaction & UndoingTransaction;

const DEFAULT_CACHE = 128 << 20;

const OFFERED: readonly Capability[] = [
  "IStorageRestoreable",
  "IStorageIteration",
  "IStorageUndoable",
  "IStorageCurrentRecordIteration",
  "IExternalGC",
  "IStorage",
];

const log = getLogger(["zeo", "storage", "file"]), base = getLogger(["zeo", "storage"]);

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
  implements
    RestorableStorage,
    ExternalGC,
    IterableStorage,
    CurrentRecordIteration,
    UndoableStorage,
    AdaptsToUsers,
    Packable,
    BlobStorage,
    MeasuredStorage {
  readonly kind = "FileStorage";
  readonly concurrentVotes = true;
  /** What it offers. */
  readonly [capabilities]: readonly Capability[];
  readonly name: string;
  readonly readOnly: boolean;
  readonly statistics: StorageStatistics;
  readonly #packs: PackMeter;
  readonly #disk: Disk;
  readonly #lock?: LockFile;
  readonly #visible: VisibleFile;
  readonly #voting: Voting;
  readonly #appender: Appender;
  readonly #ballast: Ballast;
  readonly #host: TransactionHost;
  readonly #packer: FilePacker;
  readonly #blobs?: BlobDirectory;
  readonly #blobPacking?: BlobPacking;
  readonly #keepOld: boolean;
  #maxOid: Oid;
  #closed = false;

  /**
   * Opens a Data.fs, or makes one.
   *
   * @throws {LockError} when another process has it.
   * @throws {FileStorageFormatError} when it is something else.
   * @throws {CorruptedTransactionError} when a transaction before the last contradicts itself.
   */
  static open(path: string, options: FileStorageOptions = {}): FileStorage {
    base.debug`create storage ${path}`;
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
    const { blobDir, create } = options, { readOnly } = this;
    this.#blobs = typeof blobDir === "string" ? BlobDirectory.open(blobDir, { readOnly }) : blobDir;
    const opened = openDataFile(path, { disk: this.#disk, readOnly, create });
    const { file, index, end, lastTid, maxOid } = opened;
    if (create) this.#blobs?.clear();
    const reader = (file: DiskFile) => new RecordReader(file, options.cacheSize ?? DEFAULT_CACHE);
    this.#visible = new VisibleFile(file, index, reader(file), end, lastTid);
    this.#maxOid = maxOid;
    this.#voting = new Voting(
      this.#visible,
      options.quota ?? Infinity,
      options.merge ?? mergeWith(new ConflictResolver()),
    );
    this.#ballast = new Ballast(this.#disk, `${path}.ballast`);
    this.#appender = new Appender(this.#visible, this.#ballast, options.now ?? Date.now);
    const statistics = new FileStatistics(this.#visible, this.#appender, this.#ballast, this.#voting);
    this.statistics = statistics;
    this.#packs = statistics.packs;
    this.#keepOld = options.packKeepOld ?? true;
    if (this.#blobs && !this.readOnly) {
      const known = (oid: Oid, tid: Tid) => this.#visible.hasRevision(oid, tid);
      // A pack that has got into place has no file of this name any more.
      const gaveUp = this.#disk.exists(packPath(path));
      this.#blobPacking = BlobPacking.open(this.#blobs, known, this.#keepOld, gaveUp);
    }
    this[capabilities] = this.#blobs ? ["IBlobStorageRestoreable", "IBlobStorage", ...OFFERED] : OFFERED;
    this.#packer = new FilePacker(
      {
        path,
        disk: this.#disk,
        visible: this.#visible,
        appender: this.#appender,
        voting: this.#voting,
        reader,
      },
      { gc: options.packGc ?? true, keepOld: this.#keepOld },
    );
    const spill = new SpillFiles(this.#disk, path);
    if (!this.readOnly) spill.sweep();
    this.#host = {
      readOnly: this.readOnly,
      spill,
      blobs: this.#blobs,
      blobRevision: (position) => this.#visible.blobRevision(position),
      sharedData: (oid, data, previous) => this.#sharedData(oid, data, previous),
      generation: () => this.#visible.generation,
      findUndoable: (tid) => findUndoable(this.#visible, tid),
      vote: (transaction) => this.#vote(transaction),
      holdRoom: () => this.#ballast.hold(this.#voting.reserved),
      finish: (transaction, published, decided) => this.#finish(transaction, published, decided),
      forget: (transaction) => this.#voting.forget(transaction),
    };
  }

  loadBefore(oid: Oid, before: Tid): Loaded | null {
    let record = this.#visible.newest(oid);
    let end: Tid | null = null;
    while (record.tid >= before) {
      if (record.previous === 0) return null;
      end = record.tid;
      record = this.#visible.reader.record(record.previous, oid);
    }
    const data = record.data ?? this.#visible.reader.data(record);
    if (data === null) throw new POSKeyError(oid);
    return { data, serial: record.tid, end };
  }

  loadSerial(oid: Oid, serial: Tid): Uint8Array {
    const position = this.#visible.reader.find(oid, this.#visible.newestPosition(oid), serial);
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
      const record = this.#visible.reader.record(position, oid);
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

  /** How many clients use it; with one alone nobody is held up by a sync that blocks the thread, and it is faster. */
  get users(): number {
    return this.#appender.users;
  }

  set users(count: number) {
    this.#appender.users = count;
  }

  lastTransaction(): Tid {
    return this.#visible.lastTid;
  }

  lastInvalidations(count: number): { tid: Tid; oids: Oid[] }[] {
    return lastInvalidations(this.#visible, count);
  }

  transactions(start?: Tid, stop?: Tid): Iterable<IteratedTransaction> {
    return iterateTransactions(this.#disk, this.name, this.#visible, start, stop);
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

  get temporaryDirectory(): string {
    return this.#blobDirectory().temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): string {
    return this.#blobDirectory().load(oid, serial);
  }

  receiveBlob(): NewBlob {
    return this.#blobDirectory().receive();
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#blobDirectory().takeShared(oid, name);
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

  /**
   * Drops revisions that were no longer current at a moment, and objects that nothing referred to then. Another
   * thread does the work; reads go on all the time, and commits but for some milliseconds at the end.
   *
   * @param time The moment: seconds since 1970, fractions count.
   * @throws {POSKeyError} when an object that is kept refers to one that is not there.
   * @throws {CorruptedTransactionError} when the file contradicts itself.
   * @throws {FileStorageError} when it is being packed already. Whatever is thrown, nothing has changed.
   */
  pack(time: number, options: PackOptions = {}): Promise<PackResult> {
    if (this.readOnly) return Promise.reject(new ReadOnlyError());
    if (this.#closed) return Promise.reject(new FileStorageError(`${this.name} is closed`));
    return this.#packs.run(options, (measured) => {
      const packing = (removedList?: string) => this.#packer.pack(time, { removedList, ...measured });
      return this.#blobPacking?.pack(packing, options.keepOld ?? this.#keepOld) ?? packing();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#packer.stop();
    await this.#blobPacking?.close();
    await this.#appender.idle();
    this.#ballast.release();
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

  #blobDirectory(): BlobDirectory {
    if (this.#blobs) return this.#blobs;
    throw new TypeError("Blobs are not supported");
  }

  /** Where an object that is restored finds the same data in the transaction that is said to have it. */
  #sharedData(oid: Oid, data: Uint8Array, previous: Tid): number | undefined {
    const newest = this.#visible.index.get(oid);
    const position = newest === undefined ? undefined : this.#visible.reader.find(oid, newest, previous);
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

  #finish(
    transaction: FileTransaction,
    published?: (tid: Tid) => void,
    decided?: (tid: Tid) => Awaitable<void>,
  ): Promise<Tid> {
    if (this.#closed) throw new StorageTransactionError(`${this.name} is closed`);
    return this.#appender.append(transaction, {
      writing: () => this.#voting.written(transaction),
      decided,
      published: (tid) => {
        // Before anybody hears of it: whoever waits for these objects may vote at once.
        this.#voting.forget(transaction);
        published?.(tid);
      },
    });
  }
}

/**
 * Blobs for a storage that has none: their records go to that storage, their files to a directory.
 *
 * @module
 */

import {
  type Awaitable,
  isPromise,
  type Oid,
  POSKeyError,
  StorageTransactionError,
  type Tid,
  UnresolvedConflicts,
} from "../../values/mod.ts";
import {
  announced,
  type BeginOptions,
  type BlobRestoringTransaction,
  type BlobStorage,
  capabilities,
  capabilitiesOf,
  type Capability,
  type DeletingTransaction,
  type NewBlob,
  type RestoringTransaction,
  type Storage,
  supportsIteration,
  type TransactionMetadata,
  type UndoingTransaction,
} from "../storage.ts";
import { WrappingStorage } from "../wrapping_storage.ts";
import { type Packable, type PackOptions, type PackResult, supportsPack } from "../pack.ts";
import type { BlobDirectory } from "./blob_directory.ts";
import type { PendingBlobs } from "./pending_blobs.ts";
import { removeStrays } from "./removal.ts";

/** What a transaction of the storage inside may be able to do. */
type InnerTransaction = RestoringTransaction & DeletingTransaction & UndoingTransaction;

/**
 * A storage, with blobs. What the storage inside can do it can do as well.
 *
 * @example
 * ```ts ignore
 * await using storage = new StorageWithBlobs(new MappingStorage(), BlobDirectory.open("blobs"));
 * ```
 */
export class StorageWithBlobs extends WrappingStorage implements BlobStorage {
  /** What it offers. */
  readonly [capabilities]: readonly Capability[];
  /** What clients are told, which is less where the original tells less. */
  readonly [announced]: readonly Capability[];
  readonly #directory: BlobDirectory;
  /** Resolves when what a crash has left is gone; undefined where it was gone at once. */
  readonly #swept: Awaitable<void>;
  /** See {@linkcode Packable.pack}; only where the storage inside can be packed. */
  readonly pack?: (time: number, options?: PackOptions) => Promise<PackResult>;

  /**
   * Puts a directory beside a storage, and sweeps what a crash has left in it.
   * @param base The storage for the records; it is closed with this one.
   */
  constructor(base: Storage, directory: BlobDirectory) {
    super(base);
    this.#directory = directory;
    const offered = capabilitiesOf(base);
    const own: Capability[] = offered.includes("IStorageRestoreable")
      ? ["IBlobStorageRestoreable", "IBlobStorage"]
      : ["IBlobStorage"];
    this[capabilities] = [...own, ...offered];
    this[announced] = own.length > 1 ? this[capabilities] : own;
    if (supportsPack(base)) this.pack = (time, options) => this.#pack(base, time, options);
    this.#swept = this.readOnly
      ? undefined
      : directory.sweep((oid, tid) => hasRevision(this.inner, oid, tid));
  }

  async #pack(base: Packable, time: number, options?: PackOptions): Promise<PackResult> {
    const result = await base.pack(time, options);
    if (result.outcome === "packed") {
      await removeStrays(this.#directory, (oid, tid) => hasRevision(base, oid, tid));
    }
    return result;
  }

  get temporaryDirectory(): string {
    return this.#directory.temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): string {
    return this.#directory.load(oid, serial);
  }

  receiveBlob(): NewBlob {
    return this.#directory.receive();
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#directory.takeShared(oid, name);
  }

  begin(metadata: TransactionMetadata, options?: BeginOptions): TransactionWithBlobs {
    const transaction = this.inner.begin(metadata, options) as InnerTransaction;
    return new TransactionWithBlobs(transaction, this.inner, this.#directory);
  }

  override async close(): Promise<void> {
    await this.#swept;
    await super.close();
  }
}

/** Whether a storage has a record of that revision. */
function hasRevision(storage: Storage, oid: Oid, tid: Tid): Awaitable<boolean> {
  const missing = (error: unknown): boolean => {
    if (error instanceof POSKeyError) return false;
    throw error;
  };
  try {
    const found = storage.loadSerial(oid, tid);
    return isPromise(found) ? found.then(() => true, missing) : true;
  } catch (error) {
    return missing(error);
  }
}

/** A transaction of a {@linkcode StorageWithBlobs}. */
export class TransactionWithBlobs
  implements BlobRestoringTransaction, DeletingTransaction, UndoingTransaction {
  readonly #base: InnerTransaction;
  readonly #storage: Storage;
  readonly #directory: BlobDirectory;
  readonly #undone: Tid[] = [];
  #blobs?: PendingBlobs;
  #aborted = false;

  /** Puts blobs beside a transaction of `storage`. */
  constructor(base: InnerTransaction, storage: Storage, directory: BlobDirectory) {
    this.#base = base;
    this.#storage = storage;
    this.#directory = directory;
  }

  get changes(): readonly Oid[] {
    return this.#base.changes;
  }

  get checks(): readonly Oid[] {
    return this.#base.checks;
  }

  get exclusive(): boolean {
    return this.#base.exclusive;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#base.store(oid, serial, data);
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#base.checkCurrent(oid, serial);
  }

  deleteObject(oid: Oid, serial: Tid): void {
    this.#base.deleteObject(oid, serial);
  }

  restore(oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null): void {
    this.#base.restore(oid, serial, data, previous);
  }

  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void {
    this.#base.store(oid, serial, data);
    this.#pending().add(oid, temporaryFile);
  }

  restoreBlob(oid: Oid, serial: Tid, data: Uint8Array, previous: Tid | null, temporaryFile: string): void {
    this.#base.restore(oid, serial, data, previous);
    this.#pending().add(oid, temporaryFile, serial);
  }

  undo(tid: Tid): void {
    this.#base.undo(tid);
    this.#undone.push(tid);
  }

  #pending(): PendingBlobs {
    return this.#blobs ??= this.#directory.begin();
  }

  vote(): Awaitable<readonly Oid[]> {
    if (!this.#blobs && this.#undone.length === 0) return this.#base.vote();
    return this.#voteWithBlobs();
  }

  async #voteWithBlobs(): Promise<readonly Oid[]> {
    try {
      const resolved = await this.#base.vote();
      for (const tid of this.#undone) await this.#copyForUndo(tid);
      if (this.#aborted) throw new StorageTransactionError("transaction is aborted");
      await this.#blobs?.prepare();
      if (this.#aborted) throw new StorageTransactionError("transaction is aborted");
      return resolved;
    } catch (error) {
      // With conflicts that the caller merges it stays open, and so do the files.
      if (!(error instanceof UnresolvedConflicts)) this.abort();
      throw error;
    }
  }

  /** Blobs that an undone transaction changed get their content from before it. */
  async #copyForUndo(undone: Tid): Promise<void> {
    if (!supportsIteration(this.#storage)) return;
    for await (const transaction of this.#storage.transactions(undone, undone)) {
      for await (const { oid } of transaction.records()) {
        // Its own file doesn't matter: a transaction that has undone the making of a blob has none.
        const before = this.#directory.tidsIn(this.#directory.directoryOf(oid)).findLast((tid) =>
          tid < undone
        );
        // Where there is nothing before it the object is gone again; nobody asks for its file.
        if (before === undefined) this.#blobs?.forget(oid);
        else this.#pending().copyForUndo(oid, before);
      }
    }
  }

  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Awaitable<Tid> {
    return this.#blobs
      ? this.#finishWithBlobs(this.#blobs, published, decided)
      : this.#base.finish(published, decided);
  }

  async #finishWithBlobs(
    blobs: PendingBlobs,
    published?: (tid: Tid) => void,
    decided?: (tid: Tid) => Awaitable<void>,
  ): Promise<Tid> {
    let placing: Promise<void> | undefined;
    const place = (tid: Tid): Promise<void> => {
      const placed = blobs.place(tid);
      return placing = decided ? placed.then(() => decided(tid)) : placed;
    };
    try {
      const tid = await this.#base.finish(published, place);
      // A storage that is not durable itself has not waited.
      await placing;
      blobs.settled();
      return tid;
    } catch (error) {
      blobs.discard();
      throw error;
    }
  }

  abort(): void {
    this.#aborted = true;
    this.#blobs?.discard();
    this.#base.abort();
  }
}

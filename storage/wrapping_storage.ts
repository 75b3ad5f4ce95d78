/**
 * A storage around another: passes everything on, so that a kind of wrapper says only what it does differently.
 *
 * @module
 */

import type { Awaitable, Oid, Tid } from "../values/mod.ts";
import { type MeasuredStorage, statisticsOf, type StorageStatistics } from "./statistics.ts";
import {
  type AdaptsToUsers,
  adaptsToUsers,
  type BeginOptions,
  type BlobRestoringTransaction,
  capabilities,
  type Capability,
  type CurrentRecord,
  type CurrentRecordIteration,
  type DeletingTransaction,
  type ExternalGC,
  isObservable,
  type Items,
  type IterableStorage,
  type IteratedTransaction,
  type Loaded,
  type RestorableStorage,
  type Revision,
  type Storage,
  type StorageObserver,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
  type UndoingTransaction,
} from "./storage.ts";

/** What the storage inside may be able to do; its capabilities say what it can. */
export type WrappedStorage =
  & RestorableStorage
  & ExternalGC
  & IterableStorage
  & CurrentRecordIteration
  & UndoableStorage;

/** What a transaction of a wrapper may be able to do; the storage's capabilities say what it can. */
export type WrappingTransaction = BlobRestoringTransaction & DeletingTransaction & UndoingTransaction;

/** See the module. */
export abstract class WrappingStorage<Inner extends WrappedStorage = WrappedStorage>
  implements
    RestorableStorage,
    ExternalGC,
    IterableStorage,
    CurrentRecordIteration,
    UndoableStorage,
    AdaptsToUsers,
    MeasuredStorage {
  /** What it offers. */
  abstract readonly [capabilities]: readonly Capability[];
  readonly name: string;
  readonly kind: string;
  readonly readOnly: boolean;
  readonly concurrentVotes: boolean;
  /** See `ObservableStorage.observe`; only where others change the storage inside. */
  readonly observe?: (observer: StorageObserver) => Disposable;
  /** The storage inside. */
  protected readonly inner: Inner;

  /** Wraps a storage, which is closed with this one. @param kind What this one is called. */
  constructor(inner: Storage, kind: string = inner.kind) {
    this.inner = inner as Inner;
    this.name = inner.name;
    this.kind = kind;
    this.readOnly = inner.readOnly;
    this.concurrentVotes = inner.concurrentVotes;
    if (isObservable(inner)) this.observe = (observer) => inner.observe(observer);
  }

  /** How many use it, for the storage inside. */
  get users(): number {
    return adaptsToUsers(this.inner) ? this.inner.users : Infinity;
  }

  set users(count: number) {
    if (adaptsToUsers(this.inner)) this.inner.users = count;
  }

  /** What the storage inside has measured. */
  get statistics(): StorageStatistics | undefined {
    return statisticsOf(this.inner);
  }

  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    return this.inner.loadBefore(oid, before);
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    return this.inner.loadSerial(oid, serial);
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return this.inner.getTid(oid);
  }

  history(oid: Oid, size: number): Awaitable<Revision[]> {
    return this.inner.history(oid, size);
  }

  lastTransaction(): Tid {
    return this.inner.lastTransaction();
  }

  lastInvalidations(count: number): Awaitable<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]> {
    return this.inner.lastInvalidations(count);
  }

  newOids(count: number): Awaitable<Oid[]> {
    return this.inner.newOids(count);
  }

  length(): number {
    return this.inner.length();
  }

  size(): number {
    return this.inner.size();
  }

  transactions(start?: Tid, stop?: Tid): Items<IteratedTransaction> {
    return this.inner.transactions(start, stop);
  }

  currentRecord(from: Oid): Awaitable<CurrentRecord | null> {
    return this.inner.currentRecord(from);
  }

  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Awaitable<UndoEntry[]> {
    return this.inner.undoLog(first, last, filter);
  }

  /** Begins a transaction. */
  abstract begin(metadata: TransactionMetadata, options?: BeginOptions): WrappingTransaction;

  close(): Awaitable<void> {
    return this.inner.close();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

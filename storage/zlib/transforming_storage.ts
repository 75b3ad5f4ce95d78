/**
 * A storage around another that changes records on their way in and out.
 *
 * @module
 */

import { type Awaitable, formatOid, isPromise, type Oid, StorageError, type Tid } from "../../values/mod.ts";
import { type Packable, type PackOptions, type PackResult, supportsPack } from "../pack.ts";
import {
  announced,
  announcedBy,
  type BeginOptions,
  type BlobRestoringTransaction,
  type BlobStorage,
  capabilities,
  capabilitiesOf,
  type Capability,
  type CurrentRecord,
  type CurrentRecordIteration,
  type DeletingTransaction,
  type ExternalGC,
  type Items,
  type IterableStorage,
  type IteratedRecord,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type RestorableStorage,
  type Revision,
  type Storage,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
  type UndoingTransaction,
} from "../storage.ts";
import { TransformingTransaction } from "./transforming_transaction.ts";

/** What the storage inside may be able to do; its capabilities say what it can. */
type Base =
  & Storage
  & RestorableStorage
  & ExternalGC
  & IterableStorage
  & CurrentRecordIteration
  & UndoableStorage
  & BlobStorage;

/** What a transaction of such a storage may be able to do; the storage's capabilities say what it can. */
export type TransformedTransaction = BlobRestoringTransaction & DeletingTransaction & UndoingTransaction;

/** Makes one record of another; answers the same array where nothing changes. */
export type Transform = (record: Uint8Array) => Uint8Array;

/** See the module. What the storage inside can do it can do as well. */
export class TransformingStorage
  implements
    RestorableStorage,
    ExternalGC,
    IterableStorage,
    CurrentRecordIteration,
    UndoableStorage,
    BlobStorage {
  /** What it offers: what the storage inside does. */
  readonly [capabilities]: readonly Capability[];
  /** What clients are told. */
  readonly [announced]: readonly Capability[];
  readonly name: string;
  readonly kind: string;
  readonly readOnly: boolean;
  readonly concurrentVotes: boolean;
  /** Packs the storage inside; undefined where that can't be packed. */
  readonly pack?: (time: number, options?: PackOptions) => Awaitable<PackResult>;
  readonly #base: Base;
  readonly #into: Transform;
  readonly #outOf: Transform;

  /**
   * Puts it around another storage.
   * @param kind What it is called.
   * @param base The storage inside; it is closed with this one.
   * @param into What becomes of a record that is stored.
   * @param outOf What becomes of a stored record that is read. An error that it throws names the object, too.
   */
  constructor(kind: string, base: Storage, into: Transform, outOf: Transform) {
    this.kind = kind;
    this.#base = base as Base;
    this.#into = into;
    this.#outOf = outOf;
    this.name = base.name;
    this.readOnly = base.readOnly;
    this.concurrentVotes = base.concurrentVotes;
    this[capabilities] = capabilitiesOf(base);
    this[announced] = announcedBy(base);
    if (supportsPack(base)) this.pack = (time, options) => (base as Packable).pack(time, options);
  }

  get temporaryDirectory(): string {
    return this.#base.temporaryDirectory;
  }

  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    const found = this.#base.loadBefore(oid, before);
    return isPromise(found) ? found.then((loaded) => this.#loaded(oid, loaded)) : this.#loaded(oid, found);
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    const found = this.#base.loadSerial(oid, serial);
    return isPromise(found) ? found.then((data) => this.#read(oid, data)) : this.#read(oid, found);
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return this.#base.getTid(oid);
  }

  history(oid: Oid, size: number): Awaitable<Revision[]> {
    return this.#base.history(oid, size);
  }

  lastTransaction(): Tid {
    return this.#base.lastTransaction();
  }

  lastInvalidations(count: number): Awaitable<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]> {
    return this.#base.lastInvalidations(count);
  }

  newOids(count: number): Awaitable<Oid[]> {
    return this.#base.newOids(count);
  }

  length(): number {
    return this.#base.length();
  }

  size(): number {
    return this.#base.size();
  }

  async *transactions(start?: Tid, stop?: Tid): AsyncGenerator<IteratedTransaction, void> {
    for await (const transaction of this.#base.transactions(start, stop)) {
      const { tid, status, user, description, extension } = transaction;
      const records = (): Items<IteratedRecord> => this.#records(transaction);
      yield { tid, status, user, description, extension, records };
    }
  }

  currentRecord(from: Oid): Awaitable<CurrentRecord | null> {
    const change = (record: CurrentRecord | null) =>
      record && { ...record, data: this.#read(record.oid, record.data) };
    const found = this.#base.currentRecord(from);
    return isPromise(found) ? found.then(change) : change(found);
  }

  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Awaitable<UndoEntry[]> {
    return this.#base.undoLog(first, last, filter);
  }

  loadBlob(oid: Oid, serial: Tid): string {
    return this.#base.loadBlob(oid, serial);
  }

  receiveBlob(): NewBlob {
    return this.#base.receiveBlob();
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#base.takeSharedBlob(oid, name);
  }

  begin(metadata: TransactionMetadata, options?: BeginOptions): TransformedTransaction {
    const inner = this.#base.begin(metadata, options) as unknown as TransformedTransaction;
    return new TransformingTransaction(inner, this.#into);
  }

  close(): Awaitable<void> {
    return this.#base.close();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #loaded(oid: Oid, loaded: Loaded | null): Loaded | null {
    if (loaded === null) return null;
    const data = this.#read(oid, loaded.data);
    return data === loaded.data ? loaded : { data, serial: loaded.serial, end: loaded.end };
  }

  #read(oid: Oid, data: Uint8Array): Uint8Array {
    try {
      return this.#outOf(data);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new StorageError(`${this.name}: ${formatOid(oid)}: ${error.message}`, { cause: error });
    }
  }

  async *#records(transaction: IteratedTransaction): AsyncGenerator<IteratedRecord, void> {
    for await (const record of transaction.records()) {
      yield record.data === null ? record : { ...record, data: this.#read(record.oid, record.data) };
    }
  }
}

/**
 * A storage around another that changes records on their way in and out.
 *
 * @module
 */

import { type Awaitable, formatOid, type Oid, StorageError, type Tid, when } from "../../values/mod.ts";
import { type Packable, type PackOptions, type PackResult, supportsPack } from "../pack.ts";
import {
  announced,
  announcedBy,
  type BeginOptions,
  type BlobStorage,
  capabilities,
  capabilitiesOf,
  type Capability,
  type CurrentRecord,
  type Items,
  type IteratedRecord,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type Storage,
  type TransactionMetadata,
} from "../storage.ts";
import { type WrappedStorage, WrappingStorage, type WrappingTransaction } from "../wrapping_storage.ts";
import { TransformingTransaction } from "./transforming_transaction.ts";

/** What a transaction of such a storage may be able to do; the storage's capabilities say what it can. */
export type TransformedTransaction = WrappingTransaction;

/** Makes one record of another; answers the same array where nothing changes. */
export type Transform = (record: Uint8Array) => Uint8Array;

/** See the module. What the storage inside can do it can do as well. */
export class TransformingStorage extends WrappingStorage<WrappedStorage & BlobStorage>
  implements BlobStorage {
  /** What it offers: what the storage inside does. */
  readonly [capabilities]: readonly Capability[];
  /** What clients are told. */
  readonly [announced]: readonly Capability[];
  /** Packs the storage inside; undefined where that can't be packed. */
  readonly pack?: (time: number, options?: PackOptions) => Awaitable<PackResult>;
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
    super(base, kind);
    this.#into = into;
    this.#outOf = outOf;
    this[capabilities] = capabilitiesOf(base);
    this[announced] = announcedBy(base);
    if (supportsPack(base)) this.pack = (time, options) => (base as Packable).pack(time, options);
  }

  get temporaryDirectory(): string {
    return this.inner.temporaryDirectory;
  }

  override loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    const found = this.inner.loadBefore(oid, before);
    return when(found, (loaded) => this.#loaded(oid, loaded));
  }

  override loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    const found = this.inner.loadSerial(oid, serial);
    return when(found, (data) => this.#read(oid, data));
  }

  /** The transactions, with their records changed. */
  override async *transactions(start?: Tid, stop?: Tid): AsyncGenerator<IteratedTransaction, void> {
    for await (const transaction of this.inner.transactions(start, stop)) {
      const { tid, status, user, description, extension } = transaction;
      const records = (): Items<IteratedRecord> => this.#records(transaction);
      yield { tid, status, user, description, extension, records };
    }
  }

  /** The current record, changed. */
  override currentRecord(from: Oid): Awaitable<CurrentRecord | null> {
    const change = (record: CurrentRecord | null) =>
      record && { ...record, data: this.#read(record.oid, record.data) };
    const found = this.inner.currentRecord(from);
    return when(found, change);
  }

  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    return this.inner.loadBlob(oid, serial);
  }

  receiveBlob(): NewBlob {
    return this.inner.receiveBlob();
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.inner.takeSharedBlob(oid, name);
  }

  begin(metadata: TransactionMetadata, options?: BeginOptions): TransformedTransaction {
    const inner = this.inner.begin(metadata, options) as WrappingTransaction;
    return new TransformingTransaction(inner, this.#into);
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

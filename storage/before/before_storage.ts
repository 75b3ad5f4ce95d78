/**
 * A view of a storage as it was before a moment. It takes no changes, and what happens to the storage later can't be
 * seen through it.
 *
 * @module
 */

import {
  type Awaitable,
  formatTid,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadOnlyError,
  type Tid,
  tidFromTime,
  tidTime,
  when,
} from "../../values/mod.ts";
import { type MeasuredStorage, statisticsOf, type StorageStatistics } from "../statistics.ts";
import {
  type BlobStorage,
  capabilities,
  capabilitiesOf,
  type Capability,
  type Items,
  type IterableStorage,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type Revision,
  type Storage,
} from "../storage.ts";
import { RefusingTransaction } from "./refusing_transaction.ts";

/** How many of the newest transactions are looked at, at most, to find those before the moment. */
const MOST_INVALIDATIONS = 20_000;

/** What a view passes on, where the storage behind it can do it. */
const PASSED_ON: readonly Capability[] = ["IBlobStorage", "IStorageIteration", "IStorage"];

/**
 * A storage as it was before a moment, like `zc.beforestorage`.
 *
 * @example
 * ```ts
 * import { BeforeStorage, MappingStorage } from "../mod.ts";
 *
 * await using storage = new BeforeStorage(new MappingStorage(), new Date("2024-03-05T14:07:00Z"));
 * ```
 */
export class BeforeStorage implements IterableStorage, BlobStorage, MeasuredStorage {
  readonly kind = "Before";
  readonly readOnly = true;
  readonly concurrentVotes = true;
  /** What it offers. */
  readonly [capabilities]: readonly Capability[];
  readonly name: string;
  /** The first transaction that can't be seen. */
  readonly before: Tid;
  readonly #base: Storage & IterableStorage & BlobStorage;

  /**
   * Looks at a storage as it was before a moment.
   * @param base The storage to look at; it is closed with this one.
   * @param before A moment, or the first transaction that can't be seen.
   */
  constructor(base: Storage, before: Tid | Date) {
    this.#base = base as Storage & IterableStorage & BlobStorage;
    this.before = before instanceof Date ? tidFromTime(before.getTime()) : before;
    this.name = `${base.name} before ${moment(this.before)}`;
    const offered = capabilitiesOf(base);
    this[capabilities] = PASSED_ON.filter((capability) =>
      capability === "IStorage" || offered.includes(capability)
    );
  }

  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    const found = this.#base.loadBefore(oid, before < this.before ? before : this.before);
    return when(found, (loaded) => this.#seen(loaded));
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    if (serial >= this.before) throw new POSKeyError(oid, serial);
    return this.#base.loadSerial(oid, serial);
  }

  getTid(oid: Oid): Awaitable<Tid> {
    const serial = (loaded: Loaded | null): Tid => {
      if (loaded === null) throw new POSKeyError(oid);
      return loaded.serial;
    };
    const found = this.#base.loadBefore(oid, this.before);
    return when(found, serial);
  }

  async history(oid: Oid, size: number): Promise<Revision[]> {
    // How many are too new isn't known before they are looked at.
    for (let asked = size;; asked *= 2) {
      const all = await this.#base.history(oid, asked);
      const seen = all.filter(({ tid }) => tid < this.before);
      if (seen.length >= size || all.length < asked || size <= 0) return seen.slice(0, Math.max(size, 0));
    }
  }

  lastTransaction(): Tid {
    const last = this.#base.lastTransaction();
    if (last < this.before) return last;
    return this.before === NO_TID ? NO_TID : (this.before - 1n) as Tid;
  }

  async lastInvalidations(count: number): Promise<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]> {
    for (let asked = count; count > 0; asked *= 2) {
      const all = await this.#base.lastInvalidations(asked);
      const seen = all.filter(({ tid }) => tid < this.before);
      if (seen.length >= count || all.length < asked || asked > MOST_INVALIDATIONS) return seen.slice(-count);
    }
    return [];
  }

  newOids(): never {
    throw new ReadOnlyError();
  }

  /** How many objects the storage behind it has now. */
  length(): number {
    return this.#base.length();
  }

  /** Bytes that the storage behind it takes now. */
  size(): number {
    return this.#base.size();
  }

  /** What the storage behind it has measured. */
  get statistics(): StorageStatistics | undefined {
    return statisticsOf(this.#base);
  }

  transactions(start?: Tid, stop?: Tid): Items<IteratedTransaction> {
    if (this.before === NO_TID) return [];
    const last = (this.before - 1n) as Tid;
    return this.#base.transactions(start, stop === undefined || stop > last ? last : stop);
  }

  get temporaryDirectory(): string {
    return this.#base.temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    if (serial >= this.before) throw new POSKeyError(oid, serial);
    return this.#base.loadBlob(oid, serial);
  }

  receiveBlob(): NewBlob {
    throw new ReadOnlyError();
  }

  takeSharedBlob(): never {
    throw new ReadOnlyError();
  }

  /** Begins a transaction that fails when it is voted. */
  begin(): RefusingTransaction {
    return new RefusingTransaction();
  }

  close(): Awaitable<void> {
    return this.#base.close();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What ends when it can't be seen any more has no end. */
  #seen(loaded: Loaded | null): Loaded | null {
    if (loaded === null || loaded.end === null || loaded.end < this.before) return loaded;
    return { data: loaded.data, serial: loaded.serial, end: null };
  }
}

function moment(tid: Tid): string {
  const time = new Date(tidTime(tid));
  return Number.isNaN(time.getTime())
    ? formatTid(tid)
    : time.toISOString().replace("T", " ").replace("Z", "");
}

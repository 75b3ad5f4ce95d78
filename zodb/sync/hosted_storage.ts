/**
 * The storage that a synchronous connection's thread has, and what can be asked of it.
 *
 * What others commit is noted down until it is asked for: the asker can't be told while it is busy or waits.
 *
 * @module
 */

import { type ClientOptions, ClientStorage } from "../../client/mod.ts";
import {
  type BeginOptions,
  type BlobTransaction,
  capabilitiesOf,
  type Capability,
  FileStorage,
  isObservable,
  type PackResult,
  type Revision,
  type Storage,
  type StorageTransaction,
  supportsBlobs,
  supportsPack,
  supportsUndo,
  type TransactionMetadata,
  type UndoEntry,
  type UndoingTransaction,
} from "../../storage/mod.ts";
import {
  type Awaitable,
  type Oid,
  StorageTransactionError,
  type Tid,
  Unsupported,
} from "../../values/mod.ts";
import { canSync } from "../storage_questions.ts";
import type { SentRecord } from "./messages.ts";
import { ReadAhead } from "./read_ahead.ts";

/** Where the storage is: behind a server, or in a file. */
export type StorageSource =
  | { readonly addresses: readonly (number | string | object)[]; readonly options: ClientOptions }
  | { readonly file: string; readonly options: { readonly blobDir?: string; readonly readOnly?: boolean } };

/** A transaction, and the objects that it changed. */
export interface Change {
  readonly tid: Tid;
  readonly oids: readonly Oid[];
}

/** What others have committed since it was asked for last. */
export interface News {
  /** Their transactions in their order; null when any object may have changed. */
  readonly changes: readonly Change[] | null;
  /** The last transaction. */
  readonly last: Tid;
}

/** What doesn't change while the storage is open. */
export interface StorageFacts {
  readonly name: string;
  readonly kind: string;
  readonly sortKey: string;
  readonly capabilities: readonly Capability[];
  /** Where files for blobs are made best. */
  readonly temporaryDirectory: string | undefined;
  readonly last: Tid;
}

/** Objects whose changes are noted down; with more of them all may have changed. */
const MOST_CHANGES = 200_000;
/** Bytes of records that nobody has asked for yet, in one answer. */
const MOST_AHEAD = 1 << 19;

/** See the module. Each method that is not private can be called from the other thread, with these arguments. */
export class HostedStorage {
  readonly #storage: Storage;
  readonly #readAhead = new ReadAhead();
  readonly #transactions = new Map<number, StorageTransaction>();
  /** Records that were sent, to learn from. */
  #sent: readonly SentRecord[] = [];
  #changes: Change[] = [];
  #changeCount = 0;
  #anyChanged = false;

  private constructor(storage: Storage) {
    this.#storage = storage;
    if (isObservable(storage)) {
      storage.observe({ invalidated: (tid, oids) => this.#note(tid, oids), reset: () => this.#reset() });
    }
  }

  /** Opens it, and waits until it can be used. */
  static async open(source: StorageSource): Promise<HostedStorage> {
    if ("file" in source) {
      return new HostedStorage(FileStorage.open(source.file, { ...source.options }));
    }
    const storage = new ClientStorage(source.addresses as string[], source.options);
    try {
      await storage.ready;
    } catch (error) {
      await storage.close();
      throw error;
    }
    return new HostedStorage(storage);
  }

  facts(): StorageFacts {
    const storage = this.#storage, { name, kind } = storage;
    const sortKey = "sortKey" in storage ? String(storage.sortKey) : name;
    const offered = capabilitiesOf(storage);
    // What a transaction's methods here can do.
    const usable: Capability[] = ["IStorage", "IStorageUndoable", "IBlobStorage"];
    const temporaryDirectory = supportsBlobs(storage) ? storage.temporaryDirectory : undefined;
    const capabilities = offered.filter((one) => usable.includes(one));
    return { name, kind, sortKey, capabilities, temporaryDirectory, last: storage.lastTransaction() };
  }

  /** What others have committed until now. */
  async news(): Promise<News> {
    if (canSync(this.#storage)) await this.#storage.sync();
    return this.#takeNews();
  }

  #takeNews(): News {
    const changes = this.#anyChanged ? null : this.#changes;
    this.#changes = [];
    this.#changeCount = 0;
    this.#anyChanged = false;
    return { changes, last: this.#storage.lastTransaction() };
  }

  #note(tid: Tid, oids: readonly Oid[]): void {
    if (this.#anyChanged) return;
    this.#changes.push({ tid, oids: [...oids] });
    this.#changeCount += oids.length + 1;
    if (this.#changeCount > MOST_CHANGES) this.#reset();
  }

  #reset(): void {
    this.#anyChanged = true;
    this.#changes = [];
    this.#changeCount = 0;
  }

  /** An object's record, and with it those that will be wanted next. */
  async load(oid: Oid, before: Tid): Promise<SentRecord[]> {
    const others = this.#readAhead.after(oid);
    const answer = this.#storage.loadBefore(oid, before);
    // Asked for at once, as the server answers them at once.
    const ahead = others.map((other) => this.#tryToLoad(other, before));
    const records = [{ oid, loaded: await answer }, ...await this.#fitting(ahead)];
    this.#sent = records;
    return records;
  }

  async #tryToLoad(oid: Oid, before: Tid): Promise<SentRecord> {
    try {
      return { oid, loaded: await this.#storage.loadBefore(oid, before) };
    } catch {
      // Whoever wants it will hear why.
      return { oid, loaded: null };
    }
  }

  async #fitting(ahead: readonly Promise<SentRecord>[]): Promise<SentRecord[]> {
    let room = MOST_AHEAD;
    return (await Promise.all(ahead)).filter(({ loaded }) => loaded && (room -= loaded.data.length) > 0);
  }

  /** Learns from what was sent, while nobody waits. */
  learn(): void {
    for (const { loaded } of this.#sent) if (loaded) this.#readAhead.learn(loaded.data);
    this.#sent = [];
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    return this.#storage.loadSerial(oid, serial);
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return this.#storage.getTid(oid);
  }

  history(oid: Oid, size: number): Awaitable<Revision[]> {
    return this.#storage.history(oid, size);
  }

  lastInvalidations(count: number): ReturnType<Storage["lastInvalidations"]> {
    return this.#storage.lastInvalidations(count);
  }

  newOids(count: number): Awaitable<Oid[]> {
    return this.#storage.newOids(count);
  }

  /** What may be another the next time. */
  present(): { readonly length: number; readonly size: number; readonly readOnly: boolean } {
    const { readOnly } = this.#storage;
    return { length: this.#storage.length(), size: this.#storage.size(), readOnly };
  }

  undoLog(first: number, last: number): Awaitable<UndoEntry[]> {
    if (!supportsUndo(this.#storage)) throw new Unsupported(`${this.#storage.name} does not support undo`);
    return this.#storage.undoLog(first, last);
  }

  pack(time: number, options: { readonly gc?: boolean; readonly keepOld?: boolean }): Awaitable<PackResult> {
    if (!supportsPack(this.#storage)) throw new Unsupported(`${this.#storage.name} can't be packed`);
    return this.#storage.pack(time, options);
  }

  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    if (!supportsBlobs(this.#storage)) throw new Unsupported(`${this.#storage.name} keeps no blobs`);
    return this.#storage.loadBlob(oid, serial);
  }

  takeSharedBlob(oid: Oid, name: string): string {
    if (!supportsBlobs(this.#storage)) throw new Unsupported(`${this.#storage.name} keeps no blobs`);
    return this.#storage.takeSharedBlob(oid, name);
  }

  /** Begins a transaction, of that number. */
  begin(id: number, metadata: TransactionMetadata, options: BeginOptions): void {
    this.#transactions.set(id, this.#storage.begin(metadata, options));
  }

  store(id: number, oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#transaction(id).store(oid, serial, data);
  }

  storeBlob(id: number, oid: Oid, serial: Tid, data: Uint8Array, file: string): void {
    const transaction = this.#transaction(id) as Partial<BlobTransaction>;
    if (!transaction.storeBlob) throw new Unsupported(`${this.#storage.name} keeps no blobs`);
    transaction.storeBlob(oid, serial, data, file);
  }

  checkCurrent(id: number, oid: Oid, serial: Tid): void {
    this.#transaction(id).checkCurrent(oid, serial);
  }

  undo(id: number, tid: Tid): void {
    const transaction = this.#transaction(id) as Partial<UndoingTransaction>;
    if (!transaction.undo) throw new Unsupported(`${this.#storage.name} does not support undo`);
    transaction.undo(tid);
  }

  async vote(id: number): Promise<readonly Oid[]> {
    return [...await this.#transaction(id).vote()];
  }

  /** Makes it durable. @returns Its id, and what others have committed before it. */
  async finish(id: number): Promise<{ readonly tid: Tid; readonly before: News }> {
    const transaction = this.#transaction(id);
    this.#transactions.delete(id);
    let before: News | undefined;
    const tid = await transaction.finish(() => before = this.#takeNews());
    return { tid, before: before! };
  }

  abort(id: number): void {
    this.#transactions.get(id)?.abort();
    this.#transactions.delete(id);
  }

  #transaction(id: number): StorageTransaction {
    const transaction = this.#transactions.get(id);
    if (!transaction) throw new StorageTransactionError("the transaction is over");
    return transaction;
  }

  async close(): Promise<void> {
    await this.#storage.close();
  }
}

/**
 * A storage in a thread of its own, whose answers are waited for: see {@linkcode SyncStorage}.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { MemoryRecordCache } from "../../cache/mod.ts";
import {
  type BeginOptions,
  type BlobStorage,
  capabilities,
  type Capability,
  type ConflictResolver,
  type Loaded,
  type NewBlob,
  type ObservableStorage,
  type PackOptions,
  type PackResult,
  type Revision,
  type StorageObserver,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
} from "../../storage/mod.ts";
import {
  ConnectionStateError,
  NO_TID,
  type Oid,
  StorageError,
  type Tid,
  Unsupported,
} from "../../values/mod.ts";
import { Caller, shareMemory } from "./exchange.ts";
import type { HostedStorage, News, StorageFacts, StorageSource } from "./hosted_storage.ts";
import { CALL, loadMessage, recordsIn, valueIn, valueMessage } from "./messages.ts";
import { BlobInProgress } from "./blob_in_progress.ts";
import { SyncTransaction } from "./sync_transaction.ts";

/** How the storage is opened. */
export interface SyncStorageOptions {
  /** Bytes of records that are kept here, where asking for them takes no time. */
  readonly recordCacheSize: number;
  /** Merges changes. */
  readonly resolver: ConflictResolver;
  /** The thread's module. */
  readonly workerUrl: string | URL;
}

/** What can be asked of the thread. */
export type Method = Exclude<keyof HostedStorage, "load" | "learn">;

/** Asks the thread. */
export type Ask = <M extends Method>(
  method: M,
  ...args: Parameters<HostedStorage[M]>
) => Awaited<ReturnType<HostedStorage[M]>>;

/** Entries of the undo log that are asked for at once, to be filtered here. */
const UNDO_PAGE = 100;

/**
 * A storage whose methods wait for their answers, and return them instead of promises: the thread that calls stands still
 * meanwhile. A thread of its own has the real storage; it goes on to hear what others commit, and that is taken over at
 * the beginning of each transaction (`sync`), or after a commit.
 */
export class SyncStorage implements ObservableStorage, UndoableStorage, BlobStorage {
  readonly concurrentVotes = false;
  readonly #thread: Worker;
  readonly #caller: Caller;
  readonly #facts: StorageFacts;
  readonly #cache: MemoryRecordCache;
  readonly #resolver: ConflictResolver;
  readonly #observers = new Set<StorageObserver>();
  #last: Tid = NO_TID;
  #transactions = 0;
  #closed = false;

  /** Starts the thread, and waits until it has opened the storage. @throws What opening it throws. */
  constructor(source: StorageSource, options: SyncStorageOptions) {
    const memory = shareMemory();
    this.#cache = new MemoryRecordCache({ size: options.recordCacheSize });
    this.#resolver = options.resolver;
    this.#caller = new Caller(
      memory,
      "file" in source ? source.file : source.addresses.map(describe).join(", "),
    );
    const thread = this.#thread = new Worker(new URL(options.workerUrl), { workerData: { memory } });
    // A program that doesn't close its connections can end all the same.
    thread.unref();
    // Told here when nothing waits at the moment; without this it would end the whole program.
    thread.on("error", (error: Error) => {
      try {
        this.#caller.fail(error.message);
      } catch {
        // The next call will say so.
      }
    });
    try {
      this.#facts = valueIn(this.#caller.call(valueMessage(CALL, { method: "open", args: [source] })));
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#last = this.#facts.last;
    this.#cache.setLastTid(this.#last);
  }

  get name(): string {
    return this.#facts.name;
  }

  get kind(): string {
    return this.#facts.kind;
  }

  /** Orders this storage among those of a transaction that spans several. */
  get sortKey(): string {
    return this.#facts.sortKey;
  }

  get readOnly(): boolean {
    return this.#ask("present").readOnly;
  }

  get [capabilities](): readonly Capability[] {
    return this.#facts.capabilities;
  }

  length(): number {
    return this.#ask("present").length;
  }

  size(): number {
    return this.#ask("present").size;
  }

  readonly #ask: Ask = (method, ...args) => {
    this.#requireOpen();
    return valueIn(this.#caller.call(valueMessage(CALL, { method, args })));
  };

  #requireOpen(): void {
    if (this.#closed) throw new ConnectionStateError("the storage is closed");
  }

  observe(observer: StorageObserver): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  /** Hears what others have committed until now. */
  sync(): void {
    this.#take(this.#ask("news"));
  }

  #take({ changes, last }: News): void {
    if (changes === null) {
      this.#cache.clear();
      for (const observer of this.#observers) observer.reset();
    } else {
      for (const { tid, oids } of changes) {
        for (const oid of oids) this.#cache.invalidate(oid, tid);
        for (const observer of this.#observers) observer.invalidated(tid, oids);
      }
    }
    this.#advance(last);
  }

  #advance(tid: Tid): void {
    this.#last = tid;
    if (tid > this.#cache.lastTid) this.#cache.setLastTid(tid);
  }

  loadBefore(oid: Oid, before: Tid): Loaded | null {
    this.#requireOpen();
    const cached = this.#cache.loadBefore(oid, before);
    if (cached) return cached;
    const [wanted, ...others] = recordsIn(this.#caller.call(loadMessage(oid, before)));
    for (const { oid, loaded } of [wanted, ...others]) {
      if (loaded) this.#cache.store(oid, loaded.serial, loaded.end, loaded.data);
    }
    return wanted.loaded;
  }

  loadSerial(oid: Oid, serial: Tid): Uint8Array {
    return this.#ask("loadSerial", oid, serial);
  }

  getTid(oid: Oid): Tid {
    return this.#ask("getTid", oid);
  }

  history(oid: Oid, size: number): Revision[] {
    return this.#ask("history", oid, size);
  }

  /** The last transaction that was heard of: at the last `sync` or commit. */
  lastTransaction(): Tid {
    return this.#last;
  }

  lastInvalidations(count: number): { readonly tid: Tid; readonly oids: readonly Oid[] }[] {
    return this.#ask("lastInvalidations", count);
  }

  newOids(count: number): Oid[] {
    return this.#ask("newOids", count);
  }

  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): UndoEntry[] {
    if (!filter) return this.#ask("undoLog", first, last);
    const stop = last < 0 ? first - last : last, found: UndoEntry[] = [];
    for (let page = 0; found.length < stop; page++) {
      const entries = this.#ask("undoLog", page * UNDO_PAGE, -UNDO_PAGE);
      found.push(...entries.filter(filter));
      if (entries.length < UNDO_PAGE) break;
    }
    return found.slice(first, stop);
  }

  /** @throws {StorageError} for options that another thread can't be given: `references`, `signal`, `progress`. */
  pack(time: number, options: PackOptions = {}): PackResult {
    const { gc, keepOld, ...others } = options;
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined) throw new StorageError(`pack option ${name}: not in a synchronous connection`);
    }
    const result = this.#ask("pack", time, {
      ...(gc === undefined ? {} : { gc }),
      ...(keepOld === undefined ? {} : { keepOld }),
    });
    this.#cache.clear();
    this.#cache.setLastTid(this.#last);
    return result;
  }

  get temporaryDirectory(): string {
    const { temporaryDirectory } = this.#facts;
    if (temporaryDirectory === undefined) throw new Unsupported(`${this.name} keeps no blobs`);
    return temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): string {
    return this.#ask("loadBlob", oid, serial);
  }

  receiveBlob(): NewBlob {
    return new BlobInProgress(this.temporaryDirectory);
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#ask("takeSharedBlob", oid, name);
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): SyncTransaction {
    return new SyncTransaction(
      {
        ask: this.#ask,
        id: ++this.#transactions,
        resolver: this.#resolver,
        heard: (before) => this.#take(before),
        committed: (tid, oids, published) => {
          for (const oid of oids) this.#cache.invalidate(oid, tid);
          published?.(tid);
          if (tid > this.#last) this.#advance(tid);
        },
      },
      metadata,
      options,
    );
  }

  /** Closes the storage, and ends the thread. */
  close(): void {
    if (this.#closed) return;
    try {
      if (!this.#caller.isDead) this.#ask("close");
    } finally {
      this.#closed = true;
      this.#end();
    }
  }

  #end(): void {
    this.#closed = true;
    this.#thread.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.close());
  }
}

function describe(address: number | string | object): string {
  if (typeof address !== "object") return String(address);
  return "path" in address ? String(address.path) : Object.values(address).join(":");
}

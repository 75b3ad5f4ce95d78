/**
 * A storage that is behind a server: see {@linkcode ClientStorage}.
 *
 * @module
 */

import type { BlobCacheStatistics, CacheStatistics } from "../cache/mod.ts";
import { type Address, pythonAddress } from "../protocol/mod.ts";
import {
  type BeginOptions,
  capabilities,
  type Capability,
  ConflictResolver,
  type CurrentRecord,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type ObservableStorage,
  type PackResult,
  type Revision,
  type StorageObserver,
  type StorageTransaction,
  type TransactionMetadata,
  type UndoEntry,
} from "../storage/mod.ts";
import { type Awaitable, NO_TID, type Oid, type Tid, tid as asTid, Unsupported } from "../values/mod.ts";
import type { ClientBlobs } from "./blob_seam.ts";
import { type CommittedTransaction, followChanges } from "./changes.ts";
import type { ClientEvents, ClientListener } from "./events.ts";
import { iterateTransactions, recordsOfTransaction } from "./iteration.ts";
import { Link } from "./link.ts";
import { NewOids } from "./new_oids.ts";
import { type ClientAddress, type ClientOptions, describeAddresses, parseAddresses } from "./options.ts";
import { prefetch } from "./prefetch.ts";
import {
  type ClientPackOptions,
  refuseLocalPackOptions,
  ServerMethods,
  type ServerStatus,
  type UndoSpecification,
} from "./server_methods.ts";
import { Transactions } from "./transactions.ts";
import { unlessAborted } from "./waiting.ts";

/**
 * A database on a server, as a storage.
 *
 * What is loaded is cached, and what others commit is told, so that a load from the cache is as good as one from the
 * server. Reads of what is cached go on while there is no connection; everything else waits for one, and is refused with
 * `ClientDisconnected` when there is none in time. A call that is under way when the connection is lost fails in the same way.
 *
 * One transaction at a time is voted and finished; another one's `vote` waits until it has ended. A program that votes on a
 * second transaction before it finishes the first waits for ever.
 *
 * @example
 * ```ts ignore
 * await using storage = new ClientStorage("zeo.example.com:8100", { cache: "var/client.zec" });
 * await storage.ready;
 * const root = await storage.load(ROOT_OID);
 * ```
 */
export class ClientStorage implements ObservableStorage {
  readonly kind = "ClientStorage";
  readonly concurrentVotes = false;
  readonly name: string;
  /** Orders this storage among those of a transaction that spans several; the same for all clients of a storage. */
  readonly sortKey: string;
  /**
   * Resolves when the first connection is in use. Fails with `ClientDisconnected` when that takes too long, while connecting
   * goes on, and for good when every server refuses this client.
   */
  readonly ready: Promise<void>;
  readonly #options: ClientOptions;
  readonly #link: Link;
  readonly #methods: ServerMethods;
  readonly #oids: NewOids;
  readonly #transactions: Transactions;
  readonly #closed = Promise.withResolvers<void>();
  #closing?: Promise<void>;

  /**
   * Opens the cache and begins to connect.
   * @param address A server, or several with the same database: any of them will do.
   * @throws {RangeError} when an address or option can't be, and what opening the cache throws.
   */
  constructor(address: ClientAddress | readonly ClientAddress[], options: ClientOptions = {}) {
    const addresses = parseAddresses(address);
    this.#options = options;
    this.name = options.name ?? describeAddresses(addresses);
    this.sortKey = `${options.storage ?? "1"}:${addresses.map(pythonAddress).join()}`;
    const link = this.#link = new Link(addresses, options, () => this.#oids.forget());
    this.#methods = new ServerMethods((name, args, use) => link.call(name, args, use));
    this.#oids = new NewOids((count) => this.#methods.newOids(count));
    this.#transactions = new Transactions({
      link,
      oids: this.#oids,
      resolver: options.conflictResolver ?? new ConflictResolver(),
      getTid: (oid) => this.getTid(oid),
      loadSerial: (oid, serial) => this.loadSerial(oid, serial),
    });
    this.ready = (async () => void await link.connections.get(options.signal))();
    this.ready.catch(() => {});
  }

  /** Whether there is a connection. */
  get connected(): boolean {
    return this.#link.connections.current !== undefined;
  }

  /** The server that is connected. */
  get address(): Address | undefined {
    return this.#link.connections.current?.address;
  }

  /** Whether it takes no changes, as far as is known at the moment. */
  get readOnly(): boolean {
    const { readOnly, readOnlyFallback } = this.#options;
    return this.#link.connections.current?.readOnly ?? (readOnly === true && !readOnlyFallback);
  }

  /** What the server offered when it was connected last. */
  get [capabilities](): readonly Capability[] {
    return this.#link.info.offers(this.#link.blobs !== undefined);
  }

  /** Counts of the cache of records. */
  get cacheStatistics(): CacheStatistics {
    return this.#link.known.cache.statistics;
  }

  /** Where files for blobs are made best. @throws {Unsupported} without a directory for blobs. */
  get temporaryDirectory(): string {
    return this.#withBlobs().temporaryDirectory;
  }

  /** Has a listener hear of events until what is returned is disposed of. */
  on<K extends keyof ClientEvents>(name: K, listener: ClientListener<K>): Disposable {
    return this.#link.listeners.on(name, listener);
  }

  observe(observer: StorageObserver): Disposable {
    return this.#link.known.observe(observer);
  }

  /**
   * The revision of an object before a transaction, from the cache where that is known.
   * @returns null when the object is known but was not there yet.
   * @throws {POSKeyError} when there is no such object, {ClientDisconnected} when there is no server to ask.
   */
  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    const found = this.#link.known.loadBefore(oid, before);
    if (found) return found;
    return this.#ask(oid, before);
  }

  #ask(oid: Oid, before: Tid): Promise<Loaded | null> {
    const { loads } = this.#link.known;
    return this.#link.connections.current && loads ? loads.load(oid, before) : this.#loadLater(oid, before);
  }

  /** The same if the cache has it, and undefined otherwise: for whoever would rather not wait. */
  cached(oid: Oid, before: Tid = this.#now()): Loaded | undefined {
    return this.#link.known.loadBefore(oid, before);
  }

  async #loadLater(oid: Oid, before: Tid): Promise<Loaded | null> {
    await this.#link.connections.get();
    return await this.loadBefore(oid, before);
  }

  /** The revision of an object as of the last transaction that is known. */
  load(oid: Oid): Awaitable<Loaded | null> {
    const { known, connections } = this.#link;
    if (known.lastTid !== NO_TID || known.started) return this.loadBefore(oid, this.#now());
    // Nothing is known before the first connection: that isn't a moment to look at.
    return (async () => {
      await connections.get();
      return await this.loadBefore(oid, this.#now());
    })();
  }

  /**
   * Loads objects into the cache, many at a time; those that are there already, or not at all, are passed over.
   * @param before The transaction before which they are wanted; the last that is known counts unless told otherwise.
   */
  prefetch(oids: Iterable<Oid>, before: Tid = this.#now()): Promise<void> {
    const missing = (oid: Oid) => !this.#link.known.loadBefore(oid, before);
    return prefetch(oids, missing, (oid, over) => {
      const { loads } = this.#link.known;
      if (this.#link.connections.current && loads) loads.fetch(oid, before, over);
      else this.#loadLater(oid, before).then(() => over(), over);
    });
  }

  /** Just after the last transaction that is known. */
  #now(): Tid {
    return asTid(this.#link.known.lastTid + 1n);
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    const found = this.#link.known.cache.loadBefore(oid, asTid(serial + 1n));
    return found?.serial === serial ? found.data : this.#methods.loadSerial(oid, serial);
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return this.#link.known.cache.load(oid)?.serial ?? this.#methods.getTid(oid);
  }

  history(oid: Oid, size: number): Promise<Revision[]> {
    return this.#methods.history(oid, size);
  }

  lastTransaction(): Tid {
    return this.#link.known.lastTid;
  }

  /** The last transactions that this client has heard of, or made; what came before it was connected isn't known. */
  lastInvalidations(count: number): { readonly tid: Tid; readonly oids: readonly Oid[] }[] {
    return this.#link.known.recent(count);
  }

  newOids(count: number): Promise<Oid[]> {
    return this.#oids.take(count);
  }

  length(): number {
    return this.#link.info.length;
  }

  size(): number {
    return this.#link.info.size;
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): StorageTransaction {
    return this.#transactions.begin(metadata, options, this[capabilities]);
  }

  /**
   * The transactions from `start` to `stop`, as the server has them; up to the last one that is known unless told
   * otherwise. It fails when the connection is lost.
   */
  async *transactions(start?: Tid, stop?: Tid): AsyncGenerator<IteratedTransaction, void> {
    const connection = await this.#link.connections.get();
    yield* iterateTransactions(connection, start, stop ?? this.lastTransaction());
  }

  /**
   * The transactions after one as they are committed, by whomever: whole, in their order, each once, however often the
   * connection is lost meanwhile. It ends when the storage is closed.
   *
   * @param since The last transaction that is not wanted; by default the last one that is known.
   * @throws the signal's reason when it is aborted, and what goes wrong when the server has to be asked.
   *
   * @example
   * ```ts ignore
   * for await (const { tid, oids } of storage.changes(lastSeen, { signal })) index.update(oids, tid);
   * ```
   */
  changes(
    since: Tid = this.#link.known.lastTid,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<CommittedTransaction, void> {
    const transactions = (start?: Tid, stop?: Tid) => this.transactions(start, stop);
    const { connections } = this.#link;
    return followChanges(
      {
        lastTransaction: () => this.#link.known.lastTid,
        watch: (watcher) => this.#link.known.watch(watcher),
        transactions,
        closed: this.#closed.promise,
        recordsOf: async function* (tid) {
          yield* recordsOfTransaction(await connections.get(), tid);
        },
        settled: () => this.ping().catch(() => {}),
        connected: () => connections.again(),
      },
      since,
      options.signal,
    );
  }

  /** The current record of the object with the smallest id from `from` on; null when there is none. */
  currentRecord(from: Oid): Promise<CurrentRecord | null> {
    return this.#methods.currentRecord(from);
  }

  /**
   * The transactions that can be undone, newest first.
   * @param first How many of those that pass the filter are left out.
   * @param last Where to stop, counted from the newest; negative for a number of transactions.
   * @param filter Which count; applied here, to as many as it takes. `undoInfo` has the server look.
   */
  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Promise<UndoEntry[]> {
    return this.#methods.undoLog(first, last, filter);
  }

  /** Like `undoLog`, of the transactions whose entries have all that the specification says; the server looks. */
  undoInfo(first = 0, last = -20, specification?: UndoSpecification): Promise<UndoEntry[]> {
    return this.#methods.undoInfo(first, last, specification);
  }

  /**
   * Has the server pack. It tells only the sizes before and after; without waiting these are the same. The cache is emptied;
   * those of other clients may have revisions that are gone until they have no room for them (R11).
   * @param time Seconds since 1970.
   * @throws {StorageError} for an option that is the server's to decide, and what the server tells.
   */
  async pack(time: number, options: ClientPackOptions = {}): Promise<PackResult> {
    refuseLocalPackOptions(options);
    const { length, size } = this.#link.info;
    const packing = this.#methods.pack(time, options.wait ?? true).then(() => this.#link.known.packed());
    await unlessAborted(packing, options.signal);
    return {
      outcome: size === this.#link.info.size ? "nothing" : "packed",
      size: [size, this.#link.info.size],
      objects: [length, this.#link.info.length],
    };
  }

  /** Lets what others have committed be known, where that was asked for by `serverSync`. */
  sync(): Awaitable<void> {
    if (this.#options.serverSync) return this.ping();
  }

  /** Asks the server for a sign of life. What was committed anywhere before that is known when it comes. */
  async ping(): Promise<void> {
    await this.#methods.ping();
    // The original may answer before it tells of what it has done; it has told of that when it answers again.
    if (!this.#link.info.ordered) await this.#methods.ping();
  }

  /** The server's counts and state. */
  serverStatus(): Promise<ServerStatus> {
    return this.#methods.serverStatus();
  }

  /** The file of a blob's revision, which is fetched if need be. @throws {POSKeyError} when there is none. */
  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    return this.#withBlobs().loadBlob(oid, serial);
  }

  /**
   * Opens the content of a blob's revision, to be read: to its end, whatever becomes of the file. A cache of limited size may
   * have removed what `loadBlob` names before it is opened.
   * @throws {POSKeyError} when there is none, {ClientDisconnected} when it would have to be fetched and can't.
   *
   * @example
   * ```ts ignore
   * const { readable } = await storage.openBlob(oid, serial);
   * return new Response(readable);
   * ```
   */
  openBlob(oid: Oid, serial: Tid): Promise<Deno.FsFile> {
    return this.#withBlobs().openBlob(oid, serial);
  }

  /** Counts of the cache of blobs; undefined where there is none. */
  get blobStatistics(): BlobCacheStatistics | undefined {
    return this.#link.blobs?.statistics;
  }

  /** Begins a new temporary file, to be handed to a transaction's `storeBlob`. */
  receiveBlob(): NewBlob {
    return this.#withBlobs().receiveBlob();
  }

  /** Takes a file that somebody with access to the blob directory has put beside an object's revisions. */
  takeSharedBlob(oid: Oid, name: string): string {
    return this.#withBlobs().takeSharedBlob(oid, name);
  }

  #withBlobs(): ClientBlobs {
    if (this.#link.blobs) return this.#link.blobs;
    throw new Unsupported("No blob cache directory is configured.");
  }

  /** Waits for transactions that are being finished, ends the connection, and closes the cache. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.#transactions.close();
    await this.#link.close();
    this.#closed.resolve();
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

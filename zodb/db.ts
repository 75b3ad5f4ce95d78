/**
 * A database: a storage, and the connections to it.
 *
 * @module
 */

import {
  FileStorage,
  MappingStorage,
  mergeWith,
  type PackOptions,
  type PackResult,
  SharedStorage,
  type Storage,
  type StorageUse,
  supportsPack,
  supportsUndo,
} from "../storage/mod.ts";
import { getLogger } from "@logtape/logtape";
import { type Awaitable, type Oid, ROOT_OID, StorageError, type Tid, Unsupported } from "../values/mod.ts";
import { classes, type ClassRegistry, type DictStyle } from "./classes.ts";
import { conflictResolver } from "./class_resolvers.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { ConnectionPools, momentBefore } from "./connection_pools.ts";
import type { ConnectionSet } from "./connection_set.ts";
import { type DBOptions, DEFAULTS, type TransactOptions } from "./db_options.ts";
import type { CacheLimits } from "./object_cache.ts";
import { OidSupply } from "./oid_supply.ts";
import { createRoot, hasRoot } from "./root_record.ts";
import type { CacheSize, ConnectionInfo } from "./statistics.ts";
import { cacheSizeOf, countClasses, describeConnection } from "./statistics.ts";
import { run, type Steps, wait } from "./steps.ts";
import { present } from "./storage_questions.ts";
import { type TransactionInfo, transactionInfo } from "./transaction_info.ts";
import type { Transaction } from "./transaction/transaction.ts";
import { TransactionManager } from "./transaction/transaction_manager.ts";
import { Undo } from "./undo.ts";

const log = getLogger(["zeo", "zodb"]);

/**
 * A database.
 *
 * @example
 * ```ts
 * import { DB } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using db = await DB.open();
 * await db.transaction((connection) => connection.root.set("answer", 42));
 * await using connection = db.open();
 * assertEquals(await connection.root.get("answer"), 42);
 * ```
 */
export class DB implements AsyncDisposable {
  /** Where the records are. */
  readonly storage: Storage;
  /** Its name among several. */
  readonly databaseName: string;
  /** The databases that it can refer to, itself among them. */
  readonly databases: Map<string, DB>;
  /** Whether its objects may refer to those of other databases. */
  readonly crossReferences: boolean;
  /** Bytes from which on a record is worth a warning. */
  readonly largeRecordSize: number;
  /** How dicts in states are read. */
  readonly dicts: DictStyle;
  /** The classes that it knows. */
  readonly classes: ClassRegistry;
  /** @ignore Object ids in reserve. */
  readonly oids: OidSupply;
  readonly #cache: CacheLimits;
  readonly #historicalCache: CacheLimits;
  readonly #pools: ConnectionPools;
  readonly #use: StorageUse;
  #heard: Tid;
  #open = true;
  /** The connection whose closing closes the database. */
  #owner: Connection | undefined;
  #closing: Promise<void> | undefined;

  private constructor(storage: Storage, options: DBOptions) {
    this.storage = storage;
    this.databaseName = options.databaseName ?? "unnamed";
    this.databases = options.databases ?? new Map();
    if (this.databases.has(this.databaseName)) {
      throw new RangeError(`database name ${JSON.stringify(this.databaseName)} is taken already`);
    }
    this.crossReferences = options.crossReferences ?? true;
    this.largeRecordSize = options.largeRecordSize ?? DEFAULTS.largeRecordSize;
    this.dicts = options.dicts ?? "map";
    this.classes = options.classes ?? classes;
    this.oids = new OidSupply(storage);
    this.#cache = { ...DEFAULTS.cache, ...options.cache };
    this.#historicalCache = { ...DEFAULTS.historicalCache, ...options.historicalCache };
    this.#pools = new ConnectionPools(
      { ...DEFAULTS.pool, ...options.pool },
      { ...DEFAULTS.historicalPool, ...options.historicalPool },
      (before) => new Connection(this, { limits: this.#limits(before), before }),
    );
    this.#heard = storage.lastTransaction();
    this.#use = SharedStorage.of(storage).use({
      invalidated: (tid, oids) => this.#tell(tid, oids),
      reset: () => this.#reset(),
    });
    this.databases.set(this.databaseName, this);
  }

  /**
   * A database on a storage: the one given, a Data.fs of this path, or one in memory. It belongs to the database from now
   * on. A database without a root object gets one.
   *
   * @throws {ReadOnlyError} when it has no root object and can't get one.
   */
  static async open(storage: Storage | string = new MappingStorage(), options: DBOptions = {}): Promise<DB> {
    return await run(DB.openSteps(storage, options));
  }

  /** @ignore */
  static *openSteps(storage: Storage | string, options: DBOptions): Steps<DB> {
    if (typeof storage === "string") {
      storage = FileStorage.open(storage, { merge: mergeWith(conflictResolver(options.classes)) });
    }
    // One behind a server has to reach it first.
    if ("ready" in storage) yield* wait(storage.ready);
    const db = new DB(storage, options);
    try {
      if (!(yield* hasRoot(storage))) yield* createRoot(storage, (tid) => db.published(tid, [ROOT_OID]));
    } catch (error) {
      yield* db.closeSteps();
      throw error;
    }
    return db;
  }

  /** Whether it is not closed. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** The storage's name. */
  get name(): string {
    return this.storage.name;
  }

  /** How many objects there are. */
  get objectCount(): number {
    return this.storage.length();
  }

  /** Bytes that the storage takes. */
  get size(): number {
    return this.storage.size();
  }

  /** The last transaction. */
  get lastTransaction(): Tid {
    return this.storage.lastTransaction();
  }

  /** Whether transactions can be undone. */
  get supportsUndo(): boolean {
    return supportsUndo(this.storage);
  }

  /** Connections, in use or not. */
  get connections(): readonly Connection[] {
    return [...this.#pools.present()];
  }

  /**
   * A connection, at the state of the database as it is now or as it was once.
   *
   * @throws {RangeError} when both `at` and `before` are given, or the moment has not come yet.
   */
  open(options: ConnectionOptions = {}): Connection {
    this.#requireOpen();
    const connection = this.#pools.take(momentBefore(options, this.storage.lastTransaction()));
    connection.open(options.transactionManager ?? new TransactionManager(), options.sync ?? false);
    this.#use.users = this.#pools.inUse;
    return connection;
  }

  /**
   * A connection whose closing closes the database too, for programs that need one only.
   *
   * @throws as {@linkcode DB.open}.
   */
  openThenClose(options: ConnectionOptions = {}): Connection {
    return this.#owner = this.open(options);
  }

  /** @ignore Waits until the database is closed, if closing this connection has begun that. */
  *closedWith(connection: Connection): Steps<void> {
    if (this.#owner === connection && this.#closing) yield* wait(this.#closing);
  }

  /** @ignore A new connection beside another database's. */
  connectBeside(beside: ConnectionSet, before: Tid | undefined): Connection {
    this.#requireOpen();
    const connection = new Connection(this, { limits: this.#limits(before), before, beside });
    this.#pools.addBeside(connection);
    return connection;
  }

  /** @ignore Gives up one that was made beside another database's. */
  forget(connection: Connection): void {
    this.#pools.forget(connection);
  }

  /**
   * Runs a function with a connection of its own, commits, and closes the connection. After a conflict it is run again.
   *
   * @returns What the function returned.
   * @throws what the function or the commit threw, when it is no conflict or the tries are used up.
   */
  async transaction<T>(
    work: (connection: Connection, transaction: Transaction) => Awaitable<T>,
    options: TransactOptions = {},
  ): Promise<T> {
    await using connection = this.open();
    return await connection.transactionManager.run(async (transaction) => {
      if (options.note !== undefined) transaction.note(options.note);
      return await work(connection, transaction);
    }, options);
  }

  /**
   * Drops what is no longer needed: revisions that were not current any more at a moment, and objects that nothing
   * referred to then.
   *
   * @param time The moment; now. @param days Days before it.
   * @throws {Unsupported} when the storage can't be packed.
   */
  async pack(time: Date = present(this.storage), days = 0, options?: PackOptions): Promise<PackResult> {
    if (!supportsPack(this.storage)) throw new Unsupported(`${this.storage.name} can't be packed`);
    return await this.storage.pack(time.getTime() / 1000 - days * 86_400, options);
  }

  /**
   * Takes back what a transaction did, at the commit of another.
   *
   * @param transaction The one that does it, in which nothing else of this database can be changed; one of its own,
   * committed right away, unless told otherwise.
   * @throws {UndoError} at the commit, when later transactions stand in the way.
   */
  async undo(tid: Tid, transaction?: Transaction): Promise<void> {
    await this.undoMultiple([tid], transaction);
  }

  /** Takes back what several transactions did, in this order. As {@linkcode undo}. */
  async undoMultiple(tids: readonly Tid[], transaction?: Transaction): Promise<void> {
    if (!this.supportsUndo) throw new Unsupported(`${this.storage.name} does not support undo`);
    const undo = new Undo(this, tids);
    if (transaction) transaction.join(undo);
    else await new TransactionManager().run((own) => own.join(undo), { retries: 0 });
  }

  /**
   * The transactions that can be undone, newest first.
   *
   * @param first How many are left out. @param last Where to stop; negative for a number of transactions.
   */
  async undoLog(
    first = 0,
    last = -20,
    filter?: (entry: TransactionInfo) => boolean,
  ): Promise<TransactionInfo[]> {
    if (!supportsUndo(this.storage)) return [];
    const entries = await this.storage.undoLog(
      first,
      last,
      filter && ((entry) => filter(transactionInfo(entry))),
    );
    return entries.map(transactionInfo);
  }

  /** Like {@linkcode undoLog}, for the transactions whose user and description are these. */
  async undoInfo(
    first = 0,
    last = -20,
    specification: Partial<Pick<TransactionInfo, "user" | "description">> = {},
  ): Promise<TransactionInfo[]> {
    const { user, description } = specification;
    return await this.undoLog(
      first,
      last,
      (entry) =>
        (user ?? entry.user) === entry.user && (description ?? entry.description) === entry.description,
    );
  }

  /** The last revisions of an object, newest first. @throws {POSKeyError} when there is no such object. */
  async history(oid: Oid, size = 1): Promise<TransactionInfo[]> {
    return (await this.storage.history(oid, size)).map(transactionInfo);
  }

  /** Loaded objects of all connections, by class. */
  cacheDetail(): Map<string, number> {
    return countClasses(this.#pools.present(), this.classes);
  }

  /** Loaded objects, and ghosts, of each connection. */
  cacheDetailSize(): CacheSize[] {
    return [...this.#pools.present()].map(cacheSizeOf);
  }

  /** All connections, historical ones too, and what they do at the moment. */
  connectionInfo(): ConnectionInfo[] {
    return this.#pools.all().map(describeConnection);
  }

  /** Loaded objects of all connections. */
  get cacheSize(): number {
    return this.cacheDetailSize().reduce((sum, { loaded }) => sum + loaded, 0);
  }

  /** Makes all unchanged objects of all connections ghosts. */
  cacheMinimize(): void {
    for (const connection of this.#pools.present()) connection.cacheMinimize();
  }

  /** Changes what each connection's cache may hold. */
  setCacheLimits(limits: Partial<CacheLimits>): void {
    Object.assign(this.#cache, limits);
    for (const connection of this.#pools.present()) connection.setCacheLimits(limits);
  }

  /** Closes all connections, whose changes are lost, and the storage, unless others in this process use it still. */
  async close(): Promise<void> {
    await (this.#closing ??= Promise.resolve(run(this.closeSteps())));
  }

  /** @ignore */
  *closeSteps(): Steps<void> {
    if (!this.#open) return;
    for (const connection of this.#pools.all()) yield* connection.disposeSteps();
    this.#open = false;
    if (this.databases.get(this.databaseName) === this) this.databases.delete(this.databaseName);
    if (this.#use.leave()) yield* wait(this.storage.close());
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @ignore The last transaction whose invalidations were told. */
  get lastHeard(): Tid {
    return this.#heard;
  }

  /** @ignore Tells everybody of a transaction of this database. @param by The connection that committed it. */
  published(tid: Tid, oids: readonly Oid[], by?: Connection): void {
    this.#tell(tid, oids, by);
    this.#use.published(tid, oids);
  }

  #tell(tid: Tid, oids: readonly Oid[], by?: Connection): void {
    if (tid > this.#heard) this.#heard = tid;
    this.oids.used(oids);
    for (const connection of this.#pools.present()) {
      if (connection === by) connection.view.committed(tid);
      else connection.view.invalidated(tid, oids);
    }
  }

  /** @ignore The last transaction. If it came about unheard, everything may have changed. */
  noticeLast(): Tid {
    const last = this.storage.lastTransaction();
    if (last > this.#heard) {
      // Somebody else uses the storage, and it is not one that tells.
      this.#heard = last;
      this.#reset();
    }
    return last;
  }

  /** @ignore Takes a connection back. */
  closed(connection: Connection): void {
    this.#pools.giveBack(connection);
    this.#use.users = this.#pools.inUse;
    if (connection !== this.#owner || !this.#open) return;
    this.close().catch((error) => log.error("closing database {name}: {error}", { name: this.name, error }));
  }

  #reset(): void {
    this.oids.forget();
    for (const connection of this.#pools.present()) connection.view.invalidatedAll();
  }

  #limits(before: Tid | undefined): CacheLimits {
    return before === undefined ? this.#cache : this.#historicalCache;
  }

  #requireOpen(): void {
    if (!this.#open) throw new StorageError(`database ${this.databaseName} is closed`);
  }
}

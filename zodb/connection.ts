/**
 * A connection: one view of a database's objects, and the changes to them.
 *
 * @module
 */

import {
  type Awaitable,
  ConnectionStateError,
  InvalidObjectReference,
  isPromise,
  type Oid,
  ROOT_OID,
  type Tid,
  when,
} from "../values/mod.ts";
import { cacheResets } from "./cache_resets.ts";
import { Changes } from "./changes.ts";
import { CloseCallbacks } from "./close_callbacks.ts";
import type { Moment } from "./connection_pools.ts";
import { CONTROL, GHOST } from "./control.ts";
import { ConnectionSet } from "./connection_set.ts";
import type { DB } from "./db.ts";
import { exportGraph } from "./export.ts";
import { importGraph } from "./import.ts";
import { load, type LoadOptions } from "./load.ts";
import type { CacheInfo, CacheLimits } from "./object_cache.ts";
import { ObjectSpace } from "./object_space.ts";
import { PersistentBase } from "./persistent.ts";
import { respite } from "./respite.ts";
import { Root } from "./root.ts";
import { run, type Steps } from "./steps.ts";
import { canPrefetch, canSync } from "./storage_questions.ts";
import type { Savepoint } from "./transaction/savepoint.ts";
import type { TransactionManager } from "./transaction/transaction_manager.ts";
import { View } from "./view.ts";

/** How a connection is opened. */
export interface ConnectionOptions extends Moment {
  /** Whose transactions it takes part in; a new manager, its own, unless told otherwise. */
  readonly transactionManager?: TransactionManager;
  /** Whether touching a ghost loads it, where the storage answers at once; otherwise it throws a `GhostError`. */
  readonly sync?: boolean;
}

/** What a connection is made with, by its database. */
export interface ConnectionSetup {
  readonly limits: CacheLimits;
  /** Shows the database before this transaction, for ever. */
  readonly before?: Tid;
  /** The connections beside which it is; none unless told otherwise. */
  readonly beside?: ConnectionSet;
}

/** See the module. `db.open()` makes one. */
export class Connection implements AsyncDisposable {
  /** The database. */
  readonly db: DB;
  /** @ignore How often caches had been reset when it was made. */
  readonly resets: number = cacheResets();
  readonly #view: View;
  readonly #space: ObjectSpace;
  readonly #changes: Changes;
  readonly #set: ConnectionSet;
  #manager: TransactionManager | undefined;
  #opened: Date | undefined;
  readonly #closeCallbacks = new CloseCallbacks();

  /** @ignore */
  constructor(db: DB, setup: ConnectionSetup) {
    this.db = db;
    this.#view = new View(db.lastHeard, setup.before);
    this.#set = setup.beside ?? new ConnectionSet(this);
    this.#changes = new Changes(this, () => this.#space);
    this.#space = new ObjectSpace({
      connection: this,
      storage: db.storage,
      classes: db.classes,
      dicts: db.dicts,
      limits: setup.limits,
      crossReferences: db.crossReferences,
      register: (control) => this.#changes.register(control),
      adopt: (control) => this.#changes.adopt(control),
      written: (oid) => this.#changes.writtenRecord(oid),
      foreign: (database) => this.getConnection(database).#space,
      isUnwritten: (oid) => this.#changes.isUnwritten(oid),
      isAdopted: (oid) => this.#changes.adopted.has(oid),
    });
  }

  /** For a historical connection: the transaction before which it shows the database. */
  get before(): Tid | undefined {
    return this.#view.fixed;
  }

  /** When it was opened; undefined for a closed one. */
  get opened(): Date | undefined {
    return this.#opened;
  }

  /** Whose transactions it takes part in. */
  get transactionManager(): TransactionManager {
    this.#requireOpen();
    return this.#manager!;
  }

  /** Whether it takes no changes. */
  get isReadOnly(): boolean {
    this.#requireOpen();
    return this.before !== undefined || this.db.storage.readOnly;
  }

  /** Where it comes among those who commit together. */
  get sortKey(): string {
    const { storage, databaseName } = this.db;
    const key = "sortKey" in storage && typeof storage.sortKey === "string" ? storage.sortKey : storage.name;
    return `${key}:${databaseName}`;
  }

  /** The root object's items: where everything starts. */
  get root(): Root {
    this.#requireOpen();
    return new Root(this);
  }

  /** Begins a new transaction: sees what has been committed until now. */
  async begin(): Promise<void> {
    await this.transactionManager.begin();
  }

  /** Commits the changes. @throws as `Transaction.commit`. */
  async commit(): Promise<void> {
    await this.transactionManager.commit();
  }

  /** Takes the changes back. */
  async abort(): Promise<void> {
    await this.transactionManager.abort();
  }

  /** Makes a point to go back to. */
  async savepoint(): Promise<Savepoint> {
    return await this.transactionManager.savepoint();
  }

  /** Sees what has been committed until now; uncommitted changes are taken back. */
  async sync(): Promise<void> {
    await this.begin();
  }

  /**
   * The object of an id, perhaps a ghost.
   * @throws {POSKeyError} when there is none.
   */
  get<T extends PersistentBase = PersistentBase>(oid: Oid): Promise<T> {
    this.#requireOpen();
    return Promise.resolve(respite()).then(() => this.#space.get(oid)) as Promise<T>;
  }

  /** The object of an id where it is in the cache; undefined where it isn't. */
  cached(oid: Oid): PersistentBase | undefined {
    return this.#space.cache.get(oid);
  }

  /** The root object, loaded. */
  async rootObject(): Promise<PersistentBase> {
    const root = await this.get(ROOT_OID);
    await root._p_activate();
    return root;
  }

  /**
   * Gives a new object an id, and stores it at the next commit whether anything refers to it or not.
   *
   * @throws {TypeError} when it isn't persistent; {@linkcode InvalidObjectReference} when it belongs to another
   * connection.
   */
  async add(object: PersistentBase): Promise<void> {
    this.#requireOpen();
    if (!(object instanceof PersistentBase)) {
      throw new TypeError("only persistent objects can be added to a connection");
    }
    const control = object[CONTROL];
    if (control.jar === this.#space) return;
    if (control.jar) throw new InvalidObjectReference("the object belongs to another connection");
    await this.#changes.add(control);
  }

  /** Loads objects; see {@linkcode load}. */
  async load<T extends PersistentBase>(object: T, options?: LoadOptions): Promise<T> {
    return await load(object, options);
  }

  /**
   * Has the next commit fail with a `ReadConflictError` if somebody else changes this object meanwhile. Without a change
   * of this connection nothing is checked.
   */
  readCurrent(object: PersistentBase): void {
    const { oid, serial, jar } = object[CONTROL];
    if (jar === this.#space) this.#changes.readCurrent(oid!, serial);
  }

  /** Has a storage that can fetch these objects, so that loading them later takes no waiting. A hint. */
  async prefetch(
    ...objects: readonly (Oid | PersistentBase | Iterable<Oid | PersistentBase>)[]
  ): Promise<void> {
    this.#requireOpen();
    const { storage } = this.db, { before } = this.#space;
    if (!canPrefetch(storage) || before === undefined) return;
    const oids: Oid[] = [];
    const add = (one: Oid | PersistentBase) => {
      const oid = typeof one === "bigint" ? one : one._p_oid;
      const control = typeof one === "bigint" ? this.cached(one)?.[CONTROL] : one[CONTROL];
      if (oid !== undefined && (!control || control.state === GHOST)) oids.push(oid);
    };
    for (const one of objects) {
      if (typeof one === "bigint" || one instanceof PersistentBase) add(one);
      else for (const each of one) add(each);
    }
    if (oids.length > 0) await storage.prefetch(oids, before);
  }

  /** The state that an object had in a revision. @throws {POSKeyError} when there is none such. */
  async oldState(object: PersistentBase, tid: Tid): Promise<unknown> {
    const control = object[CONTROL], data = await this.db.storage.loadSerial(control.oid!, tid);
    return this.#space.stateIn(control, data);
  }

  /**
   * Writes an object, and all that it refers to, into a file that {@linkcode Connection.importFile} and Python read.
   * What is not committed is not in it.
   *
   * @throws {POSKeyError} when there is no such object; {BlobError} at a blob, where the storage keeps none.
   */
  async exportFile(oid: Oid, path: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#requireOpen();
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    const graph = exportGraph(this.db.storage, oid, this.#space.before!);
    await ReadableStream.from(graph).pipeTo(file.writable, options);
  }

  /**
   * Takes in the objects of an export file, under new ids. They are stored if the transaction is committed, and nothing
   * refers to them yet: put the object that is returned where it belongs.
   *
   * @returns The object that was exported.
   * @throws {ExportError} when it is no export file, or not all of one.
   */
  async importFile<T extends PersistentBase = PersistentBase>(path: string): Promise<T> {
    this.#requireOpen();
    const { blobDirectory } = this.#space;
    const imported = await importGraph(path, { newOids: this.db.storage, blobDirectory });
    this.#changes.takeIn(imported.records);
    this.transactionManager.get().note(`imported from ${path}`);
    return await this.get<T>(imported.root);
  }

  /** Makes objects ghosts that were not used for long, if too many are loaded. */
  cacheGC(): void {
    this.#space.cache.collect();
  }

  /** Makes all unchanged objects ghosts, of this connection and those to other databases beside it. */
  cacheMinimize(): void {
    for (const connection of this.#set.members) connection.#space.cache.minimize();
  }

  /** What the cache holds. */
  get cacheInfo(): CacheInfo {
    const { loadedCount, ghostCount, bytes, limits } = this.#space.cache;
    return { loaded: loadedCount, ghosts: ghostCount, bytes, limits: { ...limits } };
  }

  /** The objects in the cache. */
  cachedObjects(): Iterable<PersistentBase> {
    return this.#space.cache.objects();
  }

  /** How many objects were loaded since it was made. */
  get loadCount(): number {
    return this.#space.loads;
  }

  /** Changes how much the cache may hold. */
  setCacheLimits(limits: Partial<CacheLimits>): void {
    Object.assign(this.#space.cache.limits, limits);
  }

  /** Calls a function when the connection is closed. Its errors are logged. */
  onClose(callback: () => void): void {
    this.#closeCallbacks.add(callback);
  }

  /**
   * A connection to another database of the same set, in the same transactions.
   * @throws {RangeError} when there is no database of that name.
   */
  getConnection(name: string): Connection {
    this.#requireOpen();
    return this.#set.get(name);
  }

  /** Whether it takes part in a transaction that is not over. */
  get hasChanges(): boolean {
    return this.#changes.joined;
  }

  /**
   * Gives the connection back to its database, and those to other databases with it. Its objects that are loaded can
   * still be read.
   *
   * @throws {ConnectionStateError} when there are changes that are neither committed nor aborted.
   */
  close(): void {
    if (this.#opened) this.#set.close();
  }

  /** Aborts what is not committed and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run(this.disposeSteps());
  }

  /** @ignore */
  *disposeSteps(): Steps<void> {
    if (!this.#opened) return;
    if (this.#set.hasChanges) yield* this.transactionManager.get().abortSteps();
    this.close();
    yield* this.db.closedWith(this);
  }

  /** @ignore Opens it with those beside it. */
  open(manager: TransactionManager, sync: boolean): void {
    this.#set.open(manager, sync);
  }

  /** @ignore */
  openAlone(manager: TransactionManager, sync: boolean): void {
    this.#manager = manager;
    this.#opened = new Date();
    this.#space.open = true;
    this.#space.synchronous = sync;
    manager.registerSynchronizer(this.#synchronizer);
    if (!manager.explicit || manager.inTransaction) this.#refresh();
    this.#space.cache.collect();
  }

  /** @ignore */
  closeAlone(): void {
    if (!this.#opened) return;
    this.#closeCallbacks.call();
    this.#space.cache.collect();
    this.#manager!.unregisterSynchronizer(this.#synchronizer);
    this.#manager = undefined;
    this.#opened = undefined;
    this.#space.open = false;
  }

  /** @ignore Hears that nobody will open it again. */
  discard(): void {
    this.#set.discard();
  }

  /** Whether touching a ghost loads it. */
  get isSync(): boolean {
    return this.#space.synchronous;
  }

  /** @ignore Its objects and changes, for a synchronous connection on it. */
  get parts(): { readonly space: ObjectSpace; readonly changes: Changes } {
    return { space: this.#space, changes: this.#changes };
  }

  /** @ignore What it hears of others' changes. */
  get view(): View {
    return this.#view;
  }

  readonly #synchronizer = {
    afterCompletion: (): void => {
      if (!this.#manager?.explicit) this.#refresh();
      this.#space.cache.collect();
    },
    newTransaction: (): Awaitable<void> => {
      const { storage } = this.db;
      const synced = canSync(storage) ? storage.sync() : undefined;
      return isPromise(synced) ? when(synced, () => this.#refresh()) : this.#refresh();
    },
  };

  /** Moves the view to now. */
  #refresh(): void {
    this.#changes.atBoundary();
    this.#view.refresh(this.#space, this.db.noticeLast());
  }

  #requireOpen(): void {
    if (!this.#opened) throw new ConnectionStateError("the database connection is closed");
  }
}

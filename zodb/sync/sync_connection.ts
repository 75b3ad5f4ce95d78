/**
 * A connection whose objects load themselves when they are touched: see {@linkcode SyncConnection}.
 *
 * @module
 */

import {
  ClientDisconnected,
  InvalidObjectReference,
  type Oid,
  StorageError,
  type Tid,
} from "../../values/mod.ts";
import type { Connection } from "../connection.ts";
import { CONTROL } from "../control.ts";
import type { CacheInfo } from "../object_cache.ts";
import { PersistentBase } from "../persistent.ts";
import type { PersistentMap } from "../persistent_map.ts";
import { now, run, type Steps } from "../steps.ts";
import { canSync } from "../storage_questions.ts";
import type { Savepoint } from "../transaction/savepoint.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { TransactionManager } from "../transaction/transaction_manager.ts";
import type { SyncDB } from "./sync_db.ts";
import { rootAttributes, rootMap } from "./sync_root.ts";
import type { Sync } from "./sync_types.ts";

/** A point within a transaction of a synchronous connection. */
export interface SyncSavepoint {
  /** Whether it can still be gone back to. */
  readonly valid: boolean;
  /** Takes back all changes since. @throws {InvalidSavepointRollbackError} as `Savepoint.rollback`. */
  rollback(): void;
}

/**
 * A view of a database's objects in which nothing is awaited: the first touch of an object loads it, and the program
 * stands still meanwhile. So does `commit`. For scripts, the REPL and tools; not for a program that serves many at a time.
 *
 * @typeParam R What the root object holds.
 *
 * @example
 * ```ts ignore
 * using connection = openSync<{ accounts: PersistentMap<string, Account> }>("zeo.example.com:8100");
 * const { root } = connection;
 * root.accounts.get("ann")!.balance += 10;
 * connection.commit();
 * ```
 */
export class SyncConnection<R extends object = Record<string, unknown>> implements Disposable {
  /** The database. */
  readonly db: SyncDB;
  /** The root object's items, as attributes: to be read, set, deleted and listed. They may be ghosts, which load themselves. */
  readonly root: { [K in keyof R]: Sync<R[K]> };
  readonly #connection: Connection;
  readonly #manager: TransactionManager;
  readonly #closed: () => void;

  /** @ignore @param closed Hears that it is closed. */
  constructor(db: SyncDB, connection: Connection, closed: () => void) {
    this.db = db;
    this.#connection = connection;
    this.#manager = connection.transactionManager;
    this.#closed = closed;
    this.root = rootAttributes(connection) as typeof this.root;
  }

  /** The connection below, for what is the same in both kinds; its methods that return promises are not to be used. */
  get connection(): Connection {
    return this.#connection;
  }

  /** Whose transactions it takes part in. */
  get transactionManager(): TransactionManager {
    return this.#manager;
  }

  /** The transaction: for its note, user, extension, hooks. It is committed by {@linkcode SyncConnection.commit}. */
  get transaction(): Transaction {
    return this.#manager.get();
  }

  /** Whether it is open. */
  get isOpen(): boolean {
    return this.#connection.opened !== undefined;
  }

  /** Whether there are changes that are neither committed nor aborted. */
  get hasChanges(): boolean {
    return this.#connection.hasChanges;
  }

  /** What the cache of objects holds. */
  get cacheInfo(): CacheInfo {
    return this.#connection.cacheInfo;
  }

  /**
   * Begins a new transaction: sees what has been committed until now, by whomever. Changes are taken back.
   * @throws {ClientDisconnected} when there is no connection to a server within `waitTimeout`.
   */
  begin(): Transaction {
    return this.#do("begin", this.#manager.beginSteps());
  }

  /** Sees what has been committed until now; changes are taken back. The same as {@linkcode SyncConnection.begin}. */
  sync(): void {
    this.begin();
  }

  /**
   * Commits the changes.
   * @throws {ConflictError} when somebody else was first; {@linkcode SyncConnection.abort}, and try again. Otherwise as
   * `Transaction.commit`.
   */
  commit(): void {
    this.#do("commit", this.#manager.get().commitSteps());
  }

  /** Takes the changes back, and sees what has been committed until now where there is a connection. */
  abort(): void {
    const { storage } = this.#connection.db;
    try {
      if (canSync(storage)) now(storage.sync(), "sync");
    } catch (error) {
      // The changes are taken back all the same.
      if (!(error instanceof ClientDisconnected)) throw error;
    } finally {
      this.#do("abort", this.#manager.get().abortSteps());
    }
  }

  /** Makes a point to go back to. */
  savepoint(): SyncSavepoint {
    const savepoint: Savepoint = this.#do("savepoint", this.#manager.get().savepointSteps());
    return {
      get valid() {
        return savepoint.valid;
      },
      rollback: () => this.#do("rollback", savepoint.rollbackSteps()),
    };
  }

  /** The root object. @throws {TypeError} when it is no mapping. */
  rootObject(): Sync<PersistentMap<string, unknown>> {
    return rootMap(this.#connection) as Sync<PersistentMap<string, unknown>>;
  }

  /** The object of an id. @throws {POSKeyError} when there is none. */
  get<T extends PersistentBase = PersistentBase>(oid: Oid): Sync<T> {
    this.#requireOpen();
    return now(this.#connection.parts.space.get(oid), "get") as Sync<T>;
  }

  /**
   * Gives a new object an id, and stores it at the next commit whether anything refers to it or not.
   *
   * @throws {TypeError} when it isn't persistent; {@linkcode InvalidObjectReference} when it belongs to another
   * connection.
   */
  add(object: PersistentBase): void {
    this.#requireOpen();
    if (!(object instanceof PersistentBase)) {
      throw new TypeError("only persistent objects can be added to a connection");
    }
    const { space, changes } = this.#connection.parts, control = object[CONTROL];
    if (control.jar === space) return;
    if (control.jar) throw new InvalidObjectReference("the object belongs to another connection");
    now(changes.add(control), "add");
  }

  /** Has the next commit fail with a `ReadConflictError` if somebody else changes this object meanwhile. */
  readCurrent(object: PersistentBase): void {
    this.#connection.readCurrent(object);
  }

  /** The state that an object had in a revision. @throws {POSKeyError} when there is none such. */
  oldState(object: PersistentBase, tid: Tid): unknown {
    const control = object[CONTROL], { storage } = this.#connection.db;
    return this.#connection.parts.space.stateIn(
      control,
      now(storage.loadSerial(control.oid!, tid), "oldState"),
    );
  }

  /** Makes all unchanged objects ghosts. */
  cacheMinimize(): void {
    this.#connection.cacheMinimize();
  }

  /** Closes it; one that `openSync` made closes its database too. Changes that are not committed are lost. */
  close(): void {
    if (this.isOpen) this.#do("close", this.#connection.disposeSteps());
    this.#closed();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #do<T>(what: string, steps: Steps<T>): T {
    return now(run(steps), what);
  }

  #requireOpen(): void {
    if (!this.isOpen) throw new StorageError("the database connection is closed");
  }
}

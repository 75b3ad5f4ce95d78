/**
 * A database whose connections are synchronous: see {@linkcode SyncDB}.
 *
 * @module
 */

import { type PackResult, supportsPack, supportsUndo } from "../../storage/mod.ts";
import { type Oid, StorageError, type Tid, Unsupported } from "../../values/mod.ts";
import type { Moment } from "../connection_pools.ts";
import type { DB } from "../db.ts";
import type { TransactOptions } from "../db_options.ts";
import { now, run } from "../steps.ts";
import { canSync, present } from "../storage_questions.ts";
import { type TransactionInfo, transactionInfo } from "../transaction_info.ts";
import { patienceAfter, retrying, TransactionManager } from "../transaction/transaction_manager.ts";
import { Undo } from "../undo.ts";
import { SyncConnection } from "./sync_connection.ts";

/** How a synchronous connection of a database is opened. */
export interface SyncConnectionOptions extends Moment {
  /** Whose transactions it takes part in; a new manager, its own, unless told otherwise. */
  readonly transactionManager?: TransactionManager;
}

/** How a transaction of its own is run. */
export type SyncTransactOptions = Omit<TransactOptions, "signal">;

/** A database whose connections are synchronous. `openSync(…).db` is one. */
export class SyncDB implements Disposable {
  /** The database below, for what is the same in both kinds; its methods that return promises are not to be used. */
  readonly db: DB;

  /** @ignore */
  constructor(db: DB) {
    this.db = db;
  }

  /** The storage's name. */
  get name(): string {
    return this.db.name;
  }

  /** How many objects there are. */
  get objectCount(): number {
    return this.db.objectCount;
  }

  /** Bytes that the storage takes. */
  get size(): number {
    return this.db.size;
  }

  /** The last transaction that is known here: that of the last `begin`, or commit. */
  get lastTransaction(): Tid {
    return this.db.lastTransaction;
  }

  /**
   * Another connection, at the state of the database as it is now or as it was once.
   * @throws {RangeError} when both `at` and `before` are given, or the moment has not come yet.
   */
  open<R extends object = Record<string, unknown>>(options: SyncConnectionOptions = {}): SyncConnection<R> {
    return this.opened(options, () => {});
  }

  /** @ignore */
  opened<R extends object>(options: SyncConnectionOptions, closed: () => void): SyncConnection<R> {
    const { storage } = this.db;
    if (canSync(storage)) now(storage.sync(), "open");
    return new SyncConnection<R>(this, this.db.open({ ...options, sync: true }), closed);
  }

  /**
   * Runs a function with a connection of its own, commits, and closes the connection. After a conflict it is run again.
   *
   * @returns What the function returned.
   * @throws what the function or the commit threw, when it is no conflict or the tries are used up.
   */
  transaction<T, R extends object = Record<string, unknown>>(
    work: (connection: SyncConnection<R>) => T,
    options: SyncTransactOptions = {},
  ): T {
    const { note } = options, { retries, backOff } = retrying(options);
    using connection = this.open<R>();
    for (let attempt = 0;; attempt++) {
      const transaction = connection.begin();
      if (note !== undefined) transaction.note(note);
      try {
        const result = work(connection);
        if (transaction.status === "active" || transaction.status === "doomed") connection.commit();
        return result;
      } catch (error) {
        const again = attempt < retries && connection.transactionManager.isRetryable(error);
        connection.abort();
        if (!again) throw error;
      }
      pause(patienceAfter(attempt, backOff));
    }
  }

  /**
   * Drops what is no longer needed: revisions that were not current any more at a moment, and objects that nothing
   * referred to then.
   *
   * @param time The moment; now. @param days Days before it.
   * @throws {Unsupported} when the storage can't be packed.
   */
  pack(time: Date = present(this.db.storage), days = 0): PackResult {
    const { storage } = this.db;
    if (!supportsPack(storage)) throw new Unsupported(`${storage.name} can't be packed`);
    return now(storage.pack(time.getTime() / 1000 - days * 86_400), "pack");
  }

  /**
   * Takes back what transactions did, in this order, in a transaction of its own.
   * @throws {UndoError} when later transactions stand in the way.
   */
  undo(...tids: readonly Tid[]): void {
    if (!this.db.supportsUndo) throw new Unsupported(`${this.db.name} does not support undo`);
    const manager = new TransactionManager(), transaction = manager.get();
    transaction.join(new Undo(this.db, tids));
    try {
      now(run(transaction.commitSteps()), "undo");
    } catch (error) {
      now(run(transaction.abortSteps()), "undo");
      throw error;
    }
  }

  /**
   * The transactions that can be undone, newest first.
   *
   * @param first How many are left out. @param last Where to stop; negative for a number of transactions.
   */
  undoLog(first = 0, last = -20, filter?: (entry: TransactionInfo) => boolean): TransactionInfo[] {
    const { storage } = this.db;
    if (!supportsUndo(storage)) return [];
    const wanted = filter &&
      ((entry: Parameters<typeof transactionInfo>[0]) => filter(transactionInfo(entry)));
    return now(storage.undoLog(first, last, wanted), "undoLog").map(transactionInfo);
  }

  /** The last revisions of an object, newest first. @throws {POSKeyError} when there is no such object. */
  history(oid: Oid, size = 1): TransactionInfo[] {
    return now(this.db.storage.history(oid, size), "history").map(transactionInfo);
  }

  /** Closes all connections, whose changes are lost, and the storage. */
  close(): void {
    now(run(this.db.closeSteps()), "close");
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));

function pause(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}

/** Refuses what answers with promises. @throws {StorageError} */
export function requireImmediate(storage: { readonly kind: string; readonly name: string }): void {
  if (storage.kind !== "FileStorage" && storage.kind !== "ClientStorage") return;
  throw new StorageError(
    `${storage.kind} ${storage.name} answers with promises: give openSync its address, or { file: its path }`,
  );
}

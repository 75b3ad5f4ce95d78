/**
 * What takes part in transactions, and what hears of them.
 *
 * @module
 */

import type { Awaitable } from "../../values/mod.ts";
import type { Transaction } from "./transaction.ts";

/** What was kept at a savepoint. */
export interface DataManagerSavepoint {
  /** Goes back to it; may be called again. */
  rollback(): Awaitable<void>;
}

/**
 * Something that is changed in transactions: a connection, a queue, another database. It joins the transaction at its
 * first change, and then hears in this order: `tpcBegin`, `commit`, `tpcVote`, `tpcFinish`; or at any point before the
 * last `abort` and `tpcAbort`.
 */
export interface DataManager {
  /** Where it comes among others; in each step they are called in this order. */
  sortKey(): string;
  /** The commit begins. */
  tpcBegin(transaction: Transaction): Awaitable<void>;
  /** Takes in the changes. */
  commit(transaction: Transaction): Awaitable<void>;
  /** Promises that `tpcFinish` can't fail, or throws. */
  tpcVote(transaction: Transaction): Awaitable<void>;
  /** Makes the changes last. */
  tpcFinish(transaction: Transaction): Awaitable<void>;
  /** Gives the commit up. */
  tpcAbort(transaction: Transaction): Awaitable<void>;
  /** Forgets the changes, where no commit has begun or it has not voted. */
  abort(transaction: Transaction): Awaitable<void>;
  /** Keeps the changes so far; without it there are no savepoints but optimistic ones. */
  savepoint?(): Awaitable<DataManagerSavepoint>;
  /** Whether an error is one after which trying again may help. */
  shouldRetry?(error: unknown): boolean;
}

/** Hears of the beginnings and ends of a manager's transactions. */
export interface Synchronizer {
  /** Before a commit or abort. */
  beforeCompletion?(transaction: Transaction): Awaitable<void>;
  /** After a commit or abort. */
  afterCompletion?(transaction: Transaction): Awaitable<void>;
  /** After `begin`. */
  newTransaction?(transaction: Transaction): Awaitable<void>;
}

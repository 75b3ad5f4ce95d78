/**
 * Points within a transaction that one can go back to.
 *
 * @module
 */

import { when } from "../../values/mod.ts";
import { InvalidSavepointRollbackError } from "../errors.ts";
import { run, type Steps, wait } from "../steps.ts";
import type { DataManager, DataManagerSavepoint } from "./data_manager.ts";
import type { Transaction } from "./transaction.ts";

/** What a savepoint needs of its transaction. */
export interface SavepointHost {
  /** Makes all savepoints after this one invalid. */
  invalidateAfter(savepoint: Savepoint): void;
  /** Remembers that something went wrong for good. */
  fail(error: unknown): void;
  /** Has one take part no longer, unless it joins again. */
  leave(manager: DataManager): void;
}

/** A point within a transaction: all changes since can be taken back. */
export class Savepoint {
  /** Whether it can still be gone back to. */
  valid = true;
  /** The transaction. */
  readonly transaction: Transaction;
  readonly #host: SavepointHost;
  readonly #parts: DataManagerSavepoint[];

  /** @ignore */
  constructor(transaction: Transaction, host: SavepointHost, parts: DataManagerSavepoint[]) {
    this.transaction = transaction;
    this.#host = host;
    this.#parts = parts;
  }

  /**
   * Takes back all changes since; savepoints made since become invalid, this one can be used again.
   *
   * @throws {InvalidSavepointRollbackError} when an earlier one was gone back to, or the transaction has ended.
   */
  async rollback(): Promise<void> {
    await run(this.rollbackSteps());
  }

  /** @ignore */
  *rollbackSteps(): Steps<void> {
    if (!this.valid) throw new InvalidSavepointRollbackError();
    this.#host.invalidateAfter(this);
    try {
      for (const part of this.#parts) yield* wait(part.rollback());
    } catch (error) {
      this.#host.fail(error);
      throw error;
    }
  }

  /** @ignore Hears of one that joins later: going back to before that is giving all of it up. */
  joined(manager: DataManager): void {
    this.#parts.push({
      rollback: () => when(manager.abort(this.transaction), () => this.#host.leave(manager)),
    });
  }
}

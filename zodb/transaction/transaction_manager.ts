/**
 * Who has which transaction.
 *
 * @module
 */

import { type Awaitable, ClientDisconnected, ConflictError } from "../../values/mod.ts";
import { AlreadyInTransaction, NoTransaction } from "../errors.ts";
import { run, type Steps, wait } from "../steps.ts";
import type { Synchronizer } from "./data_manager.ts";
import type { Savepoint } from "./savepoint.ts";
import { Transaction } from "./transaction.ts";

/** How transactions are managed. */
export interface TransactionManagerOptions {
  /** Whether each transaction must be begun; without it one begins by itself when it is needed. */
  readonly explicit?: boolean;
}

/** Milliseconds, on average. */
const LONGEST_BACK_OFF = 200;

/** How often and how patiently something is tried. */
export interface RetryOptions {
  /** How often it is tried again after a conflict; 3. */
  readonly retries?: number;
  /** How often it is tried in all, as Python counts; in place of `retries`. */
  readonly attempts?: number;
  /** Milliseconds to wait before the first new try, on average; each later one waits twice as long, up to 200. 5. */
  readonly backOff?: number;
  /** Gives up waiting, and further tries. */
  readonly signal?: AbortSignal;
}

/**
 * Has one transaction at a time. Each connection has a manager of its own unless it is opened with one, which it then
 * shares with others: their changes are committed together.
 */
export class TransactionManager {
  /** Whether each transaction must be begun. */
  readonly explicit: boolean;
  readonly #synchronizers = new Set<Synchronizer>();
  #transaction: Transaction | undefined;

  /** A manager without a transaction. */
  constructor(options: TransactionManagerOptions = {}) {
    this.explicit = options.explicit ?? false;
  }

  /**
   * Begins a transaction; one that was there is aborted. Connections see what has been committed until now.
   *
   * @throws {AlreadyInTransaction} when there is one and the manager is explicit.
   */
  async begin(): Promise<Transaction> {
    return await run(this.beginSteps());
  }

  /** @ignore */
  *beginSteps(): Steps<Transaction> {
    if (this.#transaction) {
      if (this.explicit) throw new AlreadyInTransaction();
      yield* this.#transaction.abortSteps();
    }
    const transaction = this.#transaction = this.#make();
    for (const synchronizer of [...this.#synchronizers]) {
      yield* wait(synchronizer.newTransaction?.(transaction));
    }
    return transaction;
  }

  /** The transaction; begun by itself if need be. @throws {NoTransaction} when there is none and it is explicit. */
  get(): Transaction {
    if (this.#transaction) return this.#transaction;
    if (this.explicit) throw new NoTransaction();
    return this.#transaction = this.#make();
  }

  /** Whether there is a transaction. */
  get inTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Commits the transaction. @throws as {@linkcode Transaction.commit}. */
  async commit(): Promise<void> {
    await this.get().commit();
  }

  /** Aborts the transaction. */
  async abort(): Promise<void> {
    await this.get().abort();
  }

  /** Has the transaction never be committed. */
  doom(): void {
    this.get().doom();
  }

  /** Makes a point to go back to. @throws as {@linkcode Transaction.savepoint}. */
  async savepoint(optimistic = false): Promise<Savepoint> {
    return await this.get().savepoint(optimistic);
  }

  /** Has somebody hear of transactions. */
  registerSynchronizer(synchronizer: Synchronizer): void {
    this.#synchronizers.add(synchronizer);
  }

  /** Has somebody no longer hear of them. */
  unregisterSynchronizer(synchronizer: Synchronizer): void {
    this.#synchronizers.delete(synchronizer);
  }

  /** Whether trying again after an error may help. */
  isRetryable(error: unknown): boolean {
    return error instanceof ConflictError || error instanceof ClientDisconnected ||
      (this.#transaction?.shouldRetry(error) ?? false);
  }

  /**
   * Runs a function in a transaction of its own and commits it; after a conflict, again. The function may commit or
   * abort by itself.
   *
   * @throws what the function or the commit threw, when it is no conflict or the tries are used up.
   */
  async run<T>(work: (transaction: Transaction) => Awaitable<T>, options: RetryOptions = {}): Promise<T> {
    const { signal } = options, { retries, backOff } = retrying(options);
    for (let attempt = 0;; attempt++) {
      const transaction = await this.begin();
      try {
        const result = await work(transaction);
        if (transaction.status === "active" || transaction.status === "doomed") await transaction.commit();
        return result;
      } catch (error) {
        const again = attempt < retries && this.isRetryable(error) && !signal?.aborted;
        await this.#transaction?.abort();
        if (!again) throw error;
      }
      await pause(patienceAfter(attempt, backOff), signal);
    }
  }

  #make(): Transaction {
    return new Transaction({
      synchronizers: this.#synchronizers,
      ended: (transaction) => {
        if (this.#transaction === transaction) this.#transaction = undefined;
      },
    });
  }
}

/** How often something is tried again, and how patiently, where nothing else is said. */
export function retrying(
  { attempts, retries = 3, backOff = 5 }: Pick<RetryOptions, "attempts" | "retries" | "backOff">,
): { readonly retries: number; readonly backOff: number } {
  return { retries: attempts === undefined ? retries : attempts - 1, backOff };
}

/**
 * How many milliseconds to wait after an attempt that failed. Not for ever longer: that is no more polite to the others,
 * and starves who has bad luck.
 *
 * @param attempt How many failed before it. @param backOff Milliseconds after the first one, on average.
 */
export function patienceAfter(attempt: number, backOff: number): number {
  return Math.max(backOff, Math.min(backOff * 2 ** attempt, LONGEST_BACK_OFF)) * (0.5 + Math.random());
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

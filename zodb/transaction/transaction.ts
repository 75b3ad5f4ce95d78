/**
 * One transaction: who takes part, and how it is committed, in two phases.
 *
 *   active ─ commit → committing → committed
 *     │                   └─ any error → failed ─ abort → aborted
 *     └─ doom → doomed ─ abort → aborted
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Awaitable } from "../../values/mod.ts";
import { DoomedTransaction, TransactionError, TransactionFailedError } from "../errors.ts";
import { run, type Steps, wait } from "../steps.ts";
import type { DataManager, DataManagerSavepoint, Synchronizer } from "./data_manager.ts";
import { Savepoint } from "./savepoint.ts";

/** How far a transaction is. */
export type TransactionStatus = "active" | "doomed" | "committing" | "committed" | "failed" | "aborted";

/** A function called before a commit or abort. */
export type BeforeHook = () => Awaitable<void>;
/** A function called after a commit. @param committed Whether it was. */
export type AfterHook = (committed: boolean) => Awaitable<void>;

/** What a transaction needs of its manager. */
export interface TransactionHost {
  /** Who hears of its end. */
  readonly synchronizers: Iterable<Synchronizer>;
  /** Hears that it is over. */
  ended(transaction: Transaction): void;
}

const log = getLogger(["zeo", "zodb", "transaction"]);

/** A transaction; its manager makes it. */
export class Transaction {
  /** Who; stored with it. `setUser` makes one as Python does. */
  user = "";
  /** What for; stored with it. */
  description = "";
  /** What else the application says; stored with it. Values as in objects, but no objects. */
  readonly extension: Record<string, unknown> = {};
  readonly #host: TransactionHost;
  readonly #managers: DataManager[] = [];
  readonly #savepoints: Savepoint[] = [];
  readonly #beforeCommit: BeforeHook[] = [];
  readonly #afterCommit: AfterHook[] = [];
  readonly #beforeAbort: BeforeHook[] = [];
  readonly #afterAbort: BeforeHook[] = [];
  #status: TransactionStatus = "active";
  #failure: unknown;

  /** @ignore */
  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** How far it is. */
  get status(): TransactionStatus {
    return this.#status;
  }

  /** Whether somebody has changes to commit. */
  get joined(): boolean {
    return this.#managers.length > 0;
  }

  /** Adds to the description, on a line of its own. */
  note(text: string): void {
    const note = text.trim();
    this.description = this.description ? `${this.description}\n${note}` : note;
  }

  /** Says who it is for. @param path The folder of users, in Zope. */
  setUser(name: string, path = "/"): void {
    this.user = `${path} ${name}`;
  }

  /** Has something take part. @throws {TransactionFailedError} after an error; `TransactionError` during its commit. */
  join(manager: DataManager): void {
    if (this.#status === "failed") throw new TransactionFailedError(this.#failure);
    if (this.#status !== "active" && this.#status !== "doomed") {
      throw new TransactionError(`the transaction is ${this.#status}: it takes no changes`);
    }
    if (this.#managers.includes(manager)) return;
    this.#managers.push(manager);
    for (const savepoint of this.#savepoints) savepoint.joined(manager);
  }

  /** Has it never be committed. */
  doom(): void {
    if (this.#status === "failed") throw new TransactionFailedError(this.#failure);
    if (this.#status !== "active" && this.#status !== "doomed") {
      throw new TransactionError(`the transaction is ${this.#status}: it can't be doomed`);
    }
    this.#status = "doomed";
  }

  /** Calls a function before the commit; what it changes is committed too. */
  addBeforeCommitHook(hook: BeforeHook): void {
    this.#beforeCommit.push(hook);
  }

  /** Calls a function when the commit has succeeded or failed. Its errors are logged. */
  addAfterCommitHook(hook: AfterHook): void {
    this.#afterCommit.push(hook);
  }

  /** Calls a function before an abort. Its errors are logged. */
  addBeforeAbortHook(hook: BeforeHook): void {
    this.#beforeAbort.push(hook);
  }

  /** Calls a function after an abort. Its errors are logged. */
  addAfterAbortHook(hook: BeforeHook): void {
    this.#afterAbort.push(hook);
  }

  /**
   * Makes a point to go back to.
   *
   * @param optimistic Whether it is made although somebody takes part who can't go back; going back fails then.
   * @throws {TypeError} when somebody can't and it is not optimistic.
   */
  async savepoint(optimistic = false): Promise<Savepoint> {
    return await run(this.savepointSteps(optimistic));
  }

  /** @ignore */
  *savepointSteps(optimistic = false): Steps<Savepoint> {
    if (this.#status === "failed") throw new TransactionFailedError(this.#failure);
    const host = {
      invalidateAfter: (savepoint: Savepoint) =>
        this.#invalidateFrom(this.#savepoints.indexOf(savepoint) + 1),
      fail: (error: unknown) => this.#fail(error),
      leave: (manager: DataManager) => {
        const at = this.#managers.indexOf(manager);
        if (at >= 0) this.#managers.splice(at, 1);
      },
    };
    const parts: DataManagerSavepoint[] = [];
    // Whoever joins while it is made is told of it.
    const savepoint = new Savepoint(this, host, parts);
    try {
      for (const manager of [...this.#managers]) {
        if (manager.savepoint) {
          parts.push(yield* wait(manager.savepoint()));
        } else if (optimistic) {
          parts.push({
            rollback() {
              throw new TypeError(`savepoints are not supported by ${manager.constructor.name}`);
            },
          });
        } else {
          throw new TypeError(`savepoints are not supported by ${manager.constructor.name}`);
        }
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#savepoints.push(savepoint);
    return savepoint;
  }

  /**
   * Commits it.
   *
   * @throws {ConflictError} when somebody else was first: abort, and try again. After any error it has failed, and can
   * only be aborted.
   */
  async commit(): Promise<void> {
    await run(this.commitSteps());
  }

  /** @ignore */
  *commitSteps(): Steps<void> {
    if (this.#status === "doomed") throw new DoomedTransaction();
    if (this.#status === "failed") throw new TransactionFailedError(this.#failure);
    if (this.#status !== "active") throw new TransactionError(`the transaction is ${this.#status}`);
    this.#invalidateFrom(0);
    try {
      for (const hook of this.#beforeCommit.splice(0)) yield* wait(hook());
      for (const synchronizer of this.#host.synchronizers) yield* wait(synchronizer.beforeCompletion?.(this));
      this.#status = "committing";
      try {
        yield* this.#commitManagers();
      } catch (error) {
        // As after any end: whoever still looks sees what is there now.
        this.#fail(error);
        yield* this.#complete();
        throw error;
      }
      this.#status = "committed";
    } catch (error) {
      this.#fail(error);
      yield* this.#quietly(this.#afterCommit.splice(0), (hook) => hook(false));
      throw error;
    }
    yield* this.#end();
    yield* this.#quietly(this.#afterCommit.splice(0), (hook) => hook(true));
  }

  /** Gives it up: all changes are taken back. */
  async abort(): Promise<void> {
    await run(this.abortSteps());
  }

  /** @ignore */
  *abortSteps(): Steps<void> {
    if (this.#status === "committing" || this.#status === "committed") {
      throw new TransactionError(`the transaction is ${this.#status}: it can't be aborted`);
    }
    if (this.#status === "aborted") return;
    this.#invalidateFrom(0);
    yield* this.#quietly(this.#beforeAbort.splice(0), (hook) => hook());
    // Whatever goes wrong in one, all take their changes back.
    let failure: { readonly error: unknown } | undefined;
    for (const synchronizer of [...this.#host.synchronizers]) {
      try {
        yield* wait(synchronizer.beforeCompletion?.(this));
      } catch (error) {
        failure ??= { error };
      }
    }
    this.#status = "aborted";
    for (const manager of this.#managers.splice(0)) {
      try {
        yield* wait(manager.abort(this));
      } catch (error) {
        failure ??= { error };
        log.error("a data manager failed to abort: {error}", { error });
      }
    }
    yield* this.#end();
    yield* this.#quietly(this.#afterAbort.splice(0), (hook) => hook());
    if (failure) throw failure.error;
  }

  /** Whether one who takes part calls an error one after which trying again may help. */
  shouldRetry(error: unknown): boolean {
    return this.#managers.some((manager) => manager.shouldRetry?.(error) ?? false);
  }

  *#commitManagers(): Steps<void> {
    const managers = this.#managers.toSorted((a, b) => compare(a.sortKey(), b.sortKey()));
    const begun: DataManager[] = [], voted = new Set<DataManager>();
    try {
      for (const manager of managers) {
        begun.push(manager);
        yield* wait(manager.tpcBegin(this));
      }
      for (const manager of managers) yield* wait(manager.commit(this));
      for (const manager of managers) {
        yield* wait(manager.tpcVote(this));
        voted.add(manager);
      }
    } catch (error) {
      yield* this.#quietly(managers.filter((one) => !voted.has(one)), (manager) => manager.abort(this));
      yield* this.#quietly(begun, (manager) => manager.tpcAbort(this));
      throw error;
    }
    // All have promised: if one breaks its promise, the others still keep theirs.
    let failure: { readonly error: unknown } | undefined;
    for (const manager of managers) {
      try {
        yield* wait(manager.tpcFinish(this));
      } catch (error) {
        failure ??= { error };
        log.fatal("a data manager failed to finish what it had voted for: {error}", { error });
      }
    }
    if (failure) throw failure.error;
  }

  *#end(): Steps<void> {
    this.#managers.length = 0;
    this.#host.ended(this);
    yield* this.#complete();
  }

  *#complete(): Steps<void> {
    for (const synchronizer of [...this.#host.synchronizers]) {
      yield* wait(synchronizer.afterCompletion?.(this));
    }
  }

  #fail(error: unknown): void {
    this.#status = "failed";
    this.#failure = error;
    this.#invalidateFrom(0);
  }

  #invalidateFrom(index: number): void {
    for (const savepoint of this.#savepoints.splice(index)) savepoint.valid = false;
  }

  *#quietly<T>(items: readonly T[], use: (item: T) => Awaitable<void>): Steps<void> {
    for (const item of items) {
      try {
        yield* wait(use(item));
      } catch (error) {
        log.error("at the end of a transaction: {error}", { error });
      }
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

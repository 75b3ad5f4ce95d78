/**
 * The one place where the order of transactions is decided: written, made durable, published.
 *
 *   finish ─▶ write ─▶ (waits for the sync under way) ─▶ sync ─▶ publish, in order ─▶ answer
 *
 * Whatever is written while one sync runs shares the next one. The order of positions in the file is the order of
 * transaction ids, of publication, and so of everything that clients hear.
 *
 * @module
 */

import { type Awaitable, Histogram, isPromise } from "../../values/mod.ts";
import type { SyncStatistics } from "../statistics.ts";

/** A transaction that has been voted. Each step is called once, in this order; none if the queue has failed. */
export interface Commit<T> {
  /** Takes an id and a place in the file and writes there. */
  write(): Awaitable<void>;
  /** Makes it visible. It is durable now; this must not fail. */
  publish(): T;
}

/** What was being done when something failed. */
export type Stage = "write" | "sync";

interface Waiting {
  readonly commit: Commit<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** How long syncs take. */
class SyncTimes implements SyncStatistics {
  readonly seconds: Histogram = new Histogram();
  lastStart = 0;
  lastEnd = 0;

  done(start: number): void {
    this.lastStart = start;
    this.lastEnd = performance.now();
    this.seconds.observe((this.lastEnd - start) / 1000);
  }
}

/** See the module. */
export class CommitQueue {
  readonly #sync: () => Awaitable<void>;
  readonly #failed: (cause: unknown, stage: Stage) => Error;
  /** Not yet written; only filled while a long write is under way. */
  readonly #unwritten: Waiting[] = [];
  #written: Waiting[] = [];
  #writing = false;
  #syncing = false;
  #failure?: { readonly error: Error; readonly stage: Stage };
  #idle?: PromiseWithResolvers<void>;
  readonly #times = new SyncTimes();

  /**
   * @param sync Makes durable what has been written.
   * @param failed Told when a write or a sync failed, and says with which error commits are answered from then on;
   * no further commit is written. After a failed write, those written before it are still made durable; after a
   * failed sync nothing is published any more.
   */
  constructor(sync: () => Awaitable<void>, failed: (cause: unknown, stage: Stage) => Error) {
    this.#sync = sync;
    this.#failed = failed;
  }

  /** The syncs so far. While commits are published, the last one is theirs. */
  get syncs(): SyncStatistics {
    return this.#times;
  }

  /** Whether nothing is being written or made durable. */
  get isIdle(): boolean {
    return !this.#writing && !this.#syncing && this.#written.length === 0 && this.#unwritten.length === 0;
  }

  /** Resolves when nothing is being written or made durable. */
  idle(): Awaitable<void> {
    if (this.isIdle) return;
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Puts a commit at the end of the queue; answers what its `publish` returned. */
  add<T>(commit: Commit<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#failure) {
      reject(this.#failure.error);
      return promise;
    }
    this.#unwritten.push({ commit, resolve: resolve as (value: unknown) => void, reject });
    if (!this.#writing) this.#write();
    return promise;
  }

  #write(): void {
    while (!this.#failure) {
      const waiting = this.#unwritten.shift();
      if (!waiting) break;
      try {
        const writing = waiting.commit.write();
        if (isPromise(writing)) {
          this.#writing = true;
          writing.then(() => this.#wrote(waiting), (cause) => this.#writeFailed(waiting, cause));
          return;
        }
      } catch (cause) {
        this.#writeFailed(waiting, cause);
        return;
      }
      this.#written.push(waiting);
    }
    if (!this.#syncing && this.#written.length > 0) this.#makeDurable();
  }

  #wrote(waiting: Waiting): void {
    this.#writing = false;
    if (this.#failure) {
      // A sync failed while this was being written.
      waiting.reject(this.#failure.error);
      this.#settle();
      return;
    }
    this.#written.push(waiting);
    this.#write();
  }

  #writeFailed(waiting: Waiting, cause: unknown): void {
    this.#writing = false;
    waiting.reject(this.#fail(cause, "write"));
    // What was written before it may still become durable.
    if (!this.#syncing && this.#written.length > 0) this.#makeDurable();
    else this.#settle();
  }

  #fail(cause: unknown, stage: Stage): Error {
    // A failed sync is the graver one and takes the place of a failed write.
    if (this.#failure?.stage === "sync") return this.#failure.error;
    const error = this.#failed(cause, stage);
    this.#failure = { error, stage };
    for (const waiting of this.#unwritten.splice(0)) waiting.reject(error);
    return error;
  }

  async #makeDurable(): Promise<void> {
    this.#syncing = true;
    while (this.#written.length > 0) {
      const batch = this.#written;
      this.#written = [];
      const start = performance.now();
      try {
        const syncing = this.#sync();
        if (isPromise(syncing)) await syncing;
        this.#times.done(start);
      } catch (cause) {
        this.#times.done(start);
        // Nobody knows now what is on the disk: these were never acknowledged and never shown to anybody.
        const error = this.#fail(cause, "sync");
        for (const waiting of [...batch, ...this.#written.splice(0)]) waiting.reject(error);
        break;
      }
      for (const { commit, resolve, reject } of batch) {
        try {
          resolve(commit.publish());
        } catch (cause) {
          reject(cause);
        }
      }
    }
    this.#syncing = false;
    this.#settle();
  }

  #settle(): void {
    if (!this.#idle || !this.isIdle) return;
    this.#idle.resolve();
    this.#idle = undefined;
  }
}

/**
 * Undoing transactions, as a part of another.
 *
 * @module
 */

import { type StorageTransaction, supportsUndo } from "../storage/mod.ts";
import { type Awaitable, type Oid, type Tid, Unsupported } from "../values/mod.ts";
import { claim, CommitLock } from "./commit_lock.ts";
import type { DB } from "./db.ts";
import { metadataOf } from "./serialization/transaction_metadata.ts";
import { run, type Steps, wait } from "./steps.ts";
import type { DataManager } from "./transaction/data_manager.ts";
import type { Transaction } from "./transaction/transaction.ts";

/** Takes transactions back when the one it joins is committed. */
export class Undo implements DataManager {
  readonly #db: DB;
  readonly #tids: readonly Tid[];
  #storing: StorageTransaction | undefined;
  #lock: CommitLock | undefined;
  #changed: readonly Oid[] = [];

  /** @param tids In the order in which they are taken back. */
  constructor(db: DB, tids: readonly Tid[]) {
    this.#db = db;
    this.#tids = tids;
  }

  sortKey(): string {
    return `${this.#db.storage.name}:${this.#db.databaseName}:undo`;
  }

  tpcBegin(transaction: Transaction): void {
    const { storage } = this.#db;
    if (!supportsUndo(storage)) throw new Unsupported(`${storage.name} does not support undo`);
    claim(storage, transaction);
    const storing = storage.begin(metadataOf(transaction));
    for (const tid of this.#tids) storing.undo(tid);
    this.#storing = storing;
  }

  commit(): void {}

  tpcVote(transaction: Transaction): Awaitable<void> {
    return run(this.#vote(transaction));
  }

  *#vote(transaction: Transaction): Steps<void> {
    const lock = CommitLock.of(this.#db.storage);
    yield* wait(lock?.acquire(transaction));
    this.#lock = lock;
    const resolved = yield* wait(this.#storing!.vote());
    this.#changed = [...new Set([...resolved, ...this.#storing!.changes])];
  }

  tpcFinish(): Awaitable<void> {
    return run(this.#finish());
  }

  *#finish(): Steps<void> {
    try {
      yield* wait(this.#storing!.finish((tid) => this.#db.published(tid, this.#changed)));
    } finally {
      this.#lock?.release();
      this.#lock = undefined;
    }
  }

  tpcAbort(): void {
    this.#storing?.abort();
    this.#lock?.release();
    this.#lock = undefined;
  }

  abort(): void {}
}

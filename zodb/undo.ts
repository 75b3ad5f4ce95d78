/**
 * Undoing transactions, as a part of another.
 *
 * @module
 */

import { type StorageTransaction, supportsUndo } from "../storage/mod.ts";
import { type Awaitable, type Oid, type Tid, Unsupported } from "../values/mod.ts";
import { CommitTurn } from "./commit_turn.ts";
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
  #turn: CommitTurn | undefined;
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
    this.#turn = CommitTurn.claim(storage, transaction, true);
    const storing = storage.begin(metadataOf(transaction));
    for (const tid of this.#tids) storing.undo(tid);
    this.#storing = storing;
  }

  commit(): void {}

  tpcVote(): Awaitable<void> {
    return run(this.#vote());
  }

  *#vote(): Steps<void> {
    yield* wait(this.#turn!.take(this.#storing!));
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
      this.#endTurn();
    }
  }

  tpcAbort(): void {
    this.#storing?.abort();
    this.#endTurn();
  }

  #endTurn(): void {
    this.#turn?.release();
    this.#turn = undefined;
  }

  abort(): void {}
}

/**
 * A transaction's turn to commit to a storage: it gets the objects that it needs, in line with all others who use the
 * storage in this process.
 *
 * @module
 */

import { SharedStorage, type Storage, type StorageTransaction, type Ticket } from "../storage/mod.ts";
import { type Awaitable, StorageTransactionError } from "../values/mod.ts";

const turns = new WeakMap<object, Map<Storage, CommitTurn>>();

/** See the module. All parts that a transaction has in one storage share one turn. */
export class CommitTurn {
  readonly #shared: SharedStorage;
  #parts = 0;
  #alone = false;
  #ticket: Ticket | undefined;
  #waiting: Promise<void> | undefined;

  private constructor(shared: SharedStorage) {
    this.#shared = shared;
  }

  /**
   * Says that a transaction is going to have a part in a storage; to be called before any of its parts votes, and be
   * followed by `release`.
   *
   * @param alone Whether it must be the only part, as an undo must.
   * @throws {StorageTransactionError} when it has one already, and one of them must be the only one or the storage takes
   * one at a time: the two would wait for each other for ever, as they do in Python.
   */
  static claim(storage: Storage, transaction: object, alone: boolean = false): CommitTurn {
    let claimed = turns.get(transaction);
    if (!claimed) turns.set(transaction, claimed = new Map());
    let turn = claimed.get(storage);
    if (!turn) claimed.set(storage, turn = new CommitTurn(SharedStorage.of(storage)));
    turn.#alone ||= alone;
    if (turn.#parts > 0 && (turn.#alone || !storage.concurrentVotes)) {
      const what = turn.#alone ? "an undo and other changes" : "several connections";
      throw new StorageTransactionError(`${storage.name}: ${what} can't be committed in one transaction`);
    }
    turn.#parts++;
    return turn;
  }

  /** Waits for it. @param storing The part that is going to vote. */
  take(storing: StorageTransaction): Awaitable<void> {
    if (this.#ticket) return this.#waiting;
    let granted: (() => void) | undefined, isGranted = false;
    // What a later part needs isn't known yet, and others must not get in between: so they share the whole storage.
    const alone = this.#parts > 1;
    this.#ticket = this.#shared.lock(storing, () => {
      isGranted = true;
      granted?.();
    }, alone);
    if (isGranted) return;
    return this.#waiting = new Promise((resolve) =>
      granted = () => {
        this.#waiting = undefined;
        resolve();
      }
    );
  }

  /** A part has ended; with the last one others get the objects. */
  release(): void {
    if (--this.#parts > 0) return;
    this.#ticket?.release();
    this.#ticket = this.#waiting = undefined;
  }
}

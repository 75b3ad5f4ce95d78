/**
 * One commit at a time, for storages that leave that to their users. A storage behind a server has it done there.
 *
 * @module
 */

import { isObservable, type Storage } from "../storage/mod.ts";
import { type Awaitable, StorageTransactionError } from "../values/mod.ts";

const lines = new WeakMap<Storage, CommitLock>();

interface Waiting {
  readonly owner: object;
  readonly grant: () => void;
}

const claims = new WeakMap<object, Set<Storage>>();

/**
 * Says that a transaction is going to have a part in a storage.
 *
 * @throws {StorageTransactionError} when it has one already and the storage takes one at a time, so that the two would
 * wait for each other for ever.
 */
export function claim(storage: Storage, transaction: object): void {
  let claimed = claims.get(transaction);
  if (!claimed) claims.set(transaction, claimed = new Set());
  if (claimed.has(storage) && isObservable(storage)) {
    throw new StorageTransactionError(
      `${storage.name}: several connections, or a connection and an undo, can't be committed in one transaction`,
    );
  }
  claimed.add(storage);
}

/** A line in which commits wait. */
export class CommitLock {
  readonly #waiting: Waiting[] = [];
  #owner: object | undefined;
  /** How often the owner has it. */
  #count = 0;

  /** The line before a storage; undefined when it has one itself. */
  static of(storage: Storage): CommitLock | undefined {
    if (isObservable(storage)) return undefined;
    let line = lines.get(storage);
    if (!line) lines.set(storage, line = new CommitLock());
    return line;
  }

  /** Waits for one's turn. @param owner The transaction: all who take part in it go together. */
  acquire(owner: object): Awaitable<void> {
    if (this.#owner === undefined || this.#owner === owner) {
      this.#owner = owner;
      this.#count++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ owner, grant: resolve });
    return promise;
  }

  /** Gives it back; when the owner has done that for each time, the next one goes on. */
  release(): void {
    if (--this.#count > 0) return;
    this.#owner = undefined;
    const next = this.#waiting.shift();
    if (!next) return;
    this.#owner = next.owner;
    this.#count = 1;
    next.grant();
  }
}

/**
 * One commit at a time, for storages that leave that to their users. A storage behind a server has it done there.
 *
 * @module
 */

import { isObservable, type Storage } from "../storage/mod.ts";
import type { Awaitable } from "../values/mod.ts";

const lines = new WeakMap<Storage, CommitLock>();

interface Waiting {
  readonly owner: object;
  readonly grant: () => void;
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

/**
 * What the last transactions changed, for clients that were away for a while.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";

/** One transaction: its id and the objects that it changed, or null where nobody knows which. */
export interface Invalidation {
  /** The transaction. */
  readonly tid: Tid;
  /** The objects that it changed; null where nobody knows. */
  readonly oids: readonly Oid[] | null;
}

/** What a client has missed. */
export interface Missed {
  /** The last transaction that is covered. */
  readonly tid: Tid;
  /** The objects, each once. */
  readonly oids: readonly Oid[];
}

/** The last transactions, bounded in number. */
export class InvalidationQueue {
  readonly #size: number;
  /** Oldest first; the first `#skip` are gone. */
  #entries: Invalidation[];
  #skip = 0;

  /**
   * A queue that knows what a storage did last.
   * @param size How many transactions are remembered.
   * @param known The last ones of the storage, oldest first.
   * @param last The storage's last transaction, where `known` has none.
   */
  constructor(size: number, known: readonly Invalidation[], last: Tid) {
    this.#size = Math.max(size, 1);
    this.#entries = known.length > 0 ? known.slice(-this.#size) : [{ tid: last, oids: null }];
  }

  /** How many transactions are remembered. */
  get length(): number {
    return this.#entries.length - this.#skip;
  }

  /** The first transaction that is remembered: clients that know it can be told the others. */
  get oldest(): Tid {
    return this.#entries[this.#skip].tid;
  }

  /** Remembers a transaction, and forgets the oldest if there are too many. */
  add(tid: Tid, oids: readonly Oid[]): void {
    this.#entries.push({ tid, oids });
    if (this.length > this.#size) this.#skip++;
    if (this.#skip > this.#size) {
      this.#entries = this.#entries.slice(this.#skip);
      this.#skip = 0;
    }
  }

  /**
   * What changed after a transaction.
   * @returns undefined when that is longer ago than the queue remembers.
   */
  since(tid: Tid): Missed | undefined {
    if (this.oldest > tid) return undefined;
    const oids = new Set<Oid>();
    for (let i = this.#entries.length - 1; i >= this.#skip; i--) {
      const entry = this.#entries[i];
      if (entry.tid <= tid) break;
      if (entry.oids === null) return undefined;
      for (const oid of entry.oids) oids.add(oid);
    }
    return { tid: this.#entries[this.#entries.length - 1].tid, oids: [...oids] };
  }
}

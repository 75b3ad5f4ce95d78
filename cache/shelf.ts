/**
 * Where the records of a cache lie, and which ones go when there is no more room.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import type { CacheCounters } from "./counters.ts";
import type { Revision } from "./revision_index.ts";

/** A revision whose record's length is known. */
export interface SizedRevision extends Revision {
  readonly length: number;
}

/** A bounded place for records. It knows nothing of which revision answers which question. */
export interface Shelf<R extends SizedRevision> {
  /** How many bytes it may take. */
  readonly limit: number;
  /** What it counts: reads from memory, records found damaged on its own account. */
  readonly counters: CacheCounters;
  /** Whether it takes records in. */
  readonly writable: boolean;

  /**
   * Puts a record where it belongs after making room; `undefined` when there can't be enough.
   * @param evict is told of each revision that had to go.
   * @param given Whether the array may be kept; otherwise a copy is.
   */
  place(
    oid: Oid,
    serial: Tid,
    end: Tid | null,
    data: Uint8Array,
    evict: (victim: R) => void,
    given: boolean,
  ): R | undefined;

  /** Gives back the room that a revision takes. */
  release(revision: R): void;

  /** The record of a revision; `undefined` when it turns out to be damaged. */
  read(revision: R): Uint8Array | undefined;

  /** Notes that a revision has ended, at its `end`. */
  ended(revision: R): void;

  /** Forgets all records, and that anything was ever taken in. */
  clear(): void;

  /** Every change that `tid` or an earlier transaction meant has been applied. */
  settle(tid: Tid): void;

  /** Lets go of everything; a second call does nothing. */
  close(): void;

  /** Resolves when nothing goes on in the background; called after `close`. */
  closed(): Promise<void>;
}

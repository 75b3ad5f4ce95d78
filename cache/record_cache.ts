/**
 * What a client's record cache is: revisions of objects with the ranges of time that they are valid for.
 *
 *   current       [serial, ∞)     until an invalidation tells its end
 *   non-current   [serial, end)   what a snapshot before `end` sees
 *
 * A cache never has two revisions of one object with one serial, and at most one current revision of an object.
 * All calls are synchronous: what they cost is a system call at most.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";

/** One revision, as a cache gives it out. */
export interface CachedRevision {
  /** The record. It may be shared with the cache and with other callers: it is for reading only. */
  readonly data: Uint8Array;
  /** The transaction that wrote it. */
  readonly serial: Tid;
  /** The transaction that replaced it; `null` for the current revision. */
  readonly end: Tid | null;
}

/** An object and the serial of its current revision in a cache. */
export interface CachedObject {
  /** The object. */
  readonly oid: Oid;
  /** The serial of its current revision. */
  readonly serial: Tid;
}

/** What has happened in a cache since it was opened, and what it holds now. Bytes are bytes of records. */
export interface CacheStatistics {
  /** Loads that found something. */
  readonly hits: number;
  /** Of these, loads that were answered without touching a file. */
  readonly memoryHits: number;
  /** Loads that found nothing. */
  readonly misses: number;
  /** Records taken in. */
  readonly stores: number;
  /** Bytes of the records taken in. */
  readonly storedBytes: number;
  /** Records dropped to make room. */
  readonly evictions: number;
  /** Bytes of the records dropped to make room. */
  readonly evictedBytes: number;
  /** Records that were not taken in because they are too big for this cache. */
  readonly refused: number;
  /** Invalidations that found a current revision. */
  readonly invalidations: number;
  /** Records whose bytes on disk were not what had been written: dropped, so that loads of them miss. */
  readonly corrupt: number;
  /** Revisions held now, current and non-current. */
  readonly records: number;
  /** Bytes of the records held now. */
  readonly bytes: number;
  /** How much the cache may take, its own overhead included. */
  readonly limit: number;
}

/**
 * A client's record cache.
 *
 * The order of calls that keeps it truthful: for each transaction, first {@linkcode RecordCache.invalidate} for all of
 * its objects, then {@linkcode RecordCache.setLastTid}. Records that are newer than `lastTid` when a persistent cache
 * is closed or lost are not believed when it is opened again, so a client that never moves `lastTid` starts
 * with an empty cache each time.
 *
 * @example
 * ```ts
 * import { MemoryRecordCache } from "./mod.ts";
 * import { oid, tid } from "../values/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using cache = new MemoryRecordCache({ size: 1_000_000 });
 * cache.store(oid(1), tid(10), null, new Uint8Array([1]));
 * cache.invalidate(oid(1), tid(20));
 * cache.setLastTid(tid(20));
 * assertEquals(cache.load(oid(1)), undefined);
 * assertEquals(cache.loadBefore(oid(1), tid(20))?.end, tid(20));
 * ```
 */
export interface RecordCache extends AsyncDisposable {
  /** What messages call it: the file's path, or "memory". */
  readonly name: string;

  /** The last transaction that the cache has taken in; `NO_TID` for a new one. */
  readonly lastTid: Tid;

  /**
   * Moves `lastTid` forward. Every invalidation of every transaction up to `tid` must have been applied before.
   * A persistent cache writes it down only when these are durable: after a crash `lastTid` may be older, never newer.
   *
   * @throws {RangeError} when `tid` is smaller than `lastTid`; {@linkcode RecordCache.clear} is the way back.
   */
  setLastTid(tid: Tid): void;

  /** The current revision of an object. */
  load(oid: Oid): CachedRevision | undefined;

  /** The revision of an object that a snapshot of everything before `before` sees: `serial < before <= end`. */
  loadBefore(oid: Oid, before: Tid): CachedRevision | undefined;

  /**
   * Takes a record in. Unless it is given away it is copied: the caller may go on using the buffer.
   *
   * What contradicts an invalidation that the cache remembers is not believed: a revision stored as current that is
   * known to have ended, or that is older than the current one, is ignored. A newer one replaces the current one, which
   * is dropped, since its end is not known. A revision that is held as current and stored with its `end` becomes
   * non-current. A record that is too big for the cache is not taken.
   *
   * @param end The transaction that replaced it; `null` for the current revision.
   * @param given Whether the array, and the whole buffer under it, is the cache's from now on: nobody writes to it any
   * more. False unless told otherwise.
   * @throws {RangeError} when `end` is not after `serial`.
   */
  store(oid: Oid, serial: Tid, end: Tid | null, data: Uint8Array, given?: boolean): void;

  /**
   * An object was changed: its current revision becomes non-current and ends at `tid`. When `tid` is not after that
   * revision's serial, the revision is dropped.
   *
   * @param tid The transaction that changed it; `null` when it is not known, as when invalidations are replayed:
   * then all revisions of the object are dropped.
   */
  invalidate(oid: Oid, tid: Tid | null): void;

  /** Forgets everything; `lastTid` becomes `NO_TID`. */
  clear(): void;

  /**
   * Forgets everything, as {@linkcode RecordCache.clear}, and keeps what there was aside for who wants to know what had
   * happened: of a persistent cache whose server has gone back in time.
   *
   * @returns Where it is kept; undefined where it isn't. Caches without this method are cleared.
   */
  setAside?(): string | undefined;

  /** The current revisions, in no particular order. Changes while it runs may or may not show. */
  contents(): Iterable<CachedObject>;

  /** What has happened since the cache was opened, and what it holds now: a copy. */
  readonly statistics: CacheStatistics;

  /**
   * Makes everything durable and lets go of files and locks; a second call does nothing. After it, loads find nothing
   * and changes are ignored. `Symbol.asyncDispose` does the same and waits for work in the background to end.
   */
  close(): void;
}

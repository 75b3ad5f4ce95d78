/**
 * What all record caches have in common: the rules of {@linkcode RecordCache} over an index of revisions. Where the
 * records lie, and which ones go when there is no more room, is left to the kind of cache.
 *
 * @module
 */

import { formatOid, formatTid, NO_TID, type Oid, type Tid } from "../values/mod.ts";
import type { CachedObject, CachedRevision, CacheStatistics, RecordCache } from "./record_cache.ts";
import { RevisionIndex } from "./revision_index.ts";
import type { Shelf, SizedRevision } from "./shelf.ts";
import { type CacheTrace, TraceCode } from "./trace.ts";

/**
 * What the caches of this room have in common. Make one of them: it has no use of its own.
 */
export abstract class IndexedCache implements RecordCache {
  /** What messages call it. */
  readonly name: string;
  readonly #index: RevisionIndex<SizedRevision> = new RevisionIndex<SizedRevision>();
  readonly #shelf: Shelf<SizedRevision>;
  readonly #trace?: CacheTrace;
  readonly #evict = (victim: SizedRevision) => this.#evicted(victim);
  #bytes = 0;
  #lastTid: Tid = NO_TID;

  /** @ignore Kinds of caches bring their shelves. */
  constructor(name: string, shelf: Shelf<SizedRevision>, trace?: CacheTrace) {
    this.name = name;
    this.#shelf = shelf;
    this.#trace = trace;
  }

  /** The last transaction that the cache has taken in; `NO_TID` for a new one. */
  get lastTid(): Tid {
    return this.#lastTid;
  }

  /** Moves `lastTid` forward; see {@linkcode RecordCache.setLastTid}. */
  setLastTid(tid: Tid): void {
    if (tid < this.#lastTid) {
      throw new RangeError(
        `cache ${this.name}: last tid ${formatTid(tid)}: expected ${formatTid(this.#lastTid)} or later`,
      );
    }
    if (tid === this.#lastTid) return;
    this.#lastTid = tid;
    this.#shelf.settle(tid);
  }

  /** The current revision of an object. */
  load(oid: Oid): CachedRevision | undefined {
    const revision = this.#index.current(oid);
    if (revision !== undefined) {
      const data = this.#shelf.read(revision);
      if (data !== undefined) return this.#hit(revision, data);
      this.#damaged(revision);
    }
    this.#shelf.counters.misses++;
    this.#trace?.event(TraceCode.loadMiss, oid, NO_TID);
    return undefined;
  }

  /** The revision of an object that a snapshot of everything before `before` sees. */
  loadBefore(oid: Oid, before: Tid): CachedRevision | undefined {
    const revision = this.#index.find(oid, before);
    if (revision !== undefined) {
      const data = this.#shelf.read(revision);
      if (data !== undefined) return this.#hit(revision, data);
      this.#damaged(revision);
    }
    this.#shelf.counters.misses++;
    if (this.#trace !== undefined) {
      const code = this.#index.current(oid) === undefined ? TraceCode.loadMiss : TraceCode.loadEndedMiss;
      this.#trace.event(code, oid, before);
    }
    return undefined;
  }

  #hit(revision: SizedRevision, data: Uint8Array): CachedRevision {
    this.#shelf.counters.hits++;
    const { oid, serial, end } = revision;
    this.#trace?.event(
      end === null ? TraceCode.loadHit : TraceCode.loadEndedHit,
      oid,
      serial,
      end,
      data.length,
    );
    return { data, serial, end };
  }

  #damaged(revision: SizedRevision): void {
    this.#shelf.counters.corrupt++;
    this.#drop(revision);
  }

  /** Takes a record in; see {@linkcode RecordCache.store}. */
  store(oid: Oid, serial: Tid, end: Tid | null, data: Uint8Array, given = false): void {
    if (end !== null && end <= serial) {
      throw new RangeError(
        `cache ${this.name}: ${formatOid(oid)} from ${formatTid(serial)} to ${
          formatTid(end)
        }: expected a later end`,
      );
    }
    if (!this.#shelf.writable) return;
    const current = this.#index.current(oid);
    if (end === null) {
      if (current !== undefined && current.serial >= serial) return;
      const before = this.#index.lastEnded(oid);
      if (before !== undefined && before.end! > serial) return;
      if (current !== undefined) this.#drop(current);
    } else {
      if (current !== undefined && current.serial === serial) {
        this.#end(current, end);
        return;
      }
      if (this.#index.ended(oid, serial) !== undefined) return;
    }
    const revision = this.#shelf.place(oid, serial, end, data, this.#evict, given);
    if (revision === undefined) {
      this.#shelf.counters.refused++;
      return;
    }
    this.#adopt(revision);
    this.#shelf.counters.stores++;
    this.#shelf.counters.storedBytes += data.length;
    this.#trace?.event(
      end === null ? TraceCode.storeCurrent : TraceCode.storeEnded,
      oid,
      serial,
      end,
      data.length,
    );
  }

  /** An object was changed; see {@linkcode RecordCache.invalidate}. */
  invalidate(oid: Oid, tid: Tid | null): void {
    const current = this.#index.current(oid);
    if (tid === null) {
      const all = this.#index.all(oid);
      for (const revision of all) this.#drop(revision);
      if (current !== undefined) this.#shelf.counters.invalidations++;
      this.#trace?.event(
        all.length > 0 ? TraceCode.invalidateDropped : TraceCode.invalidateMiss,
        oid,
        NO_TID,
      );
    } else if (current === undefined) {
      this.#trace?.event(TraceCode.invalidateMiss, oid, tid);
    } else {
      this.#shelf.counters.invalidations++;
      const kept = tid > current.serial;
      if (kept) this.#end(current, tid);
      else this.#drop(current);
      this.#trace?.event(kept ? TraceCode.invalidateKept : TraceCode.invalidateDropped, oid, tid);
    }
  }

  #end(current: SizedRevision, end: Tid): void {
    this.#index.end(current, end);
    this.#shelf.ended(current);
  }

  /** Forgets everything; `lastTid` becomes `NO_TID`. */
  clear(): void {
    this.#forget();
    this.#lastTid = NO_TID;
    this.#shelf.clear();
  }

  /** The current revisions, in no particular order. */
  *contents(): Iterable<CachedObject> {
    for (const { oid, serial } of this.#index.currents()) yield { oid, serial };
  }

  /** What has happened since the cache was opened, and what it holds now. */
  get statistics(): CacheStatistics {
    const { counters, limit } = this.#shelf;
    return { ...counters, records: this.#index.size, bytes: this.#bytes, limit };
  }

  /** Makes everything durable and lets go of files and locks; a second call does nothing. */
  close(): void {
    this.#forget();
    try {
      this.#shelf.close();
    } finally {
      this.#trace?.close();
    }
  }

  /** Closes it and waits for work in the background to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#shelf.closed();
  }

  /**
   * Starts with what was found on the shelf.
   * @ignore
   *
   * Where revisions contradict each other, the one that claims less is kept: the ended one, the shorter one; of two
   * current ones, the newer.
   */
  protected resume(lastTid: Tid, revisions: readonly SizedRevision[]): void {
    this.#lastTid = lastTid;
    for (const revision of revisions) {
      if (revision.end === null) continue;
      const other = this.#index.ended(revision.oid, revision.serial);
      if (other !== undefined && other.end! <= revision.end) {
        this.#shelf.release(revision);
      } else {
        if (other !== undefined) this.#drop(other);
        this.#adopt(revision);
      }
    }
    for (const revision of revisions) {
      if (revision.end !== null) continue;
      const { oid, serial } = revision;
      const ended = this.#index.lastEnded(oid);
      const other = this.#index.current(oid);
      if ((ended !== undefined && ended.end! > serial) || (other !== undefined && other.serial >= serial)) {
        this.#shelf.release(revision);
      } else {
        if (other !== undefined) this.#drop(other);
        this.#adopt(revision);
      }
    }
  }

  #adopt(revision: SizedRevision): void {
    this.#index.add(revision);
    this.#bytes += revision.length;
  }

  #abandon(revision: SizedRevision): void {
    this.#index.remove(revision);
    this.#bytes -= revision.length;
  }

  #evicted(victim: SizedRevision): void {
    const { counters } = this.#shelf;
    counters.evictions++;
    counters.evictedBytes += victim.length;
    this.#abandon(victim);
  }

  #drop(revision: SizedRevision): void {
    this.#abandon(revision);
    this.#shelf.release(revision);
  }

  #forget(): void {
    this.#index.clear();
    this.#bytes = 0;
  }
}

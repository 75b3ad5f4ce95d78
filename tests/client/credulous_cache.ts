/**
 * A record cache that believes whatever it is told: what is wrong in it, its client has put there.
 *
 * @module
 */

import type { CachedRevision, CacheStatistics, RecordCache } from "../../cache/mod.ts";
import { NO_TID, type Oid, type Tid } from "../../values/mod.ts";

/** See the module. */
export class CredulousCache implements RecordCache {
  readonly name = "credulous";
  lastTid: Tid = NO_TID;
  readonly #revisions = new Map<Oid, CachedRevision[]>();

  get statistics(): CacheStatistics {
    let records = 0;
    for (const revisions of this.#revisions.values()) records += revisions.length;
    const none = {
      hits: 0,
      memoryHits: 0,
      misses: 0,
      stores: 0,
      storedBytes: 0,
      evictions: 0,
      evictedBytes: 0,
    };
    return { ...none, refused: 0, invalidations: 0, corrupt: 0, records, bytes: 0, limit: Infinity };
  }

  setLastTid(tid: Tid): void {
    if (tid < this.lastTid) throw new RangeError("back in time");
    this.lastTid = tid;
  }

  load(oid: Oid): CachedRevision | undefined {
    return this.#revisions.get(oid)?.find(({ end }) => end === null);
  }

  loadBefore(oid: Oid, before: Tid): CachedRevision | undefined {
    return this.#revisions.get(oid)?.find(({ serial, end }) =>
      serial < before && (end === null || before <= end)
    );
  }

  store(oid: Oid, serial: Tid, end: Tid | null, data: Uint8Array): void {
    const others = (this.#revisions.get(oid) ?? []).filter((each) => each.serial !== serial);
    this.#revisions.set(oid, [...others, { data, serial, end }]);
  }

  invalidate(oid: Oid, tid: Tid | null): void {
    if (tid === null) this.#revisions.delete(oid);
    const revisions = this.#revisions.get(oid);
    if (!revisions || tid === null) return;
    this.#revisions.set(oid, revisions.map((each) => each.end === null ? { ...each, end: tid } : each));
  }

  clear(): void {
    this.#revisions.clear();
    this.lastTid = NO_TID;
  }

  *contents(): Iterable<{ readonly oid: Oid; readonly serial: Tid }> {
    for (const [oid, revisions] of this.#revisions) {
      for (const { serial, end } of revisions) if (end === null) yield { oid, serial };
    }
  }

  close(): void {}

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

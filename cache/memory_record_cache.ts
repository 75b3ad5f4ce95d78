/**
 * A record cache in memory: for clients that need nothing to outlive them.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import { CacheCounters } from "./counters.ts";
import { IndexedCache } from "./indexed_cache.ts";
import type { Shelf } from "./shelf.ts";
import { Sieve, type SieveMember } from "./sieve.ts";

/** How a {@linkcode MemoryRecordCache} is made. */
export interface MemoryRecordCacheOptions {
  /** How many bytes it may take, with what it costs to keep each record. Default 20 MiB. */
  readonly size?: number;
  /** What messages call it. Default "memory". */
  readonly name?: string;
}

/** How large a cache is when nothing else is said: 20 MiB, as the original. */
export const DEFAULT_CACHE_SIZE: number = 20 * 1024 * 1024;

/** About what a record costs besides its bytes: the array, the entry, its place in the index. */
const OVERHEAD = 128;

/** Non-current revisions may take one part in so many before they have to go first. */
const ENDED_SHARE = 16;

class MemoryEntry implements SieveMember<MemoryEntry> {
  newer: MemoryEntry | undefined = undefined;
  older: MemoryEntry | undefined = undefined;
  used = false;
  /** Whether it stands among those that have ended. */
  ended = false;

  constructor(
    readonly oid: Oid,
    readonly serial: Tid,
    public end: Tid | null,
    readonly data: Uint8Array,
  ) {}

  get length(): number {
    return this.data.length;
  }
}

class MemoryShelf implements Shelf<MemoryEntry> {
  readonly counters = new CacheCounters();
  readonly #current = new Sieve<MemoryEntry>();
  /** Non-current revisions, which only snapshots that are open already ask for: they get a share, and go first. */
  readonly #ended = new Sieve<MemoryEntry>();
  #taken = 0;
  #takenByEnded = 0;
  writable = true;

  constructor(readonly limit: number) {}

  place(
    oid: Oid,
    serial: Tid,
    end: Tid | null,
    data: Uint8Array,
    evict: (victim: MemoryEntry) => void,
    given: boolean,
  ): MemoryEntry | undefined {
    const cost = data.length + OVERHEAD;
    if (cost > this.limit) return undefined;
    while (this.#taken + cost > this.limit) {
      const crowded = this.#takenByEnded > this.limit / ENDED_SHARE;
      const victim = (crowded ? undefined : this.#current.evict()) ?? this.#ended.evict()!;
      this.#forget(victim);
      evict(victim);
    }
    const entry = new MemoryEntry(oid, serial, end, given ? data : data.slice());
    this.#taken += cost;
    if (end === null) this.#current.add(entry);
    else this.#end(entry);
    return entry;
  }

  release(entry: MemoryEntry): void {
    if (entry.ended) this.#ended.remove(entry);
    else this.#current.remove(entry);
    this.#forget(entry);
  }

  #forget(entry: MemoryEntry): void {
    const cost = entry.length + OVERHEAD;
    this.#taken -= cost;
    if (entry.ended) this.#takenByEnded -= cost;
  }

  read(entry: MemoryEntry): Uint8Array {
    entry.used = true;
    this.counters.memoryHits++;
    return entry.data;
  }

  ended(entry: MemoryEntry): void {
    this.#current.remove(entry);
    this.#end(entry);
  }

  #end(entry: MemoryEntry): void {
    entry.ended = true;
    this.#ended.add(entry);
    this.#takenByEnded += entry.length + OVERHEAD;
  }

  settle(): void {}

  clear(): void {
    this.#current.clear();
    this.#ended.clear();
    this.#taken = this.#takenByEnded = 0;
  }

  close(): void {
    this.writable = false;
    this.clear();
  }

  closed(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * A record cache in memory, bounded in bytes. What has not been asked for goes first.
 *
 * @example
 * ```ts
 * import { MemoryRecordCache } from "./mod.ts";
 *
 * await using cache = new MemoryRecordCache({ size: 50_000_000 });
 * ```
 */
export class MemoryRecordCache extends IndexedCache {
  /** Makes an empty cache. @throws {RangeError} when `size` is not a whole number of bytes. */
  constructor(options: MemoryRecordCacheOptions = {}) {
    const size = options.size ?? DEFAULT_CACHE_SIZE;
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(`cache size ${size}: expected a whole number of bytes`);
    }
    super(options.name ?? "memory", new MemoryShelf(size));
  }
}

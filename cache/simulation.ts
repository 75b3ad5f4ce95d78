/**
 * How a cache of another size would have done: the events of a trace, on a real cache.
 *
 * @module
 */

import { NO_TID } from "../values/mod.ts";
import { FileRecordCache } from "./file_record_cache.ts";
import { MemoryRecordCache } from "./memory_record_cache.ts";
import type { RecordCache } from "./record_cache.ts";
import { TraceCode } from "./trace.ts";
import { type TracedEvent, tracedOid } from "./trace_reader.ts";

/** How a simulated cache has done. Bytes are bytes of records. */
export interface Simulated {
  /** Bytes that the cache may take. */
  readonly size: number;
  /** Loads. */
  readonly loads: number;
  /** Of these, those that found something. */
  readonly hits: number;
  /** Invalidations that found something. */
  readonly invalidations: number;
  /** Records taken in. */
  readonly writes: number;
  /** Records dropped to make room. */
  readonly evictions: number;
  /** Bytes of these. */
  readonly evictedBytes: number;
  /** Records in the cache in the end. */
  readonly records: number;
  /** Bytes of these. */
  readonly bytes: number;
}

/** Where a simulated cache keeps its records. */
export type SimulatedKind = { readonly kind: "memory" } | {
  readonly kind: "file";
  /** Where the file is made, `Simulation` and what comes with it; it is the caller's to remove. */
  readonly path: string;
};

/** Never while a simulation runs, in ms: nobody will need the file after a crash. */
const NEVER = 0x7fff_ffff;
const PIECE = 1 << 16;

/**
 * A cache that lives through a trace. What a load finds neither here nor in the trace's own cache is taken in by
 * the store that follows; what it finds there only is taken in at once, as a client would have done.
 *
 * @example
 * ```ts
 * import { Simulation } from "./mod.ts";
 *
 * using simulation = new Simulation(1_000_000, { kind: "memory" });
 * console.log(simulation.result.hits);
 * ```
 */
export class Simulation implements Disposable {
  readonly #size: number;
  readonly #kind: SimulatedKind;
  #cache: RecordCache;
  #records = new Uint8Array(PIECE);
  #loads = 0;
  #hits = 0;

  /** Makes an empty cache. @throws {RangeError} when it can't have this size. */
  constructor(size: number, kind: SimulatedKind) {
    this.#size = size;
    this.#kind = kind;
    this.#cache = kind.kind === "memory"
      ? new MemoryRecordCache({ size })
      : FileRecordCache.open(kind.path, { size, memory: 0, syncInterval: NEVER });
  }

  /** Lets an event happen. @throws {RangeError} when its object id is none. */
  event(event: TracedEvent): void {
    if (event.code === TraceCode.start) {
      // A cache in memory begins again with nothing, a file with what it had.
      if (this.#kind.kind === "memory") this.#cache.clear();
      return;
    }
    const { tid, end } = event, oid = tracedOid(event);
    switch (event.code) {
      case TraceCode.loadMiss:
      case TraceCode.loadEndedMiss:
        return this.#load(tid === NO_TID ? this.#cache.load(oid) : this.#cache.loadBefore(oid, tid));
      case TraceCode.loadHit:
      case TraceCode.loadEndedHit: {
        const found = end === NO_TID ? this.#cache.load(oid) : this.#cache.loadBefore(oid, end);
        this.#load(found);
        if (found === undefined) this.#store(event);
        return;
      }
      case TraceCode.invalidateMiss:
      case TraceCode.invalidateKept:
      case TraceCode.invalidateDropped:
        return this.#cache.invalidate(oid, tid === NO_TID ? null : tid);
      case TraceCode.storeCurrent:
      case TraceCode.storeEnded:
        return this.#store(event);
    }
  }

  #load(found: unknown): void {
    this.#loads++;
    if (found !== undefined) this.#hits++;
  }

  #store(event: TracedEvent): void {
    const { tid, end, length } = event;
    if (end !== NO_TID && end <= tid) return;
    if (length > this.#records.length) this.#records = new Uint8Array(Math.max(length, PIECE));
    this.#cache.store(tracedOid(event), tid, end === NO_TID ? null : end, this.#records.subarray(0, length));
  }

  /** How it has done so far. */
  get result(): Simulated {
    const { invalidations, stores, evictions, evictedBytes, records, bytes } = this.#cache.statistics;
    return {
      ...{ size: this.#size, loads: this.#loads, hits: this.#hits, invalidations, writes: stores },
      ...{ evictions, evictedBytes, records, bytes },
    };
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#cache.close();
  }
}

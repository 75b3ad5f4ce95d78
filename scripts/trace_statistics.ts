/**
 * What a cache's access trace tells: loads, hits and writes, by interval and in all; what `cache_stats` counts.
 *
 * @module
 */

import { loadOutcome, type TracedEvent } from "../cache/mod.ts";

/** Counts of a stretch of time. */
export interface TraceInterval {
  /** When it begins: seconds since 1970, as all times here. */
  readonly start: number;
  /** When its last event was. */
  readonly end: number;
  /** Whether the cache was started when it ended. */
  readonly restart: boolean;
  readonly loads: number;
  readonly hits: number;
  /** Invalidations that found something. */
  readonly invalidations: number;
  readonly writes: number;
}

/** How often something was, for each of several sizes. */
export interface SizeCount {
  /** Bytes of the records. */
  readonly size: number;
  /** Different objects. */
  readonly objects: number;
  readonly count: number;
}

/** Counts of a whole trace. */
export interface TraceTotals {
  readonly events: number;
  readonly bytes: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** Events with a record. */
  readonly records: number;
  /** Bytes of these records. */
  readonly recordBytes: number;
  readonly loads: number;
  readonly hits: number;
  /** Events by their code. */
  readonly codes: ReadonlyMap<number, number>;
}

/** What is counted. */
export interface TraceStatisticsOptions {
  /** Seconds of an interval. */
  readonly interval: number;
  /** Told when an interval has ended. */
  readonly ended?: (interval: TraceInterval) => void;
  /** Told of each event, after the interval that ended before it. */
  readonly seen?: (event: TracedEvent) => void;
  /** Whether to count records by their size. */
  readonly sizes?: boolean;
  /** Whether to count loads of each object. */
  readonly frequencies?: boolean;
}

const EVENT = 26, START = 0x00;
const FOUND = [0x1c, 0x1e], STORES = [0x52, 0x54];

/** See the module. */
export class TraceStatistics {
  readonly #options: TraceStatisticsOptions;
  readonly #codes = new Map<number, number>();
  readonly #objectLoads = new Map<string, number>();
  readonly #written = new Sizes();
  readonly #loaded = new Sizes();
  #current = { loads: 0, hits: 0, invalidations: 0, writes: 0 };
  #start?: number;
  #first?: number;
  #last?: number;
  #events = 0;
  #bytes = 0;
  #records = 0;
  #recordBytes = 0;
  #loads = 0;
  #hits = 0;

  /** Has counted nothing yet. */
  constructor(options: TraceStatisticsOptions) {
    this.#options = options;
  }

  /** Counts an event. */
  add(event: TracedEvent): void {
    const { time, code, length, oid } = event, { interval } = this.#options;
    this.#first ??= time;
    this.#start ??= time;
    // Intervals begin at whole multiples, and with the first event there.
    if (Math.floor(time / interval) > Math.floor(this.#start / interval)) this.#end(this.#last!, time, false);
    this.#last = time;
    this.#options.seen?.(event);
    if (code === START) this.#end(time, time, true);
    this.#events++;
    this.#bytes += EVENT + oid.length;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    if (length > 0) {
      this.#records++;
      this.#recordBytes += length;
    }
    if (FOUND.includes(code)) this.#current.invalidations++;
    const outcome = loadOutcome(event);
    if (outcome !== undefined) this.#load(event, outcome === "hit");
    else if (STORES.includes(code)) {
      this.#current.writes++;
      if (this.#options.sizes) this.#written.add(event);
    }
  }

  #load(event: TracedEvent, hit: boolean): void {
    this.#current.loads++;
    this.#loads++;
    if (hit) {
      this.#current.hits++;
      this.#hits++;
      if (this.#options.sizes) this.#loaded.add(event);
    }
    if (!this.#options.frequencies) return;
    const object = event.oid.toHex();
    this.#objectLoads.set(object, (this.#objectLoads.get(object) ?? 0) + 1);
  }

  #end(end: number, next: number, restart: boolean): void {
    this.#options.ended?.({ start: this.#start!, end, restart, ...this.#current });
    this.#current = { loads: 0, hits: 0, invalidations: 0, writes: 0 };
    this.#start = next;
  }

  /** Ends the last interval. @returns What was counted in all. */
  finish(): TraceTotals {
    if (this.#start !== undefined) this.#end(this.#last!, this.#last!, false);
    return {
      events: this.#events,
      bytes: this.#bytes,
      first: this.#first,
      last: this.#last,
      records: this.#records,
      recordBytes: this.#recordBytes,
      loads: this.#loads,
      hits: this.#hits,
      codes: new Map([...this.#codes].sort(([one], [other]) => one - other)),
    };
  }

  /** Stores by the size of their records. */
  get written(): readonly SizeCount[] {
    return this.#written.counts();
  }

  /** Hits by the size of their records. */
  get loaded(): readonly SizeCount[] {
    return this.#loaded.counts();
  }

  /** How many objects were loaded so many times, the fewest times first. */
  get frequencies(): readonly { readonly loads: number; readonly objects: number }[] {
    const counts = new Map<number, number>();
    for (const loads of this.#objectLoads.values()) counts.set(loads, (counts.get(loads) ?? 0) + 1);
    return [...counts].sort(([one], [other]) => one - other).map(([loads, objects]) => ({ loads, objects }));
  }
}

/** Records by size. */
class Sizes {
  readonly #sizes = new Map<number, { readonly objects: Set<string>; count: number }>();

  add({ length, oid }: TracedEvent): void {
    let size = this.#sizes.get(length);
    if (size === undefined) this.#sizes.set(length, size = { objects: new Set(), count: 0 });
    size.objects.add(oid.toHex());
    size.count++;
  }

  counts(): readonly SizeCount[] {
    return [...this.#sizes].sort(([one], [other]) => one - other)
      .map(([size, { objects, count }]) => ({ size, objects: objects.size, count }));
  }
}

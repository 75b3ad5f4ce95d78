/**
 * Records in a file, with the hot ones in memory in front of it, and how the file comes to say what it has taken in.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { NO_TID, type Oid, type Tid } from "../values/mod.ts";
import { BlockRing } from "./block_ring.ts";
import type { CacheFile } from "./cache_file.ts";
import { CacheCounters } from "./counters.ts";
import type { FileEntry } from "./file_entry.ts";
import { WINDOW } from "./record_reading.ts";
import type { Shelf } from "./shelf.ts";
import { Sieve } from "./sieve.ts";

const log = getLogger(["zeo", "cache"]);

/** About what a record in memory costs besides its bytes. */
const HOT_OVERHEAD = 128;

/** What a {@linkcode FileShelf} is made from. */
export interface FileShelfOptions {
  readonly path: string;
  readonly file: CacheFile;
  /** How long the file is to be. */
  readonly limit: number;
  /** How many bytes of records may be in memory. */
  readonly memory: number;
  /** How long `lastTid` may be ahead of what the file says, in milliseconds. */
  readonly syncInterval: number;
  /** Takes the file away, when it can't be trusted with more. */
  readonly discard: () => void;
}

/** Records in a cache file. */
export class FileShelf implements Shelf<FileEntry> {
  readonly limit: number;
  readonly counters = new CacheCounters();
  readonly ring: BlockRing;
  readonly #options: FileShelfOptions;
  readonly file: CacheFile;
  readonly #hot = new Sieve<FileEntry>();
  #hotBytes = 0;
  #state: "open" | "failed" | "closed" = "open";
  /** What has been taken in, and what the file says of it. */
  #settled = NO_TID;
  #written = NO_TID;
  /** How many times it was cleared. */
  #generation = 0;
  /** Who is told of evictions, while room is made. */
  #tell: (victim: FileEntry) => void = () => {};
  readonly #evicted = (victim: FileEntry): void => {
    this.#cool(victim);
    this.#tell(victim);
  };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #syncing: Promise<void> | undefined;

  constructor(options: FileShelfOptions) {
    this.#options = options;
    this.file = options.file;
    this.limit = options.limit;
    this.ring = new BlockRing(options.file, options.limit, this.counters);
  }

  get writable(): boolean {
    return this.#state === "open";
  }

  /** Starts with what the file says that it has taken in. */
  resume(lastTid: Tid): void {
    this.#settled = this.#written = lastTid;
  }

  place(
    oid: Oid,
    serial: Tid,
    end: Tid | null,
    data: Uint8Array,
    evict: (victim: FileEntry) => void,
    given: boolean,
  ): FileEntry | undefined {
    if (this.#state !== "open") return undefined;
    this.#tell = evict;
    let entry: FileEntry | undefined;
    try {
      entry = this.ring.place(oid, serial, end, data, this.#evicted);
    } catch (error) {
      this.#fail(error);
    }
    if (entry !== undefined && data.length + HOT_OVERHEAD <= this.#options.memory) {
      this.#heat(entry, given ? data : data.slice());
    }
    return entry;
  }

  release(entry: FileEntry): void {
    this.#cool(entry);
    this.#try(() => this.ring.free(entry));
  }

  read(entry: FileEntry): Uint8Array | undefined {
    entry.seen = true;
    if (entry.data !== undefined) {
      entry.used = true;
      this.counters.memoryHits++;
      return entry.data;
    }
    let data: Uint8Array | undefined;
    try {
      // While there is room anyway, neighbours come along for the price of the call.
      data = this.#hotBytes + WINDOW <= this.#options.memory
        ? this.ring.readAround(entry, (neighbour, data) => this.#heat(neighbour, data))
        : this.ring.read(entry);
    } catch (error) {
      this.#fail(error);
    }
    if (data !== undefined) this.#heat(entry, data);
    return data;
  }

  ended(entry: FileEntry): void {
    this.#try(() => this.ring.end(entry));
  }

  clear(): void {
    this.#hot.clear();
    this.#hotBytes = 0;
    this.#generation++;
    this.#settled = this.#written = NO_TID;
    this.#try(() => {
      this.ring.format();
      // If this were lost and what comes after it kept, records from before would be believed again.
      this.file.syncNow();
    });
  }

  settle(tid: Tid): void {
    this.#settled = tid;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#syncing !== undefined || this.#state !== "open") return;
    if (this.#settled === this.#written) return;
    const timer = setTimeout(() => {
      this.#timer = undefined;
      this.#syncing = this.#advance();
    }, this.#options.syncInterval);
    Deno.unrefTimer(timer);
    this.#timer = timer;
  }

  /** Writes `lastTid` into the file, when all that it stands for is durable. */
  async #advance(): Promise<void> {
    const settled = this.#settled;
    const generation = this.#generation;
    try {
      await this.file.sync();
      // Cleared meanwhile: `settled` is then of another past.
      if (this.#state === "open" && this.#generation === generation) {
        this.ring.writeHeader(settled);
        this.#written = settled;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#syncing = undefined;
    this.#schedule();
  }

  close(): void {
    if (this.#state === "closed") return;
    clearTimeout(this.#timer);
    try {
      this.#try(() => {
        this.file.syncNow();
        this.ring.writeHeader(this.#settled);
        this.file.syncNow();
      });
    } finally {
      this.#state = "closed";
      this.file.close();
    }
  }

  async closed(): Promise<void> {
    await this.#syncing;
  }

  /** Does something with the file, which is left alone from the first time that fails. */
  #try<T>(action: () => T): T | undefined {
    if (this.#state !== "open") return undefined;
    try {
      return action();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    clearTimeout(this.#timer);
    const { path } = this.#options;
    log.error("cache {path}: {error}: removed; nothing more is cached until the next start", { path, error });
    // Changes from now on don't reach the file: nobody may believe it.
    try {
      this.#options.discard();
    } catch (error) {
      log.error("cache {path}: can't be removed: {error}; do it before the next start", { path, error });
    }
  }

  #heat(entry: FileEntry, data: Uint8Array): void {
    const { memory } = this.#options;
    if (data.length + HOT_OVERHEAD > memory) return;
    entry.data = data;
    this.#hot.add(entry);
    this.#hotBytes += data.length + HOT_OVERHEAD;
    while (this.#hotBytes > memory) {
      const victim = this.#hot.evict()!;
      victim.data = undefined;
      this.#hotBytes -= victim.length + HOT_OVERHEAD;
    }
  }

  #cool(entry: FileEntry): void {
    if (entry.data === undefined) return;
    entry.data = undefined;
    this.#hot.remove(entry);
    this.#hotBytes -= entry.length + HOT_OVERHEAD;
  }
}

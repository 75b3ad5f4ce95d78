/**
 * A record cache in a file that outlives the process: `client.zec`, in the original's format (`block_format.ts`), so that
 * Python's clients and tools can use it too, one process at a time (`client.zec.lock`).
 *
 * What may be believed after a crash. Records are written without waiting for the disk, so three things can go wrong:
 *
 * - The file claims to have taken in a transaction whose invalidations are lost. The last tid is written only after an
 *   fsync that came after these invalidations, some seconds later: it may be too old, which costs a
 *   verification of some more transactions, never too new.
 * - A record is half there, or mixed with an older one. Each has a seal with two checksums, one for what the index is made
 *   of, looked at when the file is opened, one for the data, looked at whenever the record is read.
 * - An old record comes back because the write over it is lost. Then it was valid at the last fsync, thus at the last
 *   tid that the file claims, and the replay of later invalidations ends it. Older ones can't come back (`block_ring.ts`).
 *
 * Records that are newer than the last tid are not believed either: no replay would mention them, and the server may have
 * lost those transactions. A file whose blocks don't fit together is moved aside, with one line in the log.
 *
 * The original's records have no seals, and it advances the last tid without an fsync; what it leaves behind is taken as
 * it takes it itself. Seals are free blocks to it; the one price is that it goes on at the start of the ring.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LockFile, type Tid } from "../values/mod.ts";
import { MIN_FILE_SIZE } from "./block_ring.ts";
import { CacheFileError, scanBlocks } from "./block_scan.ts";
import { type CacheFile, RealCacheFile } from "./cache_file.ts";
import type { FileEntry } from "./file_entry.ts";
import { FileShelf } from "./file_shelf.ts";
import { IndexedCache } from "./indexed_cache.ts";
import { DEFAULT_CACHE_SIZE } from "./memory_record_cache.ts";
import { CacheTrace } from "./trace.ts";

const log = getLogger(["zeo", "cache"]);

/** How a {@linkcode FileRecordCache} is opened. */
export interface FileRecordCacheOptions {
  /**
   * How long the file is to be, in bytes. A file of another length is brought to it; records that have no place in
   * a smaller one are dropped. Default 20 MiB, at least 94.
   */
  readonly size?: number;
  /** How many bytes of records are kept in memory, in front of the file. Default: as the file's size, at most 20 MiB. */
  readonly memory?: number;
  /**
   * Whether to append an access trace to `path.trace`, in the original's format. Default false. Where that can't be
   * written there is a line in the log, and no trace.
   */
  readonly trace?: boolean;
  /**
   * How long `lastTid` may be ahead of what the file says, in milliseconds: what a crash costs in verification, against
   * how often there is an fsync in the background. Default 5000.
   */
  readonly syncInterval?: number;
}

/** What is underneath a cache; tests put something else there. */
export type OpenCacheFile = (path: string) => CacheFile;

/**
 * A record cache in a file, bounded in bytes, with the records that are asked for most in memory.
 *
 * The calls never fail for the disk's sake: when a write fails, the file is removed, the log has a line, and nothing more
 * is taken in.
 *
 * @example
 * ```ts ignore
 * await using cache = FileRecordCache.open("var/client-1.zec", { size: 200 * 1024 * 1024 });
 * ```
 */
export class FileRecordCache extends IndexedCache {
  readonly #lock: LockFile;

  private constructor(path: string, shelf: FileShelf, lock: LockFile, trace: CacheTrace | undefined) {
    super(path, shelf, trace);
    this.#lock = lock;
  }

  /**
   * Opens the cache at `path`, or makes it.
   *
   * @throws {LockError} when another process, or another cache in this one, has it.
   * @throws {RangeError} when a size is not a whole number of bytes, or too small.
   */
  static open(path: string, options: FileRecordCacheOptions = {}): FileRecordCache {
    return FileRecordCache.openOn(path, options, (path) => new RealCacheFile(path));
  }

  /**
   * Opens a cache on another kind of file.
   * @ignore
   */
  static openOn(path: string, options: FileRecordCacheOptions, openFile: OpenCacheFile): FileRecordCache {
    const limit = options.size ?? DEFAULT_CACHE_SIZE;
    if (!Number.isSafeInteger(limit) || limit < MIN_FILE_SIZE) {
      throw new RangeError(
        `cache ${path}: size ${limit}: expected a whole number of bytes, ${MIN_FILE_SIZE} or more`,
      );
    }
    const memory = options.memory ?? Math.min(limit, DEFAULT_CACHE_SIZE);
    if (!Number.isSafeInteger(memory) || memory < 0) {
      throw new RangeError(`cache ${path}: memory ${memory}: expected a whole number of bytes`);
    }
    using opened = new DisposableStack();
    const lock = opened.use(LockFile.acquire(`${path}.lock`));
    const trace = options.trace
      ? opened.adopt(openTrace(`${path}.trace`), (trace) => trace?.close())
      : undefined;
    const makeShelf = () =>
      opened.adopt(
        new FileShelf({
          path,
          file: openFile(path),
          limit,
          memory,
          syncInterval: options.syncInterval ?? 5000,
          discard: () => Deno.removeSync(path),
        }),
        (shelf) => shelf.file.close(),
      );
    let shelf = makeShelf();
    let found: Found | undefined;
    try {
      found = takeOver(path, shelf);
    } catch (error) {
      if (!(error instanceof CacheFileError)) throw error;
      shelf.file.close();
      moveAside(path, error.message);
      shelf = makeShelf();
      takeOver(path, shelf);
    }
    const cache = new FileRecordCache(path, shelf, lock, trace);
    if (found !== undefined) cache.resume(found.lastTid, found.entries);
    opened.move();
    return cache;
  }

  /** Copies the file to `path.behind`, in place of an older one, and forgets everything. */
  setAside(): string | undefined {
    const aside = `${this.name}.behind`;
    try {
      Deno.copyFileSync(this.name, aside);
      return aside;
    } catch (error) {
      log.warn("cache {path}: can't be kept at {aside}: {error}", { path: this.name, aside, error });
    } finally {
      this.clear();
    }
  }

  /** Makes everything durable and lets go of the file and its lock; a second call does nothing. */
  override close(): void {
    try {
      super.close();
    } finally {
      this.#lock.release();
    }
  }
}

interface Found {
  readonly lastTid: Tid;
  readonly entries: FileEntry[];
}

/** Reads what is in a file and makes it ready to be written in. */
function takeOver(path: string, shelf: FileShelf): Found | undefined {
  const { file, ring, counters } = shelf;
  if (file.size() === 0) {
    ring.format();
    return undefined;
  }
  const { lastTid, entries, unbelieved, corrupt, stamped, next, firstFree } = scanBlocks(file);
  const homeless = new Set(ring.adopt(entries, stamped, stamped ? next : firstFree, lastTid));
  for (const entry of unbelieved) if (!homeless.has(entry)) ring.free(entry);
  shelf.resume(lastTid);
  counters.corrupt += corrupt;
  if (unbelieved.size > 0) {
    log.info(
      "cache {path}: {unbelieved} of {records} records not believed, {corrupt} of them damaged",
      { path, unbelieved: unbelieved.size, records: entries.length, corrupt },
    );
  }
  return { lastTid, entries: entries.filter((entry) => !homeless.has(entry) && !unbelieved.has(entry)) };
}

/** Moves a file that is no cache file out of the way, or removes it if there is one already. */
function moveAside(path: string, reason: string): void {
  const aside = `${path}.bad`;
  let taken = true;
  try {
    Deno.lstatSync(aside);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    taken = false;
  }
  if (taken) Deno.removeSync(path);
  else Deno.renameSync(path, aside);
  log.error(
    taken
      ? "cache {path}: {reason}: removed, {aside} being there already"
      : "cache {path}: {reason}: moved to {aside}",
    { path, reason, aside },
  );
}

function openTrace(path: string): CacheTrace | undefined {
  try {
    return new CacheTrace(path);
  } catch (error) {
    log.warn`cannot write tracefile ${`'${path}'`} (${(error as Error).message})`;
    return undefined;
  }
}

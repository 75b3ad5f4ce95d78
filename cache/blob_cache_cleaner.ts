/**
 * Makes room in a blob cache: removes the blobs that nobody has asked for the longest.
 *
 * When a blob was asked for, its file's access time says. Every process that uses the directory makes room for all of
 * them; one does it at a time.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { join } from "@std/path";
import * as fs from "node:fs";
import { StorageError } from "../values/mod.ts";
import { isBlob, isBucket, LAYOUT } from "./blob_cache_layout.ts";
import { BucketLocks, tryLock } from "./blob_cache_locks.ts";

const log = getLogger(["zeo", "client", "blob"]);

/** Milliseconds of work between two pauses. */
const SLICE = 5;

/** Milliseconds to wait for another process that is making room, once. */
const BUSY = 1000;

/** Milliseconds to wait before looking again for files that were in use. */
const IN_USE = 100;

/** Looks in a row that found nothing but files in use, after which it is given up until the next time. */
const MOST_IN_VAIN = 20;

/** What was removed. */
export interface Removed {
  /** How many files. */
  readonly files: number;
  /** Their bytes. */
  readonly bytes: number;
}

interface Found {
  readonly bucket: string;
  readonly name: string;
  readonly size: number;
  readonly accessed: number;
}

/** How room is made. */
export interface CleaningOptions {
  /** The locks of the cache's directories, where the cache is open in this process. */
  readonly locks?: BucketLocks;
  /** Stops it. */
  readonly signal?: AbortSignal;
}

/**
 * Removes blobs until the cache has no more than `target` bytes.
 *
 * Does nothing when another process is at it, which is told to look once more.
 *
 * @param path The cache's directory.
 * @throws {StorageError} when it isn't a blob cache; nothing is removed then.
 */
export async function cleanBlobCache(
  path: string,
  target: number,
  { locks = new BucketLocks(path), signal }: CleaningOptions = {},
): Promise<Removed> {
  requireLayout(path);
  const removed = { files: 0, bytes: 0 };
  const attempt = join(path, "check_size.attempt");
  const lockPath = join(path, "check_size.lock");
  let lock = tryLock(lockPath);
  if (!lock) {
    await sleep(BUSY, signal);
    if (signal?.aborted) return removed;
    lock = tryLock(lockPath);
  }
  if (!lock) {
    Deno.writeTextFileSync(attempt, "");
    return removed;
  }
  using _lock = lock;
  for (let inVain = 0; inVain < MOST_IN_VAIN && !signal?.aborted; inVain++) {
    const found = await survey(path, signal);
    let bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= target) {
      if (!fs.existsSync(attempt)) break;
      Deno.removeSync(attempt);
      inVain = -1;
      continue;
    }
    found.sort((a, b) => a.accessed - b.accessed);
    let inUse = false;
    const pauses = new Pauses();
    for (const file of found) {
      if (bytes <= target || signal?.aborted) break;
      if (remove(path, file, locks)) {
        inVain = -1;
        bytes -= file.size;
        removed.files++;
        removed.bytes += file.size;
      } else inUse = true;
      await pauses.rest();
    }
    if (inUse) await sleep(IN_USE, signal);
  }
  return removed;
}

function requireLayout(path: string): void {
  let layout = "";
  try {
    layout = Deno.readTextFileSync(join(path, ".layout")).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (layout !== LAYOUT) {
    throw new StorageError(`${path}: layout ${JSON.stringify(layout)}, expected a blob cache's, "${LAYOUT}"`);
  }
}

/** All blobs in the cache. */
async function survey(path: string, signal?: AbortSignal): Promise<Found[]> {
  const found: Found[] = [];
  const pauses = new Pauses();
  for (const { name: bucket, isDirectory } of Deno.readDirSync(path)) {
    if (!isDirectory || !isBucket(bucket)) continue;
    for (const name of fs.readdirSync(join(path, bucket))) {
      if (!isBlob(name)) continue;
      const status = fs.lstatSync(join(path, bucket, name), { throwIfNoEntry: false });
      if (status?.isFile()) found.push({ bucket, name, size: status.size, accessed: status.atimeMs });
      if (signal?.aborted) return found;
      await pauses.rest();
    }
  }
  return found;
}

/**
 * Removes a file that nobody has asked for since it was found.
 * @returns Whether it is gone.
 */
function remove(path: string, { bucket, name, accessed }: Found, locks: BucketLocks): boolean {
  const file = join(path, bucket, name);
  using lock = locks.tryAcquire(bucket);
  if (!lock) return false;
  const status = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!status) return true;
  if (status.atimeMs !== accessed) return false;
  try {
    Deno.removeSync(file);
    return true;
  } catch (error) {
    log.warn`${file}: can't be removed from the cache: ${String(error)}`;
    return false;
  }
}

/** Lets others have their turn in long work. */
class Pauses {
  #end = performance.now() + SLICE;

  async rest(): Promise<void> {
    if (performance.now() < this.#end) return;
    await sleep(0);
    this.#end = performance.now() + SLICE;
  }
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}

/**
 * Looking into a cache file, without changing it: what it holds, and whether a client has it.
 *
 * @module
 */

import * as fs from "node:fs";
import { LockFile, type Oid, type Tid } from "../values/mod.ts";
import { scanBlocks } from "./block_scan.ts";
import { type CacheFile, readUntil } from "./cache_file.ts";

/** How many records, and bytes of their data. */
export interface CachedAmount {
  /** Records. */
  readonly count: number;
  /** Bytes of their data. */
  readonly bytes: number;
}

/** What a cache file holds. */
export interface CacheFileReport {
  /** The file, as given. */
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** The last transaction that it has taken in; `NO_TID` when there is none. */
  readonly lastTid: Tid;
  /** Objects of which there is a record. */
  readonly objects: number;
  /** Records that were current at that transaction. */
  readonly current: CachedAmount;
  /** Records of what objects were before. */
  readonly nonCurrent: CachedAmount;
  /** Records that a client would drop when it opens the file: newer than the last transaction, or damaged. */
  readonly unbelieved: CachedAmount;
  /** Of these, the damaged ones. */
  readonly damaged: number;
  /** Whether our client wrote it last, and not Python's. */
  readonly sealed: boolean;
  /** Whether a client has it open: then all of this may change while it is looked at. */
  readonly locked: boolean;
}

/**
 * Looks into a cache file of ours or of Python's client.
 *
 * @throws {CacheFileError} when it is no cache file, or a client that has it open was just writing in it.
 */
export function inspectCacheFile(path: string): CacheFileReport {
  const locked = LockFile.isHeld(`${path}.lock`);
  using file = new ReadOnlyFile(path);
  const { lastTid, entries, unbelieved, corrupt, stamped } = scanBlocks(file);
  const current = new Sum(), nonCurrent = new Sum(), doubtful = new Sum(), objects = new Set<Oid>();
  for (const entry of entries) {
    if (unbelieved.has(entry)) doubtful.add(entry.length);
    else {
      objects.add(entry.oid);
      (entry.end === null ? current : nonCurrent).add(entry.length);
    }
  }
  return {
    ...{ path, size: file.size(), lastTid, objects: objects.size },
    ...{ current: { ...current }, nonCurrent: { ...nonCurrent }, unbelieved: { ...doubtful } },
    ...{ damaged: corrupt, sealed: stamped, locked },
  };
}

class Sum implements CachedAmount {
  count = 0;
  bytes = 0;

  add(length: number): void {
    this.count++;
    this.bytes += length;
  }
}

/** A file that is only read. */
class ReadOnlyFile implements CacheFile, Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = fs.openSync(path, "r");
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  read(buffer: Uint8Array, length: number, position: number): number {
    return readUntil(this.#fd, buffer, length, position);
  }

  write(): void {
    throw new TypeError("a file that is only looked at is not written");
  }

  truncate(): void {
    this.write();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  syncNow(): void {}

  close(): void {
    fs.closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

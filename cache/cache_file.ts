/**
 * The file under a cache: positioned, synchronous calls. It is an interface so that tests can lose power.
 *
 * @module
 */

import * as fs from "node:fs";

/** An open file. Positions and lengths are bytes. */
export interface CacheFile {
  /** How long it is now. */
  size(): number;
  /** Reads at `position` until `length` bytes are in `buffer` or the file ends; returns the number of bytes read. */
  read(buffer: Uint8Array, length: number, position: number): number;
  /** Writes `bytes` from `start` to `end` at `position`. */
  write(bytes: Uint8Array, start: number, end: number, position: number): void;
  /** Cuts the file, or fills it up with zeros, to `size`. */
  truncate(size: number): void;
  /** Makes everything written so far durable, without blocking the thread. */
  sync(): Promise<void>;
  /** Makes everything written so far durable, now. */
  syncNow(): void;
  /** Closes the file, when a `sync` that is under way is done; a second call does nothing. */
  close(): void;
}

/** A file on the machine's disk. */
export class RealCacheFile implements CacheFile {
  readonly #fd: number;
  #syncing = 0;
  #open = true;

  /** Opens the file, or makes an empty one. */
  constructor(path: string) {
    this.#fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT);
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  read(buffer: Uint8Array, length: number, position: number): number {
    return readUntil(this.#fd, buffer, length, position);
  }

  write(bytes: Uint8Array, start: number, end: number, position: number): void {
    for (let at = start; at < end;) at += fs.writeSync(this.#fd, bytes, at, end - at, position + at - start);
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#fd, size);
  }

  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#syncing++;
    fs.fdatasync(this.#fd, (error) => {
      this.#syncing--;
      if (!this.#open && this.#syncing === 0) fs.closeSync(this.#fd);
      if (error) reject(error);
      else resolve();
    });
    return promise;
  }

  syncNow(): void {
    fs.fdatasyncSync(this.#fd);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#syncing === 0) fs.closeSync(this.#fd);
  }
}

/** Reads at `position` until `length` bytes are in `buffer` or the file ends; returns the number of bytes read. */
export function readUntil(fd: number, buffer: Uint8Array, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const count = fs.readSync(fd, buffer, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * Files as the storages see them: a few positioned, synchronous calls.
 *
 * Reads are synchronous because a read from the page cache takes two microseconds and a trip through the
 * asynchronous file API a hundred times that. Only `sync` leaves the thread. It is an interface so that tests
 * can put a disk underneath that fails, fills up or forgets.
 *
 * @module
 */

import * as fs from "node:fs";

/** One open file. Positions and lengths are bytes. */
export interface DiskFile {
  /** The path that it was opened by. */
  readonly path: string;
  /** How long the file is now. */
  size(): number;
  /** Reads at `position` until `buffer` is full or the file ends; returns the number of bytes read. */
  read(buffer: Uint8Array, position: number): number;
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): void;
  /** Cuts the file, or fills it up with zeros, to `size`. */
  truncate(size: number): void;
  /** Makes everything written so far durable, without blocking the thread. */
  sync(): Promise<void>;
  /** Makes everything written so far durable, now. */
  syncNow(): void;
  /** Closes the file; a second call does nothing. */
  close(): void;
}

/** How a file is opened: to read it, to read and change it, or a new, empty one in place of what is there. */
export type OpenMode = "read" | "update" | "create";

/** Where files are. */
export interface Disk {
  /** Opens a file. `update` and `read` throw an error with the code `ENOENT` when there is none. */
  open(path: string, mode: OpenMode): DiskFile;
  /** Whether there is something at a path. */
  exists(path: string): boolean;
  /** Renames a file, replacing one that has the new name. */
  rename(from: string, to: string): void;
  /**
   * Gives a file a second name, where there is nothing yet. Only disks that can do it have the method, and those may
   * refuse, as some file systems do.
   */
  link?(from: string, to: string): void;
  /** Removes a file; one that is not there is fine. */
  remove(path: string): void;
  /** Makes the names in a directory durable, after files were made, renamed or removed in it. */
  syncDirectory(path: string): void;
}

/** Bytes of one call: more than 2^31 - 1 are refused by the runtime, though files may have such records. */
const LARGEST_CALL = 1 << 30;

const flags: Record<OpenMode, string> = { read: "r", update: "r+", create: "w+" };

class RealFile implements DiskFile {
  #fd: number;

  constructor(readonly path: string, mode: OpenMode) {
    this.#fd = fs.openSync(path, flags[mode]);
    // To be read, the system opens directories, too; the first read would fail then, and name nothing.
    if (mode === "read" && fs.fstatSync(this.#fd).isDirectory()) {
      this.close();
      throw Object.assign(new Error(`${path}: is a directory, expected a file`), { code: "EISDIR" });
    }
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  read(buffer: Uint8Array, position: number): number {
    let done = 0;
    while (done < buffer.length) {
      const length = Math.min(buffer.length - done, LARGEST_CALL);
      const count = fs.readSync(this.#fd, buffer, done, length, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      const length = Math.min(bytes.length - done, LARGEST_CALL);
      done += fs.writeSync(this.#fd, bytes, done, length, position + done);
    }
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#fd, size);
  }

  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    fs.fdatasync(this.#fd, (error) => error ? reject(error) : resolve());
    return promise;
  }

  syncNow(): void {
    fs.fdatasyncSync(this.#fd);
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }
}

/** The machine's own files. */
export const realDisk: Disk = {
  open: (path, mode) => new RealFile(path, mode),
  exists: (path) => fs.existsSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  remove: (path) => fs.rmSync(path, { force: true }),
  syncDirectory(path) {
    const fd = fs.openSync(path, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
};

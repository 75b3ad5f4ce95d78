/**
 * The file operations that blobs need: whole files that are made, moved, made durable and removed.
 *
 * An interface, so that tests can put a file system underneath that fails or that writes down what was done in which
 * order. Nothing here follows a link at the end of a path.
 *
 * @module
 */

import { dirname } from "@std/path";
import * as fs from "node:fs";

/** What is at a path. */
export type FileKind = "file" | "directory" | "other";

/** A new file, written from its start to its end. */
export interface BlobWriter {
  /** Adds bytes. */
  write(bytes: Uint8Array): void;
  /** Closes it; a second call does nothing. */
  close(): void;
}

/** Files and directories by their paths. */
export interface BlobFiles {
  /** What is at a path, undefined for nothing. A link is `other`. */
  kind(path: string): FileKind | undefined;
  /** Milliseconds since 1970 at which a file was last written to; undefined when it is not there. */
  modified(path: string): number | undefined;
  /** The names in a directory, sorted; none when there is no directory. */
  list(path: string): string[];
  /** A short text, undefined when there is none. */
  readText(path: string): string | undefined;
  /** Makes a file of a text, in place of what is there. */
  writeText(path: string, text: string): void;
  /** Makes a file that was not there, for this user only. */
  create(path: string): BlobWriter;
  /** Makes a directory and those above it. @returns Those that were not there, outermost first. */
  makeDirectories(path: string): string[];
  /** Renames, replacing a file that has the new name. */
  rename(from: string, to: string): void;
  /** Removes a file; one that is not there is fine. */
  remove(path: string): void;
  /** Removes a directory if it is empty. @returns Whether it was. */
  removeEmpty(path: string): boolean;
  /** Removes a directory with everything in it; one that is not there is fine. */
  removeTree(path: string): Promise<void>;
  /** Gives a file a second name. */
  link(from: string, to: string): void;
  /** Copies a file's content to a new file. */
  copy(from: string, to: string): Promise<void>;
  /** Takes away the right to write a file, and lets those read it who may read its directory. */
  protect(path: string, directory: string): void;
  /** Makes a file's content, or a directory's names, durable. */
  sync(path: string): Promise<void>;
}

/** The error code of a failed file operation: `ENOENT`, `EXDEV` … */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Gives a file a second name or, where the file system has no such thing, makes a copy. Only for files that never change. */
export async function linkOrCopy(files: BlobFiles, from: string, to: string): Promise<void> {
  try {
    files.link(from, to);
  } catch {
    try {
      await files.copy(from, to);
    } catch (error) {
      files.remove(to);
      throw error;
    }
  }
}

/** Bytes that a copy moves at once. */
const COPY = 1 << 20;

/** Bytes after which writing to the disk begins, so that little is left to wait for at the end. */
const SYNC_EVERY = 8 << 20;

class RealWriter implements BlobWriter {
  #fd: number;
  /** Bytes since the last sync was begun. */
  #unsynced = 0;
  #syncing = false;
  #closed = false;

  constructor(path: string) {
    this.#fd = fs.openSync(path, "wx", 0o600);
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(this.#fd, bytes, done, bytes.length - done);
    this.#unsynced += bytes.length;
    if (this.#unsynced >= SYNC_EVERY && !this.#syncing) this.#sync();
  }

  /** Only to have it done early: whether the content is durable is told by the sync at the vote. */
  #sync(): void {
    this.#syncing = true;
    this.#unsynced = 0;
    fs.fdatasync(this.#fd, () => {
      this.#syncing = false;
      if (this.#closed) this.#end();
    });
  }

  close(): void {
    this.#closed = true;
    if (!this.#syncing) this.#end();
  }

  #end(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }
}

/** What an operation answers, or undefined when there is nothing at its path. */
function ifThere<T>(operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function status(path: string): fs.Stats | undefined {
  return fs.lstatSync(path, { throwIfNoEntry: false });
}

/** The machine's own files. */
export const realBlobFiles: BlobFiles = {
  kind(path) {
    const found = status(path);
    if (!found) return undefined;
    return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
  },
  modified: (path) => status(path)?.mtimeMs,
  list: (path) => ifThere(() => fs.readdirSync(path))?.sort() ?? [],
  readText: (path) => ifThere(() => fs.readFileSync(path, "utf8")),
  writeText: (path, text) => fs.writeFileSync(path, text),
  create: (path) => new RealWriter(path),
  makeDirectories(path) {
    const made: string[] = [];
    const make = (directory: string): void => {
      try {
        fs.mkdirSync(directory);
        made.push(directory);
      } catch (error) {
        const code = errorCode(error), above = dirname(directory);
        if (code === "EEXIST" && fs.statSync(directory).isDirectory()) return;
        if (code !== "ENOENT" || above === directory) throw error;
        make(above);
        make(directory);
      }
    };
    make(path);
    return made;
  },
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { force: true }),
  removeEmpty(path) {
    try {
      fs.rmdirSync(path);
      return true;
    } catch (error) {
      if (["ENOTEMPTY", "EEXIST", "ENOENT"].includes(errorCode(error) ?? "")) return false;
      throw error;
    }
  },
  async removeTree(path) {
    try {
      await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
  link: (from, to) => fs.linkSync(from, to),
  async copy(from, to) {
    using source = await Deno.open(from, { read: true });
    using target = await Deno.open(to, { write: true, createNew: true, mode: 0o600 });
    const buffer = new Uint8Array(COPY);
    for (let count = await source.read(buffer); count !== null; count = await source.read(buffer)) {
      for (let done = 0; done < count;) done += await target.write(buffer.subarray(done, count));
    }
  },
  protect(path, directory) {
    const mode = fs.statSync(path).mode & 0o777;
    const readers = fs.statSync(directory).mode & 0o444;
    fs.chmodSync(path, mode & ~0o222 | readers);
  },
  sync(path) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fd = fs.openSync(path, "r");
    fs.fsync(fd, (error) => {
      fs.closeSync(fd);
      if (error) reject(error);
      else resolve();
    });
    return promise;
  },
};

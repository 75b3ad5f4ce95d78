/**
 * A client's blob cache: the blobs that it has asked for or stored, as files in a directory that several clients on a
 * machine may have together, Python's among them.
 *
 * A file gets its name when it is complete, and never changes. It may be removed at any time, to make room: by another
 * process too. So a path is good for a look at the file; who has to have it uses {@linkcode BlobCache.open}.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { dirname, join, resolve } from "@std/path";
import * as fs from "node:fs";
import { type Awaitable, type Oid, StorageError, type Tid } from "../values/mod.ts";
import { cleanBlobCache } from "./blob_cache_cleaner.ts";
import { blobNameOf, bucketOf, LAYOUT } from "./blob_cache_layout.ts";
import { BucketLocks } from "./blob_cache_locks.ts";

const log = getLogger(["zeo", "client", "blob"]);

/** Milliseconds after which a temporary file counts as left behind: another client may be writing it. */
const ABANDONED = 24 * 3600 * 1000;

/** How a blob cache is opened. */
export interface BlobCacheOptions {
  /** Bytes that the blobs may take; any number unless told otherwise. For a while they may take a bit more. */
  readonly size?: number;
  /**
   * Per cent of `size`: after that many bytes were added it is checked how much there is, and room made for as many.
   * 10 unless told otherwise.
   */
  readonly sizeCheck?: number;
}

/** What a blob cache has done since it was opened. */
export interface BlobCacheStatistics {
  /** Blobs that were asked for and were there. */
  readonly hits: number;
  /** Blobs that had to be fetched. */
  readonly misses: number;
  /** Bytes that were fetched. */
  readonly fetchedBytes: number;
  /** Blobs that were put there by who had stored them. */
  readonly adopted: number;
  /** Blobs that were removed to make room. */
  readonly removed: number;
  /** Their bytes. */
  readonly removedBytes: number;
}

/** A file that is being written, from its start to its end. */
export interface BlobFile {
  /** Where it lies. */
  readonly path: string;
  /** Adds bytes. */
  write(bytes: Uint8Array): void;
  /** Ends it; a second call does nothing. */
  close(): void;
  /** Ends and removes it. */
  discard(): void;
}

/** Writes a blob that is not in the cache to a file: all of it, when the promise resolves. */
export type FetchBlob = (file: BlobFile) => Promise<void>;

/**
 * See the module.
 *
 * @example
 * ```ts ignore
 * await using cache = BlobCache.open("blob-cache", { size: 1 << 30 });
 * using file = await cache.open(oid, serial, (file) => download(oid, serial, file));
 * ```
 */
export class BlobCache implements AsyncDisposable {
  /** The directory, absolute. */
  readonly path: string;
  /** Where files are before they get their place. */
  readonly temporaryDirectory: string;
  readonly #locks: BucketLocks;
  readonly #size?: number;
  readonly #sizeCheck: number;
  readonly #closing = new AbortController();
  /** What is being fetched, by path. */
  readonly #fetching = new Map<string, Promise<string>>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #counts = { hits: 0, misses: 0, fetchedBytes: 0, adopted: 0, removed: 0, removedBytes: 0 };
  /** Bytes since the size was checked. */
  #added = 0;
  #checking?: Promise<void>;

  /**
   * Opens a cache, or makes one, and makes room in it if it has too much.
   * @throws {StorageError} when the directory is another kind of blob directory.
   * @throws {RangeError} when an option can't be.
   */
  static open(path: string, options: BlobCacheOptions = {}): BlobCache {
    return new BlobCache(resolve(path), options);
  }

  private constructor(path: string, { size, sizeCheck = 10 }: BlobCacheOptions) {
    if (size !== undefined && !(size >= 0)) throw new RangeError(`size ${size}: expected bytes, from 0 on`);
    if (!(sizeCheck >= 0 && sizeCheck < 100)) {
      throw new RangeError(`sizeCheck ${sizeCheck}: expected per cent, from 0 to 99`);
    }
    this.path = path;
    this.temporaryDirectory = join(path, "tmp");
    this.#locks = new BucketLocks(path);
    this.#size = size;
    this.#sizeCheck = Math.floor((size ?? 0) * sizeCheck / 100);
    this.#makeDirectory();
    this.#removeAbandoned();
    this.#checkSize();
  }

  #makeDirectory(): void {
    Deno.mkdirSync(this.temporaryDirectory, { recursive: true });
    const marker = join(this.path, ".layout");
    const layout = fs.existsSync(marker) ? Deno.readTextFileSync(marker).trim() : undefined;
    if (layout === undefined) Deno.writeTextFileSync(marker, LAYOUT);
    else if (layout !== LAYOUT) {
      throw new StorageError(
        `Directory layout \`${LAYOUT}\` selected for blob directory ${this.path}, but marker found for layout \`${layout}\``,
      );
    }
  }

  #removeAbandoned(): void {
    for (const { name, isFile } of Deno.readDirSync(this.temporaryDirectory)) {
      const path = join(this.temporaryDirectory, name);
      if (!isFile || !/^zeo-.+\.(?:upload|download)$/.test(name)) continue;
      const status = fs.lstatSync(path, { throwIfNoEntry: false });
      if (status && Date.now() - status.mtimeMs > ABANDONED) fs.rmSync(path, { force: true });
    }
  }

  /** What it has done. */
  get statistics(): BlobCacheStatistics {
    return { ...this.#counts };
  }

  /** Where a revision's file lies, or would lie. */
  pathOf(oid: Oid, serial: Tid): string {
    return join(this.path, bucketOf(oid), blobNameOf(oid, serial));
  }

  /**
   * The file of a revision. It is fetched if it isn't there; once, however many ask at the same time, in other
   * processes too.
   *
   * @returns A path at which the file may be gone again when it is opened; see {@linkcode BlobCache.open}.
   * @throws what `fetch` throws, and errors of the file system.
   */
  load(oid: Oid, serial: Tid, fetch: FetchBlob): Awaitable<string> {
    const path = this.pathOf(oid, serial);
    if (this.#touch(path)) return path;
    let fetching = this.#fetching.get(path);
    if (!fetching) {
      fetching = this.#run(this.#locked(oid, serial, fetch, (path) => path))
        .finally(() => this.#fetching.delete(path));
      this.#fetching.set(path, fetching);
    }
    return fetching;
  }

  /**
   * Opens the file of a revision, to be read; fetched first if it isn't there. What is open can be read to its end,
   * also when the file is removed meanwhile.
   *
   * @throws what `fetch` throws, and errors of the file system.
   */
  async open(oid: Oid, serial: Tid, fetch: FetchBlob): Promise<Deno.FsFile> {
    // The first time with all others who want it.
    const path = await this.load(oid, serial, fetch);
    try {
      return Deno.openSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    // Under the lock nobody removes it before it is open.
    return await this.#run(this.#locked(oid, serial, fetch, (path) => Deno.openSync(path)));
  }

  /** A file, fetched if need be, with nobody removing it before `use` has returned. */
  async #locked<T>(oid: Oid, serial: Tid, fetch: FetchBlob, use: (path: string) => T): Promise<T> {
    const path = this.pathOf(oid, serial);
    using _lock = await this.#locks.acquire(bucketOf(oid), this.#closing.signal);
    if (!this.#touch(path)) await this.#fetch(path, fetch);
    return use(path);
  }

  async #fetch(path: string, fetch: FetchBlob): Promise<void> {
    this.#counts.misses++;
    const file = this.#create("download");
    try {
      await fetch(file);
      file.close();
      // After a crash of the machine a file may have its name and not its content.
      await sync(file.path);
      Deno.chmodSync(file.path, 0o400);
      // Left by a client that was interrupted; others wouldn't fetch the blob while it is there.
      fs.rmSync(`${path}.dl`, { force: true });
      Deno.renameSync(file.path, path);
    } catch (error) {
      file.discard();
      throw error;
    }
    const { size } = Deno.statSync(path);
    this.#counts.fetchedBytes += size;
    this.#grown(size);
  }

  /** Notes that a file was asked for. @returns false when it isn't there. */
  #touch(path: string): boolean {
    const status = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!status?.isFile()) return false;
    try {
      fs.utimesSync(path, Date.now() / 1000, status.mtimeMs / 1000);
    } catch (error) {
      if (!fs.existsSync(path)) return false;
      // Another user's: it counts as old, and is none the worse.
      log.debug`${path}: can't note that it was asked for: ${String(error)}`;
    }
    this.#counts.hits++;
    return true;
  }

  /** Begins a new temporary file, for a blob that is to be stored. */
  receive(): BlobFile {
    return this.#create("upload");
  }

  #temporaryPath(kind: "upload" | "download"): string {
    const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
    return join(this.temporaryDirectory, `zeo-${random}.${kind}`);
  }

  #create(kind: "upload" | "download"): BlobFile {
    const path = this.#temporaryPath(kind);
    // Somebody may have emptied the cache.
    if (!fs.existsSync(this.temporaryDirectory)) this.#makeDirectory();
    const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    let open = true;
    const close = () => {
      if (open) file.close();
      open = false;
    };
    return {
      path,
      write(bytes) {
        for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      },
      close,
      discard() {
        close();
        fs.rmSync(path, { force: true });
      },
    };
  }

  /**
   * Puts a file there that was stored as a revision of a blob. Who asks for that revision from now on gets it.
   * @param file The file; it is moved, or copied and removed.
   * @throws errors of the file system; the file is removed all the same.
   */
  adopt(oid: Oid, serial: Tid, file: string): Promise<void> {
    return this.#run(this.#adopt(oid, serial, file));
  }

  async #adopt(oid: Oid, serial: Tid, file: string): Promise<void> {
    const path = this.pathOf(oid, serial);
    try {
      using _lock = await this.#locks.acquire(bucketOf(oid), this.#closing.signal);
      if (fs.existsSync(path)) return;
      const readers = Deno.statSync(dirname(path)).mode! & 0o444;
      await sync(file);
      Deno.chmodSync(file, Deno.statSync(file).mode! & 0o777 & ~0o222 | readers);
      await this.#move(file, path);
      this.#counts.adopted++;
      this.#grown(Deno.statSync(path).size);
    } finally {
      fs.rmSync(file, { force: true });
    }
  }

  async #move(from: string, to: string): Promise<void> {
    try {
      fs.renameSync(from, to);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
      const near = this.#temporaryPath("upload");
      try {
        await Deno.copyFile(from, near);
        await sync(near);
        fs.renameSync(near, to);
      } finally {
        fs.rmSync(near, { force: true });
      }
    }
  }

  #grown(bytes: number): void {
    this.#added += bytes;
    if (this.#added >= this.#sizeCheck) this.#checkSize();
  }

  #checkSize(): void {
    if (this.#size === undefined || this.#checking || this.#closing.signal.aborted) return;
    const target = Math.max(this.#size - this.#sizeCheck, 0);
    this.#added = 0;
    const checking = this.#clean(target).catch((error) => {
      log.error`${this.path}: can't make room: ${String(error)}`;
    }).finally(() => {
      this.#checking = undefined;
      // What came meanwhile may not have been seen.
      if (this.#added > 0 && this.#added >= this.#sizeCheck) this.#checkSize();
    });
    this.#checking = checking;
  }

  /** Removes what was not asked for the longest, until there are at most `target` bytes. */
  async #clean(target: number): Promise<void> {
    const signal = this.#closing.signal;
    const { files, bytes } = await cleanBlobCache(this.path, target, { locks: this.#locks, signal });
    this.#counts.removed += files;
    this.#counts.removedBytes += bytes;
  }

  /** Resolves when room has been made, where that is under way. */
  async checked(): Promise<void> {
    while (this.#checking) await this.#checking;
  }

  #run<T>(work: Promise<T>): Promise<T> {
    const running = work.catch(() => {}).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return work;
  }

  /** Waits for what is under way, and stops making room. What is being fetched has to be given up by who fetches. */
  async close(): Promise<void> {
    this.#closing.abort(new StorageError(`${this.path}: the blob cache is closed`));
    await this.#checking;
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Makes a file's content durable. */
async function sync(path: string): Promise<void> {
  const file = await Deno.open(path);
  try {
    await file.syncData();
  } finally {
    file.close();
  }
}

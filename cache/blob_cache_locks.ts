/**
 * The locks of a blob cache's directories: the operating system's (`flock`), which Python's clients take as well.
 *
 * @module
 */

import { join } from "@std/path";
import { LockError } from "../values/mod.ts";

/** Milliseconds between two attempts to get a lock that another process has. */
const RETRY = 10;

/** Milliseconds after which whoever has a lock is taken to have got stuck. */
const PATIENCE = 600_000;

/**
 * Locks a file, if nobody else has it locked. The lock ends with the file's closing.
 * @returns undefined when somebody has.
 */
export function tryLock(path: string): Deno.FsFile | undefined {
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (!file.tryLockSync(true)) {
      file.close();
      return undefined;
    }
    const bytes = new TextEncoder().encode(` ${Deno.pid}\n`);
    file.writeSync(bytes);
    file.truncateSync(bytes.length);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The locks of the directories in one blob cache. */
export class BucketLocks {
  readonly #path: string;
  /** The last of those that want a directory, in this process; resolves when it has given it up. */
  readonly #last = new Map<string, Promise<void>>();

  /** The locks of a cache. @param path Its directory. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Waits until nobody else has a directory locked, which is made if it isn't there. In this process those who asked
   * first get it first.
   *
   * @throws {LockError} when another process has it for ten minutes.
   * @throws the signal's reason.
   */
  async acquire(bucket: string, signal?: AbortSignal): Promise<Disposable> {
    const before = this.#last.get(bucket);
    const { promise, resolve } = Promise.withResolvers<void>();
    const release = () => {
      if (this.#last.get(bucket) === promise) this.#last.delete(bucket);
      resolve();
    };
    this.#last.set(bucket, promise);
    try {
      if (before) await before;
      const file = await this.#lockFile(bucket, signal);
      return {
        [Symbol.dispose]() {
          file.close();
          release();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Locks a directory that is there. @returns undefined when somebody has it. */
  tryAcquire(bucket: string): Disposable | undefined {
    if (this.#last.has(bucket)) return undefined;
    const file = tryLock(join(this.#path, bucket, ".lock"));
    return file && { [Symbol.dispose]: () => file.close() };
  }

  async #lockFile(bucket: string, signal?: AbortSignal): Promise<Deno.FsFile> {
    const directory = join(this.#path, bucket);
    Deno.mkdirSync(directory, { recursive: true });
    const path = join(directory, ".lock");
    const end = performance.now() + PATIENCE;
    while (true) {
      signal?.throwIfAborted();
      const file = tryLock(path);
      if (file) return file;
      if (performance.now() > end) {
        throw new LockError(`${path}: another process has had it locked for ${PATIENCE / 1000} s`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

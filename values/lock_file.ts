/**
 * Data.fs.lock, client.zec.lock: an exclusive lock on a file beside the data, so that one process at a time writes it.
 *
 *   " " | process id in decimal | "\n"
 *
 * The lock is the operating system's (`flock`), the same that Python takes; the file stays when it is released,
 * and its being there means nothing.
 *
 * @module
 */

import { LockError } from "./errors.ts";

/**
 * A lock that is held until it is released.
 *
 * @example
 * ```ts ignore
 * using lock = LockFile.acquire("Data.fs.lock");
 * ```
 */
export class LockFile {
  /** The file that is locked. */
  readonly path: string;
  #file?: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /**
   * Takes the lock, without waiting, and writes this process' id into the file.
   *
   * @throws {LockError} when another process, or another part of this one, has it.
   */
  static acquire(path: string): LockFile {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    try {
      if (!file.tryLockSync(true)) {
        throw new LockError(`couldn't lock ${path}: ${holder(file)} has it`);
      }
      const bytes = new TextEncoder().encode(` ${Deno.pid}\n`);
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      file.truncateSync(bytes.length);
      return new LockFile(path, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Whether somebody has the lock of a path. It makes and writes nothing; for some microseconds it has a share of the
   * lock, since there is no other way to ask.
   */
  static isHeld(path: string): boolean {
    try {
      using file = Deno.openSync(path, { read: true });
      return !file.tryLockSync(false);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Gives the lock up; a second call does nothing. */
  release(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Gives the lock up. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** Who the file says has it, for people. */
function holder(file: Deno.FsFile): string {
  const bytes = new Uint8Array(32);
  const count = file.readSync(bytes) ?? 0;
  const pid = /^ ?(\d+)\n/.exec(new TextDecoder().decode(bytes.subarray(0, count)))?.[1];
  return pid === undefined ? "another process" : `process ${pid}`;
}

/**
 * Space held back for transactions that have voted: a file of no use, given up when the disk fills.
 *
 * A vote promises that finishing can't fail. So the vote makes sure that the ballast is at least as big as everything
 * that was voted and not yet written. When a write finds the disk full, the ballast is removed and the write done again;
 * from then on votes fail, until there is room for the ballast again.
 *
 * @module
 */

import { type Awaitable, FileStorageError } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";

/** What is held back at least, so that most votes have nothing to do. */
const SMALLEST = 1 << 20;

/** What the ballast grows by, so that a file of it is written in few steps. */
const STEP = 1 << 20;

/** Room for what the file system needs beyond the bytes themselves. */
const MARGIN = 64 << 10;

/** See the module. */
export class Ballast {
  readonly #disk: Disk;
  readonly #path: string;
  #file?: DiskFile;
  #size = 0;

  /** @param path Where the file is; one that a crash left behind is replaced. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Bytes that are held back. */
  get size(): number {
    return this.#size;
  }

  /**
   * Makes sure that there are so many bytes: at once when little is missing, else step by step.
   * @throws {FileStorageError} when the disk has no room for them; also through the promise.
   */
  hold(bytes: number): Awaitable<void> {
    const needed = Math.max(bytes + MARGIN, SMALLEST);
    if (this.#size + STEP < needed) return this.#growSlowly(needed);
    if (this.#size < needed) this.#grow(needed);
  }

  async #growSlowly(needed: number): Promise<void> {
    while (this.#size < needed) {
      this.#grow(needed);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #grow(needed: number): void {
    try {
      this.#file ??= this.#disk.open(this.#path, "create");
      this.#file.write(noise(), this.#size);
      this.#size += STEP;
    } catch (cause) {
      this.release();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new FileStorageError(
        `${this.#path}: no room to hold back ${needed} bytes, nothing can be committed: ${reason}`,
        { cause },
      );
    }
  }

  /** Gives it up. @returns Whether there was something to give up. */
  release(): boolean {
    if (!this.#file) return false;
    const held = this.#size > 0;
    this.#file.close();
    this.#file = undefined;
    this.#size = 0;
    this.#disk.remove(this.#path);
    return held;
  }
}

let filling: Uint8Array<ArrayBuffer> | undefined;

/** Bytes that no file system can compress or leave out. */
function noise(): Uint8Array<ArrayBuffer> {
  if (filling) return filling;
  filling = new Uint8Array(STEP);
  for (let offset = 0; offset < STEP; offset += 65536) {
    crypto.getRandomValues(filling.subarray(offset, offset + 65536));
  }
  return filling;
}

/** Whether an error says that the disk, or the user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT";
}

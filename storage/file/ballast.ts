/**
 * Space held back for transactions that have voted: a file of no use, given up when the disk fills.
 *
 * A vote promises that finishing can't fail. So the vote makes sure that the ballast is at least as big as everything
 * that was voted and not yet written. When a write finds the disk full, as much of the ballast as it needs is given up
 * and the write done again; the rest stays for the others that have voted. Votes that need more than that rest fail then,
 * until there is room for the ballast again.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Awaitable, FileStorageError } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";
import { pause } from "../slice.ts";

/** What is held back at least, so that most votes have nothing to do. */
const SMALLEST = 1 << 20;

/** What the ballast grows by, so that a file of it is written in few steps. */
const STEP = 1 << 20;

/** What stays of it after big transactions, so that the next ones have less to do. */
const KEPT = 16 << 20;

/** Room for what the file system needs beyond the bytes themselves. */
const MARGIN = 64 << 10;

const log = getLogger(["zeo", "storage", "file"]);

/** See the module. */
export class Ballast {
  readonly #disk: Disk;
  readonly #path: string;
  #file?: DiskFile;
  #size = 0;
  /** What the newest vote needed; it counts everything that is voted, so more than that is of no use. */
  #needed = 0;
  /** What the votes were promised. */
  #promised = 0;
  /** Why the last vote was refused, if it was. */
  #refusal?: string;
  /**
   * Bytes that are being written just now: nobody else may be promised the room for them before they are there, as
   * the disk may still be found full.
   */
  writing = 0;

  /** @param path Where the file is; one that a crash left behind is replaced. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Why the last vote was refused; undefined when it was not. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Bytes that are held back. */
  get size(): number {
    return this.#size;
  }

  /**
   * Makes sure that there are so many bytes: at once when little is missing, else step by step.
   * @param bytes What has voted and is not being written.
   * @throws {FileStorageError} when the disk has no room for them; also through the promise. What was held back before
   * still is.
   */
  hold(bytes: number): Awaitable<void> {
    const needed = this.#needed = Math.max(bytes + this.writing + MARGIN, SMALLEST);
    if (this.#size + STEP < needed) return this.#growSlowly(needed);
    while (this.#size < needed) this.#grow(needed);
    this.#hasHeld(needed);
    const enough = Math.max(needed, KEPT);
    if (this.#size > enough) this.#shrink(enough);
  }

  async #growSlowly(needed: number): Promise<void> {
    // When a later vote needs less, some transaction was given up meanwhile: perhaps the one that this is for.
    while (this.#size < Math.min(needed, this.#needed)) {
      this.#grow(needed);
      await pause();
    }
    this.#hasHeld(Math.min(needed, this.#needed));
  }

  #grow(needed: number): void {
    try {
      this.#file ??= this.#disk.open(this.#path, "create");
      const step = STEP - this.#size % STEP;
      this.#file.write(noise().subarray(0, step), this.#size);
      this.#size += step;
    } catch (cause) {
      // Others have been promised what was there before.
      this.#shrink(Math.min(this.#size, this.#promised));
      const reason = cause instanceof Error ? cause.message : String(cause);
      const what = isDiskFull(cause) ? "the disk is full, there is no room" : "it was not possible";
      const message =
        `${this.#path}: ${what} to hold back ${needed} bytes for what is to be committed: ${reason}`;
      if (this.#refusal === undefined) log.error(`${message}; transactions are refused`);
      this.#refusal = message;
      throw new FileStorageError(message, { cause });
    }
  }

  #hasHeld(needed: number): void {
    this.#promised = needed;
    if (this.#refusal !== undefined) log.info(`${this.#path}: there is room again, transactions are taken`);
    this.#refusal = undefined;
  }

  /**
   * Gives up room for a write that has found the disk full.
   * @param bytes How long the write is.
   * @returns Whether there was something to give up.
   */
  give(bytes: number): boolean {
    if (this.#size === 0) return false;
    this.#shrink(Math.max(this.#size - bytes - MARGIN, 0));
    return true;
  }

  #shrink(size: number): void {
    if (size === 0) {
      this.#remove();
      return;
    }
    try {
      this.#file?.truncate(size);
      this.#size = size;
    } catch (error) {
      log.error(`${this.#path}: could not be cut to ${size} bytes: ${error}`);
      this.#remove();
    }
  }

  /** Gives up all of it. Never fails: at worst the file stays, and is replaced at the next start. */
  release(): void {
    this.#needed = this.#promised = 0;
    this.#refusal = undefined;
    this.#remove();
  }

  #remove(): void {
    if (!this.#file) return;
    try {
      this.#file.close();
      this.#disk.remove(this.#path);
    } catch (error) {
      log.warn(`${this.#path}: could not be removed: ${error}`);
    }
    this.#file = undefined;
    this.#size = 0;
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

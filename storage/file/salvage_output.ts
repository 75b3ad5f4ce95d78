/**
 * The file that a salvage writes: one after the other, through a buffer.
 *
 * @module
 */

import type { DiskFile } from "../disk.ts";

const BUFFER = 1 << 20;

/** See the module. */
export class SalvageOutput {
  readonly #file: DiskFile;
  readonly #buffer = new Uint8Array(BUFFER);
  #written = 0;
  #filled = 0;

  /** @param file A new, empty file. The caller closes it. */
  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#written + this.#filled;
  }

  /** Adds bytes; they may be used again afterwards. */
  add(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#filled === BUFFER) this.flush();
      const part = bytes.subarray(done, done + BUFFER - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
    }
  }

  /** Writes what is still in memory. */
  flush(): void {
    if (this.#filled === 0) return;
    this.#file.write(this.#buffer.subarray(0, this.#filled), this.#written);
    this.#written += this.#filled;
    this.#filled = 0;
  }
}

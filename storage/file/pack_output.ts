/**
 * The file that a pack writes: through a buffer, and made durable as it goes.
 *
 * A sync at the end of some gigabytes would hold up everybody else's syncs; one for every few megabytes doesn't.
 *
 * @module
 */

import { type Awaitable, writePosition } from "../../values/mod.ts";
import type { Disk, DiskFile } from "../disk.ts";
import type { FileWindow } from "./scan_window.ts";

const BUFFER = 1 << 20;
const SYNC_EVERY = 4 << 20;

/** See the module. */
export class PackOutput {
  readonly #file: DiskFile;
  /** What is not yet in the file; what is to be written next goes to {@linkcode PackOutput.room}. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(BUFFER);
  #used = 0;
  /** Bytes that are in the file. */
  #written = 0;
  #unsynced = 0;

  /** Makes a new file, in place of what is there. */
  constructor(disk: Disk, path: string) {
    this.#file = disk.open(path, "create");
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#written + this.#used;
  }

  /** Takes room for some bytes, no more than a record's header and a little; answers where in `bytes`. */
  room(length: number): number {
    if (this.#used + length > BUFFER) this.flush();
    const offset = this.#used;
    this.#used += length;
    return offset;
  }

  /** Adds bytes. */
  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#used === BUFFER) this.flush();
      const part = bytes.subarray(done, done + BUFFER - this.#used);
      this.bytes.set(part, this.#used);
      this.#used += part.length;
      done += part.length;
    }
  }

  /** Adds a stretch of another file. */
  copy(window: FileWindow, position: number, length: number): void {
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, BUFFER);
      const offset = window.find(position + done, part);
      if (offset < 0) throw new Error(`${window.file.path}: ends before ${position + length}`);
      this.append(window.bytes.subarray(offset, offset + part));
      done += part;
    }
  }

  /** Adds a number of eight bytes. */
  appendPosition(value: number): void {
    writePosition(this.bytes, this.room(8), value);
  }

  /** Changes a number of eight bytes that was written before. */
  patchPosition(position: number, value: number): void {
    if (position >= this.#written) {
      writePosition(this.bytes, position - this.#written, value);
      return;
    }
    // A number may lie across the edge of the buffer.
    this.flush();
    const bytes = new Uint8Array(8);
    writePosition(bytes, 0, value);
    this.#file.write(bytes, position);
  }

  /** Reads what was written. */
  read(buffer: Uint8Array, position: number): number {
    if (position + buffer.length > this.#written) this.flush();
    return this.#file.read(buffer, position);
  }

  /** Puts everything into the file. */
  flush(): void {
    if (this.#used === 0) return;
    this.#file.write(this.bytes.subarray(0, this.#used), this.#written);
    this.#written += this.#used;
    this.#unsynced += this.#used;
    this.#used = 0;
    if (this.#unsynced >= SYNC_EVERY) {
      this.#file.syncNow();
      this.#unsynced = 0;
    }
  }

  /** Makes everything durable. */
  sync(): Awaitable<void> {
    this.flush();
    this.#unsynced = 0;
    this.#file.syncNow();
  }

  /** Closes the file. What is still in the buffer is lost. */
  close(): void {
    this.#file.close();
  }
}

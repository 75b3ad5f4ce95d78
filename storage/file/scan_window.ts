/**
 * Reading a big file through a window: one system call for a mebibyte instead of one for each header.
 *
 * @module
 */

import type { DiskFile } from "../disk.ts";

const DEFAULT_SIZE = 1 << 20;

/**
 * A stretch of a file in memory, which moves along as it is asked for. Data that is merely skipped is not read,
 * except what happens to lie in the window.
 *
 * It doesn't notice changes of the file: call {@linkcode FileWindow.forget} after a write or a truncation.
 */
export class FileWindow {
  /** The file underneath. */
  readonly file: DiskFile;
  /** What the window holds now; {@linkcode FileWindow.find} says where in it. */
  bytes: Uint8Array<ArrayBuffer>;
  #start = 0;
  #filled = 0;

  /**
   * A window on a file, empty at first.
   *
   * @param size Bytes of the window. It grows when more is asked for in one piece.
   */
  constructor(file: DiskFile, size: number = DEFAULT_SIZE) {
    this.file = file;
    this.bytes = new Uint8Array(size);
  }

  /**
   * Sees to it that `length` bytes of the file from `position` on are in {@linkcode FileWindow.bytes}, and answers
   * at which offset; or -1 when the file ends before.
   */
  find(position: number, length: number): number {
    const offset = position - this.#start;
    if (offset >= 0 && offset + length <= this.#filled) return offset;
    if (length > this.bytes.length) this.bytes = new Uint8Array(length);
    this.#start = position;
    this.#filled = 0;
    this.#filled = this.file.read(this.bytes, position);
    return length <= this.#filled ? 0 : -1;
  }

  /** The same for who goes towards the start of the file: what lies before is read along, not what comes after. */
  findBackward(position: number, length: number): number {
    const offset = position - this.#start;
    if (offset >= 0 && offset + length <= this.#filled) return offset;
    const end = position + length, start = Math.max(0, end - this.bytes.length);
    return this.find(Math.min(start, position), Math.max(end - start, length)) < 0
      ? -1
      : position - this.#start;
  }

  /** Drops what is in the window, since the file has changed. */
  forget(): void {
    this.#filled = 0;
  }
}

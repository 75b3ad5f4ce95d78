/**
 * Messages out of a stream of bytes.
 *
 *   length 4 (big-endian) | length bytes | length 4 | …
 *
 * One buffer a connection, filled by large reads; a message is handed out as a range of it, without a copy.
 *
 * @module
 */

import { ProtocolError, read32 } from "../values/mod.ts";

const SMALLEST = 64 << 10;

/** Free space that a read should at least have. */
const ROOM = 16 << 10;

/** See the module. A range is valid until the next call of {@linkcode Framer.space}. */
export class Framer {
  /** The bytes; the message is at `start` to `end`. */
  buffer: Uint8Array = new Uint8Array(SMALLEST);
  /** Where the message found by `next` starts. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** Messages longer than this are refused. */
  limit: number;
  /** Where the first length that has not been looked at lies. */
  #next = 0;
  /** Where what has been read ends. */
  #filled = 0;

  /** An empty one. @param limit Bytes of the longest message that is accepted. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Finds the next whole message.
   * @returns Whether there is one.
   * @throws {ProtocolError} when its length is over the limit.
   */
  next(): boolean {
    const there = this.#filled - this.#next;
    if (there < 4) return false;
    const length = read32(this.buffer, this.#next);
    if (length > this.limit) throw new ProtocolError(`message of ${length} bytes, limit ${this.limit}`);
    if (there < 4 + length) return false;
    this.start = this.#next + 4;
    this.end = this.#next = this.start + length;
    return true;
  }

  /**
   * Space for the next read. A message that says it is long gets memory as its bytes arrive, at most twice as much
   * as has arrived, so that a length alone costs nothing.
   */
  space(): Uint8Array {
    const rest = this.#filled - this.#next;
    if (rest === 0) {
      this.#next = this.#filled = 0;
      if (this.buffer.length > SMALLEST) this.buffer = new Uint8Array(SMALLEST);
    } else if (this.buffer.length - this.#filled < ROOM) {
      const length = rest < 4 ? SMALLEST : 4 + read32(this.buffer, this.#next);
      const size = Math.max(SMALLEST, Math.min(length, 2 * rest) + ROOM);
      const target = size > this.buffer.length ? new Uint8Array(size) : this.buffer;
      target.set(this.buffer.subarray(this.#next, this.#filled));
      this.buffer = target;
      this.#next = 0;
      this.#filled = rest;
    }
    return this.buffer.subarray(this.#filled);
  }

  /** Says how many bytes were read into the space. */
  filled(count: number): void {
    this.#filled += count;
  }

  /** Bytes that have arrived and were not handed out. */
  get waiting(): number {
    return this.#filled - this.#next;
  }
}

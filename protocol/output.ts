/**
 * Bytes on their way out of a connection: one growing buffer, into which messages are encoded in place.
 *
 * @module
 */

import { write32 } from "../values/mod.ts";

const SMALLEST = 64 << 10;

/** A buffer that grew beyond this is not kept when it has been sent. */
const KEPT = 1 << 20;

/** Where messages are encoded. `bytes` may be replaced by any call that reserves. */
export class Output {
  /** The buffer; what is to be sent is its first `length` bytes. */
  bytes: Uint8Array;
  /** Bytes to be sent. */
  length = 0;
  #spare?: Uint8Array;

  /** An empty buffer. @param size Bytes to begin with. */
  constructor(size = SMALLEST) {
    this.bytes = new Uint8Array(size);
  }

  /** Makes sure that `count` more bytes fit. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }

  /** Adds one byte; the caller has reserved it. */
  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** Adds bytes. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Starts a message. @returns What {@linkcode Output.endFrame} wants to know. */
  beginFrame(): number {
    this.reserve(4);
    this.length += 4;
    return this.length;
  }

  /** Ends a message: writes its length in front of it. */
  endFrame(start: number): void {
    write32(this.bytes, start - 4, this.length - start);
  }

  /** Takes what is there to send it; {@linkcode Output.recycle} gives the buffer back. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = this.#spare ?? new Uint8Array(SMALLEST);
    this.#spare = undefined;
    this.length = 0;
    return taken;
  }

  /** Gives back the buffer of something taken, once it has been sent. */
  recycle(taken: Uint8Array): void {
    const whole = new Uint8Array(taken.buffer);
    if (whole.length <= KEPT) this.#spare = whole;
  }
}

/**
 * A transport without a network: what arrives is pushed by the test, what is sent is there to look at.
 *
 * @module
 */

import type { Transport } from "../../protocol/mod.ts";
import { concatBytes, read32, write32 } from "../../values/mod.ts";

/** See the module. */
export class MemoryTransport implements Transport {
  /** What each call of `write` was given. */
  readonly writes: Uint8Array[] = [];
  /** How often `read` was asked for something. */
  reads = 0;
  closed = false;
  readonly #arrived: Uint8Array[] = [];
  #ended = false;
  #wakeReader?: () => void;
  #gate?: PromiseWithResolvers<void>;
  /** The most that one `write` takes. */
  #most = Infinity;

  /** Bytes that have arrived and were not read. */
  get unread(): number {
    return this.#arrived.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** Lets bytes arrive, in one read. */
  push(bytes: Uint8Array): void {
    this.#arrived.push(bytes);
    this.#wakeReader?.();
  }

  /** The peer closes its side. */
  finish(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** From now on the peer reads nothing. */
  stall(): void {
    this.#gate = Promise.withResolvers();
  }

  /** From now on it reads again. */
  flow(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** From now on a write takes so many bytes at most. */
  trickle(most: number): void {
    this.#most = most;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.reads++;
    while (this.#arrived.length === 0) {
      if (this.closed) throw new Deno.errors.BadResource("closed");
      if (this.#ended) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeReader = resolve;
      await promise;
    }
    const bytes = this.#arrived[0];
    const part = bytes.subarray(0, buffer.length);
    buffer.set(part);
    if (part.length === bytes.length) this.#arrived.shift();
    else this.#arrived[0] = bytes.subarray(part.length);
    return part.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const taken = bytes.slice(0, this.#most);
    this.writes.push(taken);
    await this.#gate?.promise;
    if (this.closed) throw new Deno.errors.BadResource("closed");
    return taken.length;
  }

  close(): void {
    this.closed = true;
    this.#wakeReader?.();
    this.#gate?.resolve();
  }

  /** The messages that were sent, without their lengths. */
  get sent(): Uint8Array[] {
    const stream = concatBytes(...this.writes);
    const messages: Uint8Array[] = [];
    for (let at = 0; at < stream.length;) {
      const length = read32(stream, at);
      messages.push(stream.slice(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return messages;
  }
}

/** Messages as frames, one after the other. */
export function frames(...messages: Uint8Array[]): Uint8Array {
  return concatBytes(...messages.flatMap((message) => {
    const length = new Uint8Array(4);
    write32(length, 0, message.length);
    return [length, message];
  }));
}

/** Lets everything that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

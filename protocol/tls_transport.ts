/**
 * A connection with TLS, as a channel wants it.
 *
 * The stream underneath pushes what arrives. It must not be paused: the runtime would go on reading from the network,
 * keep what it has read where nobody sees it, and throw it away when the peer closes. So it always flows, and once
 * {@linkcode READ_AHEAD} bytes wait to be read, the connection below it is told not to read. A write ends when the
 * system has taken its bytes, so that whoever waits for it feels a peer that doesn't read.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Transport } from "./channel.ts";
import { connectionError } from "./tls_error.ts";

/** Bytes that may wait to be read before the peer has to. */
const READ_AHEAD = 64 << 10;

/** The most that is encrypted at once: while it is on its way, its ciphertext is in memory too. */
const WRITE_AT_ONCE = 64 << 10;

/** How long a connection that is being closed may take to say so to its peer, in milliseconds. */
const FAREWELL = 1_000;

/** What a TCP or Unix connection of Node's reads with. Not documented; tests show that it is there and works. */
interface ReadingHandle {
  readStart(): void;
  readStop(): void;
}

/** See the module. Owns both sockets, whose handshake is done. */
export class TlsTransport implements Transport {
  /** Resolves when nothing of the connection is left. */
  readonly closed: Promise<void>;
  readonly #socket: TLSSocket;
  readonly #raw: Socket;
  #stopped = false;
  /** What has arrived and was not read, in order; of the first, `#offset` bytes are read already. */
  readonly #chunks: Uint8Array[] = [];
  #offset = 0;
  #waiting = 0;
  #reader?: { readonly buffer: Uint8Array; readonly promise: PromiseWithResolvers<number | null> };
  #writers = 0;
  #closing = false;
  #ended = false;
  #peerEnded = false;
  #error?: Error;

  /** A transport over an encrypted connection. @param raw What `socket` encrypts. */
  constructor(socket: TLSSocket, raw: Socket) {
    this.#socket = socket;
    this.#raw = raw;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#arrived(chunk));
    socket.on("end", () => {
      this.#peerEnded = true;
      this.#finish();
    });
    socket.on("error", (error: Error) => this.#finish(connectionError(error)));
    socket.on("close", () => {
      this.#finish();
      closed.resolve();
    });
    if (socket.destroyed) {
      this.#finish();
      closed.resolve();
    }
  }

  #arrived(chunk: Uint8Array): void {
    if (this.#closing || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    const reader = this.#reader;
    if (reader) {
      this.#reader = undefined;
      reader.promise.resolve(this.#take(reader.buffer));
    }
    if (this.#waiting >= READ_AHEAD) this.#setStopped(true);
  }

  #take(buffer: Uint8Array): number {
    let taken = 0;
    while (this.#chunks.length > 0 && taken < buffer.length) {
      const chunk = this.#chunks[0];
      const count = Math.min(chunk.length - this.#offset, buffer.length - taken);
      buffer.set(
        this.#offset === 0 && count === chunk.length
          ? chunk
          : chunk.subarray(this.#offset, this.#offset + count),
        taken,
      );
      taken += count;
      this.#offset += count;
      if (this.#offset === chunk.length) {
        this.#chunks.shift();
        this.#offset = 0;
      }
    }
    this.#waiting -= taken;
    return taken;
  }

  #finish(error?: Error): void {
    this.#error ??= error;
    this.#ended = true;
    const reader = this.#reader;
    this.#reader = undefined;
    if (!reader) return;
    const failure = this.#failure;
    if (failure) reader.promise.reject(failure);
    else reader.promise.resolve(null);
  }

  /** Why nothing can be read or written any more; nothing where the peer has just closed. */
  get #failure(): Error | undefined {
    return this.#closing ? new Deno.errors.BadResource("the connection is closed") : this.#error;
  }

  /** Reads what is there into `buffer`; null when the peer has closed. */
  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closing) return Promise.reject(this.#failure);
    if (this.#waiting > 0) {
      const taken = this.#take(buffer);
      if (this.#waiting === 0) this.#setStopped(false);
      return Promise.resolve(taken);
    }
    if (this.#ended) return this.#error ? Promise.reject(this.#error) : Promise.resolve(null);
    if (this.#reader) return Promise.reject(new Deno.errors.Busy("the connection is being read already"));
    const promise = Promise.withResolvers<number | null>();
    this.#reader = { buffer, promise };
    return promise.promise;
  }

  #setStopped(stopped: boolean): void {
    if (this.#stopped === stopped) return;
    this.#stopped = stopped;
    const { _handle: handle } = this.#raw as Socket & { readonly _handle?: ReadingHandle | null };
    if (stopped) handle?.readStop();
    else handle?.readStart();
  }

  /** Writes some of the bytes and says how many. They must not change until then. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#closing || this.#error) return Promise.reject(this.#failure);
    const part = bytes.length > WRITE_AT_ONCE ? bytes.subarray(0, WRITE_AT_ONCE) : bytes;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#writers++;
    this.#socket.write(part, (error) => {
      this.#writers--;
      if (error) reject(this.#failure ?? connectionError(error));
      else resolve(part.length);
    });
    return promise;
  }

  /** Closes it in both directions; pending reads and writes fail. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#finish();
    this.#chunks.length = 0;
    this.#waiting = 0;
    const socket = this.#socket;
    if (this.#writers > 0 || this.#error || socket.destroyed) {
      socket.destroy();
      return;
    }
    // The peer is told that this is the end and not a cut. Until it has closed, too, what it sends is read and thrown
    // away: a system that closes a connection with something unread resets it, and what was written last is lost.
    const timer = setTimeout(() => socket.destroy(), FAREWELL);
    socket.once("close", () => clearTimeout(timer));
    socket.once("end", () => socket.destroy());
    socket.end();
    this.#setStopped(false);
    if (this.#peerEnded) socket.destroy();
  }
}

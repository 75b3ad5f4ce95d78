/**
 * One framed connection: messages in, in order; messages out, in order, as few writes as possible.
 *
 * Everything that arrived together is handled before anything is written, and then leaves in one write. While a
 * write is under way, what is added waits for the next one. A peer that sends and doesn't read is not read from any
 * more, nor is one that has too many calls to be answered later; one that is told more than it takes is disconnected.
 * Where messages take long, other connections have their turns in between.
 *
 * @module
 */

import { ProtocolError } from "../values/mod.ts";
import { Tuple, type Value } from "../pickle/mod.ts";
import { type Codec, ERROR, type MessageId, REPLY, REPLY_NAME } from "./codec.ts";
import { toWireError } from "./errors.ts";
import { Framer } from "./framer.ts";
import { Output } from "./output.ts";

/** What a channel runs on: a TCP or Unix connection, or one with TLS. */
export interface Transport {
  /** Reads what is there into `buffer`; null when the peer has closed. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes it in both directions; pending reads and writes fail. */
  close(): void;
}

/** Bounds of one connection, in bytes. */
export interface ChannelLimits {
  /** The longest message that is accepted. */
  readonly message: number;
  /** What may wait for a peer that doesn't read. */
  readonly buffered: number;
  /**
   * Whether messages are read and handled however much waits for the peer: for a client, whose messages are no answers.
   * If both sides waited for the other to read first, nobody would.
   */
  readonly alwaysRead?: boolean;
}

/** The connection has ended within a message: whether by the peer's fault or the network's, can't be told. */
export class CutOffError extends ProtocolError {}

/** 64 MiB each way. */
export const DEFAULT_LIMITS: ChannelLimits = { message: 64 << 20, buffered: 64 << 20 };

/** Handles one message, which lies in `bytes` from `start` to `end` until it returns. */
export type FrameHandler = (bytes: Uint8Array, start: number, end: number) => void;

/** With more than this to send, no further message is handled until the peer has read some. */
const HIGH_WATER = 1 << 20;

/** Calls of the peer that may wait for their answers: with more, no further message is handled. */
const MOST_UNANSWERED = 4096;

/** Milliseconds of handling messages until other connections have a turn; and messages between two looks at the clock. */
const TURN = 5, UNTIMED = 16;

/** The longest message while the peer has not said who it is. */
const HANDSHAKE_LIMIT = 64;

/** See the module. */
export class Channel {
  /** What is to be sent; add whole frames only, then call {@linkcode Channel.flush}. */
  readonly out: Output = new Output();
  /** Bytes that have come from the peer. */
  received = 0;
  /** Bytes that the peer was sent. */
  sent = 0;
  readonly #transport: Transport;
  readonly #limits: ChannelLimits;
  readonly #highWater: number;
  /** With more than this to send, nothing is read. */
  readonly #readMark: number;
  readonly #framer = new Framer(HANDSHAKE_LIMIT);
  #codec?: Codec;
  /** Bytes handed to the transport that it has not taken yet. */
  #sending = 0;
  /** Bytes of `out` that answer the peer's own calls: those are bounded by not handling further ones. */
  #answers = 0;
  #flushing = false;
  #handling = false;
  #closed = false;
  /** Calls of the peer that wait for their answers. */
  #unanswered = 0;
  /** Wanted when there are too many, until there is one less. */
  #settled?: PromiseWithResolvers<void>;
  #drained?: PromiseWithResolvers<void>;
  /** Wanted by those who send something long, when little waits for the peer. */
  #room?: PromiseWithResolvers<void>;
  #reason?: unknown;

  /** A channel over a transport that it owns from now on. */
  constructor(transport: Transport, limits: ChannelLimits = DEFAULT_LIMITS) {
    this.#transport = transport;
    this.#limits = limits;
    this.#highWater = Math.min(HIGH_WATER, limits.buffered);
    this.#readMark = limits.alwaysRead ? Infinity : this.#highWater;
  }

  /** Whether it is closed; what is added then is thrown away. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait for the peer to read. */
  get buffered(): number {
    return this.#sending + this.out.length;
  }

  /** The encoding that both sides have agreed on. @throws {ProtocolError} before the handshake. */
  get codec(): Codec {
    if (!this.#codec) throw new ProtocolError("there was no handshake");
    return this.#codec;
  }

  /** Ends the handshake: from now on messages have this encoding, and may be long. */
  speak(codec: Codec): void {
    this.#codec = codec;
    this.#framer.limit = this.#limits.message;
  }

  /**
   * Reads and handles messages until the connection ends.
   * @returns Why it ended: nothing when the peer closed it between messages or `close` was called without a
   * reason, else the error.
   */
  async run(handle: FrameHandler): Promise<unknown> {
    try {
      while (!this.#closed) {
        const rest = this.#handleWaiting(handle);
        this.flush();
        if (this.#closed) break;
        if (rest) {
          await rest;
          continue;
        }
        if (this.buffered > this.#readMark) {
          await this.#drain();
          continue;
        }
        const count = await this.#transport.read(this.#framer.space());
        if (count === null) {
          if (this.#framer.waiting > 0) {
            this.#reason ??= new CutOffError(
              `the peer left within a message, after ${this.#framer.waiting} bytes of it`,
            );
          }
          break;
        }
        this.received += count;
        this.#framer.filled(count);
      }
    } catch (error) {
      if (!this.#closed) this.#reason ??= error;
    }
    this.close();
    return this.#reason;
  }

  /** @returns What to wait for before there is more to handle, where it is not the peer. */
  #handleWaiting(handle: FrameHandler): Promise<void> | undefined {
    const framer = this.#framer;
    const before = this.out.length;
    let end = 0;
    this.#handling = true;
    try {
      for (let count = 1; !this.#closed && this.out.length <= this.#readMark; count++) {
        if (this.#unanswered >= MOST_UNANSWERED) return (this.#settled ??= Promise.withResolvers()).promise;
        if (!framer.next()) return undefined;
        handle(framer.buffer, framer.start, framer.end);
        if (count % UNTIMED !== 0) continue;
        const now = performance.now();
        end ||= now + TURN;
        // Not `setImmediate`: the runtime lets nobody read before that.
        if (now > end) return new Promise((resolve) => setTimeout(resolve, 0));
      }
    } finally {
      this.#handling = false;
      this.#answers += Math.max(this.out.length - before, 0);
    }
  }

  /** Says that a call of the peer is answered later, when this is settled. */
  answersLater(answer: Promise<unknown>): void {
    this.#unanswered++;
    const settled = () => {
      this.#unanswered--;
      this.#settle();
    };
    answer.then(settled, settled);
  }

  #settle(): void {
    this.#settled?.resolve();
    this.#settled = undefined;
  }

  /**
   * Says when to add more of something that is sent piece by piece: when little waits for the peer, so that its calls
   * are still handled meanwhile; or when it is gone. Undefined when that is so now.
   */
  room(): Promise<void> | undefined {
    if (this.#closed || this.#hasRoom) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  get #hasRoom(): boolean {
    return this.buffered <= this.#highWater >> 1;
  }

  #tellRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Resolves when the peer has read what there was, or is gone. */
  #drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  /** Sends a reply. */
  reply(id: MessageId, value: Value): void {
    this.send(id, REPLY, REPLY_NAME, value);
  }

  /** Sends a reply that says that a call failed. */
  replyError(id: MessageId, error: unknown): void {
    const { name, detail } = toWireError(error, this.codec.encoding);
    this.send(id, ERROR, REPLY_NAME, new Tuple([name, detail]));
  }

  /** Calls the peer and wants no reply. */
  notify(name: string, args: readonly Value[]): void {
    this.send(0, true, name, new Tuple([...args]));
  }

  /** Encodes a message and sends it with everything else that is added in this turn. */
  send(id: MessageId, flag: boolean | number, name: string, args: Value): void {
    if (this.#closed) return;
    const { out } = this;
    const before = out.length;
    const start = out.beginFrame();
    try {
      this.codec.encode(out, id, flag, name, args);
    } catch (error) {
      out.length = before;
      throw error;
    }
    out.endFrame(start);
    this.flushSoon();
  }

  /** Adds a message that has been encoded already, without its length. */
  sendRaw(message: Uint8Array): void {
    if (this.#closed) return;
    const start = this.out.beginFrame();
    this.out.append(message);
    this.out.endFrame(start);
    this.flushSoon();
  }

  /** Sends what was added once everything of this turn is there. */
  flushSoon(): void {
    if (this.#handling || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.flush();
    });
  }

  /** Sends what was added. */
  flush(): void {
    if (this.#closed) return;
    // One long reply is no reason: only what gathers, unasked, behind what isn't taken.
    if (this.#sending > 0 && this.out.length - this.#answers > this.#limits.buffered) {
      this.close(
        new ProtocolError(
          `${this.buffered} bytes wait for a peer that doesn't read them, limit ${this.#limits.buffered}`,
        ),
      );
    } else if (this.#sending === 0 && this.out.length > 0) {
      this.#send();
    }
  }

  async #send(): Promise<void> {
    try {
      while (this.out.length > 0 && !this.#closed) {
        const taken = this.out.take();
        this.#answers = 0;
        this.#sending = taken.length;
        for (let sent = 0; sent < taken.length;) {
          const count = await this.#transport.write(sent === 0 ? taken : taken.subarray(sent));
          sent += count;
          this.sent += count;
          this.#sending -= count;
          if (this.#room && this.#hasRoom) this.#tellRoom();
        }
        this.out.recycle(taken);
      }
    } catch (error) {
      this.close(error);
    }
    this.#sending = 0;
    this.#drained?.resolve();
    this.#drained = undefined;
    this.#tellRoom();
  }

  /** Sends what there is, waits until the peer has taken it, and closes. */
  async end(): Promise<void> {
    this.flush();
    if (!this.#closed && this.#sending > 0) await this.#drain();
    this.close();
  }

  /** Closes the connection. @param reason Why, where it was not meant to be. */
  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason ??= reason;
    this.#settle();
    this.#drained?.resolve();
    this.#drained = undefined;
    this.#tellRoom();
    try {
      this.#transport.close();
    } catch {
      // It was closed from the other side in the meantime.
    }
  }
}

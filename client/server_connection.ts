/**
 * One connection to a server: greeting, registration, then calls both ways.
 *
 *   greeting ─▶ registering ─▶ registered (what the server tells is kept) ─adopt─▶ in use ─▶ ended
 *
 * All that a server sends is handled in the order in which it came, at once: what an answer or an invalidation changes
 * is changed before the next message is looked at, and before anybody who waits for the answer goes on.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Tuple, type Value } from "../pickle/mod.ts";
import {
  type Address,
  Channel,
  type ChannelLimits,
  clientPickleCodec,
  connect,
  CutOffError,
  describe,
  type Encoding,
  formatAddress,
  fromWireError,
  HEARTBEAT,
  type LoadCalls,
  loadCalls,
  type Message,
  msgpackCodec,
  PROTOCOL_VERSION,
  REPLY,
  REPLY_NAME,
  type TlsClientOptions,
  type Transport,
} from "../protocol/mod.ts";
import {
  ClientDisconnected,
  NO_TID,
  type Oid,
  ProtocolError,
  ReadOnlyError,
  type Tid,
  tidFromBytes,
} from "../values/mod.ts";
import { Call, type Pending } from "./calls.ts";
import { tidOf } from "./replies.ts";
import { Mailbox, type ServerMessages } from "./mailbox.ts";

const log = getLogger(["zeo", "client", "connection"]);

/** How connections are made. */
export interface ConnectionSettings {
  /** The storage that is wanted. */
  readonly storage: string;
  /** Whether it is only to be read; `fallback`: only if the server takes no changes. */
  readonly readOnly: boolean | "fallback";
  readonly tls?: TlsClientOptions;
  readonly limits: ChannelLimits;
  /** Milliseconds between signs of life. */
  readonly heartbeat: number;
  /** Milliseconds that a server may take until it has registered a client. */
  readonly patience: number;
  /** What is known of servers, by their addresses: see {@linkcode ServerConnection.lenient}. */
  readonly lenient: Map<string, boolean>;
}

/** A server has answered, and doesn't want this client, or can't be spoken to. */
export class Refusal extends Error {
  constructor(override readonly cause: Error) {
    super(cause.message);
  }
}

/** The largest id of a call; then they begin anew. */
const LAST_ID = 0x7fff_ffff;

/** See the module. */
export class ServerConnection {
  readonly address: Address;
  /** The last transaction when it registered; later ones are told. */
  registeredAt: Tid = NO_TID;
  /** Whether it may only read. */
  readOnly = false;
  /** Whether the server tells of a transaction before it answers anything that comes after it, as is to be expected. */
  ordered = false;
  /** Numbers of iterators on the server are given out one after the other: the next one, while that is known. */
  nextIterator: number | undefined = 0;
  /** Resolves when it has ended, with the reason if it was not ended on purpose. */
  readonly ended: Promise<Error | undefined>;
  readonly #channel: Channel;
  readonly #settings: ConnectionSettings;
  readonly #pending = new Map<number, Pending>();
  readonly #greeting = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<Error | undefined>();
  #format?: LoadCalls;
  #lastId = 0;
  #closed = false;
  readonly #mailbox = new Mailbox();
  #timer?: ReturnType<typeof setInterval>;
  #heard = false;
  #pinging = false;

  private constructor(address: Address, transport: Transport, settings: ConnectionSettings) {
    this.address = address;
    this.#settings = settings;
    this.#channel = new Channel(transport, settings.limits);
    this.ended = this.#end.promise;
    this.#greeting.promise.catch(() => {});
    this.#channel.run((bytes, start, end) => this.#handle(bytes, start, end)).then((reason) => {
      const error = reason instanceof Error || reason === undefined ? reason : new Error(String(reason));
      this.#finish(error ?? new Error("the server has closed the connection"));
    });
  }

  /**
   * Connects and registers.
   * @throws {Refusal} when the server doesn't want this client, or isn't one; other errors where trying again may help.
   */
  static async open(
    address: Address,
    settings: ConnectionSettings,
    signal: AbortSignal,
  ): Promise<ServerConnection> {
    const patience = new AbortController();
    const timer = setTimeout(
      () => patience.abort(new ClientDisconnected(`no answer within ${settings.patience / 1000} s`)),
      settings.patience,
    );
    const either = AbortSignal.any([signal, patience.signal]);
    let connection: ServerConnection | undefined;
    const abort = () => connection?.close(either.reason);
    try {
      const transport = await connect(address, { tls: settings.tls, signal: either });
      connection = new ServerConnection(address, transport, settings);
      either.addEventListener("abort", abort);
      either.throwIfAborted();
      await connection.#register();
      either.throwIfAborted();
      return connection;
    } catch (error) {
      connection?.close();
      throw error;
    } finally {
      clearTimeout(timer);
      either.removeEventListener("abort", abort);
    }
  }

  /** Whether it has ended, or is about to. */
  get closed(): boolean {
    return this.#closed || this.#channel.closed;
  }

  /**
   * Whether the server answers who asks for more records than there are; one that doesn't has an error in its log each
   * time. Undefined while nobody knows.
   */
  get lenient(): boolean | undefined {
    return this.#settings.lenient.get(formatAddress(this.address));
  }

  set lenient(lenient: boolean) {
    this.#settings.lenient.set(formatAddress(this.address), lenient);
  }

  /** Calls that wait for their answers. */
  get pending(): number {
    return this.#pending.size;
  }

  async #register(): Promise<void> {
    await this.#greeting.promise;
    const { storage, readOnly } = this.#settings;
    const register = (only: boolean) =>
      this.call("register", [storage, only], (value) => {
        this.registeredAt = tidOf(value);
        this.readOnly = only;
      });
    try {
      try {
        await register(readOnly === true);
      } catch (error) {
        if (readOnly !== "fallback" || !(error instanceof ReadOnlyError)) throw error;
        await register(true);
      }
    } catch (error) {
      if (this.closed) throw error;
      throw new Refusal(this.#refusal(error as Error));
    }
    if (this.closed) throw this.#disconnected();
    this.#timer = setInterval(() => this.#beat(), this.#settings.heartbeat);
  }

  #refusal(error: Error): Error {
    if (!(error instanceof ReadOnlyError)) return error;
    return new ReadOnlyError(`${formatAddress(this.address)} takes no changes, ask for readOnly`);
  }

  /**
   * Calls a method.
   * @param use Makes the result from the answer, as soon as that arrives and before anything later is handled. Bytes in
   * the answer are valid until it returns.
   * @param failed Told in the same way when the server answers with an error.
   * @throws {ClientDisconnected} when no answer comes, or what the server tells.
   */
  call<T>(
    name: string,
    args: readonly Value[],
    use: (value: Value) => T,
    failed?: (error: Error) => void,
  ): Promise<T> {
    const call = new Call<T>(use, failed);
    try {
      this.begin(call, (id) => this.#channel.send(id, false, name, new Tuple(args)));
    } catch (error) {
      // What can't be encoded.
      call.failed(error instanceof Error ? error : new Error(String(error)));
    }
    return call.promise;
  }

  /** Asks for a revision, by the short path. */
  load(pending: Pending, oid: Oid, before: Tid): void {
    const id = this.#take(pending);
    if (id === undefined) return;
    this.#format!.request(this.#channel.out, id, oid, before);
    this.#channel.flushSoon();
  }

  /** Begins a call, under an id that no other has; one that is too late fails at once. */
  begin(pending: Pending, send: (id: number) => void): void {
    const id = this.#take(pending);
    if (id === undefined) return;
    try {
      send(id);
    } catch (error) {
      this.#pending.delete(id);
      throw error;
    }
  }

  /** Takes an id for a call that will be answered; undefined when there is nobody to answer it, and that fails. */
  #take(pending: Pending): number | undefined {
    if (this.closed) {
      pending.failed(this.#disconnected());
      return undefined;
    }
    do this.#lastId = this.#lastId === LAST_ID ? 1 : this.#lastId + 1; while (
      this.#pending.has(this.#lastId)
    );
    this.#pending.set(this.#lastId, pending);
    return this.#lastId;
  }

  /** Has something done before anything is heard of transactions after one. */
  precede(tid: Tid, act: () => void): void {
    this.#mailbox.precede(tid, act);
  }

  /** Calls a method that has no answer. @throws {ClientDisconnected} when there is nobody to call. */
  notify(name: string, args: readonly Value[]): void {
    if (this.closed) throw this.#disconnected();
    this.#channel.notify(name, args);
  }

  /** When to send more of something long; undefined for now. */
  room(): Promise<void> | undefined {
    return this.#channel.room();
  }

  /** Takes it into use: from now on `user` hears all that the server tells, and of the past what came after `after`. */
  adopt(user: ServerMessages, after: Tid): void {
    this.#mailbox.open(user, after);
  }

  /** Ends it: nothing that it still hears counts, and calls that have no answer fail. @param reason Why, if there is one. */
  close(reason?: Error): void {
    this.#finish(reason);
  }

  #finish(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#mailbox.close();
    this.#channel.close();
    this.#reason = reason;
    const noServer = reason instanceof ProtocolError && !(reason instanceof CutOffError);
    this.#greeting.reject(noServer ? new Refusal(reason) : reason ?? this.#disconnected());
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const each of pending) each.failed(this.#disconnected());
    this.#end.resolve(reason);
  }

  #reason?: Error;

  #disconnected(): ClientDisconnected {
    if (this.#reason instanceof ClientDisconnected) return this.#reason;
    const why = this.#reason ? `: ${this.#reason.message}` : "";
    return new ClientDisconnected(`disconnected from ${formatAddress(this.address)}${why}`, {
      cause: this.#reason,
    });
  }

  #handle(bytes: Uint8Array, start: number, end: number): void {
    if (this.#closed) return;
    this.#heard = true;
    const format = this.#format;
    if (!format) {
      this.#greet(new TextDecoder("latin1").decode(bytes.subarray(start, end)));
      return;
    }
    if (format.matches(bytes, start, end)) {
      const pending = this.#pending.get(format.id);
      if (pending?.loaded) {
        this.#pending.delete(format.id);
        const { endAt } = format;
        pending.loaded(
          bytes.slice(format.dataAt, format.dataEnd),
          tidFromBytes(bytes, format.serialAt),
          endAt < 0 ? null : tidFromBytes(bytes, endAt),
        );
        return;
      }
    }
    this.#message(this.#channel.codec.decode(bytes.subarray(start, end)));
  }

  /** The server says what it speaks: an encoding, and a version that has to be ours or a later one. */
  #greet(hello: string): void {
    const encoding = hello[0], version = hello.slice(1);
    const known = encoding === "M" || encoding === "Z";
    if (!known || !/^\d+$/.test(version) || Number(version) < Number(PROTOCOL_VERSION)) {
      const expected = `"M${PROTOCOL_VERSION}" or "Z${PROTOCOL_VERSION}"`;
      throw new ProtocolError(`the server greets with ${JSON.stringify(hello)}, expected ${expected}`);
    }
    this.#speak(encoding);
  }

  #speak(encoding: Encoding): void {
    this.#channel.sendRaw(new TextEncoder().encode(encoding + PROTOCOL_VERSION));
    this.#channel.speak(encoding === "M" ? msgpackCodec : clientPickleCodec);
    this.#format = loadCalls(encoding);
    this.#greeting.resolve();
  }

  #message({ id, flag, name, args }: Message): void {
    if (name === REPLY_NAME) this.#answered(id, flag, args);
    else if (!this.#mailbox.handle(name, args)) {
      log.warn`${formatAddress(this.address)}: unknown call ${name}, ignored`;
    }
  }

  #answered(id: Value, failed: boolean, value: Value): void {
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (!pending) {
      log.warn`${formatAddress(this.address)}: an answer to ${describe(id)}, which was not asked`;
      return;
    }
    this.#pending.delete(id as number);
    try {
      if (failed) pending.failed(fromWireError(value));
      else pending.replied(value);
    } catch (error) {
      // An answer that makes no sense is one all the same: nobody may wait for another.
      pending.failed(error instanceof Error ? error : new ProtocolError(String(error)));
      throw error;
    }
  }

  /** A sign of life, and a look for the server's: one that is there answers a ping, whatever else it does. */
  #beat(): void {
    this.#channel.send(HEARTBEAT, REPLY, REPLY_NAME, null);
    if (this.#heard) this.#pinging = false;
    else if (this.#pinging) {
      const seconds = 2 * this.#settings.heartbeat / 1000;
      this.close(
        new ClientDisconnected(`nothing heard from ${formatAddress(this.address)} for ${seconds} s`),
      );
      return;
    } else {
      this.#pinging = true;
      this.call("ping", [], () => {}).catch(() => {});
    }
    this.#heard = false;
  }
}

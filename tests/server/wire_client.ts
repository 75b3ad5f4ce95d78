/**
 * A client that says exactly what a test tells it to, and remembers everything that it hears.
 *
 * @example
 * ```ts ignore
 * await using one = await WireClient.connect(server.address, { encoding: "M" });
 * const tid = await one.begin().store(oid(1), NO_TID, "one").commit();
 * const [heard] = await two.invalidation();
 * ```
 *
 * @module
 */

import { type Dict, loadPickle, Tuple, type Value } from "../../pickle/mod.ts";
import {
  type Address,
  type Codec,
  type Encoding,
  Framer,
  type MessageId,
  msgpackCodec,
  Output,
  pickleCodec,
  truthy,
} from "../../protocol/mod.ts";
import { NO_TID, type Oid, oidFromBytes, type Tid, tidFromBytes, write32 } from "../../values/mod.ts";
import { itemsOf, watched, WireTransaction, within } from "./wire_transaction.ts";

export { itemsOf, WireTransaction };

/** How a client introduces itself. */
export interface WireOptions {
  readonly encoding?: Encoding;
  /** The storage to register with; null for not at all. */
  readonly storage?: string | null;
  readonly readOnly?: boolean;
  /** Whether not even to shake hands. */
  readonly silent?: boolean;
}

/** A message as it was heard. */
export interface Heard {
  readonly id: MessageId;
  /** For a reply: whether it is an error. */
  readonly flag: boolean;
  readonly name: string;
  readonly args: Value;
}

/** What `invalidateTransaction` said. */
export type Invalidation = readonly [tid: Tid, oids: readonly Oid[]];

/** A call that failed on the server. */
export class RemoteError extends Error {
  override name = "RemoteError";

  constructor(readonly pythonName: string, readonly detail: Value) {
    super(`${pythonName}: ${itemsOf(detail)?.map(String).join() ?? detail}`);
  }
}

/** A message with its length in front. */
export function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(4 + message.length);
  write32(frame, 0, message.length);
  frame.set(message, 4);
  return frame;
}

/** The connection has ended. */
export class Gone extends Error {
  override name = "Gone";
}

const text = new TextEncoder();

/** See the module. */
export class WireClient implements AsyncDisposable {
  readonly encoding: Encoding;
  readonly #codec: Codec;
  readonly #conn: Deno.Conn;
  /** Everything that was heard after the handshake, in order. */
  readonly heard: Heard[] = [];
  /** What the server announced first. */
  readonly announced: Promise<string>;
  /** What `register` answered. */
  registeredAt: Tid = NO_TID;
  readonly #announced = Promise.withResolvers<string>();
  readonly #pending = new Map<string, PromiseWithResolvers<Value>>();
  readonly #reading: Promise<void>;
  #invalidations = 0;
  #wake = Promise.withResolvers<void>();
  #paused?: PromiseWithResolvers<void>;
  #raw: Uint8Array[] | undefined;
  #lastId = 0;
  #lastTransaction = 0x7f00_0000_0000;
  #gone = false;

  private constructor(conn: Deno.Conn, encoding: Encoding, raw: boolean) {
    this.#conn = conn;
    this.encoding = encoding;
    this.#codec = encoding === "M" ? msgpackCodec : pickleCodec;
    this.announced = this.#announced.promise;
    this.announced.catch(() => {});
    if (raw) this.#raw = [];
    this.#reading = this.#read();
  }

  /** Connects, shakes hands and registers, or less where the options say so. */
  static async connect(address: Address, options: WireOptions = {}): Promise<WireClient> {
    const conn = address.transport === "unix"
      ? await Deno.connect({ transport: "unix", path: address.path })
      : await Deno.connect({ hostname: address.hostname || "127.0.0.1", port: address.port });
    if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
    const client = new WireClient(conn, options.encoding ?? "M", options.silent ?? false);
    if (options.silent) return client;
    await client.sendFrame(text.encode(`${client.encoding}5`));
    if (options.storage !== null) {
      const tid = await client.call("register", options.storage ?? "1", options.readOnly ?? false);
      client.registeredAt = tidFromBytes(tid as Uint8Array);
    }
    return client;
  }

  /** Whether the server has ended the connection. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Resolves when the server has ended the connection. */
  get closed(): Promise<void> {
    return within(this.#reading, "the end of the connection");
  }

  /** The frames that a silent client got, after the announcement. */
  get frames(): readonly Uint8Array[] {
    return this.#raw ?? [];
  }

  /** Calls a method and waits for its reply. @throws {RemoteError} when it fails, {Gone} when no reply comes. */
  call(name: string, ...args: Value[]): Promise<Value> {
    return watched(this.callAs(++this.#lastId, name, ...args));
  }

  /** The same, with an id of the caller's choice. */
  async callAs(id: MessageId, name: string, ...args: Value[]): Promise<Value> {
    const reply = this.expect(id);
    await this.send(id, false, name, new Tuple(args));
    return await reply;
  }

  /** Waits for the reply to an id. */
  expect(id: MessageId): Promise<Value> {
    const pending = Promise.withResolvers<Value>();
    pending.promise.catch(() => {});
    if (this.#gone) pending.reject(new Gone("the server has closed the connection"));
    this.#pending.set(keyOf(id), pending);
    return watched(within(pending.promise, `a reply to ${keyOf(id)}`));
  }

  /** Calls a method and wants no reply. */
  notify(name: string, ...args: Value[]): Promise<void> {
    return this.send(0, true, name, new Tuple(args));
  }

  /** Sends a message of any shape. */
  send(id: MessageId, flag: boolean | number, name: string, args: Value): Promise<void> {
    return this.sendFrame(this.encode(id, flag, name, args));
  }

  /** A message's bytes, without the length. */
  encode(id: MessageId, flag: boolean | number, name: string, args: Value): Uint8Array {
    const out = new Output();
    this.#codec.encode(out, id, flag, name, args);
    return out.bytes.slice(0, out.length);
  }

  /** Sends bytes as one message. */
  sendFrame(message: Uint8Array): Promise<void> {
    return this.sendBytes(framed(message));
  }

  /** Sends bytes as they are. A connection that is gone swallows them. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    try {
      for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Begins a transaction. */
  begin(
    options: { id?: Value; user?: string; description?: string; extension?: Dict } = {},
  ): WireTransaction {
    return new WireTransaction(this, options.id ?? ++this.#lastTransaction, options);
  }

  /** The next invalidation that was not asked for yet; waits for it. */
  async invalidation(): Promise<Invalidation> {
    while (this.invalidations.length <= this.#invalidations) {
      if (this.#gone) throw new Gone("the server has closed the connection");
      await within(this.#wake.promise, "an invalidation");
    }
    return this.invalidations[this.#invalidations++];
  }

  /** All invalidations so far. */
  get invalidations(): Invalidation[] {
    return this.heard.filter(({ name }) => name === "invalidateTransaction").map(({ args }) => {
      const [tid, oids] = itemsOf(args)!;
      return [tidFromBytes(tid as Uint8Array), itemsOf(oids)!.map((oid) => oidFromBytes(oid as Uint8Array))];
    });
  }

  /** From now on it reads nothing; what it is sent stays in the network, then in the server. */
  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  /** From now on it reads again. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Sends nothing more, and still reads. */
  async hangUp(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** Closes the connection at once, whatever is under way. */
  vanish(): void {
    try {
      this.#conn.close();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.vanish();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const framer = new Framer(1 << 30);
    try {
      while (true) {
        await this.#paused?.promise;
        const count = await this.#conn.read(framer.space());
        if (count === null) break;
        framer.filled(count);
        while (framer.next()) this.#hear(framer.buffer.slice(framer.start, framer.end));
        this.#wake.resolve();
        this.#wake = Promise.withResolvers();
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      this.#gone = true;
      const gone = new Gone("the server has closed the connection");
      this.#announced.reject(gone);
      for (const { reject } of this.#pending.values()) reject(gone);
      this.#wake.resolve();
      this.vanish();
    }
  }

  /** A server pickles exceptions within exceptions; it takes no such names itself, and so the codec doesn't. */
  #decode(message: Uint8Array): Heard {
    if (this.encoding === "M") return this.#codec.decode(message);
    const [id, flag, name, args] = itemsOf(loadPickle(message, { maxProtocol: 3 }))!;
    return { id, flag: truthy(flag), name: name as string, args };
  }

  #announcedAlready = false;

  #hear(message: Uint8Array): void {
    if (!this.#announcedAlready) {
      this.#announcedAlready = true;
      this.#announced.resolve(new TextDecoder().decode(message));
      return;
    }
    if (this.#raw) {
      this.#raw.push(message);
      return;
    }
    const decoded = this.#decode(message);
    this.heard.push(decoded);
    if (decoded.name !== ".reply") return;
    const key = keyOf(decoded.id);
    const pending = this.#pending.get(key);
    if (!pending) throw new Error(`a reply to ${key}, which nobody has called`);
    this.#pending.delete(key);
    if (decoded.flag) {
      const [name, detail] = itemsOf(decoded.args)!;
      pending.reject(new RemoteError(name as string, detail));
    } else pending.resolve(decoded.args);
  }
}

/** A text for an id, the same for equal ones. */
function keyOf(id: MessageId): string {
  const items = itemsOf(id);
  if (items) return `(${items.map(keyOf).join()})`;
  if (id instanceof Uint8Array) return `b${id.toHex()}`;
  if (typeof id === "object" && id !== null) return `${id.constructor.name} ${id.valueOf()}`;
  return `${typeof id === "bigint" ? "number" : typeof id} ${id}`;
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.NotConnected;
}

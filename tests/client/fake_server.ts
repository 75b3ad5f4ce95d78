/**
 * A server that says exactly what a test tells it to, when it tells it to.
 *
 * @module
 */

import { Dict, Tuple, type Value } from "../../pickle/mod.ts";
import {
  type Encoding,
  Framer,
  type Message,
  msgpackCodec,
  Output,
  pickleCodec,
} from "../../protocol/mod.ts";
import { type Oid, oidBytes, type Tid, tidBytes, tidFromBytes } from "../../values/mod.ts";
import { itemsOf } from "../server/wire_client.ts";

/** How long a test waits for a message, in milliseconds, before it fails. */
const PATIENCE = 10_000;

/** A call that a client has made. */
export interface HeardCall {
  readonly id: Value;
  readonly name: string;
  readonly args: readonly Value[];
}

/** A server on a port of its own. */
export class FakeServer implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #accepted: FakeConnection[] = [];
  readonly #all: FakeConnection[] = [];
  readonly #accepting: Promise<void>;
  #wake = Promise.withResolvers<void>();

  constructor(readonly encoding: Encoding = "M", port = 0) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      conn.setNoDelay(true);
      const connection = new FakeConnection(conn, this.encoding);
      this.#all.push(connection);
      this.#accepted.push(connection);
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    }
  }

  /** Connections that were not taken yet. */
  get waiting(): number {
    return this.#accepted.length;
  }

  /** The next connection. */
  async accept(): Promise<FakeConnection> {
    while (this.#accepted.length === 0) await within(this.#wake.promise, "a connection");
    return this.#accepted.shift()!;
  }

  /** The next connection, registered and in use. */
  async welcome(tid: Tid, options: WelcomeOptions = {}): Promise<FakeConnection> {
    const connection = await this.accept();
    await connection.welcome(tid, options);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#all) await connection[Symbol.asyncDispose]();
  }
}

/** What a client is told when it comes. */
export interface WelcomeOptions {
  /** What changed while it was away, by transaction; null for nobody knows. Left out when it is not to ask. */
  readonly missed?: { readonly tid: Tid; readonly oids: readonly Oid[] } | null;
  /** Whether it knows less than the client, which then asks again. */
  readonly behind?: boolean;
  /** Names of interfaces. */
  readonly interfaces?: readonly string[];
}

/** One client's connection. */
export class FakeConnection implements AsyncDisposable {
  readonly #conn: Deno.Conn;
  readonly #codec;
  readonly #calls: HeardCall[] = [];
  readonly #reading: Promise<void>;
  readonly #out = new Output();
  #together = false;
  #sending: Promise<unknown> = Promise.resolve();
  #hello = "";
  #heartbeats = 0;
  #gone = false;
  #wake = Promise.withResolvers<void>();

  constructor(conn: Deno.Conn, readonly encoding: Encoding) {
    this.#conn = conn;
    this.#codec = encoding === "M" ? msgpackCodec : pickleCodec;
    this.#reading = this.#read();
  }

  /** Signs of life that were heard. */
  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** Whether the client has ended it. */
  get gone(): boolean {
    return this.#gone;
  }

  async #read(): Promise<void> {
    const framer = new Framer(1 << 30);
    try {
      while (true) {
        const count = await this.#conn.read(framer.space());
        if (count === null) break;
        framer.filled(count);
        while (framer.next()) this.#hear(framer.buffer.slice(framer.start, framer.end));
        this.#tell();
      }
    } catch {
      // The client is gone, or this side has ended it.
    }
    this.#gone = true;
    this.#tell();
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  #hear(bytes: Uint8Array): void {
    if (this.#hello === "") {
      this.#hello = new TextDecoder().decode(bytes);
      return;
    }
    const { id, name, args }: Message = this.#codec.decode(bytes);
    if (id === -1) this.#heartbeats++;
    else this.#calls.push({ id, name, args: itemsOf(args)! });
  }

  /** Greets, and waits for the answer. */
  async greet(hello = `${this.encoding}5`): Promise<string> {
    this.#frame(() => this.#out.append(new TextEncoder().encode(hello)));
    await this.until(() => this.#hello !== "", "the client's greeting");
    return this.#hello;
  }

  /** Does all that it takes until a client is connected. */
  async welcome(tid: Tid, { missed, behind, interfaces = [] }: WelcomeOptions = {}): Promise<void> {
    await this.greet();
    this.reply(await this.expect("register"), tidBytes(tid));
    if (behind) this.reply(await this.expect("lastTransaction"), tidBytes(tid));
    if (missed !== undefined) await this.replay(missed);
    await this.tellInfo(interfaces);
  }

  /** Answers what was missed. */
  async replay(missed: WelcomeOptions["missed"]): Promise<Tid> {
    const call = await this.expect("getInvalidations");
    this.reply(call, missed ? new Tuple([tidBytes(missed.tid), missed.oids.map(oidBytes)]) : null);
    return tidFromBytes(call.args[0] as Uint8Array);
  }

  /** Answers what the storage is. */
  async tellInfo(interfaces: readonly string[] = [], ordered = true): Promise<void> {
    const pairs = interfaces.map((name) => new Tuple(["ZODB.interfaces", name]));
    this.reply(
      await this.expect("get_info"),
      Dict.from([["length", 1], ["size", 100], ["name", "fake"], ["invalidates_in_order", ordered], [
        "interfaces",
        new Tuple(pairs),
      ]]),
    );
  }

  /** The next call. */
  async next(): Promise<HeardCall> {
    await this.until(() => this.#calls.length > 0, "a call");
    return this.#calls.shift()!;
  }

  /** The next call, which has to be this one. */
  async expect(name: string): Promise<HeardCall> {
    const call = await this.next();
    if (call.name !== name) throw new Error(`the client calls ${call.name}, expected ${name}`);
    return call;
  }

  /** Calls that were heard and not taken. */
  get unanswered(): readonly string[] {
    return this.#calls.map(({ name }) => name);
  }

  /** Answers a call. */
  reply(call: HeardCall, value: Value): void {
    this.#send(call.id, 0, ".reply", value);
  }

  /** Answers a load. */
  found(call: HeardCall, data: Uint8Array, serial: Tid, end: Tid | null): void {
    this.reply(call, new Tuple([data, tidBytes(serial), end === null ? null : tidBytes(end)]));
  }

  /** Answers that a call has failed. */
  fail(call: HeardCall, name: string, detail: Value): void {
    this.#send(call.id, 2, ".reply", new Tuple([name, detail]));
  }

  /** Tells of a transaction. */
  invalidate(tid: Tid, ...oids: Oid[]): void {
    this.#send(0, true, "invalidateTransaction", new Tuple([tidBytes(tid), oids.map(oidBytes)]));
  }

  /** Sends all that is sent in it in one piece. */
  together(send: () => void): void {
    this.#together = true;
    send();
    this.#together = false;
    this.#flush();
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.#out.append(bytes);
    this.#flush();
  }

  #send(id: Value, flag: boolean | number, name: string, args: Value): void {
    this.#frame(() => this.#codec.encode(this.#out, id, flag, name, args));
  }

  #frame(add: () => void): void {
    const start = this.#out.beginFrame();
    add();
    this.#out.endFrame(start);
    if (!this.#together) this.#flush();
  }

  #flush(): void {
    const bytes = this.#out.bytes.slice(0, this.#out.length);
    this.#out.length = 0;
    this.#sending = this.#sending.then(async () => {
      for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
    }).catch(() => {});
  }

  /** Ends the connection, after what was sent. */
  async end(): Promise<void> {
    await this.#sending;
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  /** Waits until something is so. */
  async until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      if (this.#gone) throw new Error(`the client is gone, expected ${what}`);
      await within(this.#wake.promise, what);
    }
  }

  /** Waits until the client has ended it. */
  async ended(): Promise<void> {
    await within(this.#reading, "the end of the connection");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#reading;
  }
}

/** Waits for something that has to come. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not within ${PATIENCE / 1000} s: ${what}`)),
    PATIENCE,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The least of a client that blobs need: calls over one connection, and what the server sends of blobs handed on.
 *
 * @module
 */

import { Tuple, type Value } from "../../pickle/mod.ts";
import {
  type Address,
  Channel,
  type Encoding,
  msgpackCodec,
  pickleCodec,
  type Transport,
} from "../../protocol/mod.ts";
import {
  ClientDisconnected,
  NO_TID,
  type Oid,
  oidBytes,
  oidFromBytes,
  type Tid,
  tidBytes,
  tidFromBytes,
} from "../../values/mod.ts";
import type { BlobServer, BlobUpload, ClientBlobs, PendingBlob } from "../../client/blob_seam.ts";
import { clientBlobs, type ClientBlobsOptions } from "../../client/client_blobs.ts";

const RECORD = new TextEncoder().encode("a blob's record");

/** A transaction that only has blobs. */
export class BlobTransaction {
  readonly blobs: PendingBlob[] = [];
  readonly #connection: BlobConnection;
  readonly #to: BlobUpload;

  constructor(connection: BlobConnection, transaction: number) {
    const { channel } = connection;
    this.#connection = connection;
    this.#to = {
      transaction,
      send: (name, ...args) => channel.notify(name, args),
      room: () => channel.room(),
    };
    const nothing = new Uint8Array();
    channel.notify("tpc_begin", [transaction, nothing, nothing, nothing, null, " "]);
  }

  /** Stores a new blob. */
  add(oid: Oid, temporaryFile: string): void {
    this.blobs.push({ oid, serial: NO_TID, data: RECORD, temporaryFile });
  }

  /** Sends all that was added. */
  async upload(): Promise<void> {
    for (const blob of this.blobs) await this.#connection.blobs.upload(blob, this.#to);
  }

  async commit(): Promise<Tid> {
    await this.upload();
    const { transaction } = this.#to;
    await this.#connection.call("vote", [transaction]);
    const tid = tidFromBytes(await this.#connection.call("tpc_finish", [transaction]) as Uint8Array);
    this.#connection.blobs.committed(tid, this.blobs);
    return tid;
  }

  async abort(): Promise<void> {
    this.#connection.blobs.aborted(this.blobs);
    await this.#connection.call("tpc_abort", [this.#to.transaction]);
  }
}

/** See the module. */
export class BlobConnection implements BlobServer, AsyncDisposable {
  readonly channel: Channel;
  readonly blobs: ClientBlobs;
  /** The methods that were called, in order. */
  readonly called: string[] = [];
  readonly #waiting = new Map<number, PromiseWithResolvers<Value>>();
  readonly #running: Promise<unknown>;
  #calls = 0;

  private constructor(transport: Transport, encoding: Encoding, options: ClientBlobsOptions) {
    this.channel = new Channel(transport);
    this.blobs = clientBlobs(options)!(this);
    this.channel.speak(encoding === "M" ? msgpackCodec : pickleCodec);
    this.#running = this.#run();
  }

  /** Connects and registers. */
  static async connect(
    address: Address,
    options: ClientBlobsOptions,
    encoding: Encoding = "M",
  ): Promise<BlobConnection> {
    const { hostname, port } = address as Address & { transport: "tcp" };
    const conn = await Deno.connect({ hostname, port });
    await conn.read(new Uint8Array(6));
    await conn.write(new TextEncoder().encode(`\0\0\0\x02${encoding}5`));
    return await BlobConnection.over(conn, options, encoding);
  }

  /** Registers on a connection on which hands were shaken. */
  static async over(
    transport: Transport,
    options: ClientBlobsOptions,
    encoding: Encoding = "M",
  ): Promise<BlobConnection> {
    const connection = new BlobConnection(transport, encoding, options);
    await connection.call("register", ["1", false]);
    return connection;
  }

  async #run(): Promise<void> {
    const reason = await this.channel.run((bytes, start, end) => {
      const { id, flag, name, args } = this.channel.codec.decode(bytes.slice(start, end));
      const [oid, serial, chunk] = Array.isArray(args) ? args : args instanceof Tuple ? args.items : [];
      const revision = () => [oidFromBytes(oid as Uint8Array), tidFromBytes(serial as Uint8Array)] as const;
      if (name === "receiveBlobStart") this.blobs.start(...revision());
      if (name === "receiveBlobChunk") this.blobs.chunk(...revision(), chunk as Uint8Array);
      if (name === "receiveBlobStop") this.blobs.stop(...revision());
      const waiting = name === ".reply" ? this.#waiting.get(Number(id)) : undefined;
      if (!waiting) return;
      this.#waiting.delete(Number(id));
      if (flag) waiting.reject(new Error(errorText(args)));
      else waiting.resolve(args);
    });
    this.blobs.lost();
    for (const { reject } of this.#waiting.values()) reject(reason ?? new ClientDisconnected("gone"));
  }

  /** See {@linkcode BlobServer.fetch}. */
  async fetch(oid: Oid, serial: Tid): Promise<void> {
    await this.call("sendBlob", [oidBytes(oid), tidBytes(serial)]);
  }

  call(method: string, args: readonly Value[]): Promise<Value> {
    this.called.push(method);
    if (this.channel.closed) return Promise.reject(new ClientDisconnected("gone"));
    const waiting = Promise.withResolvers<Value>();
    this.#waiting.set(++this.#calls, waiting);
    this.channel.send(this.#calls, false, method, [...args]);
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close();
    await this.#running;
    await this.blobs.close();
  }
}

function errorText(args: Value): string {
  const [name] = args instanceof Tuple ? args.items : args as readonly Value[];
  return String(name);
}

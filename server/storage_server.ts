/**
 * The server: listens, and serves its storages to whoever connects.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Dict, Float, type Value } from "../pickle/mod.ts";
import {
  type Address,
  type ChannelLimits,
  DEFAULT_LIMITS,
  type Encoding,
  formatAddress,
  pythonAddress,
  type Transport,
} from "../protocol/mod.ts";
import type { Storage } from "../storage/mod.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { ServedStorage } from "./served_storage.ts";

const log = getLogger(["zeo", "server"]);
const connectionLog = getLogger(["zeo", "server", "connection"]);

/** How a server is made. */
export interface StorageServerOptions {
  /** Where to listen; port 0 is any that is free, an empty host name all interfaces. */
  readonly address: Address;
  /** The storages by the ids that clients ask for. The server closes them when it is closed. */
  readonly storages: ReadonlyMap<string, Storage>;
  /** Whether all changes are refused. */
  readonly readOnly?: boolean;
  /** Whether msgpack is offered to clients, and not pickles. */
  readonly msgpack?: boolean;
  /** How many transactions are remembered for clients that come back; 100 unless told otherwise. */
  readonly invalidationQueueSize?: number;
  /** Whether clients merge conflicts, and not the storages. */
  readonly clientConflictResolution?: boolean;
  /** Seconds that a transaction may take from its vote on; undefined for any. */
  readonly transactionTimeout?: number;
  /** Bounds of one connection. */
  readonly limits?: ChannelLimits;
  /** Connections that are served at the same time; more are closed at once. */
  readonly maxConnections?: number;
}

/** How long to wait after a failure to accept, in milliseconds: it may be that there are no file descriptors. */
const ACCEPT_PAUSE = 100;

/**
 * A server for storages.
 *
 * @example
 * ```ts ignore
 * await using server = await StorageServer.start({
 *   address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
 *   storages: new Map([["1", new MappingStorage()]]),
 * });
 * console.log(`listening on ${formatAddress(server.address)}`);
 * ```
 */
export class StorageServer implements AsyncDisposable {
  /** Where it listens; with the port that it really has. */
  readonly address: Address;
  readonly #listener: Deno.Listener<Deno.Conn>;
  readonly #host: ConnectionHost;
  readonly #maxConnections: number;
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #accepting: Promise<void>;
  #closing?: Promise<void>;

  /**
   * Starts to listen.
   * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system.
   */
  static async start(options: StorageServerOptions): Promise<StorageServer> {
    const storages = new Map<string, ServedStorage>();
    for (const [id, storage] of options.storages) {
      storages.set(
        id,
        await ServedStorage.open(id, storage, {
          readOnly: options.readOnly ?? false,
          invalidationQueueSize: options.invalidationQueueSize ?? 100,
          clientConflictResolution: options.clientConflictResolution ?? false,
          transactionTimeout: options.transactionTimeout,
        }),
      );
    }
    if (options.address.transport === "unix" && await addressInUse(options.address)) {
      throw new Deno.errors.AddrInUse(`${formatAddress(options.address)}: another server listens there`);
    }
    const listener = listen(options.address);
    return new StorageServer(options, storages, listener);
  }

  private constructor(
    options: StorageServerOptions,
    storages: ReadonlyMap<string, ServedStorage>,
    listener: Deno.Listener<Deno.Conn>,
  ) {
    this.#listener = listener;
    this.#maxConnections = options.maxConnections ?? Infinity;
    this.address = options.address.transport === "tcp"
      ? { ...options.address, port: (listener.addr as Deno.NetAddr).port }
      : options.address;
    this.#host = {
      encoding: options.msgpack ? "M" : "Z",
      limits: options.limits ?? DEFAULT_LIMITS,
      label: pythonAddress(this.address),
      storages,
      monitorReply: () => new TextEncoder().encode(monitorJson(storages)),
    };
    const described = [...storages.values()].map(({ id, storage, readOnly }) =>
      `${id}:${readOnly ? "RO" : "RW"}:${storage.name}`
    );
    log.info`StorageServer created ${options.readOnly ? "RO" : "RW"} with storages: ${described.join(", ")}`;
    connectionLog.info`listening on ${pythonAddress(this.address)}`;
    this.#accepting = this.#accept();
  }

  /** Which encoding it offers. */
  get encoding(): Encoding {
    return this.#host.encoding;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  async #accept(): Promise<void> {
    while (!this.#closing) {
      let conn: Deno.Conn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#closing) return;
        // One connection that went wrong, or too many at once, is no reason to stop accepting.
        connectionLog.error`accepting a connection failed: ${String(error)}`;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
        continue;
      }
      if (this.#connections.size >= this.#maxConnections) {
        connectionLog.warn`connection from ${
          peerOf(conn)
        } refused: there are ${this.#maxConnections} already`;
        conn.close();
        continue;
      }
      this.#serve(conn);
    }
  }

  #serve(conn: Deno.Conn): void {
    if ("setNoDelay" in conn) {
      try {
        (conn as Deno.TcpConn).setNoDelay(true);
      } catch {
        // The peer is gone already; reading will tell.
      }
    }
    const connection = new Connection(this.#host, conn satisfies Transport, peerOf(conn));
    const running = connection.run().catch((error) => {
      connectionLog.error`serving ${peerOf(conn)} failed: ${String(error)}`;
    }).finally(() => this.#connections.delete(connection));
    this.#connections.set(connection, running);
  }

  /**
   * Stops to listen, ends all connections, waits for what is being made durable, and closes the storages. A second
   * call waits for the first.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections.keys()) connection.close();
    await this.#accepting;
    await Promise.all(this.#connections.values());
    for (const { id, storage } of this.#host.storages.values()) {
      log.info`closing storage ${`'${id}'`}`;
      await storage.close();
    }
    if (this.address.transport === "unix") removeSocket(this.address.path);
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function listen(address: Address): Deno.Listener<Deno.Conn> {
  if (address.transport === "unix") {
    // A server that is gone leaves its socket behind; whether one lives, `addressInUse` has told.
    removeSocket(address.path);
    return Deno.listen({ transport: "unix", path: address.path }) as Deno.Listener<Deno.Conn>;
  }
  if (address.hostname !== "") return Deno.listen({ hostname: address.hostname, port: address.port });
  try {
    // All interfaces: this one takes IPv4 connections too.
    return Deno.listen({ hostname: "::", port: address.port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return Deno.listen({ hostname: "0.0.0.0", port: address.port });
  }
}

/** Whether somebody answers at an address. Port 0 is never in use. */
export async function addressInUse(address: Address): Promise<boolean> {
  try {
    const conn = address.transport === "unix"
      ? await Deno.connect({ transport: "unix", path: address.path })
      : address.port === 0
      ? undefined
      : await Deno.connect({ hostname: address.hostname || "127.0.0.1", port: address.port });
    conn?.close();
    return conn !== undefined;
  } catch (error) {
    // A Unix socket that doesn't say that nobody is there may have a server, one that is too busy for instance.
    return address.transport === "unix" && !(error instanceof Deno.errors.ConnectionRefused) &&
      !(error instanceof Deno.errors.NotFound);
  }
}

function removeSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function peerOf(conn: Deno.Conn): string {
  const { remoteAddr } = conn;
  if (remoteAddr.transport === "tcp") return formatAddress({ ...remoteAddr, transport: "tcp" });
  return "unix socket";
}

/** Every storage's state, as Python's `json` writes it: monitors compare text. */
function monitorJson(storages: ReadonlyMap<string, ServedStorage>): string {
  return json(Dict.from([...storages].map(([id, served]) => [id, served.status()])));
}

function json(value: Value): string {
  if (value instanceof Dict) {
    return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}: ${json(item)}`).join(", ")}}`;
  }
  return JSON.stringify(value instanceof Float ? value.value : value);
}

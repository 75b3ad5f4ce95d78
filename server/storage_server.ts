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
import { isPromise } from "../values/mod.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { ConnectionCounts } from "./monitor/connection_counts.ts";
import type {
  CommitObserver,
  ServerMeasures,
  ServerState,
  StorageMeasures,
  Watched,
} from "./monitor/measures.ts";
import { type Accepted, addressInUse, listen, type Listener } from "./listener.ts";
import { ServedStorage } from "./served_storage.ts";
import type { TlsServerOptions } from "./tls_handshakes.ts";
import { listenOnAll } from "./named_listener.ts";
import { TlsListener } from "./tls_listener.ts";

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
  /**
   * How old, in seconds, a client's last transaction may be, for it to be told what it missed by going through the
   * storage where the queue no longer knows; not at all unless told otherwise.
   */
  readonly invalidationAge?: number;
  /** Whether clients merge conflicts, and not the storages. */
  readonly clientConflictResolution?: boolean;
  /**
   * Seconds that a transaction may take from the moment that it has its objects; then its client is disconnected. 0 and
   * undefined are for any time. (The program has a default of 30; in a program of your own you know your clients.)
   */
  readonly transactionTimeout?: number;
  /** Bounds of one connection. */
  readonly limits?: ChannelLimits;
  /** Connections at the same time, those that shake hands among them; more are closed at once. */
  readonly maxConnections?: number;
  /** Seconds that a client may take from the connection until it has registered; 60 unless told otherwise. */
  readonly registrationTimeout?: number;
  /** Encrypts all connections; undefined for none. */
  readonly tls?: TlsServerOptions;
}

/** Seconds in which clients can read what they were sent before a server that is stopped disconnects them. */
const FLUSHING = 1;

/** Seconds that a client may take until it has registered, unless told otherwise. */
const REGISTRATION = 60;

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
export class StorageServer implements Watched, AsyncDisposable {
  /** Where it listens; with the port that it really has. */
  readonly address: Address;
  readonly #listener: Listener;
  readonly #host: ConnectionHost;
  readonly #maxConnections: number;
  readonly #connections = new Map<Connection, Promise<void>>();
  /** Connections that are not encrypted yet and will be. */
  readonly #handshakes = new Map<Accepted, Promise<void>>();
  readonly #counts = new ConnectionCounts();
  readonly #accepting: Promise<void>;
  /** Looks after those who don't say what they want. */
  readonly #sweeping: ReturnType<typeof setInterval>;
  /** The end of listening. */
  #listening?: Promise<void>;
  #stopping?: Promise<void>;
  #closing?: Promise<void>;

  /**
   * Starts to listen.
   * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system.
   * @throws {TlsError} when a certificate or key can't be used.
   */
  static async start(options: StorageServerOptions): Promise<StorageServer> {
    const storages = new Map<string, ServedStorage>();
    try {
      for (const [id, storage] of options.storages) {
        storages.set(
          id,
          await ServedStorage.open(id, storage, {
            readOnly: options.readOnly ?? false,
            invalidationQueueSize: options.invalidationQueueSize ?? 100,
            invalidationAge: options.invalidationAge,
            clientConflictResolution: options.clientConflictResolution ?? false,
            transactionTimeout: (options.transactionTimeout ?? 0) > 0
              ? options.transactionTimeout
              : undefined,
          }),
        );
      }
      if (options.address.transport === "unix" && await addressInUse(options.address)) {
        throw new Deno.errors.AddrInUse(`${formatAddress(options.address)}: another server listens there`);
      }
      const { tls } = options;
      const listener = await listenOnAll(
        options.address,
        (address) => tls ? TlsListener.start(address, tls) : listen(address),
      );
      return new StorageServer(options, storages, listener);
    } catch (error) {
      // The storages stay open: they still belong to the caller.
      for (const { use } of storages.values()) use.leave();
      throw error;
    }
  }

  private constructor(
    options: StorageServerOptions,
    storages: ReadonlyMap<string, ServedStorage>,
    listener: Listener,
  ) {
    this.#listener = listener;
    this.#maxConnections = options.maxConnections ?? Infinity;
    this.address = listener.address;
    this.#host = {
      encoding: options.msgpack ? "M" : "Z",
      limits: options.limits ?? DEFAULT_LIMITS,
      label: labelOf(this.address),
      protocol: `ZEO.asyncio.server.ServerProtocol(${
        this.address.transport === "unix" ? `'${this.address.path}'` : pythonAddress(this.address)
      })`,
      storages,
      monitorReply: () => new TextEncoder().encode(monitorJson(storages)),
    };
    const described = [...storages.values()].map(({ id, storage }) =>
      `${id}:${storage.readOnly ? "RO" : "RW"}:${storage.name}`
    );
    log.info`StorageServer created ${options.readOnly ? "RO" : "RW"} with storages: ${described.join(", ")}`;
    connectionLog.info`listening on ${pythonAddress(this.address)}`;
    this.#accepting = this.#accept();
    // So that it can be taken out: `const { address, stop } = await server()`.
    this.stop = this.stop.bind(this);
    const patience = (options.registrationTimeout ?? REGISTRATION) * 1000;
    this.#sweeping = setInterval(() => this.#sweep(patience), patience / 4);
  }

  /** One timer for all connections: they are old enough to be looked at once in a while. */
  #sweep(patience: number): void {
    const before = Date.now() - patience;
    // Those that have come last are at the end.
    for (const connection of this.#connections.keys()) {
      if (connection.since > before) break;
      connection.requireRegistration(patience / 1000);
    }
  }

  /** Which encoding it offers. */
  get encoding(): Encoding {
    return this.#host.encoding;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Whether it is being closed. */
  get state(): ServerState {
    return this.#stopping || this.#closing ? "stopping" : "serving";
  }

  /** What it and everything in it has done, and is doing. */
  measure(): ServerMeasures {
    const { start, accepted, refused } = this.#counts;
    const connections = Array.from(this.#connections.keys(), (connection) => connection.measure());
    return {
      ...{ state: this.state, start, accepted, refused, connections },
      ...this.#counts.with(connections),
      storages: this.measureStorages(),
    };
  }

  /** What its storages have done, and are doing. */
  measureStorages(): StorageMeasures[] {
    return Array.from(this.#host.storages.values(), (served) => served.measure());
  }

  /** Hears of every transaction of a client that is over; undefined for nobody. */
  get observer(): CommitObserver | undefined {
    return this.#observer;
  }

  set observer(observer: CommitObserver | undefined) {
    this.#observer = observer;
    for (const served of this.#host.storages.values()) served.observer = observer;
  }

  #observer?: CommitObserver;

  /**
   * Encrypts new connections with these certificates from now on. Those that are there stay.
   *
   * @throws {TlsError} when one can't be used; nothing is changed then
   * @throws {TypeError} for a server that was started without TLS
   */
  reloadTls(options: TlsServerOptions): void {
    if (!this.#listener.reload) throw new TypeError("the server was started without TLS");
    this.#listener.reload(options);
  }

  async #accept(): Promise<void> {
    while (this.state === "serving") {
      let accepted: Accepted;
      try {
        accepted = await this.#listener.accept();
      } catch (error) {
        if (this.state !== "serving") return;
        // One connection that went wrong, or too many at once, is no reason to stop accepting.
        connectionLog.error`accepting a connection failed: ${String(error)}`;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
        continue;
      }
      if (this.#connections.size + this.#handshakes.size >= this.#maxConnections) {
        connectionLog
          .warn`connection from ${accepted.peer} refused: there are ${this.#maxConnections} already`;
        this.#counts.refused++;
        accepted.close();
        continue;
      }
      this.#counts.accepted++;
      const transport = accepted.establish();
      if (isPromise(transport)) this.#handshakes.set(accepted, this.#shakeHands(accepted, transport));
      else this.#serve(transport, accepted.peer);
    }
  }

  async #shakeHands(accepted: Accepted, establishing: Promise<Transport>): Promise<void> {
    try {
      const transport = await establishing;
      if (this.state !== "serving") transport.close();
      else this.#serve(transport, accepted.peer);
    } catch (error) {
      if (this.state !== "serving") return;
      const reason = error instanceof Error ? error.message : String(error);
      connectionLog.warn`TLS handshake with ${accepted.peer} failed: ${reason}`;
    } finally {
      this.#handshakes.delete(accepted);
    }
  }

  #serve(transport: Transport, peer: string): void {
    const connection = new Connection(this.#host, transport, peer);
    const running = connection.run().catch((error) => {
      connectionLog.error`serving ${peer} failed: ${String(error)}`;
    }).finally(() => {
      this.#connections.delete(connection);
      this.#counts.add(connection);
    });
    this.#connections.set(connection, running);
  }

  /**
   * Ends in an orderly way: stops to listen, disconnects all clients but those whose transactions have voted (the
   * others try again, elsewhere or later), waits for these, lets clients read what they were sent, and closes.
   *
   * @param seconds How long transactions that have voted may take to finish or abort; then they are given up.
   */
  stop(seconds = 5): Promise<void> {
    return this.#stopping ??= this.#stop(seconds);
  }

  async #stop(seconds: number): Promise<void> {
    this.#listening ??= this.#listener.close();
    for (const accepted of this.#handshakes.keys()) accepted.close();
    const quiet = Array.from(this.#host.storages.values(), (served) => served.quiet());
    if (!await within(Promise.all(quiet), seconds)) {
      log.warn`transactions that have voted were not finished within ${seconds} seconds: given up`;
    }
    await within(
      Promise.all(Array.from(this.#connections.keys(), (connection) => connection.end())),
      FLUSHING,
    );
    await this.close();
  }

  /**
   * Stops to listen, ends all connections at once, waits for what is being made durable, and closes the storages,
   * but for those that others in this process use still. A second call waits for the first.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#listening ??= this.#listener.close();
    for (const accepted of this.#handshakes.keys()) accepted.close();
    for (const connection of this.#connections.keys()) {
      log.debug`Closing ${this.#host.protocol}`;
      connection.close();
    }
    clearInterval(this.#sweeping);
    await this.#accepting;
    await Promise.all(this.#handshakes.values());
    await Promise.all(this.#connections.values());
    for (const served of this.#host.storages.values()) {
      log.info`closing storage ${`'${served.id}'`}`;
      await served.close();
    }
    await this.#listening;
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Waits for something, but not for ever. @returns whether it came. */
async function within(promise: Promise<unknown>, seconds: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), seconds * 1000);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What log lines call an address. */
function labelOf(address: Address): string {
  return address.transport === "unix" ? address.path : `${address.hostname}:${address.port}`;
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

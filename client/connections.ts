/**
 * The connection that a client has at the moment, and all that is done to have one.
 *
 *   search ─▶ verification ─▶ in use ─▶ lost ─▶ search …
 *                               └─ only reads, and one that writes is wanted: search goes on beside it
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Address, formatAddress } from "../protocol/mod.ts";
import { type Awaitable, ClientDisconnected } from "../values/mod.ts";
import { findServer } from "./search.ts";
import { type ConnectionSettings, Refusal, type ServerConnection } from "./server_connection.ts";
import { pause, unlessAborted } from "./waiting.ts";

const log = getLogger(["zeo", "client"]);

/** What becomes of connections. */
export interface ConnectionUser {
  /** Brings the client up to the server's state; the connection is in use when it resolves. */
  adopt(connection: ServerConnection): Promise<void>;
  /** A connection is in use from now on: calls can be made. */
  connected(connection: ServerConnection): void;
  /** A connection that was in use has ended. @param reason Why, unless it was ended on purpose. */
  lost(connection: ServerConnection, reason: Error | undefined): void;
}

/** Where servers are, and how to connect. */
export interface ConnectionsOptions {
  readonly addresses: readonly Address[];
  readonly settings: ConnectionSettings;
  /** Milliseconds between two attempts. */
  readonly poll: number;
  /** Milliseconds that a call waits for a connection. */
  readonly waitTimeout: number;
}

/** See the module. */
export class Connections {
  /** Resolves when the first connection is in use; fails when every server refuses this client, or it is closed. */
  readonly ready: Promise<void>;
  readonly #options: ConnectionsOptions;
  readonly #user: ConnectionUser;
  readonly #closing = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #waiting = new Set<PromiseWithResolvers<ServerConnection>>();
  readonly #running: Promise<void>;
  readonly #failures = new Map<string, Error>();
  #current?: ServerConnection;
  #started = false;
  /** Why there will never be a connection. */
  #final?: Error;

  /** Begins to look for a server. */
  constructor(options: ConnectionsOptions, user: ConnectionUser) {
    this.#options = options;
    this.#user = user;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.#running = this.#run();
  }

  /** The connection that is in use. */
  get current(): ServerConnection | undefined {
    return this.#current?.closed ? undefined : this.#current;
  }

  /**
   * A connection that is in use; waits for one, for as long as calls wait.
   * @throws {ClientDisconnected} when there is none by then, and the signal's reason when it is aborted.
   */
  get(signal?: AbortSignal): Awaitable<ServerConnection> {
    return this.current ?? this.#wait(signal, this.#options.waitTimeout);
  }

  /** Waits, however long, for a connection. @returns Whether there is one; there won't be any more after the end. */
  async again(): Promise<boolean> {
    while (!this.#closing.signal.aborted && !this.#final) {
      try {
        await (this.current ?? this.#wait());
        return true;
      } catch (error) {
        if (!(error instanceof ClientDisconnected)) throw error;
      }
    }
    return false;
  }

  /** @param patience Milliseconds; any number unless told otherwise. */
  async #wait(signal?: AbortSignal, patience?: number): Promise<ServerConnection> {
    if (this.#final) throw this.#final;
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    const waiting = Promise.withResolvers<ServerConnection>();
    this.#waiting.add(waiting);
    const timer = patience === undefined
      ? undefined
      : setTimeout(() => waiting.reject(this.#timedOut()), patience);
    try {
      return await unlessAborted(waiting.promise, signal);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  /** Why there is no connection, with what went wrong last. */
  #timedOut(): ClientDisconnected {
    const servers = this.#options.addresses.map((address) => {
      const name = formatAddress(address), failure = this.#failures.get(name);
      return failure ? `${name} (${failure.message})` : name;
    });
    const what = `timed out waiting for connection to ${servers.join(", ")}`;
    return new ClientDisconnected(what, { cause: [...this.#failures.values()].at(-1) });
  }

  /** Ends the connection, and all attempts to have one. A second call waits for the first. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      const closed = this.#final ?? new ClientDisconnected("the client storage is closed");
      this.#closing.abort(closed);
      this.#ready.reject(closed);
      for (const waiting of this.#waiting) waiting.reject(closed);
      this.#current?.close();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let next: ServerConnection | undefined;
    while (!signal.aborted) {
      try {
        next = await this.#use(next ?? await this.#search(signal, false));
      } catch (error) {
        if (signal.aborted) break;
        next = undefined;
        const refused = error instanceof Refusal;
        const reason = refused ? error.cause : error instanceof Error ? error : new Error(String(error));
        if (!this.#started && !(reason instanceof ClientDisconnected)) {
          this.#fail(reason);
          return;
        }
        log.error`not connected: ${reason.message}`;
        await pause(this.#options.poll * (refused ? 9 : 1) * (1 + Math.random()), signal).catch(() => {});
      }
    }
    next?.close();
  }

  #fail(reason: Error): void {
    this.#final = reason;
    this.#ready.reject(reason);
    for (const waiting of this.#waiting) waiting.reject(reason);
  }

  #search(signal: AbortSignal, writable: boolean): Promise<ServerConnection> {
    const { addresses, poll } = this.#options;
    const settings = writable ? { ...this.#options.settings, readOnly: false } : this.#options.settings;
    const failed = (address: Address, reason: Error) => this.#failures.set(formatAddress(address), reason);
    return findServer({ addresses, settings, poll, final: !this.#started, failed }, signal);
  }

  /** Uses a connection until it ends. @returns A better one, which is there already. */
  async #use(connection: ServerConnection): Promise<ServerConnection | undefined> {
    const since = performance.now();
    const close = () => connection.close();
    this.#closing.signal.addEventListener("abort", close);
    try {
      if (this.#closing.signal.aborted) return;
      await this.#user.adopt(connection);
      this.#closing.signal.throwIfAborted();
      if (connection.closed) throw new ClientDisconnected("the server has ended the connection at once");
      this.#begin(connection);
      const better = await this.#untilBetter(connection);
      if (!better && performance.now() - since < this.#options.poll && !this.#closing.signal.aborted) {
        // A server that ends each connection is not asked without end.
        await pause(this.#options.poll * (1 + Math.random()), this.#closing.signal).catch(() => {});
      }
      return better;
    } finally {
      this.#closing.signal.removeEventListener("abort", close);
      connection.close();
    }
  }

  #begin(connection: ServerConnection): void {
    this.#current = connection;
    this.#started = true;
    this.#failures.clear();
    connection.ended.then((reason) => {
      if (this.#current === connection) this.#current = undefined;
      this.#user.lost(connection, reason);
    });
    this.#user.connected(connection);
    this.#ready.resolve();
    for (const waiting of this.#waiting) waiting.resolve(connection);
  }

  /** Waits until a connection ends, or there is a better one. */
  async #untilBetter(connection: ServerConnection): Promise<ServerConnection | undefined> {
    if (!connection.readOnly || this.#options.settings.readOnly === true) {
      await connection.ended;
      return;
    }
    const ended = new AbortController();
    connection.ended.then(() => ended.abort(new ClientDisconnected("the connection has ended")));
    try {
      const better = await this.#search(ended.signal, true);
      log.info`${formatAddress(better.address)} takes changes: used from now on`;
      return better;
    } catch {
      await connection.ended;
    }
  }
}

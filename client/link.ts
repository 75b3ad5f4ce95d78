/**
 * What binds a client storage to its servers: the connection, what is known of the database, and what the server offers.
 *
 * @module
 */

import type { Value } from "../pickle/mod.ts";
import type { Address } from "../protocol/mod.ts";
import { oidBytes, tidBytes } from "../values/mod.ts";
import type { BlobServer, ClientBlobs } from "./blob_seam.ts";
import { clientBlobs } from "./client_blobs.ts";
import { Connections } from "./connections.ts";
import { ClientListeners } from "./events.ts";
import { KnownState } from "./known_state.ts";
import { LoadsInFlight } from "./loads_in_flight.ts";
import { type ClientOptions, connectionSettings, milliseconds, openCache } from "./options.ts";
import { ServedInfo } from "./served_info.ts";
import type { ServerConnection } from "./server_connection.ts";
import { verify } from "./verification.ts";

/** See the module. */
export class Link {
  readonly listeners: ClientListeners = new ClientListeners();
  readonly info: ServedInfo = new ServedInfo();
  readonly known: KnownState;
  readonly connections: Connections;
  readonly blobs?: ClientBlobs;
  /** Milliseconds that calls wait for a connection. */
  readonly waitTimeout: number;
  readonly #options: ClientOptions;
  readonly #renewed: () => void;

  /**
   * Opens what the client keeps, and begins to connect.
   * @param renewed Called when there is a new connection, which may be one to another server.
   */
  constructor(addresses: readonly Address[], options: ClientOptions, renewed: () => void) {
    this.#options = options;
    this.#renewed = renewed;
    const settings = connectionSettings(options);
    const poll = milliseconds("disconnectPoll", options.disconnectPoll, 1);
    const waitTimeout = this.waitTimeout = milliseconds("waitTimeout", options.waitTimeout, 30);
    const server: BlobServer = {
      fetch: (oid, serial) => this.call("sendBlob", [oidBytes(oid), tidBytes(serial)], () => {}),
    };
    this.known = new KnownState(openCache(options), this.listeners);
    try {
      this.blobs = clientBlobs(options)?.(server);
    } catch (error) {
      this.known.cache.close();
      throw error;
    }
    this.connections = new Connections({ addresses, settings, poll, waitTimeout }, {
      adopt: (connection) => this.#adopt(connection),
      connected: (connection) => this.#connected(connection),
      lost: ({ address }, reason) => this.listeners.emit("disconnected", { address, reason }),
    });
  }

  /** Calls a method of the server; waits for a connection if there is none. */
  async call<T>(name: string, args: readonly Value[], use: (value: Value) => T): Promise<T> {
    const connection = this.connections.current ?? await this.connections.get();
    return await connection.call(name, args, use);
  }

  /** Ends the connection, and closes what the client keeps. */
  async close(): Promise<void> {
    await this.connections.close();
    await this.blobs?.close();
    await this.known.cache[Symbol.asyncDispose]();
  }

  /** Verifies, and asks what the server has to offer. */
  async #adopt(connection: ServerConnection): Promise<void> {
    const { onServerBehind = "discard", clientLabel } = this.#options;
    const messages = {
      invalidated: this.known.invalidated.bind(this.known),
      informed: this.info.update.bind(this.info),
      blobs: this.blobs,
    };
    await verify(connection, this.known, messages, onServerBehind);
    await connection.call("get_info", [], (info) => this.info.replace(info));
    connection.ordered = this.info.ordered;
    if (clientLabel) connection.notify("set_client_label", [clientLabel]);
  }

  #connected(connection: ServerConnection): void {
    const { address, readOnly } = connection;
    this.known.loads = new LoadsInFlight(connection, this.known.cache);
    this.#renewed();
    this.listeners.emit("connected", { address, readOnly });
    this.listeners.emit(readOnly ? "readonly" : "readwrite", { address });
  }
}

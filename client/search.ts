/**
 * Looking for a server: all addresses at once, each again and again, until one of them has registered this client.
 *
 * Each attempt has a connection of its own, which touches nothing that the client knows. One is chosen; the others are
 * closed, those that are only on their way included, before the search has its result.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Address, formatAddress, TlsError } from "../protocol/mod.ts";
import { ReadOnlyError } from "../values/mod.ts";
import { type ConnectionSettings, Refusal, ServerConnection } from "./server_connection.ts";
import { pause } from "./waiting.ts";

const log = getLogger(["zeo", "client"]);

/** What to look for. */
export interface SearchOptions {
  readonly addresses: readonly Address[];
  readonly settings: ConnectionSettings;
  /** Milliseconds between two attempts, at least; a random part comes on top. */
  readonly poll: number;
  /** Whether to give up when every server refuses this client. */
  readonly final: boolean;
  /** Told why an attempt failed. */
  failed(address: Address, reason: Error): void;
}

/** A server that has refused this client is asked again after so many polls. */
const REFUSED_POLLS = 9;

/** See the module. */
class Search {
  readonly #options: SearchOptions;
  readonly #over = new AbortController();
  readonly #found = Promise.withResolvers<ServerConnection>();
  readonly #refusals = new Map<Address, Error>();
  /** Addresses whose first attempt has not ended. */
  readonly #untried: Set<Address>;
  /** One that only reads, for want of a better one. */
  #spare?: ServerConnection;
  #chosen?: ServerConnection;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#untried = new Set(options.addresses);
  }

  async run(signal: AbortSignal): Promise<ServerConnection> {
    const abort = () => this.#found.reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    const attempts = signal.aborted ? [] : this.#options.addresses.map((address) => this.#try(address));
    try {
      return await this.#found.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#over.abort(new Error("the search for a server is over"));
      await Promise.all(attempts);
      if (this.#spare !== this.#chosen) this.#spare?.close();
    }
  }

  /** Tries one address until the search is over. Never throws. */
  async #try(address: Address): Promise<void> {
    const { signal } = this.#over, { poll, settings } = this.#options;
    while (!signal.aborted) {
      let delay = poll * (1 + Math.random());
      try {
        const connection = await ServerConnection.open(address, settings, signal);
        this.#refusals.delete(address);
        if (await this.#offer(connection)) return;
        delay = poll * (REFUSED_POLLS + Math.random());
      } catch (error) {
        if (signal.aborted) return;
        const reason = error instanceof Error ? error : new Error(String(error));
        if (this.#failed(address, reason)) delay = poll * (REFUSED_POLLS + Math.random());
      }
      this.#tried(address);
      await pause(delay, signal).catch(() => {});
    }
  }

  /** @returns Whether the server has refused. */
  #failed(address: Address, error: Error): boolean {
    const refusal = error instanceof Refusal ? error.cause : isFinal(error) ? error : undefined;
    const reason = refusal ?? error;
    this.#options.failed(address, reason);
    if (!refusal) {
      this.#refusals.delete(address);
      log.debug`${formatAddress(address)}: ${reason.message}`;
      return false;
    }
    const where = formatAddress(address);
    if (reason instanceof ReadOnlyError) log.debug`${where}: ${reason.message}`;
    else log.error`${where} refuses this client: ${reason.message}`;
    this.#refusals.set(address, reason);
    if (this.#options.final && this.#refusals.size === this.#options.addresses.length) {
      this.#found.reject(reason);
    }
    return true;
  }

  /** Takes a connection, or keeps it for want of a better one. @returns Whether the search is over for its address. */
  async #offer(connection: ServerConnection): Promise<boolean> {
    const { settings } = this.#options;
    if (!connection.readOnly || settings.readOnly === true) {
      this.#choose(connection);
      return this.#chosen !== undefined;
    }
    if (this.#spare) {
      connection.close();
      return false;
    }
    this.#spare = connection;
    this.#tried(connection.address);
    // Those that don't answer are not waited for for long.
    const timer = setTimeout(() => this.#choose(connection), this.#options.poll);
    await Promise.race([connection.ended, aborted(this.#over.signal)]);
    clearTimeout(timer);
    if (this.#chosen) return true;
    this.#spare = undefined;
    return false;
  }

  #tried(address: Address): void {
    this.#untried.delete(address);
    if (this.#untried.size === 0 && this.#spare) this.#choose(this.#spare);
  }

  #choose(connection: ServerConnection): void {
    if (this.#chosen || this.#over.signal.aborted || connection.closed) {
      if (connection !== this.#chosen) connection.close();
      return;
    }
    this.#chosen = connection;
    this.#found.resolve(connection);
    this.#over.abort(new Error("a server was found"));
  }
}

/** Whether trying again is no use: certificates that don't fit, no permission, an address that makes no sense. */
function isFinal(error: Error): boolean {
  return error instanceof TlsError && error.code !== "" || error instanceof Deno.errors.NotCapable ||
    error instanceof TypeError || error instanceof RangeError;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Looks for a server that registers this client.
 * @throws the signal's reason when it is aborted; why the servers refuse this client when all do and that is final.
 */
export function findServer(options: SearchOptions, signal: AbortSignal): Promise<ServerConnection> {
  return new Search(options).run(signal);
}

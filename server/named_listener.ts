/**
 * Listening on all addresses that a host name stands for: `localhost` is `127.0.0.1` and `::1` on most machines, and
 * clients come by either.
 *
 * @module
 */

import dns from "node:dns/promises";
import { isIP } from "node:net";
import { type Address, formatAddress } from "../protocol/mod.ts";
import type { Awaitable } from "../values/mod.ts";
import type { Accepted, Listener } from "./listener.ts";
import type { TlsServerOptions } from "./tls_handshakes.ts";

/**
 * Starts to listen.
 *
 * @param open Listens on one address.
 * @throws {Deno.errors.AddrInUse} when somebody else listens on one of them, and other errors of the system when none
 * can be listened on; then nothing stays open.
 */
export async function listenOnAll(
  address: Address,
  open: (address: Address) => Awaitable<Listener>,
): Promise<Listener> {
  try {
    return await openAll(address, open);
  } catch (error) {
    // Which address it was, the system doesn't say.
    if (error instanceof Error) error.message = `${formatAddress(address)}: ${error.message}`;
    throw error;
  }
}

async function openAll(
  address: Address,
  open: (address: Address) => Awaitable<Listener>,
): Promise<Listener> {
  const hosts = address.transport === "tcp" ? await hostsOf(address.hostname) : [];
  if (address.transport !== "tcp" || hosts.length < 2) return await open(address);
  const listeners: Listener[] = [];
  const failures: unknown[] = [];
  let { port } = address;
  for (const hostname of hosts) {
    try {
      const listener = await open({ transport: "tcp", hostname, port });
      listeners.push(listener);
      if (listener.address.transport === "tcp") port = listener.address.port;
    } catch (error) {
      failures.push(error);
      // One that this machine hasn't got, as where IPv6 is switched off, is no reason not to serve on the others.
      if (error instanceof Deno.errors.AddrInUse) break;
    }
  }
  const inUse = failures.find((error) => error instanceof Deno.errors.AddrInUse);
  if (inUse === undefined && listeners.length > 0) return new NamedListener({ ...address, port }, listeners);
  for (const listener of listeners) await listener.close();
  throw inUse ?? failures[0];
}

/** The addresses of a name; none where they can't be looked up, as without permission for the name without a port. */
async function hostsOf(hostname: string): Promise<string[]> {
  if (hostname === "" || isIP(hostname) > 0) return [];
  try {
    // Asking first keeps Deno from prompting.
    if ((await Deno.permissions.query({ name: "net", host: hostname })).state !== "granted") return [];
    const found = await dns.lookup(hostname, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch {
    return [];
  }
}

/** Several listeners as one. */
class NamedListener implements Listener {
  readonly address: Address;
  readonly #listeners: readonly Listener[];
  /** What each of them waits for. */
  readonly #waiting = new Map<Listener, Promise<Accepted>>();

  constructor(address: Address, listeners: readonly Listener[]) {
    this.address = address;
    this.#listeners = listeners;
  }

  async accept(): Promise<Accepted> {
    const first = this.#listeners.map(async (listener) => {
      if (!this.#waiting.has(listener)) this.#waiting.set(listener, listener.accept());
      try {
        await this.#waiting.get(listener);
      } catch {
        // Told below, to the one who takes it.
      }
      return listener;
    });
    const listener = await Promise.race(first);
    const accepted = this.#waiting.get(listener)!;
    this.#waiting.delete(listener);
    return await accepted;
  }

  reload(options: TlsServerOptions): void {
    for (const listener of this.#listeners) listener.reload?.(options);
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    // What has come meanwhile is not taken by anybody any more.
    for (const accepted of this.#waiting.values()) {
      accepted.then((connection) => connection.close(), () => {});
    }
  }
}

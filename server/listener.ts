/**
 * Where a server takes connections from: a TCP port or a Unix socket, with or without TLS.
 *
 * @module
 */

import { type Address, formatAddress, type Transport } from "../protocol/mod.ts";
import type { Awaitable } from "../values/mod.ts";
import type { TlsServerOptions } from "./tls_handshakes.ts";

/** A connection that somebody has made. */
export interface Accepted {
  /** Who has, for the log: `127.0.0.1:52144`. */
  readonly peer: string;
  /** What it runs on: at once or, with TLS, when both sides have shaken hands. Rejected when they don't. Call it once. */
  establish(): Awaitable<Transport>;
  /** Ends it, also while hands are being shaken. */
  close(): void;
}

/** Waits for connections. */
export interface Listener {
  /** Where it listens; with the port that it really has. */
  readonly address: Address;
  /** The next connection. Rejected when the listener is closed, or when a connection couldn't be taken. */
  accept(): Promise<Accepted>;
  /** From now on, hands are shaken with these certificates; only with TLS. @throws {TlsError} when one can't be used. */
  reload?(options: TlsServerOptions): void;
  /** Ends listening, and resolves when all that it was listening with is gone. */
  close(): Promise<void>;
}

/**
 * Starts to listen without TLS.
 *
 * @throws {Deno.errors.AddrInUse} when somebody else does, and other errors of the system.
 */
export function listen(address: Address): Listener {
  return new PlainListener(address);
}

/** Connections as they come from the system. */
class PlainListener implements Listener {
  readonly address: Address;
  readonly #listener: Deno.Listener<Deno.Conn>;

  constructor(address: Address) {
    this.#listener = open(address);
    this.address = address.transport === "tcp"
      ? { ...address, port: (this.#listener.addr as Deno.NetAddr).port }
      : address;
  }

  async accept(): Promise<Accepted> {
    return accepted(await this.#listener.accept());
  }

  close(): Promise<void> {
    this.#listener.close();
    if (this.address.transport === "unix") removeSocket(this.address.path);
    return Promise.resolve();
  }
}

function accepted(conn: Deno.Conn): Accepted {
  if ("setNoDelay" in conn) {
    try {
      (conn as Deno.TcpConn).setNoDelay(true);
    } catch {
      // The peer is gone already; reading will tell.
    }
  }
  return { peer: peerOf(conn), establish: () => conn, close: () => conn.close() };
}

function open(address: Address): Deno.Listener<Deno.Conn> {
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

/** Removes the socket that a server without one leaves behind. Nothing else is removed. */
export function removeSocket(path: string): void {
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

/**
 * Addresses of servers: `host:port`, `:port`, `port`, `host`, `[v6]:port`, a bare v6 address, or a path with a `/` in it.
 *
 * @module
 */

import { parseInteger } from "./numbers.ts";
import { strip, words } from "./whitespace.ts";

/** A host and a port. */
export interface TcpAddress {
  /** What kind of address it is. */
  readonly kind: "tcp";
  /** A name or an address, in lower case, without brackets; empty for all interfaces. */
  readonly host: string;
  /** 0 to 65535; undefined where none was given. */
  readonly port?: number;
  /** Whether the host is an IPv6 address. */
  readonly ipv6: boolean;
}

/** A Unix domain socket. */
export interface UnixAddress {
  /** What kind of address it is. */
  readonly kind: "unix";
  /** The path as written. */
  readonly path: string;
}

/** Where a server listens, or where a client finds it. */
export type SocketAddress = TcpAddress | UnixAddress;

/** A text that is no address. The message says what is wrong with it. */
export class AddressError extends Error {
  /** Tells it from other errors. */
  override name = "AddressError";
}

/** A port number, or undefined. */
export function parsePort(text: string): number | undefined {
  const port = parseInteger(text);
  return port !== undefined && port >= 0 && port <= 65535 ? port : undefined;
}

function tcp(host: string, port: number | undefined): TcpAddress {
  return { kind: "tcp", host, port, ipv6: host.includes(":") };
}

/**
 * An internet address; `missingHost` is the host for one that names only a port.
 *
 * Throws {@link AddressError}.
 */
export function parseInternetAddress(text: string, missingHost: string): TcpAddress {
  const colon = text.lastIndexOf(":");
  if (colon < 0) {
    const port = parsePort(text);
    if (port !== undefined) return tcp(missingHost, port);
    if (words(text).length !== 1) throw new AddressError("a host name has no spaces and isn't empty");
    return tcp(text.toLowerCase(), undefined);
  }
  let host = text.slice(0, colon).toLowerCase();
  if (host.startsWith("[") && host.endsWith("]")) host = host.slice(1, -1);
  else if (host.includes(":")) return tcp(text.toLowerCase(), undefined);
  const digits = strip(text.slice(colon + 1));
  const port = digits === "" ? undefined : parsePort(digits);
  if (digits !== "" && port === undefined) throw new AddressError("a port is a number from 0 to 65535");
  return tcp(host === "" ? missingHost : host, port);
}

/**
 * An address of any kind; `missingHost` is the host for one that names only a port: empty to listen on all interfaces,
 * `127.0.0.1` to connect.
 *
 * Throws {@link AddressError}.
 *
 * @example
 * ```ts
 * import { parseSocketAddress } from "./mod.ts";
 *
 * parseSocketAddress("[::1]:8100", ""); // { kind: "tcp", host: "::1", port: 8100, ipv6: true }
 * parseSocketAddress("var/zeo.sock", ""); // { kind: "unix", path: "var/zeo.sock" }
 * ```
 */
export function parseSocketAddress(text: string, missingHost: string): SocketAddress {
  return text.includes("/") ? { kind: "unix", path: text } : parseInternetAddress(text, missingHost);
}

/** The address as a configuration would name it. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.kind === "unix") return address.path;
  if (address.port === undefined) return address.host;
  return `${address.ipv6 ? `[${address.host}]` : address.host}:${address.port}`;
}

/**
 * Where a server is.
 *
 * @module
 */

/** A TCP port of a host, or the path of a Unix socket. */
export type Address =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** An address as text that is also understood: `127.0.0.1:8100`, `[::1]:8100`, `/run/zeo.sock`. */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return address.path;
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

/** An address as Python prints it, which log parsers look for: `('127.0.0.1', 8100)`. */
export function pythonAddress(address: Address): string {
  return address.transport === "unix" ? address.path : `('${address.hostname}', ${address.port})`;
}

/**
 * Connections to a server: TCP, Unix sockets, TLS.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, getCACertificates } from "node:tls";
import { type Address, formatAddress } from "./address.ts";
import type { Transport } from "./channel.ts";
import { connectionError } from "./tls_error.ts";
import { readIdentity, readTrusted } from "./tls_identity.ts";
import { checkPeer } from "./tls_trust.ts";
import { TlsTransport } from "./tls_transport.ts";

/** How a client encrypts its connection, whom it trusts, and who it says it is. */
export interface TlsClientOptions {
  /** Certificates of servers, or of those who signed them, as PEM texts; the system's unless told otherwise. */
  readonly ca?: string | readonly string[];
  /** The client's certificate, and those that it was signed with, as PEM text. It may contain the key. */
  readonly certificate?: string;
  /** The certificate's key as PEM text, where it is not in `certificate`. */
  readonly key?: string;
  /** What the key is encrypted with. */
  readonly password?: string;
  /** Whether the server's certificate must be for its host name; true unless told otherwise. */
  readonly checkHostname?: boolean;
  /** The name that the server's certificate must be for; the host name of the address unless told otherwise. */
  readonly serverHostname?: string;
}

/** How to connect. */
export interface ConnectOptions {
  /** Uses TLS; undefined for none. */
  readonly tls?: TlsClientOptions;
  /** Gives up when it is aborted. Has no effect on a connection that is there. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a server. An abort leaves nothing open.
 *
 * @throws {Deno.errors.ConnectionRefused} when nobody listens, and other errors of the system
 * @throws {TlsError} when TLS can't be agreed on, as with a certificate that isn't trusted, or a certificate or key of
 * the options can't be used
 * @throws {TypeError} for TLS with a Unix socket, which has none
 * @throws the signal's reason when it is aborted
 *
 * @example
 * ```ts ignore
 * const transport = await connect({ transport: "tcp", hostname: "zeo.example.com", port: 8100 }, {
 *   tls: { ca: await Deno.readTextFile("server.pem") },
 *   signal: AbortSignal.timeout(10_000),
 * });
 * const channel = new Channel(transport);
 * ```
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const { tls, signal } = options;
  signal?.throwIfAborted();
  if (address.transport === "unix") {
    if (tls) throw new TypeError(`${formatAddress(address)}: a Unix socket has no TLS`);
    return await abortable(Deno.connect({ transport: "unix", path: address.path }), signal);
  }
  if (tls) return await encrypted(address.hostname || "127.0.0.1", address.port, tls, signal);
  const conn = await abortable(
    Deno.connect({ hostname: address.hostname || "127.0.0.1", port: address.port, signal }),
    signal,
  );
  conn.setNoDelay(true);
  return conn;
}

/** A connection, unless it comes after an abort: then it is closed. */
async function abortable<C extends Deno.Conn>(connecting: Promise<C>, signal?: AbortSignal): Promise<C> {
  let conn: C;
  try {
    conn = await connecting;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
  if (signal?.aborted) {
    conn.close();
    throw signal.reason;
  }
  return conn;
}

async function encrypted(
  hostname: string,
  port: number,
  tls: TlsClientOptions,
  signal?: AbortSignal,
): Promise<Transport> {
  const expected = tls.serverHostname ?? hostname;
  // What is wrong with the options shows before anything is opened.
  const identity = tls.certificate === undefined
    ? undefined
    : readIdentity(tls.certificate, tls.key, tls.password);
  const trusted = tls.ca === undefined ? undefined : readTrusted(tls.ca);
  const raw = await connected(connectTcp({ host: hostname, port, noDelay: true }), "connect", signal);
  const socket = connectTls({
    socket: raw,
    ca: trusted ? [...trusted] : getCACertificates("system"),
    cert: identity?.certificate,
    key: identity?.key,
    servername: isIP(expected) ? "" : expected,
    checkServerIdentity: tls.checkHostname === false
      ? () => undefined
      : (_, certificate) => checkServerIdentity(expected, certificate),
    minVersion: "TLSv1.2",
  });
  await connected(
    socket,
    "secureConnect",
    signal,
    () => checkPeer(socket, "server", trusted?.map((pem) => new X509Certificate(pem))),
  );
  return new TlsTransport(socket, raw);
}

/**
 * Waits for an event of a socket that says that it is ready.
 *
 * Where something else comes first, it rejects only when the socket is gone: nothing is left open behind the caller.
 */
async function connected<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal?: AbortSignal,
  check: () => void = () => {},
): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  let failure: unknown;
  const fail = (reason: unknown) => {
    failure ??= reason;
    socket.destroy();
  };
  const abort = () => fail(signal!.reason);
  const failed = (error: Error) => fail(connectionError(error));
  const gone = () =>
    reject(failure ?? new Deno.errors.ConnectionReset("the server ended the connection in the handshake"));
  const ready = () => {
    if (failure !== undefined) return;
    try {
      check();
      resolve(socket);
    } catch (error) {
      fail(error);
    }
  };
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  socket.on("error", failed).on("close", gone).on(event, ready);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    // The listener for errors stays: without any, one that comes late would end the process.
    socket.off("close", gone).off(event, ready);
  }
}

/**
 * What a client storage can be told, with the original's meaning and defaults.
 *
 * @module
 */

import { DEFAULT_CACHE_SIZE, FileRecordCache, MemoryRecordCache, type RecordCache } from "../cache/mod.ts";
import { type Address, type ChannelLimits, formatAddress, type TlsClientOptions } from "../protocol/mod.ts";
import type { ConflictResolver } from "../storage/mod.ts";
import type { ConnectionSettings } from "./server_connection.ts";

/**
 * Where a server is: a port of this machine, `"host:port"`, a host name and a port, or the path of a Unix socket, which
 * has a slash in it.
 */
export type ClientAddress =
  | number
  | string
  | { readonly hostname?: string; readonly port: number }
  | { readonly path: string };

/** How a client storage is made. Times are seconds, sizes bytes. */
export interface ClientOptions {
  /** The storage's id on the server; `"1"`. */
  readonly storage?: string;
  /** What it is called in messages; its addresses unless told otherwise. */
  readonly name?: string;
  /** A short text that the server's log shows for this client. */
  readonly clientLabel?: string;
  /** Bytes that the cache of records may take; 20 MB. */
  readonly cacheSize?: number;
  /**
   * The cache of records: a file that outlives this client, or an object, which is closed with the storage. In memory
   * unless told otherwise. With the environment variable `ZEO_CACHE_TRACE` set, to anything, what is asked of a file is
   * traced in `PATH.trace`, for `scripts/cache`.
   */
  readonly cache?: string | RecordCache;
  /** A directory for blobs; without one there are none. */
  readonly blobDir?: string;
  /** Whether `blobDir` is the server's own directory, and not a cache. */
  readonly sharedBlobDir?: boolean;
  /** Bytes that the cache of blobs may take; any number unless told otherwise. */
  readonly blobCacheSize?: number;
  /** Per cent of `blobCacheSize` that are added between two looks at how much there is; 10. */
  readonly blobCacheSizeCheck?: number;
  /** Uses TLS: with the system's certificates (`true`), or as told. */
  readonly tls?: boolean | TlsClientOptions;
  /** The original's name for `tls`. */
  readonly ssl?: boolean | TlsClientOptions;
  /** The host name that the server's certificate must be for, where it isn't that of the address. Implies `checkHostname`. */
  readonly sslServerHostname?: string;
  /** Whether only to read. */
  readonly readOnly?: boolean;
  /** Whether a server that takes no changes will do while there is none that takes them; `readOnly` is ignored then. */
  readonly readOnlyFallback?: boolean;
  /** Whether `sync` asks the server, so that what was committed elsewhere before it is known after it. */
  readonly serverSync?: boolean;
  /** How long the first connection, and later any call, waits for a connection; 30. */
  readonly waitTimeout?: number;
  /** Whether `client` waits for the first connection; true. Without, calls wait for it. */
  readonly wait?: boolean;
  /** The time between two attempts to connect, at least; 1. A random part, as long at most, comes on top. */
  readonly disconnectPoll?: number;
  /**
   * What becomes of a server that knows of fewer transactions than the cache, as after the restore of a backup: the cache is
   * moved aside (a file to `PATH.behind`; `"discard"`), or the server is refused. `"discard"` unless told otherwise.
   */
  readonly onServerBehind?: "discard" | "refuse";
  /** The time between two signs of life on a connection where nothing else happens; 60. */
  readonly heartbeat?: number;
  /** Resolves conflicts where the server leaves that to clients; the classes that ZODB resolves itself unless told otherwise. */
  readonly conflictResolver?: ConflictResolver;
  /** Bounds of the connection. */
  readonly limits?: Partial<Pick<ChannelLimits, "message" | "buffered">>;
  /** Gives up waiting for the first connection. */
  readonly signal?: AbortSignal;
}

/** How long a server may take to register a client, in milliseconds. */
const PATIENCE = 30_000;

/** The environment variable that asks for traces. */
const TRACE = "ZEO_CACHE_TRACE";

/** A server's message may be as long as a record, of which it has no bound. */
const LONGEST_MESSAGE = 1 << 30;

/** Who makes very many calls at once is not cut off for it. */
const MOST_BUFFERED = 1 << 30;

/** The addresses that were meant. @throws {RangeError} when there are none, or one is none. */
export function parseAddresses(address: ClientAddress | readonly ClientAddress[]): Address[] {
  const addresses = (Array.isArray(address) ? address : [address]) as readonly ClientAddress[];
  if (addresses.length === 0) throw new RangeError("no address: expected one at least");
  return addresses.map(parseAddress);
}

function parseAddress(address: ClientAddress): Address {
  if (typeof address === "number") return tcp("127.0.0.1", address, address);
  if (typeof address === "object") {
    return "path" in address
      ? unix(address.path)
      : tcp(address.hostname ?? "127.0.0.1", address.port, address.port);
  }
  if (address.includes("/")) return unix(address);
  const found = address.match(/^(?:(.*):)?(\d+)$/);
  if (!found) {
    const expected = `a port, "host:port", or a path with a slash`;
    throw new RangeError(`address ${JSON.stringify(address)}: expected ${expected}`);
  }
  return tcp((found[1] ?? "").replace(/^\[(.*)\]$/, "$1") || "127.0.0.1", Number(found[2]), address);
}

function unix(path: string): Address {
  if (path === "") throw new RangeError("the path of a Unix socket is empty");
  return { transport: "unix", path };
}

function tcp(hostname: string, port: number, given: unknown): Address {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RangeError(`address ${JSON.stringify(given)}: expected a port from 1 to 65535`);
  }
  return { transport: "tcp", hostname, port };
}

/** A time in milliseconds. @throws {RangeError} when it is none. */
export function milliseconds(name: string, seconds: number | undefined, otherwise: number): number {
  const value = seconds ?? otherwise;
  if (!(value >= 0) || value > 1e6) {
    throw new RangeError(`${name} ${value}: expected seconds, for example ${otherwise}`);
  }
  return value * 1000;
}

/** How to connect. */
export function connectionSettings(options: ClientOptions): ConnectionSettings {
  const heartbeat = milliseconds("heartbeat", options.heartbeat, 60);
  if (heartbeat === 0) throw new RangeError("heartbeat 0: expected seconds, for example 60");
  return {
    storage: options.storage ?? "1",
    readOnly: options.readOnlyFallback ? "fallback" : options.readOnly ?? false,
    tls: tlsOptions(options),
    limits: {
      message: options.limits?.message ?? LONGEST_MESSAGE,
      buffered: options.limits?.buffered ?? MOST_BUFFERED,
      alwaysRead: true,
    },
    heartbeat,
    patience: PATIENCE,
    lenient: new Map(),
  };
}

function tlsOptions({ tls, ssl, sslServerHostname }: ClientOptions): TlsClientOptions | undefined {
  const given = tls ?? ssl;
  if (!given) {
    if (sslServerHostname === undefined) return undefined;
    throw new RangeError(`sslServerHostname ${JSON.stringify(sslServerHostname)}: there is no tls`);
  }
  const plain = given === true ? {} : given;
  if (sslServerHostname === undefined) return plain;
  return { ...plain, serverHostname: sslServerHostname, checkHostname: true };
}

/** Opens the cache of records. @throws {RangeError} when its size is none, and what opening its file throws. */
export function openCache({ cache, cacheSize }: ClientOptions): RecordCache {
  if (typeof cache === "object") return cache;
  const size = cacheSize ?? DEFAULT_CACHE_SIZE;
  if (!Number.isInteger(size) || size < 0) throw new RangeError(`cacheSize ${size}: expected bytes`);
  if (cache === undefined) return new MemoryRecordCache({ size });
  return FileRecordCache.open(cache, { size, trace: traceWanted() });
}

/** As in the original. A variable that may not be read counts as unset; asking first keeps Deno from prompting. */
function traceWanted(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: TRACE });
  return state === "granted" && Boolean(Deno.env.get(TRACE));
}

/** What a client is called that was given no name. */
export function describeAddresses(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(", ");
}

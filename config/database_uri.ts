/**
 * Databases named by a URI, with the names and defaults of Python's `zodburi`.
 *
 *   zeo://host:port/storage?option=value&…       a server; port 9991 unless told otherwise
 *   zeo://[::1]:port · zeo:///path/to/socket
 *   file:///path/to/Data.fs?option=value&…
 *   memory://name?option=value&…
 *   zconfig:///path/to/zodb.conf#name
 *
 * Options that begin with `connection_`, and `database_name`, are those of the database; all others the storage's.
 *
 * @module
 */

import {
  boolean,
  byteSize,
  type Datatype,
  DatatypeError,
  integer,
  restricted,
  string,
  timeInterval,
} from "./datatypes.ts";
import { loadDatabaseConfiguration, type ZodbSection } from "./database_configuration.ts";
import { ConfigurationError, type Position } from "./errors.ts";
import { type ConfigurationHost, configurationHost } from "./host.ts";
import type { ConfigurationOptions } from "./server_configuration.ts";
import type { SocketAddress } from "./socket_address.ts";
import type {
  BlobStorageSection,
  DemoStorageSection,
  FileStorageSection,
  StorageSection,
} from "./storage_sections.ts";

/** The port of a server where the URI has none. */
const DEFAULT_PORT = 9991;

/** As in Python: 1, 0 and what configurations take. */
const flag: Datatype<boolean> = {
  expected: "1, 0, yes, true, on, no, false or off",
  convert: (text, host) => text === "1" ? true : text === "0" ? false : boolean.convert(text, host),
};

const percent = restricted(
  integer,
  "per cent as an integer from 0 to 99, for example 10",
  (n) => n >= 0 && n < 100,
);

type OptionTable = Readonly<Record<string, Datatype<unknown>>>;

/** What a table makes of the options that are there. */
type OptionValues<T extends OptionTable> = {
  [K in keyof T]?: T[K] extends Datatype<infer V> ? V : never;
};

const DATABASE_OPTIONS = {
  database_name: string,
  connection_cache_size: integer,
  connection_cache_size_bytes: byteSize,
  connection_pool_size: integer,
  connection_pool_timeout: timeInterval,
  connection_historical_pool_size: integer,
  connection_historical_cache_size: integer,
  connection_historical_cache_size_bytes: byteSize,
  connection_historical_timeout: timeInterval,
  connection_large_record_size: byteSize,
} satisfies OptionTable;

const ZEO_OPTIONS = {
  storage: string,
  name: string,
  client: string,
  var: string,
  cache_size: byteSize,
  blob_dir: string,
  shared_blob_dir: flag,
  blob_cache_size: byteSize,
  blob_cache_size_check: percent,
  client_label: string,
  read_only: flag,
  read_only_fallback: flag,
  server_sync: flag,
  wait: flag,
  wait_for_server_on_startup: flag,
  wait_timeout: integer,
  demostorage: flag,
  // The options from here on have no effect, as in Python.
  debug: flag,
  min_disconnect_poll: integer,
  max_disconnect_poll: integer,
  drop_cache_rather_verify: flag,
  username: string,
  password: string,
  realm: string,
} satisfies OptionTable;

const FILE_OPTIONS = {
  create: flag,
  read_only: flag,
  quota: byteSize,
  blobstorage_dir: string,
  blobstorage_layout: string,
  demostorage: flag,
} satisfies OptionTable;

const MEMORY_OPTIONS = {} satisfies OptionTable;

/** A URI, taken apart. */
interface ParsedUri {
  readonly uri: string;
  readonly scheme: string;
  /** What is between `//` and the next `/`, `?` or `#`. */
  readonly authority: string;
  readonly path: string;
  readonly options: ReadonlyMap<string, string>;
  readonly fragment: string;
}

/** What errors call a URI: it may have passwords in it, and they end up in logs. */
function positionOf(uri: string): Position {
  const shown = uri.replace(/(:\/\/[^/?#@]*:)[^/?#@]*@/, "$1…@").replace(/([?&]password=)[^&#]*/g, "$1…");
  return { file: shown, line: 0 };
}

function problem(uri: string, text: string, key?: string, value?: string): ConfigurationError {
  return new ConfigurationError(positionOf(uri), text, key === undefined ? undefined : { key, value });
}

function parse(uri: string): ParsedUri {
  const found = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(uri);
  if (!found) throw problem(uri, "expected a URI, for example zeo://localhost:8100");
  const [, scheme, authority, path, query = "", fragment = ""] = found;
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    // An option without a value counts as not there.
    if (value !== "") options.set(name, value);
  }
  return { uri, scheme: scheme.toLowerCase(), authority, path, options, fragment };
}

function readOptions<T extends OptionTable>(
  { uri, options }: ParsedUri,
  table: T,
  host: ConfigurationHost,
): OptionValues<T & typeof DATABASE_OPTIONS> {
  const known: OptionTable = { ...table, ...DATABASE_OPTIONS };
  const values: Record<string, unknown> = {};
  for (const [name, text] of options) {
    if (!Object.hasOwn(known, name)) {
      throw problem(uri, `unknown option: expected one of ${Object.keys(known).join(", ")}`, name, text);
    }
    try {
      values[name] = known[name].convert(text, host);
    } catch (error) {
      if (!(error instanceof DatatypeError)) throw error;
      const detail = error.message === "" ? "" : `; ${error.message}`;
      throw problem(uri, `expected ${known[name].expected}${detail}`, name, text);
    }
  }
  return values as OptionValues<T & typeof DATABASE_OPTIONS>;
}

function database(
  uri: string,
  values: OptionValues<typeof DATABASE_OPTIONS>,
  storage: StorageSection,
): ZodbSection {
  return {
    position: positionOf(uri),
    databaseName: values.database_name ?? "unnamed",
    storage,
    cacheSize: values.connection_cache_size ?? 10_000,
    cacheSizeBytes: values.connection_cache_size_bytes ?? 0,
    largeRecordSize: values.connection_large_record_size ?? 1 << 24,
    poolSize: values.connection_pool_size ?? 7,
    poolTimeout: values.connection_pool_timeout,
    historicalPoolSize: values.connection_historical_pool_size ?? 3,
    historicalCacheSize: values.connection_historical_cache_size ?? 1000,
    historicalCacheSizeBytes: values.connection_historical_cache_size_bytes ?? 0,
    historicalTimeout: values.connection_historical_timeout ?? 300,
    allowImplicitCrossReferences: true,
  };
}

/** The storage as what changes are put beside. */
function demo(base: StorageSection): DemoStorageSection {
  return { type: "demostorage", name: "", position: base.position, base };
}

function zeoAddress(parsed: ParsedUri): SocketAddress {
  const { uri, authority, path } = parsed;
  if (authority === "") {
    if (path === "" || path === "/") throw problem(uri, "expected a host, or the path of a socket");
    return { kind: "unix", path: decode(parsed, path) };
  }
  const found = /^(?:.*@)?(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(authority);
  const port = found?.[3] ? Number(found[3]) : DEFAULT_PORT;
  if (!found || port < 1 || port > 65_535) {
    throw problem(
      uri,
      `address ${JSON.stringify(authority)}: expected host:port, with a port from 1 to 65535`,
    );
  }
  const host = (found[1] ?? found[2]).toLowerCase() || "127.0.0.1";
  return { kind: "tcp", host, port, ipv6: host.includes(":") };
}

/** In a URI's path, `%20` is a space. */
function decode({ uri }: ParsedUri, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw problem(uri, `${JSON.stringify(text)}: expected two hexadecimal digits after each %`);
  }
}

function zeoStorageName(parsed: ParsedUri, option: string | undefined): string {
  const { uri, authority, path } = parsed;
  const fromPath = authority === "" ? "" : decode(parsed, path.replace(/^\//, ""));
  if (fromPath !== "" && option !== undefined && fromPath !== option) {
    throw problem(
      uri,
      `the path says storage ${JSON.stringify(fromPath)}: expected one of them`,
      "storage",
      option,
    );
  }
  return option ?? (fromPath === "" ? "1" : fromPath);
}

function zeo(parsed: ParsedUri, host: ConfigurationHost): ZodbSection {
  const values = readOptions(parsed, ZEO_OPTIONS, host);
  const storage = zeoStorageName(parsed, values.storage);
  const { client } = values;
  const section: StorageSection = {
    type: "clientstorage",
    name: "",
    position: positionOf(parsed.uri),
    servers: [zeoAddress(parsed)],
    storage,
    cacheSize: values.cache_size ?? 20 << 20,
    cachePath: client === undefined ? undefined : `${values.var ?? "."}/${client}-${storage}.zec`,
    blobDir: values.blob_dir,
    sharedBlobDir: values.shared_blob_dir ?? false,
    blobCacheSize: values.blob_cache_size,
    blobCacheSizeCheck: values.blob_cache_size_check,
    readOnly: values.read_only ?? false,
    readOnlyFallback: values.read_only_fallback ?? false,
    clientLabel: values.client_label,
    label: values.name ?? "",
    serverSync: values.server_sync ?? false,
    waitTimeout: values.wait_timeout ?? 30,
    wait: values.wait ?? values.wait_for_server_on_startup ?? true,
  };
  return database(parsed.uri, values, values.demostorage ? demo(section) : section);
}

function file(parsed: ParsedUri, host: ConfigurationHost): ZodbSection {
  const values = readOptions(parsed, FILE_OPTIONS, host);
  const path = decode(parsed, parsed.authority + parsed.path);
  if (path === "") throw problem(parsed.uri, "expected the path of a Data.fs");
  const position = positionOf(parsed.uri);
  const plain: FileStorageSection = {
    type: "filestorage",
    ...{ name: "", position, path },
    create: values.create ?? false,
    readOnly: values.read_only ?? false,
    quota: values.quota,
    packGc: true,
    packKeepOld: true,
  };
  const blobDir = values.blobstorage_dir, layout = values.blobstorage_layout;
  if (layout !== undefined && layout !== "automatic") {
    throw problem(
      parsed.uri,
      "expected automatic: the directory says its layout",
      "blobstorage_layout",
      layout,
    );
  }
  const section: FileStorageSection | BlobStorageSection = blobDir === undefined
    ? plain
    : { type: "blobstorage", name: "", position, blobDir, base: plain };
  return database(parsed.uri, values, values.demostorage ? demo(section) : section);
}

function memory(parsed: ParsedUri, host: ConfigurationHost): ZodbSection {
  const values = readOptions(parsed, MEMORY_OPTIONS, host);
  const label = decode(parsed, parsed.authority + parsed.path);
  return database(parsed.uri, values, {
    type: "mappingstorage",
    name: "",
    position: positionOf(parsed.uri),
    label,
  });
}

function zconfig(parsed: ParsedUri, options: ConfigurationOptions): ZodbSection {
  for (const [name, value] of parsed.options) {
    throw problem(parsed.uri, "unknown option: the configuration file has them all", name, value);
  }
  const path = decode(parsed, parsed.authority + parsed.path);
  const { databases } = loadDatabaseConfiguration(path, options);
  const name = decode(parsed, parsed.fragment).toLowerCase();
  if (name === "") return databases[0];
  const found = databases.find(({ databaseName }) => databaseName.toLowerCase() === name);
  if (found) return found;
  const names = databases.map(({ databaseName }) => JSON.stringify(databaseName)).join(", ");
  throw problem(parsed.uri, `no <zodb> section ${JSON.stringify(name)}: expected one of ${names}`);
}

/**
 * What a URI says of a database.
 *
 * @throws {ConfigurationError} which names the option that is wrong, and what was expected.
 *
 * @example
 * ```ts
 * import { parseDatabaseUri } from "./mod.ts";
 *
 * const { storage } = parseDatabaseUri("zeo://localhost:8100/main?wait_timeout=5&cache_size=100MB");
 * ```
 */
export function parseDatabaseUri(uri: string, options: ConfigurationOptions = {}): ZodbSection {
  const parsed = parse(uri);
  const host = configurationHost(options);
  switch (parsed.scheme) {
    case "zeo":
      return zeo(parsed, host);
    case "file":
      return file(parsed, host);
    case "memory":
      return memory(parsed, host);
    case "zconfig":
      return zconfig(parsed, options);
  }
  throw problem(uri, `scheme ${JSON.stringify(parsed.scheme)}: expected zeo, file, memory or zconfig`);
}

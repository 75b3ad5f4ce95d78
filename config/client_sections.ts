/**
 * `<zeoclient>` and `<clientstorage>`: storages that another server serves.
 *
 * @module
 */

import {
  boolean,
  byteSize,
  connectionAddress,
  existingDirpath,
  integer,
  restricted,
  string,
  wholeSeconds,
} from "./datatypes.ts";
import type { Position } from "./errors.ts";
import type { ConfigurationHost } from "./host.ts";
import { type KeyTable, optional, readKeys, readSections, required, several, withDefault } from "./schema.ts";
import type { SocketAddress } from "./socket_address.ts";
import type { ParsedSection } from "./syntax.ts";

/** `<ssl>` of a client. */
export interface ClientSslSection {
  /** Where the section starts. */
  readonly position: Position;
  /** PEM file with the client's certificate, and with its key if `key` isn't there. */
  readonly certificate: string;
  /** PEM file with the key. */
  readonly key?: string;
  /** A module and the function that it exports which gives the key's password: `./secrets.ts#password`. */
  readonly passwordFunction?: string;
  /** File with the key's password. */
  readonly passwordFile?: string;
  /** Environment variable with the key's password. */
  readonly passwordVariable?: string;
  /** File or directory of the certificates that the server is checked against; undefined for the system's. */
  readonly authenticate?: string;
  /** Whether the server's certificate must name the host. */
  readonly checkHostname: boolean;
  /** The name to look for in the server's certificate, instead of the host. */
  readonly serverHostname?: string;
}

/** Keys that `<zeoclient>` and `<clientstorage>` share. */
export interface ClientKeys {
  /** Name of the section: a storage's id on a server; empty for none. */
  readonly name: string;
  /** Where the section starts. */
  readonly position: Position;
  /** Where to find the server; one or more. */
  readonly servers: readonly SocketAddress[];
  /** Id of the storage on that server. */
  readonly storage: string;
  /** Bytes that the cache of records may take. */
  readonly cacheSize: number;
  /** Directory for blobs. */
  readonly blobDir?: string;
  /** Whether that directory is the server's own. */
  readonly sharedBlobDir: boolean;
  /** Bytes that cached blobs may take. */
  readonly blobCacheSize?: number;
  /** By how many per cent of that size blobs are written between two looks at how much they take. */
  readonly blobCacheSizeCheck?: number;
  /** Whether to make no changes. */
  readonly readOnly: boolean;
  /** Whether a server that takes no changes will do. */
  readonly readOnlyFallback: boolean;
  /** What the server's log calls this client. */
  readonly clientLabel?: string;
  /** What this client's own log calls it; empty for its address. */
  readonly label: string;
}

/** `<clientstorage>`: a storage that another server serves. Known after `%import ZEO`. */
export interface ClientStorageSection extends ClientKeys {
  /** The type of the section. */
  readonly type: "clientstorage";
  /** File of the cache; undefined for a temporary one. */
  readonly cachePath?: string;
  /** Whether to ask the server for what is new at the start of each transaction. */
  readonly serverSync: boolean;
  /** Seconds to wait for the first connection, and later for any. */
  readonly waitTimeout: number;
  /** Whether to wait for the first connection; true unless told otherwise. No key says so, but URIs do. */
  readonly wait?: boolean;
  /** How the connection is encrypted; undefined for not at all. */
  readonly ssl?: ClientSslSection;
}

/** `<zeoclient>`: the older section for the same. */
export interface ZeoClientSection extends ClientKeys {
  /** The type of the section. */
  readonly type: "zeoclient";
  /** Name of a cache that is kept; undefined for a temporary one. */
  readonly client?: string;
  /** Directory for the cache. */
  readonly var?: string;
  /** Whether to wait for the first connection. */
  readonly wait: boolean;
  /** Has no effect. */
  readonly minDisconnectPoll: number;
  /** Has no effect. */
  readonly maxDisconnectPoll: number;
  /** Has no effect. */
  readonly username?: string;
  /** Has no effect. */
  readonly password?: string;
  /** Has no effect. */
  readonly realm?: string;
  /** Has no effect. */
  readonly dropCacheRatherVerify: boolean;
}

const CLIENT_KEYS = {
  "server": several(connectionAddress),
  "blob-dir": optional(string),
  "shared-blob-dir": withDefault(boolean, "no"),
  "blob-cache-size": optional(byteSize),
  "blob-cache-size-check": optional(
    restricted(integer, "per cent as an integer from 0 to 99, for example 10", (n) => n >= 0 && n < 100),
  ),
  "storage": withDefault(string, "1"),
  "cache-size": withDefault(byteSize, "20MB"),
  "name": withDefault(string, ""),
  "read-only": withDefault(boolean, "off"),
  "read-only-fallback": withDefault(boolean, "off"),
  "client-label": optional(string),
} satisfies KeyTable;

const ZEOCLIENT_KEYS = {
  ...CLIENT_KEYS,
  "client": optional(string),
  "var": optional(string),
  "min-disconnect-poll": withDefault(wholeSeconds, "5"),
  "max-disconnect-poll": withDefault(wholeSeconds, "300"),
  "wait": withDefault(boolean, "on"),
  "username": optional(string),
  "password": optional(string),
  "realm": optional(string),
  "drop-cache-rather-verify": withDefault(boolean, "off"),
} satisfies KeyTable;

const CLIENTSTORAGE_KEYS = {
  ...CLIENT_KEYS,
  "cache-path": optional(string),
  "server-sync": withDefault(boolean, "off"),
  "wait-timeout": withDefault(wholeSeconds, "30"),
} satisfies KeyTable;

const SSL_KEYS = {
  "certificate": required(existingDirpath),
  "key": optional(existingDirpath),
  "password-function": optional(string),
  "authenticate": optional(existingDirpath),
  "check-hostname": withDefault(boolean, "true"),
  "server-hostname": optional(string),
  // The keys from here on are ours: the original refuses them.
  "password-file": optional(existingDirpath),
  "password-variable": optional(string),
} satisfies KeyTable;

function readSsl(section: ParsedSection, host: ConfigurationHost): ClientSslSection {
  readSections(section, {});
  return { position: section.position, ...readKeys(section, SSL_KEYS, host) };
}

/** What a `<zeoclient>` section says. Throws {@link ConfigurationError}. */
export function readZeoClient(section: ParsedSection, host: ConfigurationHost): ZeoClientSection {
  readSections(section, {});
  const { server, name, ...values } = readKeys(section, ZEOCLIENT_KEYS, host);
  return {
    type: "zeoclient",
    name: section.name ?? "",
    position: section.position,
    servers: server,
    label: name,
    ...values,
  };
}

/** What a `<clientstorage>` section says. Throws {@link ConfigurationError}. */
export function readClientStorage(section: ParsedSection, host: ConfigurationHost): ClientStorageSection {
  const { ssl: [ssl] } = readSections(section, {
    ssl: { noun: "<ssl>", types: ["ssl"], least: 0, most: 1 },
  });
  const { server, name, ...values } = readKeys(section, CLIENTSTORAGE_KEYS, host);
  return {
    type: "clientstorage",
    name: section.name ?? "",
    position: section.position,
    servers: server,
    label: name,
    ...values,
    ssl: ssl === undefined ? undefined : readSsl(ssl, host),
  };
}

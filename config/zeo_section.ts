/**
 * `<zeo>`: how the server serves, and `<ssl>` in it.
 *
 * @module
 */

import {
  bindingAddress,
  boolean,
  byteSize,
  connectionAddress,
  described,
  existingDirpath,
  integer,
  restricted,
  seconds,
  string,
  wholeSeconds,
} from "./datatypes.ts";
import type { Position } from "./errors.ts";
import type { ConfigurationHost } from "./host.ts";
import {
  anyNumber,
  type KeyTable,
  optional,
  readKeys,
  readSections,
  required,
  sectionError,
  withDefault,
} from "./schema.ts";
import type { SocketAddress } from "./socket_address.ts";
import type { ParsedSection } from "./syntax.ts";

/** `<ssl>` of a server: clients must show a certificate. */
export interface ServerSslSection {
  /** Where the section starts. */
  readonly position: Position;
  /** PEM file with the server's certificate, and with its key if `key` isn't there. */
  readonly certificate: string;
  /** PEM file with the key. */
  readonly key?: string;
  /** A module and the function that it exports which gives the key's password: `./secrets.ts#password`. */
  readonly passwordFunction?: string;
  /** File with the key's password. */
  readonly passwordFile?: string;
  /** Environment variable with the key's password. */
  readonly passwordVariable?: string;
  /**
   * File or directory of the certificates that clients are checked against; `DYNAMIC` for none. In a directory, only
   * those with hashed names are looked at, as `openssl rehash` makes them.
   */
  readonly authenticate: string;
}

/** `<zeo>`: how the server serves. */
export interface ZeoSection {
  /** Where the section starts. */
  readonly position: Position;
  /** Where to listen. Without a port, any free one. */
  readonly address: SocketAddress;
  /** Whether to refuse all changes. */
  readonly readOnly: boolean;
  /** How many transactions are remembered for clients that come back. */
  readonly invalidationQueueSize: number;
  /** How old, in seconds, a client may be that is told what it missed by looking through the storage. */
  readonly invalidationAge?: number;
  /**
   * Seconds that a transaction may take from its vote to its end, 0 for any time; undefined where nothing is said about
   * it: then it is {@linkcode DEFAULT_TRANSACTION_TIMEOUT}.
   */
  readonly transactionTimeout?: number;
  /** File that the process id is written to. */
  readonly pidFilename?: string;
  /** Whether clients resolve conflicts, instead of the server. */
  readonly clientConflictResolution: boolean;
  /** Whether messages are msgpack, instead of pickles. */
  readonly msgpack: boolean;
  /** Longest message taken from a client, in bytes. */
  readonly maxMessageSize: number;
  /** How many bytes may wait to be sent to one client. */
  readonly maxBuffered: number;
  /**
   * Where monitoring listens, over HTTP and without authentication. Without a host, on this machine only; without a
   * port, on any free one.
   */
  readonly monitor?: SocketAddress;
  /** Modules that say how conflicts of more classes are resolved. */
  readonly conflictResolver: readonly string[];
  /** Seconds that transactions which have voted may take to finish when the server is told to stop. */
  readonly stopTimeout: number;
  /** How many clients may be connected at a time. */
  readonly maxConnections: number;
  /** How connections are encrypted; undefined for not at all. */
  readonly ssl?: ServerSslSection;
}

/** Seconds that a transaction may take where the configuration says nothing about it. */
export const DEFAULT_TRANSACTION_TIMEOUT = 30;

const positiveSize = restricted(
  byteSize,
  "bytes as a positive integer, with or without KB, MB or GB, for example 64MB",
  (bytes) => bytes > 0,
);

const ZEO_KEYS = {
  "address": required(bindingAddress),
  "read-only": withDefault(boolean, "false"),
  "invalidation-queue-size": withDefault(
    described(integer, "a number of transactions as an integer, for example 100"),
    "100",
  ),
  "invalidation-age": optional(seconds),
  "transaction-timeout": optional(wholeSeconds),
  "pid-filename": optional(existingDirpath),
  "client-conflict-resolution": withDefault(boolean, "false"),
  "msgpack": optional(boolean),
  // The keys from here on are ours: the original refuses them.
  "max-message-size": withDefault(positiveSize, "64MB"),
  "max-buffered": withDefault(positiveSize, "64MB"),
  // Whoever connects is not asked who that is: unless told otherwise, this machine only.
  "monitor": optional(connectionAddress),
  "conflict-resolver": anyNumber(string),
  "stop-timeout": withDefault(
    restricted(seconds, "seconds as a number of at least 0, for example 5", (count) => count >= 0),
    "5",
  ),
  "max-connections": withDefault(
    restricted(integer, "a positive integer, for example 1000", (n) => n > 0),
    "10000",
  ),
} satisfies KeyTable;

const SSL_KEYS = {
  "certificate": required(existingDirpath),
  "key": optional(existingDirpath),
  "password-function": optional(string),
  "authenticate": required(string),
  // The keys from here on are ours: the original refuses them.
  "password-file": optional(existingDirpath),
  "password-variable": optional(string),
} satisfies KeyTable;

const PASSWORD_KEYS = ["password-function", "password-file", "password-variable"] as const;

function readSsl(section: ParsedSection, host: ConfigurationHost): ServerSslSection {
  readSections(section, {});
  const values = readKeys(section, SSL_KEYS, host);
  const passwords = PASSWORD_KEYS.filter((name) => section.keys.some((key) => key.name === name));
  if (passwords.length > 1) {
    throw sectionError(section, `expected only one of ${passwords.join(" and ")}`);
  }
  return { position: section.position, ...values };
}

/** Whether the environment asks for msgpack where a configuration doesn't say. */
export function msgpackByDefault(host: ConfigurationHost): boolean {
  return (host.environment("ZEO_MSGPACK") ?? "") !== "";
}

/** What a `<zeo>` section says. Throws {@link ConfigurationError}. */
export function readZeoSection(section: ParsedSection, host: ConfigurationHost): ZeoSection {
  const { ssl: [ssl] } = readSections(section, {
    ssl: { noun: "<ssl>", types: ["ssl"], least: 0, most: 1 },
  });
  const values = readKeys(section, ZEO_KEYS, host);
  return {
    position: section.position,
    ...values,
    msgpack: values.msgpack ?? msgpackByDefault(host),
    ssl: ssl === undefined ? undefined : readSsl(ssl, host),
  };
}

/** What `<zeo>` says where it names nothing but an address. */
export function defaultZeoSection(
  address: SocketAddress,
  position: Position,
  host: ConfigurationHost,
): ZeoSection {
  const { address: _, ...keys } = ZEO_KEYS;
  const nothing: ParsedSection = { type: "zeo", position, imported: new Set(), keys: [], sections: [] };
  const values = readKeys(nothing, keys, host);
  return { position, address, ...values, msgpack: msgpackByDefault(host) };
}

/**
 * The configuration of a client: one or more `<zodb>`, each with its storage.
 *
 * @module
 */

import { boolean, byteSize, described, dottedName, integer, string, timeInterval } from "./datatypes.ts";
import type { Position } from "./errors.ts";
import { type ConfigurationHost, configurationHost } from "./host.ts";
import { applyOverrides } from "./overrides.ts";
import { type KeyTable, optional, PACKAGE_NAMES, readKeys, readSections, withDefault } from "./schema.ts";
import { type ConfigurationOptions, readConfigurationFile } from "./server_configuration.ts";
import { readStorageSection, type StorageSection, storageSlot } from "./storage_sections.ts";
import { type ParsedSection, parseSyntax } from "./syntax.ts";

/** `<zodb>`: a database as an application opens it. */
export interface ZodbSection {
  /** Where the section starts. */
  readonly position: Position;
  /** The database's name among others that refer to it: `database-name`, or else the section's name, or else empty. */
  readonly databaseName: string;
  /** Where its objects are. */
  readonly storage: StorageSection;
  /** Objects that a connection's cache keeps. */
  readonly cacheSize: number;
  /** Bytes that a connection's cache keeps; 0 for any number. */
  readonly cacheSizeBytes: number;
  /** Bytes from which on a record is called large in the log. */
  readonly largeRecordSize: number;
  /** Connections that are kept open. */
  readonly poolSize: number;
  /** Seconds that an unused connection is kept; undefined for ever. */
  readonly poolTimeout?: number;
  /** Connections to the past that are kept open. */
  readonly historicalPoolSize: number;
  /** Objects that their caches keep. */
  readonly historicalCacheSize: number;
  /** Bytes that their caches keep; 0 for any number. */
  readonly historicalCacheSizeBytes: number;
  /** Seconds that an unused one is kept. */
  readonly historicalTimeout: number;
  /** Whether objects of other databases may be referred to without saying so first. */
  readonly allowImplicitCrossReferences: boolean;
  /** Dotted name of what finds classes; nothing of that name is ever loaded. */
  readonly classFactory?: string;
}

/** All that a client is told. */
export interface DatabaseConfiguration {
  /** At least one; the first is the one that is meant where one is. */
  readonly databases: readonly ZodbSection[];
  /** The file that it was read from; undefined for none. */
  readonly source?: string;
}

const objects = described(integer, "a number of objects as an integer, for example 5000");

const ZODB_KEYS = {
  "cache-size": withDefault(objects, "5000"),
  "cache-size-bytes": withDefault(byteSize, "0"),
  "large-record-size": withDefault(byteSize, "16MB"),
  "pool-size": withDefault(integer, "7"),
  "pool-timeout": optional(timeInterval),
  "historical-pool-size": withDefault(integer, "3"),
  "historical-cache-size": withDefault(objects, "1000"),
  "historical-cache-size-bytes": withDefault(byteSize, "0"),
  "historical-timeout": withDefault(timeInterval, "5m"),
  "database-name": optional(string),
  "allow-implicit-cross-references": withDefault(boolean, "true"),
  "class-factory": optional(dottedName),
} satisfies KeyTable;

function readZodbSection(section: ParsedSection, host: ConfigurationHost): ZodbSection {
  const { storage: [storage] } = readSections(section, { storage: storageSlot(1, 1) });
  const values = readKeys(section, ZODB_KEYS, host);
  return {
    position: section.position,
    ...values,
    databaseName: values.databaseName ?? section.name ?? "",
    storage: readStorageSection(storage, host),
  };
}

/**
 * What a client's configuration says.
 *
 * Throws {@link ConfigurationError} on the first mistake.
 *
 * @param file What positions call the text; `%include` looks for files beside it.
 */
export function parseDatabaseConfiguration(
  text: string,
  options: ConfigurationOptions = {},
  file = "zodb.conf",
): DatabaseConfiguration {
  const host = configurationHost(options);
  const parsed = parseSyntax(text, file, { host, packages: PACKAGE_NAMES });
  const root = applyOverrides(parsed, options.overrides ?? []);
  readKeys(root, {}, host);
  const { databases } = readSections(root, {
    databases: { noun: "a <zodb> section", types: ["zodb"], least: 1, most: Infinity },
  });
  return { databases: databases.map((section) => readZodbSection(section, host)) };
}

/**
 * What the configuration file of a client says.
 *
 * Throws {@link ConfigurationError} when it can't be read, and on its first mistake.
 *
 * @param location Path or `file:` URL.
 */
export function loadDatabaseConfiguration(
  location: string,
  options: ConfigurationOptions = {},
): DatabaseConfiguration {
  const { path, text } = readConfigurationFile(location, configurationHost(options));
  return { ...parseDatabaseConfiguration(text, options, path), source: path };
}

/**
 * What a text says that has one storage section and nothing around it.
 *
 * Throws {@link ConfigurationError} on the first mistake.
 */
export function readStorageText(text: string, options: ConfigurationOptions, file: string): StorageSection {
  const host = configurationHost(options);
  const parsed = parseSyntax(text, file, { host, packages: PACKAGE_NAMES });
  const root = applyOverrides(parsed, options.overrides ?? []);
  readKeys(root, {}, host);
  const { storage: [storage] } = readSections(root, { storage: storageSlot(1, 1) });
  return readStorageSection(storage, host);
}

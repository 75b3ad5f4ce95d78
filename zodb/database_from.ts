/**
 * Opening the databases that a configuration text, a file or a URI describes.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type ConfigurationOptions,
  loadDatabaseConfiguration,
  openStorage,
  parseDatabaseConfiguration,
  parseDatabaseUri,
  type ZodbSection,
} from "../config/mod.ts";
import { mergeWith } from "../storage/mod.ts";
import { conflictResolver } from "./class_resolvers.ts";
import { DB } from "./db.ts";
import type { DBOptions } from "./db_options.ts";

const log = getLogger(["zeo", "zodb"]);

/** How a description is read, and what it doesn't say about the database. */
export interface DatabaseFromOptions extends ConfigurationOptions, Pick<DBOptions, "classes" | "dicts"> {
  /** The databases that it can refer to, by name; all that are described add themselves. */
  readonly databases?: Map<string, DB>;
}

/**
 * Opens the databases that a configuration text describes: `<zodb>` sections, each with its storage.
 *
 * @param file What error messages call the text; `%include` looks for files beside it.
 * @returns The first one. Its `databases` has all, by their names; objects of one can refer to those of others. Each is
 * closed by itself.
 * @throws {ConfigurationError} which says where the mistake is, and what was expected; {@linkcode RangeError} when two have
 * one name; what opening their storages throws. Nothing is left open then.
 *
 * @example
 * ```ts
 * import { databaseFromString } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using db = await databaseFromString(`
 *   <zodb main>
 *     cache-size 1000
 *     <mappingstorage/>
 *   </zodb>
 * `);
 * assertEquals(db.databaseName, "main");
 * ```
 */
export async function databaseFromString(
  text: string,
  options: DatabaseFromOptions = {},
  file = "zodb.conf",
): Promise<DB> {
  return await openAll(parseDatabaseConfiguration(text, options, file).databases, options);
}

/**
 * Opens the databases that a configuration file describes. As {@linkcode databaseFromString}.
 *
 * @param location Path or `file:` URL.
 */
export async function databaseFromFile(location: string, options: DatabaseFromOptions = {}): Promise<DB> {
  return await openAll(loadDatabaseConfiguration(location, options).databases, options);
}

/**
 * Opens the database that a URI names: `zeo://localhost:8100`, `file:///var/Data.fs?cache_size=2000`, `memory://`, or
 * `zconfig:///etc/zodb.conf#main`. As {@linkcode databaseFromString}.
 *
 * @example
 * ```ts ignore
 * await using db = await databaseFromURL("zeo://localhost:8100?connection_cache_size=10000");
 * ```
 */
export async function databaseFromURL(
  uri: string | URL,
  options: DatabaseFromOptions = {},
): Promise<DB> {
  return await openAll([parseDatabaseUri(String(uri), options)], options);
}

async function openAll(sections: readonly ZodbSection[], options: DatabaseFromOptions): Promise<DB> {
  const { classes, dicts } = options, databases = options.databases ?? new Map<string, DB>();
  const opened: DB[] = [];
  try {
    for (const section of sections) {
      if (section.classFactory !== undefined) {
        log.warn(
          "{position}: class-factory is accepted and has no effect: classes are registered with registerClass",
          {
            position: `${section.position.file}:${section.position.line}`,
          },
        );
      }
      const { storage } = await openStorage(section.storage, { merge: mergeWith(conflictResolver(classes)) });
      try {
        opened.push(await DB.open(storage, { ...optionsOf(section), databases, classes, dicts }));
      } catch (error) {
        await storage.close();
        throw error;
      }
    }
  } catch (error) {
    for (const db of opened) await db.close();
    throw error;
  }
  return opened[0];
}

/** What a section says, in the words of a database. */
function optionsOf(section: ZodbSection): DBOptions {
  const milliseconds = (seconds: number | undefined) => seconds === undefined ? Infinity : seconds * 1000;
  return {
    databaseName: section.databaseName,
    crossReferences: section.allowImplicitCrossReferences,
    largeRecordSize: section.largeRecordSize,
    pool: { size: section.poolSize, timeout: milliseconds(section.poolTimeout) },
    cache: { objects: section.cacheSize, bytes: section.cacheSizeBytes },
    historicalPool: {
      size: section.historicalPoolSize,
      timeout: milliseconds(section.historicalTimeout),
    },
    historicalCache: { objects: section.historicalCacheSize, bytes: section.historicalCacheSizeBytes },
  };
}

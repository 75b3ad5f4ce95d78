/**
 * How databases are used.
 *
 * @module
 */

import type { ClassRegistry, DictStyle } from "./classes.ts";
import type { PoolLimits } from "./connection_pool.ts";
import type { DB } from "./db.ts";
import type { CacheLimits } from "./object_cache.ts";
import type { RetryOptions } from "./transaction/transaction_manager.ts";

/** How a database is used. */
export interface DBOptions {
  /** Its name among several; `unnamed`. */
  readonly databaseName?: string;
  /** The databases that it can refer to, by name; it adds itself. */
  readonly databases?: Map<string, DB>;
  /** Whether its objects may refer to those of other databases; true. */
  readonly crossReferences?: boolean;
  /** How many connections are kept; 7, for as long as the database is open. */
  readonly pool?: Partial<PoolLimits>;
  /** What each connection's cache holds; 400 objects, and any number of bytes. */
  readonly cache?: Partial<CacheLimits>;
  /** How many historical connections are kept; 3, for 5 minutes. */
  readonly historicalPool?: Partial<PoolLimits>;
  /** What a historical connection's cache holds; 1,000 objects, and any number of bytes. */
  readonly historicalCache?: Partial<CacheLimits>;
  /** Bytes from which on a record is worth a warning; 16 MiB. */
  readonly largeRecordSize?: number;
  /** How dicts in states are read; `map`. */
  readonly dicts?: DictStyle;
  /** The classes that it knows; those of `registerClass`. */
  readonly classes?: ClassRegistry;
}

/** How a transaction of its own is run. */
export interface TransactOptions extends RetryOptions {
  /** What for; stored with it. */
  readonly note?: string;
}

/** What holds where nothing is said; times are milliseconds. */
export const DEFAULTS = {
  pool: { size: 7, timeout: Infinity },
  cache: { objects: 400, bytes: 0 },
  historicalPool: { size: 3, timeout: 300_000 },
  historicalCache: { objects: 1000, bytes: 0 },
  largeRecordSize: 1 << 24,
} as const;

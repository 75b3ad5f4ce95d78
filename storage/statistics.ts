/**
 * What a storage knows of its own work, for who watches over it.
 *
 * @module
 */

import type { Histogram } from "../values/mod.ts";
import type { PackProgress, PackResult } from "./pack.ts";
import type { Storage } from "./storage.ts";

/** Records in memory. */
export interface RecordCacheStatistics {
  /** How many lookups found their record. */
  readonly hits: number;
  /** How many did not. */
  readonly misses: number;
  /** Bytes that the records take, overhead included. */
  readonly bytes: number;
}

/** Syncs: what makes commits durable. Several commits may share one. */
export interface SyncStatistics {
  /** How long each took, in seconds; failed ones included. */
  readonly seconds: Histogram;
  /** When the last one that is done began, as `performance.now()` says; 0 before the first. */
  readonly lastStart: number;
  /** When it was done. */
  readonly lastEnd: number;
}

/** A pack that is over. */
export interface PastPack {
  /** When it was over, in milliseconds since 1970. */
  readonly at: number;
  /** How long it took. */
  readonly seconds: number;
  /** What came of it. */
  readonly outcome: PackResult["outcome"] | "failed";
}

/** Packs since the storage was opened. */
export interface PackStatistics {
  /** Whether one is under way. */
  readonly running: boolean;
  /** How far that one is; undefined when it hasn't said so yet, or there is none. */
  readonly progress?: PackProgress;
  /** The last one that is over, if there was one. */
  readonly last?: PastPack;
  /** How many packs were done, those with nothing to drop included. */
  readonly done: number;
  /** How many failed or were given up. */
  readonly failed: number;
}

/** What a storage knows of its own work; nothing where a thing doesn't apply to it. */
export interface StorageStatistics {
  /** The records in memory. */
  readonly recordCache?: RecordCacheStatistics;
  /** The syncs. */
  readonly syncs?: SyncStatistics;
  /** The packs. */
  readonly packs?: PackStatistics;
  /**
   * Why it takes no changes although it should, in words: a sync has failed, the disk is full. Where that may be over
   * it tries, so this is to be asked now and then, not all the time.
   * @returns undefined when all is well.
   */
  fault(): string | undefined;
}

/** A storage that measures its work. */
export interface MeasuredStorage extends Storage {
  /** What it has measured; undefined for a wrapper around a storage that measures nothing. */
  readonly statistics: StorageStatistics | undefined;
}

/** What a storage has measured; undefined when it measures nothing. */
export function statisticsOf(storage: Storage): StorageStatistics | undefined {
  return (storage as Partial<MeasuredStorage>).statistics;
}

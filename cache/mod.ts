/**
 * The client's caches: records of objects, in memory or in a file that outlives the process.
 *
 * @module
 */

export type { CachedObject, CachedRevision, CacheStatistics, RecordCache } from "./record_cache.ts";
export {
  BlobCache,
  type BlobCacheOptions,
  type BlobCacheStatistics,
  type BlobFile,
  type FetchBlob,
} from "./blob_cache.ts";
export { cleanBlobCache, type CleaningOptions, type Removed } from "./blob_cache_cleaner.ts";
export type { BucketLocks } from "./blob_cache_locks.ts";
export {
  DEFAULT_CACHE_SIZE,
  MemoryRecordCache,
  type MemoryRecordCacheOptions,
} from "./memory_record_cache.ts";
export type { IndexedCache } from "./indexed_cache.ts";
export { FileRecordCache, type FileRecordCacheOptions } from "./file_record_cache.ts";
export { CacheFileError } from "./block_scan.ts";
export { type CachedAmount, type CacheFileReport, inspectCacheFile } from "./contents.ts";
export { type Simulated, type SimulatedKind, Simulation } from "./simulation.ts";
export { loadOutcome, readTrace, type TracedEvent, tracedOid } from "./trace_reader.ts";

/**
 * The counts behind a cache's statistics.
 *
 * @module
 */

/** Plain counts; `records`, `bytes` and `limit` of the statistics come from the cache itself. */
export class CacheCounters {
  hits = 0;
  memoryHits = 0;
  misses = 0;
  stores = 0;
  storedBytes = 0;
  evictions = 0;
  evictedBytes = 0;
  refused = 0;
  invalidations = 0;
  corrupt = 0;
}

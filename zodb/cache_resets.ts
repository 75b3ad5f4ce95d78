/**
 * Having all connections begin with empty caches, as after classes were registered anew.
 *
 * @module
 */

let resets = 0;

/** How often caches were reset. */
export function cacheResets(): number {
  return resets;
}

/** Has every connection that is opened from now on, of whatever database, begin with an empty cache. */
export function resetCaches(): void {
  resets++;
}

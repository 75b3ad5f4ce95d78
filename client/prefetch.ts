/**
 * Loading many objects at once.
 *
 * @module
 */

import { type Oid, POSKeyError } from "../values/mod.ts";
import type { LoadOver } from "./loads_in_flight.ts";

/** Loads that are under way at a time. */
const AT_ONCE = 1000;

/**
 * Loads objects, so many at a time that neither side has to wait for the other.
 * @param missing Whether an object has to be loaded at all.
 * @param load Begins to load one, and tells when that is over: later, never at once unless it has failed.
 * @returns When all are loaded; those that are not there don't count.
 */
export function prefetch(
  oids: Iterable<Oid>,
  missing: (oid: Oid) => boolean,
  load: (oid: Oid, over: LoadOver) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const next = oids[Symbol.iterator]();
  let active = 0, over = false;
  const fail = (error: unknown) => {
    reject(error);
    if (over) return;
    over = true;
    try {
      next.return?.();
    } catch {
      // The first error is the one that counts.
    }
  };
  const done = (error?: Error) => {
    active--;
    if (error && !(error instanceof POSKeyError)) fail(error);
    else more();
  };
  // It runs while an answer is handled: what the caller's iterator throws is not the connection's fault.
  const more = () => {
    try {
      while (!over && active < AT_ONCE) {
        const { done: end, value } = next.next();
        if (end) over = true;
        else if (missing(value)) {
          active++;
          load(value, done);
        }
      }
    } catch (error) {
      fail(error);
    }
    if (over && active === 0) resolve();
  };
  more();
  return promise;
}

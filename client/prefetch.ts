/**
 * Loading many objects at once.
 *
 * @module
 */

import { type Oid, POSKeyError } from "../values/mod.ts";

/** Loads that are under way at a time. */
const AT_ONCE = 1000;

/**
 * Loads objects, so many at a time that neither side has to wait for the other.
 * @param missing Whether an object has to be loaded at all.
 * @returns When all are loaded; those that are not there don't count.
 */
export function prefetch(
  oids: Iterable<Oid>,
  missing: (oid: Oid) => boolean,
  load: (oid: Oid) => Promise<unknown>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const next = oids[Symbol.iterator]();
  let active = 0, over = false;
  const done = () => {
    active--;
    more();
  };
  const failed = (error: unknown) => {
    if (!(error instanceof POSKeyError)) {
      over = true;
      next.return?.();
      reject(error);
    } else done();
  };
  const more = () => {
    while (!over && active < AT_ONCE) {
      const { done: end, value } = next.next();
      if (end) over = true;
      else if (missing(value)) {
        active++;
        load(value).then(done, failed);
      }
    }
    if (over && active === 0) resolve();
  };
  more();
  return promise;
}

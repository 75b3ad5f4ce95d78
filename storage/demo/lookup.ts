/**
 * Asking one storage, and then perhaps another, without a promise where both answer at once.
 *
 * @module
 */

import { type Awaitable, isPromise, type Oid, POSKeyError, type Tid, when } from "../../values/mod.ts";
import type { Storage } from "../storage.ts";

/** What a call answers; the error as a value when there is no such object. */
export function orMissing<T>(call: () => Awaitable<T>): Awaitable<T | POSKeyError> {
  try {
    const answer = call();
    return isPromise(answer) ? answer.catch(missing) : answer;
  } catch (error) {
    return missing(error);
  }
}

function missing(error: unknown): POSKeyError {
  if (error instanceof POSKeyError) return error;
  throw error;
}

/** The newest revision of an object, one that says that it is gone included; undefined when it was never there. */
export function newestRevision(storage: Storage, oid: Oid): Awaitable<Tid | undefined> {
  return when(orMissing(() => storage.getTid(oid)), (tid) => {
    return tid instanceof POSKeyError ? newestRecord(storage, oid) : tid;
  });
}

/** The same, where it is known that the object isn't there now. */
export function newestRecord(storage: Storage, oid: Oid): Awaitable<Tid | undefined> {
  return when(
    orMissing(() => storage.history(oid, 1)),
    (revisions) => revisions instanceof POSKeyError ? undefined : revisions[0]?.tid,
  );
}

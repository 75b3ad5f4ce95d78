/**
 * What is asked of storages: what some can do beyond their interfaces, and how far they are.
 *
 * @module
 */

import type { Storage } from "../storage/mod.ts";
import { type Awaitable, type Oid, type Tid, tidTime } from "../values/mod.ts";

/** A storage that can fetch what will be loaded. */
export interface PrefetchingStorage extends Storage {
  /** Fetches objects as they were before a transaction. */
  prefetch(oids: readonly Oid[], before: Tid): Awaitable<void>;
}

/** Whether a storage can fetch what will be loaded. */
export function canPrefetch(storage: Storage): storage is PrefetchingStorage {
  return "prefetch" in storage;
}

/** A storage that can ask whether there is something new. */
export interface SyncingStorage extends Storage {
  /** Hears of all that others have committed until now. */
  sync(): Awaitable<void>;
}

/** Whether a storage can ask whether there is something new. */
export function canSync(storage: Storage): storage is SyncingStorage {
  return "sync" in storage;
}

/** A moment after all that is committed: ids of transactions may be ahead of the clock, and seconds are rounded. */
export function present(storage: Storage): Date {
  return new Date(Math.max(Date.now(), Math.ceil(tidTime(storage.lastTransaction())) + 1));
}

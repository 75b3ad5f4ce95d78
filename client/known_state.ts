/**
 * What a client knows of the database: everything up to one transaction, and nothing after it.
 *
 * All changes are made here, each in one go: first the cache, then those who observe, then the last transaction. So
 * nobody who sees a transaction can see what was before it, and a transaction is seen whole or not at all.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { RecordCache } from "../cache/mod.ts";
import type { Loaded, StorageObserver } from "../storage/mod.ts";
import { formatTid, NO_TID, type Oid, type Tid } from "../values/mod.ts";
import type { ClientListeners } from "./events.ts";
import type { LoadsInFlight } from "./loads_in_flight.ts";

const log = getLogger(["zeo", "client"]);

/** A transaction and the objects that it changed. */
export interface Change {
  readonly tid: Tid;
  readonly oids: readonly Oid[];
  /** Whether it is the client's own. */
  readonly own?: boolean;
}

/** Hears of all transactions, the client's own included, when they can be seen. */
export interface ChangeWatcher {
  /** A transaction is visible now. */
  changed(change: Change): void;
  /** Transactions up to one were not told one by one. */
  skipped(to: Tid): void;
}

/** Transactions that are remembered. */
const MOST_RECENT = 1000;

/** Their objects. */
const MOST_RECENT_OIDS = 1 << 18;

/** See the module. */
export class KnownState {
  readonly cache: RecordCache;
  /** The loads of the connection that is in use. */
  loads?: LoadsInFlight;
  /** Whether there was a connection. */
  started = false;
  readonly #observers = new Set<StorageObserver>();
  readonly #watchers = new Set<ChangeWatcher>();
  #lastTid: Tid;
  /** The last own transaction that the server has written, seen or not. */
  #written: Tid = NO_TID;
  /** Of these, what came after the first is told completely. */
  #recent: Change[] = [];
  #recentOids = 0;

  readonly #listeners: ClientListeners;

  /** What a cache knows already; listeners hear when it changes. */
  constructor(cache: RecordCache, listeners: ClientListeners) {
    this.cache = cache;
    this.#listeners = listeners;
    this.#lastTid = cache.lastTid;
  }

  /** The last transaction that is known; `NO_TID` for none. */
  get lastTid(): Tid {
    return this.#lastTid;
  }

  /**
   * A revision from the cache, if it is known to be the right one. While an own transaction is written and not visible,
   * transactions before it may be on their way: what is current in the cache then says nothing of the time after the last
   * one that is known. (The original's client believes it.)
   */
  loadBefore(oid: Oid, before: Tid): Loaded | undefined {
    const found = this.cache.loadBefore(oid, before);
    if (this.#written <= this.#lastTid) return found;
    return found?.end === null && before - 1n > this.#lastTid ? undefined : found;
  }

  /** The server has written an own transaction, which becomes visible when what came before it is known. */
  written(tid: Tid): void {
    this.#written = tid;
  }

  /** Has an observer hear of others' transactions. */
  observe(observer: StorageObserver): Disposable {
    return member(this.#observers, { ...bound(observer) });
  }

  /** Has a watcher hear of all transactions. */
  watch(watcher: ChangeWatcher): Disposable {
    return member(this.#watchers, watcher);
  }

  /** The last transactions that are known with their objects, oldest first. */
  recent(count: number): Change[] {
    return count === 0 ? [] : this.#recent.slice(-count).map(({ tid, oids }) => ({ tid, oids }));
  }

  /** Begins, with nothing known of what was before a transaction. */
  begin(tid: Tid): void {
    if (this.cache.statistics.records > 0 || this.cache.lastTid > tid) this.cache.clear();
    this.#advance(tid);
    this.#skipped(tid);
  }

  /** Somebody else's transaction has changed objects. */
  invalidated(tid: Tid, oids: readonly Oid[]): void {
    for (const oid of oids) this.#invalidate(oid, tid);
    for (const observer of this.#observers) tell(() => observer.invalidated(tid, oids));
    this.#advance(tid);
    this.#remember({ tid, oids });
    this.#listeners.emit("invalidated", { tid, oids });
  }

  /** Transactions up to one have changed objects while the client was away. */
  replayed(tid: Tid, oids: readonly Oid[]): void {
    for (const oid of oids) this.#invalidate(oid, null);
    for (const observer of this.#observers) tell(() => observer.invalidated(tid, oids));
    this.#advance(tid);
    this.#keep({ tid, oids });
    this.#skipped(tid);
    this.#listeners.emit("invalidated", { tid, oids });
  }

  /**
   * Nobody knows what was changed up to a transaction, which may be an earlier one than the last that was known.
   * @param keep Whether what was known is worth being looked at. @returns Where it can be.
   */
  reset(tid: Tid, keep = false): string | undefined {
    let aside: string | undefined;
    if (keep && this.cache.setAside) aside = this.cache.setAside();
    else this.cache.clear();
    this.#recent = [];
    this.#recentOids = 0;
    this.#lastTid = this.#written = NO_TID;
    for (const observer of this.#observers) tell(() => observer.reset());
    this.#advance(tid);
    this.#skipped(tid);
    this.#listeners.emit("reset", { tid });
    return aside;
  }

  /** The client's own transaction is committed. @param records What was stored; null where that isn't known here. */
  committed(
    tid: Tid,
    records: ReadonlyMap<Oid, (() => Uint8Array) | null>,
    published: ((tid: Tid) => void) | undefined,
  ): void {
    // All before it is known.
    this.#written = NO_TID;
    for (const [oid, record] of records) {
      this.#invalidate(oid, tid);
      if (record) tell(() => this.cache.store(oid, tid, null, record(), true));
    }
    if (published) tell(() => published(tid));
    this.#advance(tid);
    this.#remember({ tid, oids: [...records.keys()], own: true });
  }

  /** The server has dropped revisions and objects, and doesn't say which. */
  packed(): void {
    this.cache.clear();
    if (this.#lastTid !== NO_TID) this.cache.setLastTid(this.#lastTid);
  }

  /** An object is not what it was thought to be. */
  doubt(oid: Oid): void {
    this.#invalidate(oid, null);
  }

  #invalidate(oid: Oid, tid: Tid | null): void {
    this.loads?.changed(oid, tid);
    this.cache.invalidate(oid, tid);
  }

  #advance(tid: Tid): void {
    if (tid <= this.#lastTid && this.#lastTid !== NO_TID) return;
    this.#lastTid = tid;
    if (tid > this.cache.lastTid) this.cache.setLastTid(tid);
  }

  #remember(change: Change): void {
    this.#keep(change);
    for (const watcher of this.#watchers) tell(() => watcher.changed(change));
  }

  #keep(change: Change): void {
    this.#recent.push(change);
    this.#recentOids += change.oids.length;
    while (this.#recent.length > MOST_RECENT || this.#recentOids > MOST_RECENT_OIDS) {
      this.#recentOids -= this.#recent.shift()!.oids.length;
    }
  }

  #skipped(to: Tid): void {
    for (const watcher of this.#watchers) tell(() => watcher.skipped(to));
    log.debug`known up to ${formatTid(to)}`;
  }
}

function member<T>(all: Set<T>, one: T): Disposable {
  all.add(one);
  return { [Symbol.dispose]: () => void all.delete(one) };
}

/** The same observer may be added twice. */
function bound(observer: StorageObserver): StorageObserver {
  return {
    invalidated: (tid, oids) => observer.invalidated(tid, oids),
    reset: () => observer.reset(),
  };
}

/** Does what others must not have to suffer from when it fails. */
function tell(call: () => void): void {
  try {
    call();
  } catch (error) {
    log.error`what goes with a transaction failed: ${String(error)}`;
  }
}

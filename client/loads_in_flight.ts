/**
 * Loads that a server was asked for and has not answered.
 *
 * An answer tells what was current when the server looked. What changed between that and the answer's arrival has been
 * told in the meantime: each load remembers it, so that no revision is taken for the current one that isn't.
 *
 *   load(x) ──────────────▶ looks: x@10
 *            ◀── invalidation(20, x)           remembered by the load
 *            ◀── x@10, no end                  valid from 10 to 20
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { RecordCache } from "../cache/mod.ts";
import type { Value } from "../pickle/mod.ts";
import type { Loaded } from "../storage/mod.ts";
import type { Oid, Tid } from "../values/mod.ts";
import type { Pending } from "./calls.ts";
import { loadedOf } from "./replies.ts";
import type { ServerConnection } from "./server_connection.ts";

const log = getLogger(["zeo", "client"]);

/** Told at once when a load is over. @param error Why nothing was found, if so. */
export type LoadOver = (error?: Error) => void;

/** One load; all who want the same revision at the same time share it. */
class LoadInFlight implements Pending {
  /** For those who wait for the result. */
  #waiting?: PromiseWithResolvers<Loaded | null>;
  /** Told when it is over, by those who look for the result in the cache. */
  over?: LoadOver;
  /** Another load of the same object. */
  next?: LoadInFlight;
  /** Transactions that have changed the object since the load was sent, in their order. */
  changes?: Tid[];
  /** Whether the object may have changed in a transaction that nobody knows. */
  doubtful = false;
  /** Whether it was sent a second time. */
  repeated = false;

  constructor(readonly loads: LoadsInFlight, readonly oid: Oid, readonly before: Tid) {}

  get promise(): Promise<Loaded | null> {
    return (this.#waiting ??= Promise.withResolvers()).promise;
  }

  resolve(found: Loaded | null): void {
    this.#waiting?.resolve(found);
    this.over?.();
  }

  loaded(data: Uint8Array, serial: Tid, end: Tid | null): void {
    this.loads.answered(this, data, serial, end);
  }

  replied(value: Value): void {
    const found = loadedOf(value);
    if (found) this.loaded(found.data, found.serial, found.end);
    else {
      this.loads.over(this);
      this.resolve(null);
    }
  }

  failed(error: Error): void {
    this.loads.over(this);
    this.#waiting?.reject(error);
    this.over?.(error);
  }
}

/** The loads of one connection. */
export class LoadsInFlight {
  readonly #connection: ServerConnection;
  readonly #cache: RecordCache;
  /** The first load of each object; further ones hang on it. */
  readonly #loads = new Map<Oid, LoadInFlight>();

  /** Loads over a connection, whose answers go into a cache. */
  constructor(connection: ServerConnection, cache: RecordCache) {
    this.#connection = connection;
    this.#cache = cache;
  }

  /** Loads a revision, or waits for somebody else's load of the same. */
  load(oid: Oid, before: Tid): Promise<Loaded | null> {
    const first = this.#loads.get(oid);
    for (let other = first; other; other = other.next) if (other.before === before) return other.promise;
    const load = new LoadInFlight(this, oid, before), { promise } = load;
    this.#begin(load, first);
    return promise;
  }

  /** Loads a revision into the cache: the same without a promise. */
  fetch(oid: Oid, before: Tid, over: LoadOver): void {
    const first = this.#loads.get(oid);
    if (first) {
      this.load(oid, before).then(() => over(), over);
      return;
    }
    const load = new LoadInFlight(this, oid, before);
    load.over = over;
    this.#begin(load, undefined);
  }

  #begin(load: LoadInFlight, next: LoadInFlight | undefined): void {
    load.next = next;
    this.#loads.set(load.oid, load);
    this.#connection.load(load, load.oid, load.before);
  }

  /** An object was changed. @param tid By which transaction; null when nobody knows. */
  changed(oid: Oid, tid: Tid | null): void {
    for (let load = this.#loads.get(oid); load; load = load.next) {
      if (tid === null) load.doubtful = true;
      else (load.changes ??= []).push(tid);
    }
  }

  /** A load has its answer. */
  over(load: LoadInFlight): void {
    let other = this.#loads.get(load.oid);
    if (other === load) {
      if (load.next) this.#loads.set(load.oid, load.next);
      else this.#loads.delete(load.oid);
      return;
    }
    while (other && other.next !== load) other = other.next;
    if (other) other.next = load.next;
  }

  /** A load was answered with a revision. */
  answered(load: LoadInFlight, data: Uint8Array, serial: Tid, end: Tid | null): void {
    const { oid, before } = load;
    let known = !load.doubtful || end !== null;
    let until = end;
    if (end === null && load.changes) {
      until = load.changes.find((tid) => tid > serial) ?? null;
      if (until !== null && until < before) {
        // The server looked before a change that this client knows of by now: what was asked for comes after it.
        if (!load.repeated) {
          load.repeated = true;
          this.#connection.load(load, oid, before);
          return;
        }
        known = false;
      }
    }
    this.over(load);
    // One that is not known to be the current one must not be taken for it later.
    if (known) this.#keep(oid, serial, until, data);
    load.resolve({ data, serial, end: until });
  }

  #keep(oid: Oid, serial: Tid, end: Tid | null, data: Uint8Array): void {
    try {
      // Nobody writes to it: what was loaded is for reading only.
      this.#cache.store(oid, serial, end, data, true);
    } catch (error) {
      // The answer is right all the same.
      log.error`cache ${this.#cache.name}: ${String(error)}`;
    }
  }
}

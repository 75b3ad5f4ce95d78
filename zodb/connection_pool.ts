/**
 * Connections that are not in use, to be used again with what is in their caches.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { cacheResets } from "./cache_resets.ts";
import type { Connection } from "./connection.ts";

const log = getLogger(["zeo", "zodb", "pool"]);

/** How many connections are kept. */
export interface PoolLimits {
  /** Connections that are expected to be in use at a time; more are made all the same, with a warning. */
  size: number;
  /** Milliseconds after which one that is not used is given up. */
  timeout: number;
}

/** See the module. */
export class ConnectionPool {
  readonly limits: PoolLimits;
  /** Those in use and those that are not. */
  readonly all: Set<Connection> = new Set();
  /** Not in use, the one to take next last. */
  #free: { readonly connection: Connection; readonly since: number }[] = [];
  readonly #gone: (connection: Connection) => void;
  readonly #now: () => number;

  /** @param gone Hears of those that are given up. */
  constructor(limits: PoolLimits, gone: (connection: Connection) => void, now: () => number = Date.now) {
    this.limits = { ...limits };
    this.#gone = gone;
    this.#now = now;
  }

  /** How many are not in use. */
  get freeCount(): number {
    return this.#free.length;
  }

  /** One that is not in use; undefined when there is none. */
  take(): Connection | undefined {
    this.expire();
    for (let free = this.#free.pop(); free; free = this.#free.pop()) {
      if (free.connection.resets === cacheResets()) return free.connection;
      this.#drop(free.connection);
    }
    return undefined;
  }

  /** Takes in a new one, which is in use. */
  add(connection: Connection): void {
    this.all.add(connection);
    const { size } = this.limits, count = this.all.size;
    if (count > 2 * size) log.error("{count} connections, {size} are expected", { count, size });
    else if (count > size) log.warn("{count} connections, {size} are expected", { count, size });
  }

  /** Takes one back. */
  giveBack(connection: Connection): void {
    if (!this.all.has(connection)) return;
    const loaded = connection.cacheInfo.loaded;
    // The fuller a cache, the earlier it is wanted again.
    let at = this.#free.length;
    while (at > 0 && this.#free[at - 1].connection.cacheInfo.loaded > loaded) at--;
    this.#free.splice(at, 0, { connection, since: this.#now() });
    while (this.#free.length > this.limits.size) this.#drop(this.#free.shift()!.connection);
    this.expire();
  }

  /** Gives up those that were not used for long. */
  expire(): void {
    const oldest = this.#now() - this.limits.timeout;
    const expired = this.#free.filter(({ since }) => since < oldest);
    if (expired.length === 0) return;
    this.#free = this.#free.filter(({ since }) => since >= oldest);
    for (const { connection } of expired) this.#drop(connection);
  }

  #drop(connection: Connection): void {
    this.all.delete(connection);
    this.#gone(connection);
  }
}

/**
 * A database's connections: those that show the present, and for each moment those that show that.
 *
 * @module
 */

import { type Tid, tidAfter, tidFromTime } from "../values/mod.ts";
import type { Connection } from "./connection.ts";
import { ConnectionPool, type PoolLimits } from "./connection_pool.ts";

/** A moment to show: as it was then, or just before. */
export interface Moment {
  /** Shows the database as it was at, and including, a moment: a transaction id or a date. Takes no changes. */
  readonly at?: Tid | Date;
  /** Shows the database as it was before a moment. Takes no changes. */
  readonly before?: Tid | Date;
}

/**
 * The transaction before which a moment is; undefined for the present.
 * @param last The last transaction.
 * @throws {RangeError} when both ways are used to say it, or it is after the last transaction.
 */
export function momentBefore({ at, before }: Moment, last: Tid): Tid | undefined {
  if (at !== undefined && before !== undefined) {
    throw new RangeError("give one of `at` and `before`, not both");
  }
  const moment = at ?? before;
  if (moment === undefined) return undefined;
  const tid = moment instanceof Date ? tidFromTime(moment.getTime()) : moment;
  const bound = at === undefined ? tid : tid + 1n as Tid;
  if (bound > tidAfter(last)) {
    throw new RangeError(
      "a historical connection can't be opened in the future: nothing is committed that late",
    );
  }
  return bound;
}

/** See the module. */
export class ConnectionPools {
  readonly #present: ConnectionPool;
  readonly #past = new Map<Tid, ConnectionPool>();
  readonly #beside = new Set<Connection>();
  readonly #historical: PoolLimits;
  readonly #make: (before: Tid | undefined) => Connection;

  /** @param historical What holds for each moment of the past. @param make Makes a connection. */
  constructor(present: PoolLimits, historical: PoolLimits, make: (before: Tid | undefined) => Connection) {
    this.#present = new ConnectionPool(present, (connection) => connection.discard());
    this.#historical = historical;
    this.#make = make;
  }

  /** Those that show the present, in use or not. */
  *present(): Generator<Connection> {
    yield* this.#present.all;
    for (const connection of this.#beside) if (connection.before === undefined) yield connection;
  }

  /** How many that show the present are in use. */
  get inUse(): number {
    return this.#present.all.size - this.#present.freeCount;
  }

  /** All of them. */
  all(): Connection[] {
    const pooled = [this.#present, ...this.#past.values()].flatMap(({ all }) => [...all]);
    return [...pooled, ...this.#beside];
  }

  /** Takes in one that belongs to another database's connection, and is kept with that. */
  addBeside(connection: Connection): void {
    this.#beside.add(connection);
  }

  /** Gives up one that belonged to another database's connection. */
  forget(connection: Connection): void {
    this.#beside.delete(connection);
  }

  /** A connection that nobody uses. */
  take(before: Tid | undefined): Connection {
    // Nobody may ever ask for those moments again.
    for (const past of this.#past.values()) past.expire();
    const pool = before === undefined ? this.#present : this.#pastPool(before);
    const free = pool.take();
    if (free) return free;
    const connection = this.#make(before);
    pool.add(connection);
    return connection;
  }

  /** Takes a connection back. */
  giveBack(connection: Connection): void {
    const { before } = connection;
    (before === undefined ? this.#present : this.#past.get(before))?.giveBack(connection);
  }

  #pastPool(before: Tid): ConnectionPool {
    let pool = this.#past.get(before);
    if (pool) return pool;
    const made = pool = new ConnectionPool(this.#historical, (connection) => {
      connection.discard();
      if (made.all.size === 0) this.#past.delete(before);
    });
    this.#past.set(before, pool);
    return pool;
  }
}

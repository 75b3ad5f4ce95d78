/**
 * What a database's connections hold at the moment.
 *
 * @module
 */

import type { Tid } from "../values/mod.ts";
import type { ClassRegistry } from "./classes.ts";
import type { Connection } from "./connection.ts";

/** What one connection holds. */
export interface CacheSize {
  /** Loaded objects. */
  readonly loaded: number;
  /** Ghosts, at most. */
  readonly ghosts: number;
  /** Bytes of the loaded objects' records. */
  readonly bytes: number;
}

/** One connection, for people. */
export interface ConnectionInfo extends CacheSize {
  /** When it was opened; undefined for one that waits in the pool. */
  readonly opened?: Date;
  /** For a historical one: the transaction before which it shows the database. */
  readonly before?: Tid;
  /** Whether it takes part in a transaction that is not over. */
  readonly hasChanges: boolean;
  /** How many objects it has loaded since it was made. */
  readonly loadCount: number;
}

/** Loaded objects of all connections, by class. */
export function countClasses(connections: Iterable<Connection>, classes: ClassRegistry): Map<string, number> {
  const counts = new Map<string, number>();
  for (const connection of connections) {
    for (const object of connection.cachedObjects()) {
      if (object._p_state < 0) continue;
      const name = classes.of(object.constructor)?.global.toString() ?? object.constructor.name;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

/** Loaded objects, and ghosts, of a connection. */
export function cacheSizeOf({ cacheInfo: { loaded, ghosts, bytes } }: Connection): CacheSize {
  return { loaded, ghosts, bytes };
}

/** A connection, for people. */
export function describeConnection(connection: Connection): ConnectionInfo {
  const { opened, before, hasChanges, loadCount } = connection;
  return { opened, before, hasChanges, loadCount, ...cacheSizeOf(connection) };
}

/**
 * Carries out histories of `object_history.ts` with our objects, and tells what is seen, in the words of
 * `python/object_histories.py`.
 *
 * @module
 */

import { FileStorage, mergeWith } from "../../storage/mod.ts";
import { NO_TID, POSKeyError, type Tid } from "../../values/mod.ts";
import {
  Blob,
  conflictResolver,
  type Connection,
  DB,
  type Length,
  type OOBTree,
  type PersistentBase,
  PersistentList,
  type PersistentMap,
  type Savepoint,
  Tuple,
  tuple,
  WeakReference,
} from "../../zodb/mod.ts";
import { makers, Point, type Thing, told } from "./history_objects.ts";
import type { History, HistoryStep, Kind } from "./object_history.ts";
import type { Json } from "./session.ts";

/** The history names an object that nobody can have by then. */
class Absent extends Error {}

/** One history under way. */
export class ObjectSide implements AsyncDisposable {
  readonly #path: string;
  readonly #dbs: DB[] = [];
  readonly #tids: Record<string, Tid[]> = { one: [], two: [] };
  readonly #connections: Connection[] = [];
  readonly #held: Map<number, PersistentBase>[] = [];
  readonly #savepoints: Savepoint[][] = [];
  /** Objects that were not committed yet. */
  readonly #fresh: Set<number>[] = [];
  readonly #small: boolean;
  #files = 0;

  private constructor(path: string, small: boolean) {
    this.#path = path;
    this.#small = small;
  }

  /** Makes the databases, two of them, at a path. */
  static async open(path: string, { connections, cache }: History): Promise<ObjectSide> {
    const side = new ObjectSide(path, cache < 100), databases = new Map<string, DB>();
    for (const databaseName of ["one", "two"]) {
      const storage = FileStorage.open(`${path}-${databaseName}.fs`, {
        blobDir: `${path}-${databaseName}.blobs`,
        merge: mergeWith(conflictResolver()),
      });
      side.#dbs.push(await DB.open(storage, { databaseName, databases, cache: { objects: cache } }));
    }
    for (let c = 0; c < connections; c++) {
      const connection = side.#dbs[0].open();
      side.#connections.push(connection);
      side.#held.push(new Map([[0, await connection.rootObject()]]));
      side.#savepoints.push([]);
      side.#fresh.push(new Set());
    }
    return side;
  }

  async #object(c: number, h: number): Promise<PersistentBase> {
    const held = this.#held[c].get(h);
    if (held) return held;
    for (const other of this.#held) {
      const there = other.get(h);
      if (there?._p_oid === undefined) continue;
      const connection = this.#connections[c].getConnection(there._p_jar!.db.databaseName);
      const found = await connection.get(there._p_oid);
      // It may be a ghost that is there by chance, and gone from the database.
      await found._p_activate();
      this.#held[c].set(h, found);
      return found;
    }
    throw new Absent();
  }

  async #active(c: number, h: number): Promise<PersistentBase> {
    const found = await this.#object(c, h);
    await found._p_activate();
    return found;
  }

  async #value(c: number, spec: Json): Promise<unknown> {
    if (typeof spec !== "object" || spec === null) return spec;
    const [[kind, inner]] = Object.entries(spec) as [string, Json][];
    const all = async () => {
      const made: unknown[] = [];
      for (const item of inner as Json[]) made.push(await this.#value(c, item));
      return made;
    };
    switch (kind) {
      case "ref":
        return await this.#object(c, inner as number);
      case "weak":
        return new WeakReference(await this.#object(c, inner as number));
      case "list":
        return await all();
      case "tuple":
        return tuple(...await all());
      case "dict": {
        const made = new Map<unknown, unknown>();
        for (const [key, item] of inner as [Json, Json][]) made.set(key, await this.#value(c, item));
        return made;
      }
      case "set":
        return new Set(inner as Json[]);
      case "twice": {
        const shared = await this.#value(c, inner);
        return [shared, shared];
      }
      case "point":
        return new Point(await this.#value(c, inner));
    }
    throw new Error(kind);
  }

  readonly #steps: Record<string, (...args: never[]) => unknown> = {
    new: (c: number, h: number, kind: Kind) => {
      this.#held[c].set(h, makers[kind]());
      this.#fresh[c].add(h);
    },
    add: async (c: number, h: number) => await this.#add(this.#connections[c], c, h),
    far: async (c: number, h: number) => await this.#add(this.#connections[c].getConnection("two"), c, h),
    set: async (c: number, h: number, name: string, spec: Json) => {
      (await this.#active(c, h) as Thing)[name] = await this.#value(c, spec);
    },
    delete: async (c: number, h: number, name: string) => {
      delete (await this.#active(c, h) as Thing)[name];
    },
    inside: async (c: number, h: number, name: string, spec: Json) => {
      const found = await this.#active(c, h) as Thing, value = await this.#value(c, spec);
      const inner = found[name];
      if (inner instanceof Tuple) return;
      if (Array.isArray(inner)) inner.push(value);
      else if (inner instanceof Map) inner.set(`k${inner.size}`, value);
      else if (inner instanceof Set) {
        if (["number", "string", "boolean"].includes(typeof value)) {
          found._p_changed = true;
          inner.add(value);
        }
      }
    },
    put: async (c: number, h: number, key: never, spec: Json) => {
      const found = await this.#active(c, h) as PersistentMap;
      await found.set(key, await this.#value(c, spec));
    },
    take: async (c: number, h: number, key: never) => {
      const found = await this.#active(c, h) as PersistentMap;
      await found.delete(key);
    },
    fill: async (c: number, h: number, start: number, count: number, text: boolean) => {
      const found = await this.#active(c, h) as OOBTree<unknown, unknown>;
      for (let i = start; i < start + count; i++) await found.set(text ? String(i).padStart(4, "0") : i, i);
    },
    push: async (c: number, h: number, spec: Json) => {
      const found = await this.#active(c, h) as PersistentList;
      found.push(await this.#value(c, spec));
    },
    pop: async (c: number, h: number) => {
      const found = await this.#active(c, h) as PersistentList;
      if (found.length > 0) found.pop();
    },
    clear: async (c: number, h: number) => {
      const found = await this.#active(c, h);
      if (found instanceof PersistentList) found.length > 0 && found.splice(0, found.length);
      else await (found as PersistentMap).clear();
    },
    change: async (c: number, h: number, delta: number) => (await this.#active(c, h) as Length).change(delta),
    write: async (c: number, h: number, text: string) => await (await this.#active(c, h) as Blob).write(text),
    append: async (c: number, h: number, text: string) =>
      await (await this.#active(c, h) as Blob).append(text),
    fetch: async (c: number, h: number) => void await this.#object(c, h),
    read: async (c: number, h: number) => await told(this.#held[c], await this.#active(c, h)),
    commit: async (c: number, note: string) => {
      const current = this.#connections[c].transactionManager.get();
      if (note) {
        current.note(note);
        current.setUser("ann");
      }
      try {
        await current.commit();
      } catch (error) {
        // What wasn't reached still shows its changes in Python.
        await current.abort();
        this.#forgetNew(c);
        throw error;
      }
      // One that was committed as a ghost doesn't know its transaction in Python.
      for (const h of this.#fresh[c]) {
        const found = this.#held[c].get(h);
        if (!found?._p_jar) continue;
        await found._p_activate();
        this.#fresh[c].delete(h);
      }
    },
    abort: async (c: number) => {
      await this.#connections[c].abort();
      this.#forgetNew(c);
    },
    begin: async (c: number) => {
      await this.#connections[c].begin();
      this.#forgetNew(c);
    },
    doom: (c: number) => this.#connections[c].transactionManager.doom(),
    savepoint: async (c: number) => {
      const current = this.#connections[c].transactionManager.get();
      try {
        this.#savepoints[c].push(await current.savepoint());
      } catch (error) {
        await current.abort();
        this.#forgetNew(c);
        throw error;
      }
    },
    rollback: async (c: number, i: number) => {
      const savepoints = this.#savepoints[c];
      if (savepoints.length === 0) return;
      await savepoints[i % savepoints.length].rollback();
      for (const [h, found] of this.#held[c]) if (!found._p_jar) this.#held[c].delete(h);
    },
    current: async (c: number, h: number) => {
      const found = await this.#active(c, h);
      found._p_jar?.readCurrent(found);
    },
    changed: async (c: number, h: number, changed: boolean | null) => {
      const found = await this.#object(c, h);
      if (changed) await found._p_activate();
      if (changed === null && this.#fresh[c].has(h)) return;
      found._p_changed = changed;
    },
    deactivate: async (c: number, h: number) => {
      const found = await this.#object(c, h);
      if (!this.#fresh[c].has(h)) found._p_deactivate();
    },
    invalidate: async (c: number, h: number) => {
      const found = await this.#object(c, h);
      if (!this.#fresh[c].has(h)) found._p_invalidate();
    },
    minimize: (c: number) => this.#connections[c].cacheMinimize(),
    collect: (c: number) => this.#connections[c].cacheGC(),
    reopen: async (c: number) => {
      // In Python, a connection to a second database that has joined leaves the first half closed.
      await this.#connections[c].abort();
      this.#forgetNew(c);
      const { transactionManager } = this.#connections[c];
      this.#connections[c].close();
      this.#connections[c] = this.#dbs[0].open({ transactionManager });
    },
    past: async (c: number, k: number, h: number) => {
      const tids = this.#tids.one, found = await this.#object(c, h), oid = found._p_oid;
      if (oid === undefined || found._p_jar!.db.databaseName !== "one") return null;
      await using connection = this.#dbs[0].open({ at: tids[k % tids.length] });
      const then = await connection.get(oid);
      await then._p_activate();
      const result = await told(this.#held[c], then);
      then._p_changed = true;
      try {
        await connection.commit();
      } catch (error) {
        return [result, (error as Error).name];
      }
      return [result, "committed"];
    },
    undo: async (k: number) => {
      const log = await this.#dbs[0].undoLog(0, 100);
      if (log.length > 0) await this.#dbs[0].undo(log[k % log.length].tid);
    },
    pack: async () => void await this.#dbs[0].pack(),
    copy: async (c: number, h: number, to: number) => {
      // Python's exports have what is written at savepoints, ours only what is committed.
      await this.#connections[c].abort();
      this.#forgetNew(c);
      const found = await this.#object(c, h), connection = this.#connections[c];
      if (found._p_oid === undefined || found._p_jar !== connection) return;
      const path = `${this.#path}-${++this.#files}.zexp`;
      let made: PersistentBase;
      try {
        await connection.exportFile(found._p_oid, path);
        made = await connection.importFile(path);
      } catch {
        // Python leaves out what can't be loaded, and then has nothing to import.
        await connection.abort();
        this.#forgetNew(c);
        throw new POSKeyError(found._p_oid);
      }
      this.#held[c].set(to, made);
      this.#fresh[c].add(to);
      try {
        await connection.root.set(`h${to}`, made);
        await this.#steps.commit(c as never, "" as never);
      } catch (error) {
        // Aborted, it would be a ghost of nothing in Python, ours is a new object then.
        this.#held[c].delete(to);
        throw error;
      }
    },
    old: async (c: number, h: number) => {
      const found = await this.#object(c, h);
      if (found._p_oid !== undefined && !this.#fresh[c].has(h)) {
        // Python finds none after a savepoint, and stumbles over records that are un-created.
        await found._p_jar!.oldState(found, found._p_serial).catch(() => {});
      }
    },
  };

  /** Some of Python's keep an id after a failed commit, and some have lost their state; ours are new ones, with it. */
  #forgetNew(c: number): void {
    for (const [h, found] of this.#held[c]) {
      if (this.#fresh[c].has(h) || !found._p_jar) this.#held[c].delete(h);
    }
  }

  async #add(connection: Connection, c: number, h: number): Promise<void> {
    const found = await this.#object(c, h);
    try {
      await connection.add(found);
    } catch (error) {
      // Python has given it an id before it was refused.
      if (this.#fresh[c].has(h)) this.#held[c].delete(h);
      throw error;
    }
  }

  #seen(): unknown {
    for (const db of this.#dbs) {
      const tids = this.#tids[db.databaseName], last = db.lastTransaction;
      if (tids.at(-1) !== last) tids.push(last);
    }
    const ordinal = (name: string, serial: Tid) =>
      serial === NO_TID ? 0 : this.#tids[name].indexOf(serial) + 1 || -1;
    const shown = this.#held.map((held) =>
      [...held].sort(([a], [b]) => a - b).map(([h, found]) => {
        const { _p_oid: oid, _p_jar: jar, _p_serial: serial } = found;
        // A blob is made a ghost by Python wherever it was stored; what small caches keep is not the same.
        const hidden = found instanceof Blob || this.#small && !found._p_changed;
        // A ghost has that of its last load, in Python also where it was committed as a ghost.
        const place = found._p_state < 0 || hidden
          ? 0
          : jar
          ? ordinal(jar.db.databaseName, serial)
          : serial === NO_TID
          ? 0
          : -2;
        return [
          h,
          ...(hidden ? ["?", "?"] : [found._p_state, found._p_changed]),
          oid === undefined ? null : Number(oid),
          jar?.db.databaseName ?? null,
          place,
        ];
      })
    );
    return [...Object.values(this.#tids).map((tids) => tids.length), ...shown];
  }

  /** What is seen of all objects. */
  seen(): unknown {
    return this.#seen();
  }

  /** Does a step; tells its outcome, and what is seen then. */
  async step([name, ...args]: HistoryStep): Promise<unknown> {
    let result: unknown;
    try {
      result = await this.#steps[name](...args as never[]) ?? null;
    } catch (error) {
      result = error instanceof Absent ? "absent" : `! ${(error as Error).name}`;
      if (Deno.env.get("ZEO_OBJECT_TRACE")) console.error(name, args, error);
    }
    return [result, this.#seen()];
  }

  /** Ends it; tells what the databases say about themselves. */
  async close(): Promise<unknown> {
    for (const connection of this.#connections) await connection.abort();
    const result: unknown[] = [];
    for (const db of this.#dbs) {
      const log = await db.undoLog(0, 1000);
      result.push(
        log.map(({ description, user }) => [description.replace(/^imported from .*\n?/, ""), user]),
      );
    }
    result.push(this.#dbs.map((db) => db.objectCount));
    await this[Symbol.asyncDispose]();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const db of this.#dbs) await db.close();
  }
}

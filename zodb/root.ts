/**
 * The root object's items.
 *
 * @module
 */

import { ROOT_OID } from "../values/mod.ts";
import type { Connection } from "./connection.ts";
import { PersistentMap } from "./persistent_map.ts";

/** The items of the root object: names, and where they lead. */
export class Root {
  readonly #connection: Connection;

  /** @ignore */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The root object itself, loaded. @throws {TypeError} when it is no mapping. */
  async map(): Promise<PersistentMap<string, unknown>> {
    const root = await this.#connection.get(ROOT_OID);
    if (!(root instanceof PersistentMap)) {
      throw new TypeError(`the root object is a ${root.constructor.name}: expected a PersistentMapping`);
    }
    await root._p_activate();
    return root as PersistentMap<string, unknown>;
  }

  /** The value of a name, loaded if it is an object; undefined when there is none. */
  async get<T = unknown>(name: string): Promise<T | undefined> {
    return await (await this.map()).get(name) as T | undefined;
  }

  /** Sets a name's value, to be stored at the next commit. */
  async set(name: string, value: unknown): Promise<void> {
    (await this.map()).set(name, value);
  }

  /** Removes a name. @returns Whether it was there. */
  async delete(name: string): Promise<boolean> {
    return (await this.map()).delete(name);
  }

  /** Whether there is such a name. */
  async has(name: string): Promise<boolean> {
    return (await this.map()).has(name);
  }

  /** The names. */
  async keys(): Promise<string[]> {
    return [...(await this.map()).keys()];
  }
}

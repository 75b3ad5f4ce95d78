/**
 * Python's `persistent.mapping.PersistentMapping`: a dict in a record of its own.
 *
 * @module
 */

import { type Awaitable, when } from "../values/mod.ts";
import { registerClass } from "./classes.ts";
import { activateAll, loaded } from "./load.ts";
import { Persistent, PersistentBase } from "./persistent.ts";
import { rawAttributes } from "./tracking/attributes.ts";

/**
 * A map in a record of its own: Python's `PersistentMapping`. All of it is stored when one item changes; for many items
 * take a BTree.
 *
 * `get` loads what it returns. The other methods are those of `Map`; what they give may be ghosts, and on a ghost they
 * throw a `GhostError`. `for await` loads the map and its values.
 *
 * @example
 * ```ts
 * import { PersistentMap } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const map = new PersistentMap<string, number>([["one", 1]]).set("two", 2);
 * assertEquals(await map.get("one"), 1);
 * assertEquals([...map.keys()], ["one", "two"]);
 * ```
 */
export class PersistentMap<K = unknown, V = unknown> extends Persistent {
  /** The items, as Python's class calls them. */
  declare data: Map<K, V>;

  /** A map with these items. */
  constructor(items?: Iterable<readonly [K, V]>) {
    super();
    this.data = new Map(items);
  }

  /** The value of a key, loaded if it is an object; undefined when there is none. Loads the map itself first. */
  get(key: K): Awaitable<V | undefined> {
    return when(this._p_activate(), () => loaded(this.data.get(key)));
  }

  /** The value of a key, perhaps a ghost. */
  peek(key: K): V | undefined {
    return this.data.get(key);
  }

  /** Whether there is such a key. */
  has(key: K): boolean {
    return this.data.has(key);
  }

  /** Sets a key's value. */
  set(key: K, value: V): this {
    this.data.set(key, value);
    return this;
  }

  /** Removes a key. @returns Whether it was there. */
  delete(key: K): boolean {
    return this.data.delete(key);
  }

  /** Removes all keys. */
  clear(): void {
    this.data.clear();
  }

  /** How many keys there are. */
  get size(): number {
    return this.data.size;
  }

  /** The keys. */
  keys(): IterableIterator<K> {
    return this.data.keys();
  }

  /** The values, perhaps ghosts. */
  values(): IterableIterator<V> {
    return this.data.values();
  }

  /** Keys and values, perhaps ghosts. */
  entries(): IterableIterator<[K, V]> {
    return this.data.entries();
  }

  /** Keys and values, perhaps ghosts. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.data.entries();
  }

  /** Keys and values, loaded. */
  async *[Symbol.asyncIterator](): AsyncGenerator<[K, V], void> {
    await this._p_activate();
    const entries = [...this.data];
    await activateAll(entries.map(([, value]) => value).filter((value) => value instanceof PersistentBase));
    for (const [key, value] of entries) {
      if (value instanceof PersistentBase) await value._p_activate();
      yield [key, value];
    }
  }

  /** Takes the state; very old ones call the items otherwise. */
  override __setstate__(state: unknown): void {
    if (state instanceof Map && state.has("_container") && !state.has("data")) {
      const { _container, ...others } = Object.fromEntries(state);
      state = new Map(Object.entries({ data: _container, ...others }));
    }
    super.__setstate__(state);
    // Where dicts are read as plain objects, this one is a map all the same.
    const attributes = rawAttributes(this);
    if (attributes.data && !(attributes.data instanceof Map)) {
      attributes.data = new Map(Object.entries(attributes.data));
    }
  }
}

registerClass("persistent.mapping.PersistentMapping", PersistentMap);

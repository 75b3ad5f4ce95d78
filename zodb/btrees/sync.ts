/**
 * Trees for those who can't wait: in memory, or in a synchronous connection.
 *
 * @module
 */

import { deleteKey, hasKey } from "./container.ts";
import { atOnce } from "./pending.ts";
import type { Range } from "./range.ts";
import {
  defaultValue,
  insertValue,
  popFirst,
  popValue,
  setValue,
  type SortedMap,
  valueOf,
} from "./sorted_map.ts";
import { addKey, popKey, type SortedSet } from "./sorted_set.ts";
import { opened, type Shell, STRUCTURE } from "./structure.ts";

/** What is the same for maps and sets. */
export abstract class SyncContainer<K> {
  readonly #container: Shell & Pick<SortedSet<K>, "keys">;

  /** @ignore */
  constructor(container: Shell & Pick<SortedSet<K>, "keys">) {
    this.#container = container;
  }

  /** Whether there is such a key. */
  has(key: K): boolean {
    return atOnce(() => hasKey(this.#container, key));
  }

  /** Removes a key. @returns Whether it was there. */
  delete(key: K): boolean {
    return atOnce(() => deleteKey(this.#container, key));
  }

  /** Removes all keys. */
  clear(): void {
    atOnce(() => this.#container[STRUCTURE].removeAll());
  }

  /** How many keys there are. */
  get size(): number {
    return this.#container.keys().countAtOnce();
  }

  /** Whether there are no keys. */
  get isEmpty(): boolean {
    return atOnce(() => opened(this.#container).isEmpty);
  }

  /** The least key, or the least that is not less than `min`; undefined when there is none. */
  minKey(min?: K): K | undefined {
    return firstOf(this.#container.keys(min));
  }

  /** The greatest key, or the greatest that is not more than `max`; undefined when there is none. */
  maxKey(max?: K): K | undefined {
    return firstOf(this.#container.keys(undefined, max, { reverse: true }));
  }
}

/**
 * A map for those who can't wait. Where a node is not loaded, and loading it takes waiting, its methods throw a
 * `GhostError` and change nothing.
 *
 * @example
 * ```ts
 * import { OIBTree } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { sync } = new OIBTree<string>([["ann", 3]]);
 * sync.set("bob", (sync.get("ann") ?? 0) + 1);
 * assertEquals([sync.size, sync.get("bob"), sync.maxKey()], [2, 4, "bob"]);
 * ```
 */
export class SyncMap<K, V> extends SyncContainer<K> {
  readonly #map: SortedMap<K, V>;

  /** @ignore */
  constructor(map: SortedMap<K, V>) {
    super(map);
    this.#map = map;
  }

  /** The value of a key; undefined when there is none. */
  get(key: K): V | undefined {
    return atOnce(() => valueOf<V>(this.#map, key));
  }

  /** Sets a key's value. Throws as {@linkcode SortedMap.set}. */
  set(key: K, value: V): void {
    atOnce(() => setValue(this.#map, key, value));
  }

  /** Sets a key's value if there is none. @returns Whether it was set. */
  insert(key: K, value: V): boolean {
    return atOnce(() => insertValue(this.#map, key, value));
  }

  /** The value of a key; if there is none, this one is set. */
  setdefault(key: K, value: V): V {
    return atOnce(() => defaultValue(this.#map, key, value));
  }

  /** Removes a key. @returns Its value; undefined when there was none. */
  pop(key: K): V | undefined {
    return atOnce(() => popValue<V>(this.#map, key));
  }

  /** Removes the least key. @returns It and its value; undefined when the map is empty. */
  popItem(): [K, V] | undefined {
    return atOnce(() => popFirst<K, V>(this.#map));
  }
}

/** A set for those who can't wait. See {@linkcode SyncMap}. */
export class SyncSet<K> extends SyncContainer<K> {
  readonly #set: SortedSet<K>;

  /** @ignore */
  constructor(set: SortedSet<K>) {
    super(set);
    this.#set = set;
  }

  /** Adds a key. @returns Whether it is new. */
  add(key: K): boolean {
    return atOnce(() => addKey(this.#set, key));
  }

  /** Removes the least key. @returns It; undefined when the set is empty. */
  pop(): K | undefined {
    return atOnce(() => popKey<K>(this.#set));
  }
}

function firstOf<T>(range: Range<T>): T | undefined {
  for (const item of range) return item;
  return undefined;
}

/**
 * Keys in order, with values: what `BTree`s and `Bucket`s can do.
 *
 * @module
 */

import { type Awaitable, isPromise } from "../../values/mod.ts";
import { PersistentBase } from "../persistent.ts";
import { type Form, rangeOf, SortedContainer, soughtKey } from "./container.ts";
import { need, whenLoaded } from "./pending.ts";
import type { Range, RangeOptions } from "./range.ts";
import { type Shell, STRUCTURE } from "./structure.ts";
import { SyncMap } from "./sync.ts";

/** What a map can be filled from. */
export type Items<K, V> = Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>;

/**
 * Keys in order, with values. See {@linkcode SortedContainer} for what waits and what doesn't.
 *
 * A value that is a plain array, object, map or set is stored with the key, and changes of it are noticed; one that is
 * a persistent object has a record of its own, and is loaded by the methods that return it.
 */
export abstract class SortedMap<K, V> extends SortedContainer<K> implements AsyncIterable<[K, V]> {
  /** @ignore */
  constructor(form: Form, items?: Iterable<readonly [K, V]>) {
    super(form);
    if (items) { for (const [key, value] of items) setValue(this, key, value); }
  }

  /** The same map for those who can't wait: answers themselves, and a `GhostError` where a node is not loaded. */
  get sync(): SyncMap<K, V> {
    return new SyncMap<K, V>(this);
  }

  /** The value of a key, loaded if it is an object; undefined when there is none. */
  get(key: K): Awaitable<V | undefined> {
    return whenLoaded(() => valueOf<V>(this, key));
  }

  /**
   * Sets a key's value.
   *
   * @throws {TypeError} when the key or the value is of a type that the tree doesn't hold, or the key has no order;
   * {@linkcode RangeError} out of its range.
   */
  set(key: K, value: V): Awaitable<void> {
    return whenLoaded(() => setValue(this, key, value));
  }

  /** Sets a key's value if there is none. @returns Whether it was set. Throws as {@linkcode SortedMap.set}. */
  insert(key: K, value: V): Awaitable<boolean> {
    return whenLoaded(() => insertValue(this, key, value));
  }

  /** The value of a key; if there is none, this one is set. Throws as {@linkcode SortedMap.set}. */
  setdefault(key: K, value: V): Awaitable<V> {
    return whenLoaded(() => defaultValue(this, key, value));
  }

  /** Removes a key. @returns Its value; undefined when there was none. */
  pop(key: K): Awaitable<V | undefined> {
    return whenLoaded(() => popValue<V>(this, key));
  }

  /** Removes the least key. @returns It and its value; undefined when the map is empty. */
  popItem(): Awaitable<[K, V] | undefined> {
    return whenLoaded(() => popFirst<K, V>(this));
  }

  /** Sets many. */
  async update(items: Items<K, V>): Promise<void> {
    for await (const [key, value] of items) {
      const set = this.set(key, value);
      if (isPromise(set)) await set;
    }
  }

  /** The values of the keys from `min` to `max`, both included; undefined for no bound. */
  values(min?: K, max?: K, options: RangeOptions = {}): Range<V> {
    return rangeOf<V>(this, { min, max, ...options }, (leaf, index) => leaf.value(index) as V, true);
  }

  /** The keys from `min` to `max`, both included, with their values. */
  items(min?: K, max?: K, options: RangeOptions = {}): Range<[K, V]> {
    return rangeOf<[K, V]>(
      this,
      { min, max, ...options },
      (leaf, index) => [leaf.key(index) as K, leaf.value(index) as V],
      true,
    );
  }

  /** The same as {@linkcode SortedMap.items}. */
  entries(min?: K, max?: K, options: RangeOptions = {}): Range<[K, V]> {
    return this.items(min, max, options);
  }

  /**
   * The items whose values are `min` or more, greatest value first, as pairs of value and key. Values are divided by
   * `min` if it is more than 0.
   *
   * @throws {TypeError} when the values are no numbers.
   */
  async byValue(min: V): Promise<[V, K][]> {
    const { value: kind } = this[STRUCTURE].definition.family;
    if (!kind.numeric) throw new TypeError(`a ${this.constructor.name} has no order by value`);
    const least = kind.value(min) as number, found: [number, K][] = [];
    for await (const [key, value] of this.items()) {
      if (value as number >= least) found.push([normal(value as number, least, kind.numeric.integer), key]);
    }
    // Of equal values the greatest key comes first.
    found.reverse().sort(([left], [right]) => left < right ? 1 : left > right ? -1 : 0);
    return found as unknown as [V, K][];
  }

  /** Keys and values, loaded. */
  [Symbol.asyncIterator](): AsyncGenerator<[K, V], void> {
    return this.items()[Symbol.asyncIterator]();
  }

  /** Keys and values. @throws {GhostError} when a node is not loaded, and loading takes waiting. */
  [Symbol.iterator](): Generator<[K, V], void> {
    return this.items()[Symbol.iterator]();
  }
}

/** Number or bigint; TypeScript has no arithmetic of either. */
function normal(value: number, least: number, whole: boolean): number {
  if (!(least > 0)) return value;
  if (!whole) return Math.fround(value / least);
  const quotient = BigInt(value) / BigInt(least), number = Number(quotient);
  return Number.isSafeInteger(number) ? number : quotient as unknown as number;
}

/** The value of a key. @throws {Pending} */
export function valueOf<V>(shell: Shell, key: unknown): V | undefined {
  const sought = soughtKey(shell, key);
  const place = sought === undefined ? undefined : shell[STRUCTURE].find(sought);
  if (!place) return undefined;
  const value = place.leaf.value(place.index);
  if (value instanceof PersistentBase) need(value);
  return value as V;
}

/** Sets a value. @throws {Pending} */
export function setValue(shell: Shell, key: unknown, value: unknown): void {
  const structure = shell[STRUCTURE];
  structure.put(structure.definition.family.key.key(key), value, true);
}

/** Sets the value of a key that has none. @throws {Pending} */
export function insertValue(shell: Shell, key: unknown, value: unknown): boolean {
  const structure = shell[STRUCTURE], { key: kind, value: values } = structure.definition.family;
  values.value(value);
  return structure.put(kind.key(key), value, false);
}

/** The value of a key, set if there was none. @throws {Pending} */
export function defaultValue<V>(shell: Shell, key: unknown, value: V): V {
  const structure = shell[STRUCTURE], held = structure.definition.family.key.key(key);
  if (!structure.find(held)) structure.put(held, value, true);
  return valueOf<V>(shell, key) as V;
}

/** Removes a key. @throws {Pending} */
export function popValue<V>(shell: Shell, key: unknown): V | undefined {
  const structure = shell[STRUCTURE], held = structure.definition.family.key.key(key);
  if (!structure.find(held)) return undefined;
  const value = valueOf<V>(shell, key);
  structure.remove(held);
  return value;
}

/** Removes the first key. @throws {Pending} */
export function popFirst<K, V>(shell: Shell): [K, V] | undefined {
  const found = shell[STRUCTURE].seek(undefined, false);
  if (!found) return undefined;
  const item: [K, V] = [found.leaf.key(found.index) as K, found.leaf.value(found.index) as V];
  if (item[1] instanceof PersistentBase) need(item[1]);
  shell[STRUCTURE].remove(found.leaf.keys[found.index]);
  return item;
}

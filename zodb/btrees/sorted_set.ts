/**
 * Keys in order, without values: what `TreeSet`s and `Set`s can do.
 *
 * @module
 */

import { type Awaitable, isPromise } from "../../values/mod.ts";
import { type Form, SortedContainer } from "./container.ts";
import { whenLoaded } from "./pending.ts";
import { type Shell, STRUCTURE } from "./structure.ts";
import { SyncSet } from "./sync.ts";

/** Keys in order. See {@linkcode SortedContainer} for what waits and what doesn't. */
export abstract class SortedSet<K> extends SortedContainer<K> implements AsyncIterable<K> {
  /** @ignore */
  constructor(form: Form, keys?: Iterable<K>) {
    super(form);
    if (keys) { for (const key of keys) addKey(this, key); }
  }

  /** The same set for those who can't wait: answers themselves, and a `GhostError` where a node is not loaded. */
  get sync(): SyncSet<K> {
    return new SyncSet<K>(this);
  }

  /**
   * Adds a key.
   *
   * @returns Whether it is new.
   * @throws {TypeError} when it is of a type that the set doesn't hold, or has no order; {@linkcode RangeError} out of
   * range.
   */
  add(key: K): Awaitable<boolean> {
    return whenLoaded(() => addKey(this, key));
  }

  /** Adds many. @returns How many of them are new. */
  async update(keys: Iterable<K> | AsyncIterable<K>): Promise<number> {
    let count = 0;
    for await (const key of keys) {
      const added = this.add(key as K);
      if (isPromise(added) ? await added : added) count++;
    }
    return count;
  }

  /** Removes the least key. @returns It; undefined when the set is empty. */
  pop(): Awaitable<K | undefined> {
    return whenLoaded(() => popKey<K>(this));
  }

  /** Whether none of these keys is in the set. */
  async isDisjointFrom(keys: Iterable<K> | AsyncIterable<K>): Promise<boolean> {
    for await (const key of keys) {
      const found = this.has(key as K);
      if (isPromise(found) ? await found : found) return false;
    }
    return true;
  }

  /** The keys. */
  [Symbol.asyncIterator](): AsyncGenerator<K, void> {
    return this.keys()[Symbol.asyncIterator]();
  }

  /** The keys. @throws {GhostError} when a node is not loaded, and loading takes waiting. */
  [Symbol.iterator](): Generator<K, void> {
    return this.keys()[Symbol.iterator]();
  }
}

/** Adds a key. @throws {Pending} */
export function addKey(shell: Shell, key: unknown): boolean {
  const structure = shell[STRUCTURE];
  return structure.put(structure.definition.family.key.key(key), undefined, false);
}

/** Removes the first key. @throws {Pending} */
export function popKey<K>(shell: Shell): K | undefined {
  const found = shell[STRUCTURE].seek(undefined, false);
  if (!found) return undefined;
  const key = found.leaf.key(found.index) as K;
  shell[STRUCTURE].remove(found.leaf.keys[found.index]);
  return key;
}

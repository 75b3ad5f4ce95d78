/**
 * What all trees, buckets and sets can do: they are sorted, and their keys are found by content.
 *
 * @module
 */

import type { Awaitable } from "../../values/mod.ts";
import { PersistentBase } from "../persistent.ts";
import { problemsOf } from "./check.ts";
import { BTreeCheckError } from "./check_error.ts";
import { definitionOf } from "./family.ts";
import { Inner } from "./inner.ts";
import { Leaf } from "./leaf.ts";
import { whenLoaded } from "./pending.ts";
import { type Limits, Range, type RangeOptions } from "./range.ts";
import { type Bound, opened, type Shell, STRUCTURE, type Structure } from "./structure.ts";

/** Whether an object keeps all its keys itself, or has nodes below it. */
export type Form = "leaf" | "tree";

/**
 * Keys in order. What takes no waiting is answered at once, so `await` costs nothing in memory: the methods return the
 * answer itself then, and a promise only where a node has to be loaded.
 */
export abstract class SortedContainer<K> extends PersistentBase {
  /** @ignore */
  readonly [STRUCTURE]: Structure;

  /** @ignore */
  constructor(form: Form) {
    super();
    const definition = definitionOf(new.target);
    this[STRUCTURE] = form === "leaf" ? new Leaf(this, definition) : new Inner(this, definition);
  }

  /** Whether there is such a key. */
  has(key: K): Awaitable<boolean> {
    return whenLoaded(() => hasKey(this, key));
  }

  /**
   * Removes a key.
   * @returns Whether it was there.
   * @throws {TypeError} when the key is of a type that the tree doesn't hold; {@linkcode RangeError} out of its range.
   */
  delete(key: K): Awaitable<boolean> {
    return whenLoaded(() => deleteKey(this, key));
  }

  /** Removes all keys. */
  clear(): Awaitable<void> {
    return whenLoaded(() => this[STRUCTURE].removeAll());
  }

  /** How many keys there are. All leaves are loaded for that: keep a `Length` for what is counted often. */
  size(): Awaitable<number> {
    return this.keys().count();
  }

  /** Whether there are no keys. */
  isEmpty(): Awaitable<boolean> {
    return whenLoaded(() => opened(this).isEmpty);
  }

  /** The least key, or the least that is not less than `min`; undefined when there is none. */
  minKey(min?: K): Awaitable<K | undefined> {
    return this.keys(min).first();
  }

  /** The greatest key, or the greatest that is not more than `max`; undefined when there is none. */
  maxKey(max?: K): Awaitable<K | undefined> {
    return this.keys(undefined, max, { reverse: true }).first();
  }

  /** The keys from `min` to `max`, both included; undefined for no bound. */
  keys(min?: K, max?: K, options: RangeOptions = {}): Range<K> {
    return rangeOf<K>(this, { min, max, ...options }, (leaf, index) => leaf.key(index) as K, false);
  }

  /**
   * Looks whether the nodes are put together as they should be, and all keys are in order. Loads all of them.
   * @throws {BTreeCheckError} which tells everything that is wrong.
   */
  async check(): Promise<void> {
    const problems = await problemsOf(this);
    if (problems.length > 0) throw new BTreeCheckError(this.constructor.name, problems);
  }

  /** The state to store. */
  override __getstate__(): unknown {
    return this[STRUCTURE].state();
  }

  /** Takes a state. */
  override __setstate__(state: unknown): void {
    this[STRUCTURE].setState(state);
  }

  /** Forgets the state. */
  override __clearstate__(): void {
    this[STRUCTURE].forget();
  }
}

/** Whether there is such a key; a key of a wrong type is not there. @throws {Pending} */
export function hasKey(shell: Shell, key: unknown): boolean {
  const sought = soughtKey(shell, key);
  return sought !== undefined && shell[STRUCTURE].find(sought) !== undefined;
}

/**
 * The key as a tree holds it; undefined when it is none that a tree of ints or bytes can have.
 * @throws {TypeError} when it has no order.
 */
export function soughtKey(shell: Shell, key: unknown): unknown {
  const { key: kind, prefix } = shell[STRUCTURE].definition.family;
  if (prefix[0] === "O") return kind.key(key);
  try {
    return kind.key(key);
  } catch {
    return undefined;
  }
}

/** Removes a key. @throws {Pending} */
export function deleteKey(shell: Shell, key: unknown): boolean {
  const structure = shell[STRUCTURE];
  return structure.remove(structure.definition.family.key.key(key));
}

/** Some of a container's items, in order. */
export function rangeOf<T>(
  shell: Shell,
  options: RangeOptions & { readonly min?: unknown; readonly max?: unknown },
  item: (leaf: Leaf, index: number) => T,
  loadsValues: boolean,
): Range<T> {
  const { key } = shell[STRUCTURE].definition.family, { reverse = false } = options;
  const min = options.min === undefined ? undefined : key.key(options.min);
  const max = options.max === undefined ? undefined : key.key(options.max);
  const limits = (): Limits => ({
    min: boundOf(shell, min, options.excludeMin ?? false, false),
    max: boundOf(shell, max, options.excludeMax ?? false, true),
    reverse,
  });
  return new Range(shell, limits, item, loadsValues);
}

/** Where nothing else is said, the first or last key of all can be left out. @throws {Pending} */
function boundOf(shell: Shell, key: unknown, exclusive: boolean, last: boolean): Bound | undefined {
  if (key !== undefined) return { key, exclusive };
  if (!exclusive) return undefined;
  const end = shell[STRUCTURE].seek(undefined, last);
  return end && { key: end.leaf.keys[end.index], exclusive };
}

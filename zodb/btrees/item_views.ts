/**
 * What users see of the keys and values of a leaf.
 *
 * Values move: when a leaf splits, half of them become another's. So every value has views of its own, which ask whose
 * it is when it is changed.
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";
import { CHANGED, CONTROL, GHOST, SAVED, type State } from "../control.ts";
import type { PersistentBase } from "../persistent.ts";
import { type ViewOwner, Views } from "../tracking/views.ts";
import { isConstant } from "../types/value_object.ts";
import type { Leaf } from "./leaf.ts";

/** One mutable value, and the leaf that it is in now. */
class Item implements ViewOwner {
  readonly views: Views = new Views(this);
  /** Undefined when the value was taken out: changes of it are nobody's business then. */
  leaf: Leaf | undefined;
  readonly object: PersistentBase;
  /** Whether the leaf was made a ghost: the value is part of nothing any more. */
  #lost = false;

  constructor(leaf: Leaf) {
    this.leaf = leaf;
    this.object = leaf.shell;
  }

  get state(): State {
    if (this.#lost) return GHOST;
    return this.leaf?.shell[CONTROL].state === CHANGED ? CHANGED : SAVED;
  }

  change(): void {
    this.leaf?.changing();
  }

  lose(): void {
    this.#lost = true;
  }
}

/** Values that were taken out of a leaf, and may be put in again. */
const detached = new WeakMap<object, Item>();

/** The mutable values of one leaf that users have got hold of. */
export class ItemViews {
  readonly #leaf: Leaf;
  readonly #items = new Map<object, Item>();

  constructor(leaf: Leaf) {
    this.#leaf = leaf;
  }

  /** What users see of a value. */
  of(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Float) return value.value;
    if (CONTROL in value || isConstant(value)) return value;
    let item = this.#items.get(value);
    if (!item) this.#items.set(value, item = new Item(this.#leaf));
    return item.views.of(value);
  }

  /** Hears that a value is taken out. */
  removed(value: unknown): void {
    const item = this.#take(value);
    if (!item) return;
    item.leaf = undefined;
    detached.set(value as object, item);
  }

  /** Hears that a value is put in. */
  added(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const item = detached.get(value);
    if (!item) return;
    detached.delete(value);
    item.leaf = this.#leaf;
    this.#items.set(value, item);
  }

  /** Hears that values are another leaf's from now on. */
  moved(values: Iterable<unknown>, to: Leaf): void {
    if (this.#items.size === 0) return;
    for (const value of values) {
      const item = this.#take(value);
      if (!item) continue;
      item.leaf = to;
      to.views.#items.set(value as object, item);
    }
  }

  /** Hears that the state is given up. */
  release(): void {
    for (const item of this.#items.values()) item.lose();
    this.#items.clear();
  }

  #take(value: unknown): Item | undefined {
    const item = this.#items.get(value as object);
    if (item) this.#items.delete(value as object);
    return item;
  }
}

/**
 * Leaves: buckets, which are mappings, and sets. Their states:
 *
 *   bucket   ((key, value, key, value …),)      set   ((key, key …),)
 *   with a leaf to its right                    ((…), that leaf)
 *
 * A leaf that is its tree's only one, and has never been stored for itself, is stored in the tree's record.
 *
 * @module
 */

import { PickleError } from "../../pickle/mod.ts";
import { Tuple } from "../types/tuple.ts";
import type { Definition } from "./family.ts";
import type { Inner } from "./inner.ts";
import { ItemViews } from "./item_views.ts";
import {
  type Bound,
  type Found,
  opened,
  type Place,
  search,
  type Shell,
  shellOf,
  STRUCTURE,
  type Structure,
} from "./structure.ts";

const none: readonly Shell[] = [];

/** See the module. */
export class Leaf implements Structure {
  keys: unknown[] = [];
  /** As many as keys; none in a set. */
  values: unknown[] = [];
  /** The leaf to its right. */
  next: Shell | undefined;
  /** The root of the tree that it was made in, in whose record it may be. */
  root: Shell | undefined;
  readonly views: ItemViews = new ItemViews(this);

  constructor(readonly shell: Shell, readonly definition: Definition) {}

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  /** Has to be called before a change. */
  changing(): void {
    this.shell._p_change();
    if (this.root && (this.root[STRUCTURE] as Inner).embedded === this) this.root._p_change();
  }

  /** The index of a key; the complement of where it would be. */
  indexOf(key: unknown): number {
    return search(this.keys, key, this.definition);
  }

  find(key: unknown): Place | undefined {
    opened(this.shell);
    const index = this.indexOf(key);
    return index < 0 ? undefined : { leaf: this, index };
  }

  seek(bound: Bound | undefined, reverse: boolean): Found | undefined {
    opened(this.shell);
    const index = this.first(bound, reverse);
    return index === undefined ? undefined : { leaf: this, index, ahead: () => none };
  }

  /** The index of the first key from a bound on, or in reverse of the last one down from it. */
  first(bound: Bound | undefined, reverse: boolean): number | undefined {
    const { length } = this.keys;
    let index = reverse ? length - 1 : 0;
    if (bound) {
      const at = this.indexOf(bound.key);
      if (reverse) index = at < 0 ? ~at - 1 : bound.exclusive ? at - 1 : at;
      else index = at < 0 ? ~at : bound.exclusive ? at + 1 : at;
    }
    return index >= 0 && index < length ? index : undefined;
  }

  put(key: unknown, value: unknown, replace: boolean): boolean {
    opened(this.shell);
    const index = this.indexOf(key);
    if (index < 0) {
      this.insert(~index, key, value);
      return true;
    }
    if (replace) this.replace(index, value);
    return false;
  }

  /** @param value As a user gives it. */
  insert(index: number, key: unknown, value: unknown): void {
    const { mapping, family } = this.definition;
    const kept = mapping ? family.value.value(value) : undefined;
    this.changing();
    this.keys.splice(index, 0, key);
    if (!mapping) return;
    this.values.splice(index, 0, kept);
    this.views.added(kept);
  }

  /** @param value As a user gives it. */
  replace(index: number, value: unknown): void {
    const { mapping, family } = this.definition;
    if (!mapping) return;
    const previous = this.values[index], kept = family.value.value(value, previous);
    if (family.value.same(previous, kept)) return;
    this.changing();
    this.values[index] = kept;
    if (kept === previous) return;
    this.views.removed(previous);
    this.views.added(kept);
  }

  remove(key: unknown): boolean {
    opened(this.shell);
    const index = this.indexOf(key);
    if (index < 0) return false;
    this.changing();
    this.removeAt(index);
    return true;
  }

  removeAt(index: number): void {
    this.keys.splice(index, 1);
    if (this.definition.mapping) this.views.removed(this.values.splice(index, 1)[0]);
  }

  removeAll(): void {
    opened(this.shell);
    if (this.isEmpty) return;
    this.changing();
    for (const value of this.values) this.views.removed(value);
    this.keys = [];
    this.values = [];
  }

  /** Moves the upper half to a new leaf on its right. */
  split(): Leaf {
    const right = new this.definition.leaf()[STRUCTURE] as Leaf, middle = this.keys.length >> 1;
    right.keys = this.keys.splice(middle);
    if (this.definition.mapping) {
      right.values = this.values.splice(middle);
      this.views.moved(right.values, right);
    }
    right.root = this.root;
    right.next = this.next;
    this.next = right.shell;
    return right;
  }

  /** The value at an index as users see it. */
  value(index: number): unknown {
    const value = this.values[index];
    return typeof value === "object" && value !== null ? this.views.of(value) : value;
  }

  /** The key at an index as users see it. */
  key(index: number): unknown {
    const key = this.keys[index];
    return typeof key === "object" && key !== null ? this.views.of(key) : key;
  }

  state(): unknown {
    const { key, value } = this.definition.family, items = new Tuple();
    for (let i = 0; i < this.keys.length; i++) {
      items.push(key.write(this.keys[i]));
      if (this.definition.mapping) items.push(value.write(this.values[i]));
    }
    const state = new Tuple();
    state.push(items);
    if (this.next) state.push(this.next);
    return state;
  }

  setState(state: unknown): void {
    const name = this.shell.constructor.name;
    if (!Array.isArray(state) || state.length < 1 || state.length > 2 || !Array.isArray(state[0])) {
      throw new PickleError(`${name}: expected a tuple of the items and perhaps the next leaf as its state`);
    }
    const [items, next] = state as [unknown[], unknown?], { mapping, family } = this.definition;
    if (mapping && items.length % 2) throw new PickleError(`${name}: its state has a key without a value`);
    const keys: unknown[] = [], values: unknown[] = [], step = mapping ? 2 : 1;
    for (let i = 0; i < items.length; i += step) {
      keys.push(family.key.read(items[i]));
      if (mapping) values.push(family.value.read(items[i + 1]));
    }
    this.next = next === undefined ? undefined : shellOf(next, this.shell);
    this.keys = keys;
    this.values = values;
  }

  forget(): void {
    this.views.release();
    this.keys = [];
    this.values = [];
    this.next = this.root = undefined;
  }
}

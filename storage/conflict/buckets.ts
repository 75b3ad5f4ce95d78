/**
 * Merging the states of a BTree's leaves.
 *
 *   bucket   ((key, value, key, value …),)      set   ((key, key …),)
 *   with a leaf to its right                    ((…), reference to it)
 *
 * Keys are in order, so a merge is one walk with three cursors. Where both sides' changes don't go together it
 * says so by a number; the numbers are those of BTrees.
 *
 * @module
 */

import { PersistentReference, Tuple, type Value } from "../../pickle/mod.ts";
import type { LeafKind } from "./families.ts";
import { PythonOrder } from "./order.ts";
import { referenceKey } from "./references.ts";
import { BTreeConflict, NOWHERE, Unresolvable } from "./unresolvable.ts";

/** A leaf's items, and the reference to the leaf on its right. */
interface Leaf {
  readonly keys: readonly Value[];
  /** As many as keys; none in a set. */
  readonly values: readonly Value[];
  readonly next?: PersistentReference;
}

const EMPTY: Leaf = { keys: [], values: [] };

/**
 * The state of a bucket or set that has the committed changes and the new ones.
 *
 * @throws {BTreeConflict} when they don't go together.
 * @throws {Unresolvable} when a state is malformed, or Python would not know the order of two values.
 */
export function mergeLeaves(kind: LeafKind, old: Value, committed: Value, current: Value): Value {
  const leaves = [old, committed, current].map((state) => readLeaf(kind, state));
  const [{ next }, ...others] = leaves;
  if (!others.every((leaf) => sameLeaf(leaf.next, next))) throw new BTreeConflict(0);
  // An emptied leaf is taken out of its tree, together with what the other side puts into it.
  if (!others.every((leaf) => leaf.keys.length > 0)) throw new BTreeConflict(12);
  const items = new Tuple(new Merge(kind, leaves[0], leaves[1], leaves[2]).run());
  return new Tuple(next === undefined ? [items] : [items, next]);
}

function sameLeaf(left: PersistentReference | undefined, right: PersistentReference | undefined): boolean {
  if (left === right) return true;
  return left !== undefined && right !== undefined && referenceKey(left) === referenceKey(right);
}

function readLeaf(kind: LeafKind, state: Value): Leaf {
  if (state === null) return EMPTY;
  if (!(state instanceof Tuple) || state.length < 1 || state.length > 2) {
    throw new Unresolvable("a leaf's state is not a tuple of its items and perhaps the next leaf");
  }
  const [items, next] = state.items;
  if (!(items instanceof Tuple)) throw new Unresolvable("a leaf's items are no tuple");
  if (next !== undefined && !(next instanceof PersistentReference)) {
    throw new Unresolvable("a leaf's next leaf is no reference");
  }
  const { key, value } = kind;
  if (value === undefined) return { keys: items.items.map(key.read), values: [], next };
  if (items.length % 2) throw new Unresolvable("a bucket has a key without a value");
  const keys: Value[] = [], values: Value[] = [];
  for (let i = 0; i < items.length; i += 2) {
    keys.push(key.read(items.items[i]));
    values.push(value.read(items.items[i + 1]));
  }
  return { keys, values, next };
}

/** A place in a leaf. */
class Cursor {
  #at = 0;
  readonly #leaf: Leaf;

  constructor(leaf: Leaf) {
    this.#leaf = leaf;
  }

  /** Whether there is an item. */
  get open(): boolean {
    return this.#at < this.#leaf.keys.length;
  }

  get atFirst(): boolean {
    return this.#at === 0;
  }

  get key(): Value {
    return this.#leaf.keys[this.#at];
  }

  get value(): Value {
    return this.#leaf.values[this.#at];
  }

  get position(): number {
    return this.open ? this.#at + 1 : NOWHERE;
  }

  advance(): void {
    this.#at++;
  }
}

/** One walk through three leaves. */
class Merge {
  readonly #kind: LeafKind;
  readonly #order = new PythonOrder();
  readonly #old: Cursor;
  readonly #committed: Cursor;
  readonly #current: Cursor;
  readonly #items: Value[] = [];

  constructor(kind: LeafKind, old: Leaf, committed: Leaf, current: Leaf) {
    this.#kind = kind;
    this.#old = new Cursor(old);
    this.#committed = new Cursor(committed);
    this.#current = new Cursor(current);
  }

  run(): Value[] {
    const old = this.#old, committed = this.#committed, current = this.#current;
    while (old.open && committed.open && current.open) this.#three(old, committed, current);
    while (committed.open && current.open) this.#inserts(committed, current);
    while (old.open && committed.open) this.#leftOf(old, committed, 7);
    while (old.open && current.open) this.#leftOf(old, current, 8);
    if (old.open) this.#refuse(9);
    while (committed.open) this.#take(committed);
    while (current.open) this.#take(current);
    if (this.#items.length === 0) this.#refuse(10);
    return this.#items;
  }

  #three(old: Cursor, committed: Cursor, current: Cursor): void {
    const toCommitted = this.#compare(old, committed), toCurrent = this.#compare(old, current);
    if (toCommitted === 0 && toCurrent === 0) this.#change(old, committed, current);
    else if (toCommitted === 0) this.#besides(old, committed, current, toCurrent, 2);
    else if (toCurrent === 0) this.#besides(old, current, committed, toCommitted, 3);
    else this.#apart(committed, current, toCommitted, toCurrent);
  }

  /** All three have the key. */
  #change(old: Cursor, committed: Cursor, current: Cursor): void {
    if (!this.#changed(old, committed)) this.#put(current);
    else if (!this.#changed(old, current)) this.#put(committed);
    else this.#refuse(1);
    old.advance();
    committed.advance();
    current.advance();
  }

  /** One side has the old key; the other is before it (an insert) or after it (it deleted the key). */
  #besides(old: Cursor, same: Cursor, other: Cursor, toOther: number, reason: number): void {
    if (toOther > 0) return this.#take(other);
    if (this.#changed(old, same)) this.#refuse(reason);
    // Without its first key a leaf's place in the tree may be another.
    if (other.atFirst) this.#refuse(13);
    old.advance();
    same.advance();
  }

  /** Neither side has the old key here. */
  #apart(committed: Cursor, current: Cursor, toCommitted: number, toCurrent: number): void {
    const sides = this.#compare(committed, current);
    if (sides === 0) this.#refuse(4);
    if (toCommitted > 0) this.#take(sides > 0 ? current : committed);
    else if (toCurrent > 0) this.#take(current);
    else this.#refuse(5);
  }

  /** The old leaf is at its end. */
  #inserts(committed: Cursor, current: Cursor): void {
    const sides = this.#compare(committed, current);
    if (sides === 0) this.#refuse(6);
    this.#take(sides > 0 ? current : committed);
  }

  /** One side is at its end: it deleted what is left of the old leaf, and the other must not have changed it. */
  #leftOf(old: Cursor, side: Cursor, reason: number): void {
    const order = this.#compare(old, side);
    if (order > 0) return this.#take(side);
    if (order < 0 || this.#changed(old, side)) this.#refuse(reason);
    old.advance();
    side.advance();
  }

  #compare(left: Cursor, right: Cursor): number {
    return this.#kind.key.compare(left.key, right.key, this.#order);
  }

  #changed(old: Cursor, side: Cursor): boolean {
    const { value } = this.#kind;
    return value !== undefined && value.compare(old.value, side.value, this.#order) !== 0;
  }

  #put(cursor: Cursor): void {
    this.#items.push(cursor.key);
    if (this.#kind.value !== undefined) this.#items.push(cursor.value);
  }

  #take(cursor: Cursor): void {
    this.#put(cursor);
    cursor.advance();
  }

  #refuse(reason: number): never {
    throw new BTreeConflict(reason, [this.#old.position, this.#committed.position, this.#current.position]);
  }
}

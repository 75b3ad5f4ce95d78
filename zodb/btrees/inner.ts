/**
 * Inner nodes of trees, of which the root is one that users see. Their states:
 *
 *   None                                           an empty tree
 *   ((leaf's state,),)                             one leaf that is in no record of its own
 *   ((child, key, child, key, child …), leaf)      a key is the least that may be in the child after it; the leaf is
 *                                                  the first one below
 *
 * Children are all leaves, or all inner nodes of the same class. Which nodes are changed by what, and in which order, is
 * as in Python, so that changes of both at once conflict, or are merged, in the same cases.
 *
 * @module
 */

import { PickleError } from "../../pickle/mod.ts";
import { CONTROL } from "../control.ts";
import { Tuple } from "../types/tuple.ts";
import type { Definition, ShellClass } from "./family.ts";
import { Leaf } from "./leaf.ts";
import { Path } from "./path.ts";
import { grow, planGrowth } from "./growth.ts";
import { shrink } from "./shrinking.ts";
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

/** See the module. */
export class Inner implements Structure {
  children: Shell[] = [];
  /** One less than children: the key at an index is the least that may be in the child after that index. */
  keys: unknown[] = [];
  /** The first leaf below; undefined in an empty tree. */
  first: Shell | undefined;

  constructor(readonly shell: Shell, readonly definition: Definition) {}

  get isEmpty(): boolean {
    return this.children.length === 0;
  }

  /** Whether its children are leaves. */
  get holdsLeaves(): boolean {
    return this.children[0]?.[STRUCTURE] instanceof Leaf;
  }

  /** Which child a key is in, if it is in any. */
  childOf(key: unknown): number {
    const index = search(this.keys, key, this.definition);
    return index < 0 ? ~index : index + 1;
  }

  find(key: unknown): Place | undefined {
    let node = opened(this.shell);
    while (node instanceof Inner) {
      if (node.isEmpty) return undefined;
      node = opened(node.children[node.childOf(key)]);
    }
    const leaf = node as Leaf, index = leaf.indexOf(key);
    return index < 0 ? undefined : { leaf, index };
  }

  seek(bound: Bound | undefined, reverse: boolean): Found | undefined {
    opened(this.shell);
    if (this.isEmpty) return undefined;
    const path = Path.to(this, bound, reverse), direction = reverse ? -1 : 1;
    do {
      const index = path.leaf.first(bound, reverse);
      if (index !== undefined) return { leaf: path.leaf, index, ahead: (end) => path.ahead(direction, end) };
    } while (path.move(direction));
    return undefined;
  }

  put(key: unknown, value: unknown, replace: boolean): boolean {
    opened(this.shell);
    if (this.isEmpty) {
      this.#readCurrent();
      this.#putFirst(key, value);
      return true;
    }
    const path = Path.to(this, { key, exclusive: false }), { leaf } = path, index = leaf.indexOf(key);
    if (index >= 0) {
      readCurrent(path);
      if (replace) leaf.replace(index, value);
      return false;
    }
    planGrowth(path);
    readCurrent(path);
    leaf.insert(~index, key, value);
    grow(path);
    return true;
  }

  #putFirst(key: unknown, value: unknown): void {
    const leaf = new this.definition.leaf()[STRUCTURE] as Leaf;
    leaf.insert(0, key, value);
    this.shell._p_change();
    leaf.root = this.shell;
    this.children = [leaf.shell];
    this.first = leaf.shell;
  }

  remove(key: unknown): boolean {
    opened(this.shell);
    if (this.isEmpty) return false;
    const path = Path.to(this, { key, exclusive: false }), index = path.leaf.indexOf(key);
    if (index < 0) {
      readCurrent(path);
      return false;
    }
    shrink(path, index, () => readCurrent(path));
    return true;
  }

  removeAll(): void {
    opened(this.shell);
    if (this.isEmpty) return;
    this.shell._p_change();
    this.#drop();
  }

  #readCurrent(): void {
    this.shell._p_jar?.readCurrent(this.shell);
  }

  /** Moves the upper half to a new node, to be put on its right. @returns It, and the least key that it may have. */
  split(): { readonly right: Inner; readonly key: unknown } {
    const right = this.sibling(), middle = this.children.length >> 1;
    right.children = this.children.splice(middle);
    right.keys = this.keys.splice(middle);
    const key = this.keys.pop(), [child] = right.children;
    right.first = right.holdsLeaves ? child : (opened(child) as Inner).first;
    return { right, key };
  }

  /** A new node of the same class. */
  sibling(): Inner {
    return new (this.shell.constructor as ShellClass)()[STRUCTURE] as Inner;
  }

  /** The leaf that is stored in this node's record: its only one, if that has never been stored for itself. */
  get embedded(): Leaf | undefined {
    const [only, second] = this.children;
    const content = only?.[STRUCTURE];
    return !second && content instanceof Leaf && only[CONTROL].oid === undefined ? content : undefined;
  }

  state(): unknown {
    if (this.isEmpty) return null;
    const embedded = this.embedded;
    if (embedded) return tupleOf(tupleOf(embedded.state()));
    const items = new Tuple();
    for (let i = 0; i < this.children.length; i++) {
      if (i > 0) items.push(this.definition.family.key.write(this.keys[i - 1]));
      items.push(this.children[i]);
    }
    return tupleOf(items, this.first);
  }

  setState(state: unknown): void {
    this.#drop();
    if (state === null) return;
    const name = this.shell.constructor.name;
    if (!Array.isArray(state) || !Array.isArray(state[0])) {
      throw new PickleError(`${name}: expected None or a tuple of children as its state`);
    }
    const items = state[0] as unknown[];
    if (state.length === 1 && items.length === 1) {
      const leaf = new this.definition.leaf()[STRUCTURE] as Leaf;
      leaf.setState(items[0]);
      leaf.root = this.shell;
      this.children = [leaf.shell];
      this.first = leaf.shell;
      return;
    }
    if (state.length !== 2 || items.length % 2 === 0) {
      throw new PickleError(
        `${name}: expected children with keys between them, and the first leaf, as its state`,
      );
    }
    const children: Shell[] = [], keys: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      if (i % 2) keys.push(this.definition.family.key.read(items[i]));
      else children.push(shellOf(items[i], this.shell));
    }
    const leaves = children.filter((child) => child[STRUCTURE] instanceof Leaf).length;
    const first = shellOf(state[1], this.shell);
    if (leaves > 0 && leaves < children.length || !(first[STRUCTURE] instanceof Leaf)) {
      throw new PickleError(`${name}: its state mixes leaves and inner nodes`);
    }
    this.children = children;
    this.keys = keys;
    this.first = first;
  }

  forget(): void {
    for (const child of this.children) {
      if (child[CONTROL].oid === undefined) child[STRUCTURE].forget();
    }
    this.#drop();
  }

  #drop(): void {
    this.children = [];
    this.keys = [];
    this.first = undefined;
  }
}

function tupleOf(...items: unknown[]): Tuple {
  const made = new Tuple();
  for (const item of items) made.push(item);
  return made;
}

/** As in Python, a commit fails when somebody has restructured the tree above what it changes. */
function readCurrent(path: Path): void {
  for (const { node: { shell } } of path.steps) shell._p_jar?.readCurrent(shell);
}

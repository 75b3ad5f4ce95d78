/**
 * Merging the states of a BTree or TreeSet node.
 *
 *   None                                     an empty tree
 *   ((leaf's state,),)                       a tree that never split: the leaf is part of it
 *   ((child, key, child …), first leaf)      inner node, or a larger tree's root: never merged
 *
 * A large tree's leaves are records of their own, and merged as such.
 *
 * @module
 */

import { Tuple, type Value } from "../../pickle/mod.ts";
import { mergeLeaves } from "./buckets.ts";
import type { LeafKind } from "./families.ts";
import { BTreeConflict, Unresolvable } from "./unresolvable.ts";

/**
 * The state of a tree that has the committed changes and the new ones.
 *
 * @throws {BTreeConflict} when they don't go together, or the tree has more than one leaf.
 * @throws {Unresolvable} when a state is malformed, or Python would not know the order of two values.
 */
export function mergeTrees(kind: LeafKind, old: Value, committed: Value, current: Value): Value {
  const leaves = [old, committed, current].map(leafState);
  return new Tuple([new Tuple([mergeLeaves(kind, leaves[0], leaves[1], leaves[2])])]);
}

function leafState(state: Value): Value {
  if (state === null) return null;
  if (!(state instanceof Tuple)) throw new Unresolvable("a tree's state is neither None nor a tuple");
  if (state.length === 2) throw new BTreeConflict(11);
  const [inner] = state.items;
  if (state.length !== 1 || !(inner instanceof Tuple) || inner.length !== 1) {
    throw new Unresolvable("a tree's state is not a leaf in two tuples");
  }
  if (!(inner.items[0] instanceof Tuple)) throw new Unresolvable("the state of a tree's leaf is no tuple");
  return inner.items[0];
}

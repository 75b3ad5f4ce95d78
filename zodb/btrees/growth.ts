/**
 * What becomes of the nodes above a leaf that has got one key more.
 *
 * A node that is too large gives its upper half to a new one on its right. The root, which others refer to, stays where
 * it is: it may get nearly twice as large, and then gives all it has to a new node below it, which is split in two.
 *
 * @module
 */

import type { Inner } from "./inner.ts";
import type { Path } from "./path.ts";
import { opened } from "./structure.ts";

/** Has loaded what {@linkcode grow} will need when the path's leaf has one key more. @throws {Pending} */
export function planGrowth(path: Path): void {
  const { leaf, steps } = path;
  if (leaf.keys.length < path.root.definition.maxLeafSize) return;
  for (let depth = steps.length - 1; depth >= 0; depth--) {
    const { node, at } = steps[depth], count = node.children.length + 1;
    if (!isTooLarge(node, count, depth)) return;
    // The right half's first leaf is what the child in the middle says.
    const middle = count >> 1;
    if (!node.holdsLeaves) opened(node.children[middle <= at ? middle : middle - 1]);
  }
}

/** Splits what has become too large. */
export function grow({ leaf, steps, root }: Path): void {
  if (leaf.keys.length <= root.definition.maxLeafSize) return;
  const right = leaf.split();
  let added = { shell: right.shell, key: right.keys[0] };
  for (let depth = steps.length - 1; depth >= 0; depth--) {
    const { node, at } = steps[depth];
    node.shell._p_change();
    node.children.splice(at + 1, 0, added.shell);
    node.keys.splice(at, 0, added.key);
    if (!isTooLarge(node, node.children.length, depth)) return;
    if (depth === 0) return splitRoot(node);
    const { right, key } = node.split();
    added = { shell: right.shell, key };
  }
}

function isTooLarge(node: Inner, count: number, depth: number): boolean {
  const { maxInternalSize } = node.definition;
  return depth === 0 ? count >= 2 * maxInternalSize : count > maxInternalSize;
}

function splitRoot(root: Inner): void {
  const left = root.sibling();
  left.children = root.children;
  left.keys = root.keys;
  left.first = root.first;
  const { right, key } = left.split();
  root.children = [left.shell, right.shell];
  root.keys = [key];
}

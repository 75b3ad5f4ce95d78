/**
 * What becomes of a leaf, and of the nodes above it, when a key is taken out.
 *
 * An empty leaf is taken out of its tree, and out of the chain of leaves; so is a node without children. Nodes are never
 * merged. A key that stands in a node above as the least of a child is replaced there when it is gone.
 *
 * @module
 */

import type { Leaf } from "./leaf.ts";
import type { Path } from "./path.ts";
import { Path as WayTo } from "./path.ts";
import type { Inner } from "./inner.ts";
import { opened, STRUCTURE } from "./structure.ts";

/** Takes the key at an index out of a path's leaf. @param begin Called when all is loaded. @throws {Pending} */
export function shrink(path: Path, index: number, begin: () => void): void {
  const { leaf, steps } = path, key = leaf.keys[index], isLast = leaf.keys.length === 1;
  // What is needed, before anything is changed.
  const next = isLast && leaf.next ? opened(leaf.next) as Leaf : undefined;
  const before = isLast ? leafBefore(path) : undefined;
  const least = isLast ? next?.keys[0] : leaf.keys[index === 0 ? 1 : 0];
  begin();
  leaf.changing();
  leaf.removeAt(index);
  let emptied = isLast, chained = isLast;
  function unchain(): void {
    chained = false;
    before!.changing();
    before!.next = leaf.next;
  }
  for (let depth = steps.length - 1; depth >= 0; depth--) {
    const { node, at } = steps[depth];
    if (emptied) {
      if (chained && at > 0) unchain();
      node.shell._p_change();
      takeOut(node, at);
      emptied = node.isEmpty;
    } else if (at > 0 && isSame(node, at, key)) {
      node.shell._p_change();
      node.keys[at - 1] = least;
    }
    if (!chained) continue;
    if (at > 0) {
      unchain();
    } else {
      node.shell._p_change();
      node.first = node.isEmpty ? undefined : leaf.next;
    }
  }
}

function isSame(node: Inner, at: number, key: unknown): boolean {
  const { compare } = node.definition.family.key;
  return compare(node.keys[at - 1], key) === 0;
}

function takeOut(node: Inner, at: number): void {
  node.children.splice(at, 1);
  node.keys.splice(at === 0 ? 0 : at - 1, 1);
  if (node.isEmpty) node.first = undefined;
}

/** The leaf on the left; undefined for the first one. @throws {Pending} */
function leafBefore({ steps }: Path): Leaf | undefined {
  for (let depth = steps.length - 1; depth >= 0; depth--) {
    const { node, at } = steps[depth];
    if (at === 0) continue;
    const child = node.children[at - 1], content = opened(child);
    return node.holdsLeaves ? child[STRUCTURE] as Leaf : WayTo.to(content as Inner, undefined, true).leaf;
  }
  return undefined;
}

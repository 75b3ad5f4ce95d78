/**
 * The way from a tree's root to one of its leaves.
 *
 * @module
 */

import { Inner } from "./inner.ts";
import type { Leaf } from "./leaf.ts";
import { type Bound, opened, type Shell, type Structure } from "./structure.ts";

/** Nodes that are loaded ahead of those who go through a tree. */
const AHEAD = 16;

/** One node on the way. */
export interface Step {
  readonly node: Inner;
  /** Which child it goes on with. */
  at: number;
}

/** See the module. All steps' nodes are loaded, and so is the leaf. */
export class Path {
  /** From the root down. */
  readonly steps: Step[] = [];
  leaf!: Leaf;

  /** The node that it begins at. */
  get root(): Inner {
    return this.steps[0].node;
  }

  /** To the leaf where a key is, if it is anywhere; without a bound to the first leaf, or the last one. @throws {Pending} */
  static to(root: Inner, bound: Bound | undefined, last = false): Path {
    const path = new Path();
    path.#descend(root, (node) => {
      if (bound) return node.childOf(bound.key);
      return last ? node.children.length - 1 : 0;
    });
    return path;
  }

  #descend(from: Structure, choose: (node: Inner) => number): void {
    let node = from;
    while (node instanceof Inner) {
      const at = choose(node);
      this.steps.push({ node, at });
      node = opened(node.children[at]);
    }
    this.leaf = node as Leaf;
  }

  /** Goes to the leaf beside. @returns Whether there is one. @throws {Pending} */
  move(direction: 1 | -1): boolean {
    let depth = this.steps.length - 1;
    while (depth >= 0 && this.#neighbour(depth, direction) === undefined) depth--;
    if (depth < 0) return false;
    const step = this.steps[depth], child = step.node.children[step.at + direction];
    // Before the path is changed, as this may have to be done again.
    const next = opened(child), steps = this.steps.slice(0, depth);
    const rest = new Path();
    rest.#descend(next, (node) => direction > 0 ? 0 : node.children.length - 1);
    this.steps.splice(0, Infinity, ...steps, { node: step.node, at: step.at + direction }, ...rest.steps);
    this.leaf = rest.leaf;
    return true;
  }

  #neighbour(depth: number, direction: 1 | -1): Shell | undefined {
    const { node, at } = this.steps[depth];
    return node.children[at + direction];
  }

  /** What comes next after the leaf: its neighbours under the same node, and the node beside that. */
  *ahead(direction: 1 | -1, end: Bound | undefined): Generator<Shell, void> {
    for (let depth = this.steps.length - 1; depth >= 0; depth--) {
      const { node, at } = this.steps[depth];
      const last = end ? node.childOf(end.key) : direction > 0 ? node.children.length - 1 : 0;
      const distance = Math.min((last - at) * direction, depth === this.steps.length - 1 ? AHEAD : 1);
      for (let i = 1; i <= distance; i++) yield node.children[at + i * direction];
      if (distance === AHEAD) return;
    }
  }
}

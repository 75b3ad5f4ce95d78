/**
 * Whether a tree is as it should be: what Python's `_check()` and `BTrees.check.check` look at.
 *
 * - all children of a node are of one class, and none is empty
 * - keys are in order, and within what the nodes above say
 * - the chain of leaves goes through all of them, left to right, and every node knows the first one below it
 *
 * @module
 */

import { formatOid } from "../../values/mod.ts";
import { activateAll } from "../load.ts";
import { Inner } from "./inner.ts";
import { Leaf } from "./leaf.ts";
import { type Shell, STRUCTURE } from "./structure.ts";

/** More would help nobody. */
const MAX_PROBLEMS = 100;

/** A node, and the keys that it may have: from `low` up to but without `high`. */
interface Visit {
  readonly shell: Shell;
  readonly low?: { readonly key: unknown };
  readonly high?: { readonly key: unknown };
}

/** Everything that is wrong, a line each. All nodes are loaded, a level at a time. */
export async function problemsOf(root: Shell): Promise<string[]> {
  const problems: string[] = [], seen = new Set<Shell>([root]);
  const firsts: { readonly node: Inner; readonly leftmost: Shell }[] = [];
  const tell = (shell: Shell, what: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(`${nameOf(shell)} ${what}`);
  };
  let level: Visit[] = [{ shell: root }];
  while (level.length > 0) {
    await activateAll(level.map(({ shell }) => shell));
    const leaves = level.filter(({ shell }) => shell[STRUCTURE] instanceof Leaf);
    if (leaves.length > 0 && leaves.length < level.length) tell(root, "has leaves on several levels");
    if (leaves.length > 0 && root[STRUCTURE] instanceof Inner) {
      checkChain(leaves.map(({ shell }) => shell), tell);
    }
    const below: Visit[] = [];
    for (const visit of level) {
      await visit.shell._p_activate();
      checkKeys(visit, tell);
      const node = visit.shell[STRUCTURE];
      if (visit.shell !== root && node.isEmpty) tell(visit.shell, "is empty");
      if (!(node instanceof Inner) || node.isEmpty) continue;
      firsts.push({ node, leftmost: node.children[0] });
      for (const child of childrenOf(visit, node)) {
        if (child.shell.constructor !== node.children[0].constructor) {
          tell(child.shell, "is of another class than its siblings");
        }
        if (seen.has(child.shell)) tell(child.shell, "is in more than one place");
        else below.push(child);
        seen.add(child.shell);
      }
    }
    level = below;
  }
  for (const { node, leftmost } of firsts) {
    let first = leftmost;
    for (let at = first[STRUCTURE]; at instanceof Inner && !at.isEmpty; at = first[STRUCTURE]) {
      first = at.children[0];
    }
    if (node.first !== first) tell(node.shell, `has another first leaf than ${nameOf(first)}`);
  }
  return problems;
}

type Tell = (shell: Shell, what: string) => void;

function* childrenOf({ low, high }: Visit, node: Inner): Generator<Visit, void> {
  for (const [i, shell] of node.children.entries()) {
    yield {
      shell,
      low: i === 0 ? low : { key: node.keys[i - 1] },
      high: i === node.keys.length ? high : { key: node.keys[i] },
    };
  }
}

function checkKeys({ shell, low, high }: Visit, tell: Tell): void {
  const { keys, definition } = shell[STRUCTURE] as Leaf | Inner;
  const { compare } = definition.family.key;
  for (const [i, key] of keys.entries()) {
    if (i > 0 && !(compare(keys[i - 1], key) < 0)) tell(shell, `has keys out of order at ${i}`);
    if (low && compare(key, low.key) < 0) {
      tell(shell, `has a key at ${i} that is less than the node above says`);
    }
    if (high && compare(key, high.key) >= 0) {
      tell(shell, `has a key at ${i} that belongs to the node on its right`);
    }
  }
}

function checkChain(leaves: readonly Shell[], tell: Tell): void {
  for (const [i, shell] of leaves.entries()) {
    const node = shell[STRUCTURE];
    const next = leaves.at(i + 1);
    if (!(node instanceof Leaf) || node.next === next) continue;
    const [found, expected] = [node.next, next].map((leaf) => leaf ? nameOf(leaf) : "nothing");
    tell(shell, `goes on with ${found} instead of ${expected}`);
  }
}

function nameOf(shell: Shell): string {
  const oid = shell._p_oid;
  return `${shell.constructor.name}${oid === undefined ? "" : ` ${formatOid(oid)}`}`;
}

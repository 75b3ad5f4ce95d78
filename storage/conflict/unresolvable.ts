/**
 * How a resolver says that it will not merge.
 *
 * @module
 */

/**
 * Thrown by a resolver that refuses: the conflict stays a conflict.
 *
 * @example
 * ```ts
 * import { type Resolver, Unresolvable } from "./mod.ts";
 *
 * const larger: Resolver = (_old, committed, current) => {
 *   if (typeof committed !== "number" || typeof current !== "number") throw new Unresolvable("not numbers");
 *   return Math.max(committed, current);
 * };
 * ```
 */
export class Unresolvable extends Error {
  /** The class's name. */
  override name = "Unresolvable";
}

/** Why BTrees refuse, by the number that their messages have had since the beginning. */
const REASONS: Readonly<Record<number, string>> = {
  0: "Conflicting bucket split",
  1: "Conflicting changes",
  2: "Conflicting delete and change",
  3: "Conflicting delete and change",
  4: "Conflicting inserts or deletes",
  5: "Conflicting deletes",
  6: "Conflicting inserts",
  7: "Conflicting deletes, or delete and change",
  8: "Conflicting deletes, or delete and change",
  9: "Conflicting deletes",
  10: "Empty bucket from deleting all keys",
  11: "Conflicting changes in an internal BTree node",
  12: "Empty bucket in a transaction",
  13: "Delete of first key",
};

/** A position that says nothing: the side has no items left, or none were looked at. */
export const NOWHERE = -1;

/** Two changes to a BTree, or to a part of one, that don't go together. */
export class BTreeConflict extends Unresolvable {
  /** The class's name. */
  override name = "BTreeConflict";

  /**
   * A refusal for one of the known reasons.
   *
   * @param reason 0 to 13.
   * @param positions Where the old, committed and new items stood, counted from 1; -1 at the end.
   */
  constructor(
    readonly reason: number,
    positions: readonly [number, number, number] = [NOWHERE, NOWHERE, NOWHERE],
  ) {
    super(`BTrees conflict error at ${positions.join("/")}: ${REASONS[reason]}`);
  }
}

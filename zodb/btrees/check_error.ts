/**
 * What is said of a tree that is not as it should be.
 *
 * @module
 */

import { StorageError } from "../../values/mod.ts";

/** A tree's nodes are not put together as they should be, or keys are not in order. */
export class BTreeCheckError extends StorageError {
  /** Everything that is wrong, a line each. */
  readonly problems: readonly string[];

  /** Tells all of it. */
  constructor(className: string, problems: readonly string[]) {
    super(`${className}: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/**
 * Python objects of classes that are not known here.
 *
 * @module
 */

import type { Construction } from "../../pickle/mod.ts";

/**
 * A Python object, not persistent itself, of a class that isn't known here: what its pickle says of how it is made.
 * It can be looked into and changed, and is written back in the same words.
 */
export class Inert {
  /** How it is made: by calling the class or function, or by its `__new__`. */
  readonly by: Construction;
  /** Its class, or the function that makes it; as a rule a `Global`, which is a module and a name. */
  readonly class: unknown;
  /** The arguments. */
  args: readonly unknown[];
  /** Keyword arguments. */
  keywords?: Map<unknown, unknown>;
  /** What is appended to it: the items of a subclass of list. */
  listItems?: unknown[];
  /** What is set in it: the items of a subclass of dict. */
  dictItems?: Map<unknown, unknown>;
  /** Its attributes as a rule, as a `Map`. */
  state?: unknown;

  /** An object that is made like this. */
  constructor(by: Construction, made: unknown, args: readonly unknown[]) {
    this.by = by;
    this.class = made;
    this.args = args;
  }
}

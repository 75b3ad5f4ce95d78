/**
 * Which classes' conflicts can be resolved, and how.
 *
 * @module
 */

import type { Value } from "../../pickle/mod.ts";
import { mergeLeaves } from "./buckets.ts";
import { FAMILIES } from "./families.ts";
import { resolveLength } from "./length.ts";
import { mergeTrees } from "./trees.ts";

/**
 * What `_p_resolveConflict` is in Python: the state of an object that has both sides' changes.
 *
 * References to persistent objects are {@linkcode PersistentReference}s and are to be put into the result as
 * they are. What is returned may share parts with the arguments.
 *
 * @param old The state that both sides started from.
 * @param committed The state that the first of them made of it.
 * @param current The state that the second one wants to store.
 *
 * @throws {Unresolvable} when the changes don't go together.
 */
export type Resolver = (old: Value, committed: Value, current: Value) => Value;

/** What the default export of a module of resolvers is: resolvers by dotted Python class name. */
export type ResolverModule = Readonly<Record<string, Resolver>>;

/**
 * Resolvers by class. A new one knows those that ZODB's own distribution has: `BTrees.Length.Length` and the
 * trees, tree sets, buckets and sets of all families of BTrees.
 *
 * @example
 * ```ts
 * import { ResolverRegistry } from "./mod.ts";
 * import { assert } from "@std/assert";
 *
 * const registry = new ResolverRegistry().register("shop.Latest", (_old, _committed, current) => current);
 * assert(registry.get("shop.Latest"));
 * assert(registry.get("BTrees.OOBTree.OOBTree"));
 * ```
 */
export class ResolverRegistry {
  readonly #resolvers = new Map<string, Resolver>(builtIn());

  /** The resolver of a class, by its dotted name; undefined when its conflicts can't be resolved. */
  get(className: string): Resolver | undefined {
    return this.#resolvers.get(className);
  }

  /** Dotted names of all classes that have one. */
  classNames(): string[] {
    return [...this.#resolvers.keys()];
  }

  /**
   * Sets the resolver of a class, also of one that has one.
   *
   * @throws {TypeError} when the name is not that of a class in a module, or the resolver is no function.
   */
  register(className: string, resolver: Resolver): this {
    if (!/^[^\s.]+(\.[^\s.]+)+$/.test(className)) {
      throw new TypeError(
        `class ${JSON.stringify(className)}: expected a dotted name, for example shop.Stock`,
      );
    }
    if (typeof resolver !== "function") {
      throw new TypeError(`resolver of ${className}: expected a function, found ${typeof resolver}`);
    }
    this.#resolvers.set(className, resolver);
    return this;
  }

  /**
   * Sets the resolvers of several classes.
   *
   * @throws {TypeError} as {@linkcode ResolverRegistry.register}.
   */
  registerAll(resolvers: ResolverModule): this {
    for (const [className, resolver] of Object.entries(resolvers)) this.register(className, resolver);
    return this;
  }
}

/** Every name under which Python finds a class of BTrees; the ones with `_` stand in old databases. */
function* builtIn(): Generator<[string, Resolver]> {
  yield ["BTrees.Length.Length", resolveLength];
  for (const [prefix, bucket] of FAMILIES) {
    const set = { key: bucket.key };
    const kinds: Record<string, Resolver> = {
      Bucket: (...states) => mergeLeaves(bucket, ...states),
      Set: (...states) => mergeLeaves(set, ...states),
      BTree: (...states) => mergeTrees(bucket, ...states),
      TreeSet: (...states) => mergeTrees(set, ...states),
    };
    for (const [kind, resolver] of Object.entries(kinds)) {
      for (const module of [`BTrees.${prefix}BTree`, `BTrees._${prefix}BTree`]) {
        yield [`${module}.${prefix}${kind}`, resolver];
        yield [`${module}.${kind}`, resolver];
      }
    }
  }
}

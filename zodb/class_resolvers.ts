/**
 * Conflict resolution by the classes of the application.
 *
 * @module
 */

import { PersistentReference, type Value } from "../pickle/mod.ts";
import { ConflictResolver, type Resolver, ResolverRegistry } from "../storage/mod.ts";
import { classes, type ClassRegistry } from "./classes.ts";
import { parsePersistentId } from "./serialization/persistent_id.ts";
import { StateReader } from "./serialization/state_reader.ts";
import { StateWriter } from "./serialization/state_writer.ts";

/**
 * What a class has as its static `_p_resolveConflict`: the state that has both sides' changes.
 *
 * States are what `__getstate__` gives. Objects that they refer to are inert there: the same one is the same in all three
 * states, and is to be put into the result as it is. Whatever is thrown means that the changes don't go together.
 */
export type ResolveConflict = (old: unknown, committed: unknown, changed: unknown) => unknown;

/** Resolvers of a registry's classes, besides those that ZODB has itself. */
class ClassResolvers extends ResolverRegistry {
  readonly #classes: ClassRegistry;

  constructor(registry: ClassRegistry) {
    super();
    this.#classes = registry;
  }

  override get(className: string): Resolver | undefined {
    const own = super.get(className);
    if (own) return own;
    const registered = this.#classes.byName(className)?.class as
      | { _p_resolveConflict?: ResolveConflict }
      | undefined;
    if (registered?._p_resolveConflict) {
      return this.#resolver((...states) => registered._p_resolveConflict!(...states));
    }
    // One that extends a class of BTrees has its states, and so its resolver.
    for (let at: object | null = registered ?? null; at; at = Object.getPrototypeOf(at)) {
      const known = this.#classes.of(at), inherited = known && super.get(known.global.toString());
      if (inherited) return inherited;
    }
    return undefined;
  }

  #resolver(resolve: ResolveConflict): Resolver {
    return (...states) => {
      const references = new Map<string, PersistentReference>();
      const reference = (pid: Value) => {
        const { oid, database, weak } = parsePersistentId(pid), key = `${oid} ${weak} ${database}`;
        let found = references.get(key);
        if (!found) references.set(key, found = new PersistentReference(pid));
        return found;
      };
      const options = { classes: this.#classes, dicts: "map", reference } as const;
      const [old, committed, changed] = states.map((state) => new StateReader(options).state(state));
      return new StateWriter({ classes: this.#classes, reference: refuse, weakReference: refuse })
        .write(resolve(old, committed, changed));
    };
  }
}

function refuse(): never {
  throw new TypeError("a merged state can only refer to objects that one of the states refers to");
}

/**
 * Resolves conflicts with the static `_p_resolveConflict` of registered classes, and those of ZODB's own. Storages that
 * resolve conflicts here, and not on a server, take it.
 *
 * @example
 * ```ts
 * import { conflictResolver, Persistent, registerClass } from "./mod.ts";
 *
 * class Latest extends Persistent {
 *   static _p_resolveConflict(_old: unknown, _committed: unknown, changed: unknown): unknown {
 *     return changed;
 *   }
 * }
 * registerClass("shop.Latest", Latest);
 * const resolver = conflictResolver();
 * ```
 */
export function conflictResolver(registry: ClassRegistry = classes): ConflictResolver {
  return new ConflictResolver(new ClassResolvers(registry));
}

/**
 * Conflict resolution without the application's code: BTrees, `Length`, and what else is registered.
 *
 * - {@linkcode ConflictResolver}: the merged record of two changes to one object, if there can be one
 * - {@linkcode ResolverRegistry}: resolvers by Python class; {@linkcode Unresolvable} is how they refuse
 *
 * @module
 */

export type { Oid, Tid } from "../../values/mod.ts";
export {
  type Construction,
  Dict,
  Float,
  Global,
  Instance,
  PersistentReference,
  Tuple,
  type Value,
} from "../../pickle/mod.ts";
export { PythonOrder } from "./order.ts";
export { compareBytes, compareText } from "./scalars.ts";
export { type Resolver, type ResolverModule, ResolverRegistry } from "./registry.ts";
export { type ConflictQuestion, ConflictResolver } from "./resolver.ts";
export { BTreeConflict, Unresolvable } from "./unresolvable.ts";

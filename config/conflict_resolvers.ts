/**
 * Loading the modules that a configuration names for resolving conflicts.
 *
 * @module
 */

import { isAbsolute, resolve, toFileUrl } from "@std/path";
import { type Resolver, ResolverRegistry } from "../storage/mod.ts";
import { ConfigurationError } from "./errors.ts";
import type { ZeoSection } from "./zeo_section.ts";

/**
 * The resolvers of ZODB's own classes and those that the configuration's modules have.
 *
 * A module's default export is an object of functions, by the dotted Python names of the classes. Paths are relative to
 * the working directory.
 *
 * @throws {ConfigurationError} when a module can't be loaded, or exports something else.
 */
export async function loadConflictResolvers(zeo: ZeoSection): Promise<ResolverRegistry> {
  const registry = new ResolverRegistry();
  for (const path of zeo.conflictResolver) {
    const url = toFileUrl(isAbsolute(path) ? path : resolve(path)).href;
    const refuse = (problem: string) =>
      new ConfigurationError(zeo.position, problem, {
        section: "zeo",
        key: "conflict-resolver",
        value: path,
      });
    let module: { readonly default?: unknown };
    try {
      module = await import(url);
    } catch (error) {
      throw refuse(`can't load it: ${error instanceof Error ? error.message : String(error)}`);
    }
    const exported = module.default;
    if (typeof exported !== "object" || exported === null) {
      throw refuse("expected a default export with functions by the names of Python classes");
    }
    for (const [name, resolver] of Object.entries(exported)) {
      try {
        registry.register(name, resolver as Resolver);
      } catch (error) {
        throw refuse(error instanceof Error ? error.message : String(error));
      }
    }
  }
  return registry;
}

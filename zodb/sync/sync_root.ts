/**
 * The root object's items as attributes.
 *
 * @module
 */

import { ROOT_OID } from "../../values/mod.ts";
import type { Connection } from "../connection.ts";
import { PersistentMap } from "../persistent_map.ts";
import { now } from "../steps.ts";

/** The root object. @throws {TypeError} when it is no mapping. */
export function rootMap(connection: Connection): PersistentMap<string, unknown> {
  const root = now(connection.parts.space.get(ROOT_OID), "the root object");
  if (root instanceof PersistentMap) return root as PersistentMap<string, unknown>;
  throw new TypeError(`the root object is a ${root.constructor.name}: expected a PersistentMapping`);
}

/** Items are attributes, to be read, set, deleted and listed. */
class RootTraps implements ProxyHandler<object> {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get(target: object, name: string | symbol): unknown {
    if (typeof name === "symbol") return Reflect.get(target, name);
    return rootMap(this.#connection).peek(name);
  }

  set(_target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === "symbol") return false;
    rootMap(this.#connection).set(name, value);
    return true;
  }

  has(_target: object, name: string | symbol): boolean {
    return typeof name === "string" && rootMap(this.#connection).has(name);
  }

  deleteProperty(_target: object, name: string | symbol): boolean {
    if (typeof name === "string") rootMap(this.#connection).delete(name);
    return true;
  }

  ownKeys(): string[] {
    return [...rootMap(this.#connection).keys()];
  }

  getOwnPropertyDescriptor(target: object, name: string | symbol): PropertyDescriptor | undefined {
    if (!this.has(target, name)) return undefined;
    return { value: this.get(target, name), writable: true, enumerable: true, configurable: true };
  }
}

/** The root object's items as attributes. */
export function rootAttributes(connection: Connection): object {
  return new Proxy(Object.create(null), new RootTraps(connection));
}

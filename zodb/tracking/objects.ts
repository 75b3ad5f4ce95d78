/**
 * Views of plain objects, and of tuples, which can't be changed but may hold what can.
 *
 * @module
 */

import { stored } from "./raw.ts";
import type { Views } from "./views.ts";

/** Traps of a plain object's view, or of an instance of a registered class. */
export function objectTraps(views: Views): ProxyHandler<object> {
  return {
    get: (target, name, receiver) => views.of(Reflect.get(target, name, receiver)),
    set(target, name, value, receiver) {
      if (!Object.hasOwn(target, name) && name in target) {
        // A setter or an inherited property decides for itself; what it sets comes back here.
        return Reflect.set(target, name, value, receiver);
      }
      views.changing();
      return Reflect.set(target, name, stored(value, Reflect.get(target, name)));
    },
    defineProperty(target, name, descriptor) {
      views.changing();
      if ("value" in descriptor) {
        descriptor = { ...descriptor, value: stored(descriptor.value, Reflect.get(target, name)) };
      }
      return Reflect.defineProperty(target, name, descriptor);
    },
    deleteProperty(target, name) {
      if (Object.hasOwn(target, name)) views.changing();
      return Reflect.deleteProperty(target, name);
    },
  };
}

/** Traps of a tuple's view. */
export function tupleTraps(views: Views): ProxyHandler<readonly unknown[]> {
  const refuse = (): never => {
    throw new TypeError("a tuple can't be changed: make another");
  };
  return {
    get: (target, name, receiver) => views.of(Reflect.get(target, name, receiver)),
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
  };
}

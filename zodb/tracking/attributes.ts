/**
 * Attributes of persistent objects: reading one touches the object, setting one changes it.
 *
 * The attributes lie in the object behind the proxy, as raw values. What a class defines (methods, accessors, `_p_…`)
 * can be reached on a ghost too.
 *
 * @module
 */

import { CONTROL, type Control } from "../control.ts";
import { stored } from "./raw.ts";

type Attributes = Record<string | symbol, unknown>;

/** What lies behind each object's proxy. Unlike that of a view, nobody but the object itself gets to see it. */
const behind = new WeakMap<object, object>();

/** Whether an attribute is not stored. */
export function isVolatile(name: string): boolean {
  return name.startsWith("_v_") || name.startsWith("_p_");
}

/** The raw attributes of an object. */
export function rawAttributes(object: object): Attributes {
  return (behind.get(object) ?? object) as Attributes;
}

/** Sets an attribute behind the proxy's back; also one with a name that means something to JavaScript. */
export function setAttribute(attributes: Attributes, name: string, value: unknown): void {
  if (name in attributes && !Object.hasOwn(attributes, name)) {
    Object.defineProperty(attributes, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    attributes[name] = value;
  }
}

/** What an object of attributes does on access. There is one for each object, so it is kept small. */
class AttributeTraps implements ProxyHandler<Attributes> {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  get(target: Attributes, name: string | symbol, receiver: unknown): unknown {
    const control = this.#control;
    if (typeof name === "symbol") return name === CONTROL ? control : Reflect.get(target, name, receiver);
    if (Object.hasOwn(target, name)) {
      control.touch();
      return control.view(target[name]);
    }
    // Promises ask everything that they are resolved with for `then`.
    if (name in target || name === "then") return Reflect.get(target, name, receiver);
    control.touch();
    // In a synchronous connection it may be there only now.
    return control.view(target[name]);
  }

  set(target: Attributes, name: string | symbol, value: unknown, receiver: unknown): boolean {
    if (!Object.hasOwn(target, name) && name in target) {
      const found = accessor(target, name);
      if (found?.set) {
        found.set.call(receiver, value);
        return true;
      }
      if (found?.get) return false;
    }
    this.#change(name);
    const kept = stored(value, Reflect.get(target, name));
    if (typeof name === "symbol" || Object.hasOwn(target, name)) Reflect.set(target, name, kept);
    else setAttribute(target, name, kept);
    return true;
  }

  defineProperty(target: Attributes, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    this.#change(name);
    if (!("value" in descriptor)) return Reflect.defineProperty(target, name, descriptor);
    const value = stored(descriptor.value, Reflect.get(target, name));
    return Reflect.defineProperty(target, name, { ...descriptor, value });
  }

  deleteProperty(target: Attributes, name: string | symbol): boolean {
    this.#control.touch();
    if (Object.hasOwn(target, name)) this.#change(name);
    return Reflect.deleteProperty(target, name);
  }

  has(target: Attributes, name: string | symbol): boolean {
    if (typeof name === "string" && !(name in target)) this.#control.touch();
    return name in target;
  }

  ownKeys(target: Attributes): (string | symbol)[] {
    this.#control.touch();
    return Reflect.ownKeys(target);
  }

  getOwnPropertyDescriptor(target: Attributes, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === "string") this.#control.touch();
    const descriptor = Reflect.getOwnPropertyDescriptor(target, name);
    if (descriptor && "value" in descriptor) descriptor.value = this.#control.view(descriptor.value);
    return descriptor;
  }

  #change(name: string | symbol): void {
    if (typeof name === "symbol" || isVolatile(name)) this.#control.touch();
    else this.#control.change();
  }
}

function accessor(target: object, name: PropertyKey): PropertyDescriptor | undefined {
  for (let at = Object.getPrototypeOf(target); at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found) return found;
  }
  return undefined;
}

/** A proxy of an object with attributes. */
export function attributed<T extends object>(target: T, control: Control): T {
  const object = new Proxy<T>(target, new AttributeTraps(control) as ProxyHandler<object> as ProxyHandler<T>);
  behind.set(object, target);
  return object;
}

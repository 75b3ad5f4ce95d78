/**
 * States that are attributes, as Python's persistent classes have them by default.
 *
 *   {name: value, …}               a class with a dict
 *   (dict or None, {name: value})  one that has `__slots__`, with or without a dict
 *
 * @module
 */

import { isVolatile, rawAttributes, setAttribute } from "../tracking/attributes.ts";
import { Tuple, tuple } from "../types/tuple.ts";

/** Of objects with slots: which attributes are in them, and whether there is a dict. */
const slotted = new WeakMap<object, { readonly names: ReadonlySet<string>; readonly hasDict: boolean }>();

/** Whether a state is one of attributes. */
export function isAttributeState(state: unknown): boolean {
  if (state instanceof Tuple && state.length === 2) {
    return (state[0] === null || isNames(state[0])) && isNames(state[1]);
  }
  return state === null || isNames(state);
}

function isNames(state: unknown): state is Map<string, unknown> {
  if (!(state instanceof Map)) return false;
  for (const name of state.keys()) if (typeof name !== "string") return false;
  return true;
}

/** The state of an object's attributes, in the form that they came in. */
export function attributeState(object: object): unknown {
  const raw = rawAttributes(object), slots = slotted.get(raw);
  const dict = new Map<string, unknown>(), inSlots = new Map<string, unknown>();
  for (const name of Object.keys(raw)) {
    if (isVolatile(name) || raw[name] === undefined) continue;
    (slots && (!slots.hasDict || slots.names.has(name)) ? inSlots : dict).set(name, raw[name]);
  }
  return slots ? tuple(slots.hasDict ? dict : null, inSlots) : dict;
}

/** Sets an object's attributes. @throws {TypeError} when the state is no such one. */
export function setAttributeState(object: object, state: unknown): void {
  if (!isAttributeState(state)) {
    throw new TypeError(
      `the state of a ${object.constructor.name} is not attributes: its class needs a __setstate__ of its own`,
    );
  }
  const raw = rawAttributes(object);
  const parts = (state instanceof Tuple ? [...state] : [state]) as (ReadonlyMap<string, unknown> | null)[];
  if (state instanceof Tuple) {
    slotted.set(raw, { names: new Set(parts[1]!.keys()), hasDict: parts[0] !== null });
  } else slotted.delete(raw);
  for (const part of parts) for (const [name, value] of part ?? []) setAttribute(raw, name, value);
}

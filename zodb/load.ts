/**
 * Loading objects, and what they refer to, in as few round trips as there are levels.
 *
 * @module
 */

import { type Awaitable, isPromise, when } from "../values/mod.ts";
import { CONTROL } from "./control.ts";
import { PersistentBase } from "./persistent.ts";
import { respite } from "./respite.ts";
import { rawOf } from "./tracking/raw.ts";

/** How far to load. */
export interface LoadOptions {
  /** How many levels of references to follow: 0, the default, for the object alone. `Infinity` for all. */
  readonly depth?: number;
}

/** Objects that are loaded at a time. */
const BATCH = 1000;

/**
 * Loads an object, or some, with what they refer to. Each level is asked for at once.
 *
 * @returns The same object, so that it can be used right away.
 * @throws {POSKeyError} when one is gone.
 *
 * @example
 * ```ts ignore
 * const account = await load(customer.account);
 * await load(customer, { depth: 2 });
 * ```
 */
export async function load<T extends PersistentBase | Iterable<PersistentBase>>(
  object: T,
  options: LoadOptions = {},
): Promise<T> {
  const seen = new Set<PersistentBase>();
  let level: PersistentBase[] = object instanceof PersistentBase
    ? [object]
    : [...object as Iterable<PersistentBase>];
  for (let depth = options.depth ?? 0; level.length > 0; depth--) {
    for (const one of level) seen.add(one);
    await activateAll(level);
    if (depth <= 0) break;
    const next = new Set<PersistentBase>();
    for (const one of level) {
      for (const referred of referredBy(one)) if (!seen.has(referred)) next.add(referred);
    }
    level = [...next];
  }
  return object;
}

/** A value, loaded if it is an object. */
export function loaded<T>(value: T): Awaitable<T> {
  return value instanceof PersistentBase ? when(value._p_activate(), () => value) : value;
}

/** Loads those that are ghosts, all at once. */
export async function activateAll(objects: readonly PersistentBase[]): Promise<void> {
  for (let start = 0; start < objects.length; start += BATCH) {
    const waiting: Promise<void>[] = [];
    for (const object of objects.slice(start, start + BATCH)) {
      const activated = object._p_activate();
      if (isPromise(activated)) waiting.push(activated);
    }
    if (waiting.length > 0) await Promise.all(waiting);
    await respite();
  }
}

/** The objects that a loaded object refers to. */
export function referredBy(object: PersistentBase): Set<PersistentBase> {
  const found = new Set<PersistentBase>(), seen = new Set<object>();
  const waiting: unknown[] = [object.__getstate__()];
  while (waiting.length > 0) {
    const value = rawOf(waiting.pop());
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (CONTROL in value) found.add(value as PersistentBase);
    else if (value instanceof Map) waiting.push(...value.keys(), ...value.values());
    else if (value instanceof Set || Array.isArray(value)) { for (const item of value) waiting.push(item); }
    else if (!ArrayBuffer.isView(value) && !(value instanceof Date)) waiting.push(...Object.values(value));
  }
  return found;
}

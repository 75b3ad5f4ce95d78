/**
 * Python's tuple: an array that can't be changed.
 *
 * @module
 */

/**
 * Python's tuple. It reads like an array (`const [a, b] = pair`, `pair[0]`, `pair.length`, `pair.map(…)`), and is
 * written back as a tuple, where an array would become a list.
 *
 * @example
 * ```ts
 * import { tuple } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const [name, age] = tuple("Ann", 41);
 * assertEquals([name, age], ["Ann", 41]);
 * ```
 */
export class Tuple<T = unknown> extends Array<T> {
  /** What methods like `map` make of it: an array. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** A tuple of these items. */
export function tuple<const T extends readonly unknown[]>(...items: T): Readonly<T> & Tuple<T[number]> {
  const made = new Tuple<unknown>();
  for (let i = 0; i < items.length; i++) made[i] = items[i];
  return made as unknown as Readonly<T> & Tuple<T[number]>;
}

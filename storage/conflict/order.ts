/**
 * Python's `<` and `==`, for values in pickles.
 *
 * Where the answer lies in a class whose code we don't have, or where Python raises an exception, there is no
 * answer: {@linkcode Unresolvable}. So a conflict is never resolved by a guess.
 *
 * @module
 */

import { Dict, Global, Instance, PersistentReference, Tuple, type Value } from "../../pickle/mod.ts";
import { compareInstances } from "./instances.ts";
import { requireSameObject } from "./references.ts";
import { type Charge, compareBytes, compareText, isPlain, numberOf } from "./scalars.ts";
import { Unresolvable } from "./unresolvable.ts";

/** Containers within each other; Python gives up later, at about 1000. */
const MAX_DEPTH = 100;
/** Shared parts are compared as often as they occur, which can be exponential in a record's length. */
const MAX_STEPS = 4_000_000;

/**
 * Compares values as Python does. One is for one resolution: it bounds the work.
 *
 * @example
 * ```ts
 * import { PythonOrder } from "./mod.ts";
 * import { tuple } from "../../pickle/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const order = new PythonOrder();
 * assertEquals(order.compare(null, 3), -1);
 * assertEquals(order.compare(tuple(1, "b"), tuple(1, "a")), 1);
 * assertEquals(order.equal([1, true], [true, 1]), true);
 * ```
 */
export class PythonOrder {
  #steps = 0;

  /**
   * -1, 0 or 1 as BTrees compare objects: None is before everything else, then `<` and `==` decide. What is
   * neither less nor equal, NaN for instance, is greater.
   *
   * @throws {Unresolvable} when Python finds no order, or we can't know it.
   */
  compare(left: Value, right: Value): number {
    if (left === null) return right === null ? 0 : -1;
    if (right === null) return 1;
    return this.#compare(left, right, 0);
  }

  /**
   * Whether `left == right` in Python.
   *
   * @throws {Unresolvable} when we can't know.
   */
  equal(left: Value, right: Value): boolean {
    return this.#equal(left, right, 0);
  }

  #step(depth: number): void {
    if (depth > MAX_DEPTH) throw new Unresolvable(`values nested deeper than ${MAX_DEPTH}`);
    this.#charge(1);
  }

  readonly #charge: Charge = (steps) => {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new Unresolvable(`more than ${MAX_STEPS} comparisons`);
  };

  #compare(left: Value, right: Value, depth: number): number {
    this.#step(depth);
    const one = numberOf(left), other = numberOf(right);
    if (one !== undefined && other !== undefined) return one < other ? -1 : one == other ? 0 : 1;
    if (typeof left === "string" && typeof right === "string") {
      this.#charge(Math.min(left.length, right.length) >> 4);
      return compareText(left, right);
    }
    if (left instanceof Uint8Array && right instanceof Uint8Array) {
      this.#charge(Math.min(left.length, right.length) >> 4);
      return compareBytes(left, right);
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      return this.#sequences(left.items, right.items, depth);
    }
    if (Array.isArray(left) && Array.isArray(right)) return this.#sequences(left, right, depth);
    if (left instanceof PersistentReference && right instanceof PersistentReference) {
      requireSameObject(left, right);
      return 0;
    }
    if (left instanceof Instance && right instanceof Instance) {
      return compareInstances(left, right, this.#charge);
    }
    throw new Unresolvable("Python knows no order of the two values, or only their class does");
  }

  /** By the first items that are not equal, or by length. */
  #sequences(left: readonly Value[], right: readonly Value[], depth: number): number {
    const length = Math.min(left.length, right.length);
    for (let i = 0; i < length; i++) {
      if (this.#equal(left[i], right[i], depth + 1)) continue;
      const order = this.#compare(left[i], right[i], depth + 1);
      return order < 0 ? -1 : 1;
    }
    return Math.sign(left.length - right.length);
  }

  #equal(left: Value, right: Value, depth: number): boolean {
    this.#step(depth);
    if (left instanceof PersistentReference && right instanceof PersistentReference) {
      requireSameObject(left, right);
      return true;
    }
    if (left instanceof Instance && right instanceof Instance) {
      return compareInstances(left, right, this.#charge) === 0;
    }
    if (left instanceof Global && right instanceof Global && `${left}` === `${right}`) return true;
    // A class may call its instances equal to anything; two names may be of one class.
    if (isOpaque(left) || isOpaque(right)) {
      throw new Unresolvable("only a class knows what equals its instances");
    }
    if (left === null || right === null) return left === right;
    const one = numberOf(left), other = numberOf(right);
    if (one !== undefined || other !== undefined) return other !== undefined && one == other;
    if (typeof left === "string" || typeof right === "string") {
      return typeof left === typeof right && this.#compare(left, right, depth) === 0;
    }
    if (left instanceof Dict || right instanceof Dict) {
      return left instanceof Dict && right instanceof Dict && this.#equalDicts(left, right, depth);
    }
    if (left instanceof Uint8Array !== right instanceof Uint8Array) return false;
    if (left instanceof Tuple !== right instanceof Tuple) return false;
    const leftItems = itemsOf(left), rightItems = itemsOf(right);
    if (leftItems === undefined || rightItems === undefined) return this.#compare(left, right, depth) === 0;
    if (leftItems.length !== rightItems.length) return false;
    return leftItems.every((item, index) => this.#equal(item, rightItems[index], depth + 1));
  }

  #equalDicts(left: Dict, right: Dict, depth: number): boolean {
    if (!isPlain([...left.keys()], this.#charge) || !isPlain([...right.keys()], this.#charge)) {
      throw new Unresolvable("a dict with keys that only their class can compare");
    }
    if (left.size !== right.size) return false;
    for (const [key, value] of left) {
      const other = right.get(key);
      if (other === undefined || !this.#equal(value, other, depth + 1)) return false;
    }
    return true;
  }
}

function isOpaque(value: Value): boolean {
  return value instanceof Instance || value instanceof PersistentReference || value instanceof Global;
}

function itemsOf(value: Value): readonly Value[] | undefined {
  return value instanceof Tuple ? value.items : Array.isArray(value) ? value : undefined;
}

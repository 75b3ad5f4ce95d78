/**
 * Python's dict, in insertion order.
 *
 * Reading a pickle only collects keys and values; the index is made when someone looks a key up. So a record
 * that is only passed on costs nothing, and hostile keys can't make the reader slow.
 *
 * @module
 */

import { PickleError } from "./error.ts";
import { Float, kindOf, Tuple, type Value } from "./value.ts";

/** Up to here a look-up walks the items; an index costs more than it saves. */
const SMALL = 8;
/** Values inside one tuple key: keys are compared as a whole, and shared parts count each time. */
const MAX_KEY_PARTS = 4096;
const MAX_KEY_DEPTH = 64;

/**
 * A Python dict: any hashable keys, in the order of insertion. Strings, bytes, numbers, None and tuples of
 * these are compared as Python does (`1 == 1.0 == True`); other keys by identity.
 *
 * @example
 * ```ts
 * import { Dict, tuple } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const dict = Dict.of({ data: 1 }).set(tuple(1, "a"), 2);
 * assertEquals(dict.get("data"), 1);
 * assertEquals(dict.get(tuple(1, "a")), 2);
 * assertEquals(dict.size, 2);
 * ```
 */
export class Dict {
  /** Key, value, key, value …; may hold a key twice until the index is made. */
  private items: Value[] = [];
  #index: Index | undefined;

  /** A dict with the own enumerable properties of a plain object. */
  static of(object: Readonly<Record<string, Value>>): Dict {
    return Dict.from(Object.entries(object));
  }

  /** A dict of key and value pairs; of equal keys the last value counts. */
  static from(entries: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict();
    for (const [key, value] of entries) dict.append(key, value);
    return dict;
  }

  /** How many keys it has. */
  get size(): number {
    return this.flat().length / 2;
  }

  /**
   * The value of a key, undefined when there is none.
   *
   * @throws {PickleError} when the key is a tuple of thousands of parts.
   */
  get(key: Value): Value | undefined {
    const { items } = this;
    if (typeof key === "string" && items.length <= 2 * SMALL) {
      for (let i = items.length - 2; i >= 0; i -= 2) if (items[i] === key) return items[i + 1];
      return undefined;
    }
    const at = this.#indexed().get(key);
    return at === undefined ? undefined : this.items[at + 1];
  }

  /** Whether there is such a key. */
  has(key: Value): boolean {
    return this.get(key) !== undefined;
  }

  /** Sets a key's value; a key that is there keeps its place. */
  set(key: Value, value: Value): this {
    const index = this.#indexed(), end = this.items.length, at = index.place(key, end);
    if (at === end) this.items.push(key, value);
    else this.items[at + 1] = value;
    return this;
  }

  /**
   * Adds a key and value without looking whether the key is there: the cheapest way to fill a dict. Of equal
   * keys the last value counts.
   */
  append(key: Value, value: Value): void {
    this.items.push(key, value);
    this.#index = undefined;
  }

  /** The keys and values, in order. */
  *entries(): Generator<[Value, Value]> {
    const items = this.flat();
    for (let i = 0; i < items.length; i += 2) yield [items[i], items[i + 1]];
  }

  /** The keys, in order. */
  *keys(): Generator<Value> {
    const items = this.flat();
    for (let i = 0; i < items.length; i += 2) yield items[i];
  }

  /** Key, value, key, value …: all of it in one array, which is the dict's own. */
  flat(): readonly Value[] {
    this.#indexed();
    return this.items;
  }

  /** The keys and values, in order. */
  [Symbol.iterator](): Generator<[Value, Value]> {
    return this.entries();
  }

  /**
   * The dict as a plain object.
   *
   * @throws {PickleError} when a key is not a str.
   */
  toObject(): Record<string, Value> {
    const object: Record<string, Value> = Object.create(null);
    for (const [key, value] of this.entries()) {
      if (typeof key !== "string") throw new PickleError(`key of type ${kindOf(key)}: expected str`);
      object[key] = value;
    }
    return object;
  }

  #indexed(): Index {
    if (this.#index) return this.#index;
    const { items } = this, index = new Index();
    let end = 0;
    for (let i = 0; i < items.length; i += 2) {
      const at = index.place(items[i], end);
      if (at === end) {
        items[at] = items[i];
        end += 2;
      }
      items[at + 1] = items[i + 1];
    }
    items.length = end;
    return this.#index = index;
  }
}

/** Where in a dict's items each key is. */
class Index {
  /** Keys that a Map compares as Python does, and objects, which are themselves only. */
  readonly #plain = new Map<Value, number>();
  /** Bytes and tuples, by a text that is the same for equal ones. */
  readonly #compound = new Map<string, number>();

  get(key: Value): number | undefined {
    return isCompound(key) ? this.#compound.get(compoundText(key)) : this.#plain.get(plainKey(key));
  }

  /** Where the key is; `position`, from now on, when it is new. */
  place(key: Value, position: number): number {
    if (isCompound(key)) return placeIn(this.#compound, compoundText(key), position);
    return placeIn(this.#plain, plainKey(key), position);
  }
}

function placeIn<K>(map: Map<K, number>, key: K, position: number): number {
  const at = map.get(key);
  if (at === undefined) map.set(key, position);
  return at ?? position;
}

function isCompound(key: Value): key is Uint8Array | Tuple {
  return key instanceof Uint8Array || key instanceof Tuple;
}

/** Numbers and booleans that Python calls equal, as one value. */
function plainKey(key: Value): Value {
  if (typeof key === "string") return key;
  if (typeof key === "boolean") return key ? 1 : 0;
  // No NaN is equal to another: each is a key of its own.
  if (typeof key === "number") return Number.isNaN(key) ? new Float(key) : key;
  if (!(key instanceof Float) || Number.isNaN(key.value)) return key;
  return Number.isInteger(key.value) && !Number.isSafeInteger(key.value) ? BigInt(key.value) : key.value;
}

const objectNumbers = new WeakMap<object, number>();
let lastObjectNumber = 0;

function compoundText(key: Uint8Array | Tuple): string {
  let parts = 0;
  const text = (value: Value, depth: number): string => {
    if (++parts > MAX_KEY_PARTS || depth > MAX_KEY_DEPTH) {
      throw new PickleError(
        `a dict's key is a tuple of more than ${MAX_KEY_PARTS} parts or nested deeper than ${MAX_KEY_DEPTH}`,
      );
    }
    if (value instanceof Tuple) {
      return `t${value.length}(${value.items.map((item) => text(item, depth + 1)).join()})`;
    }
    if (value instanceof Uint8Array) return `b${value.join()}`;
    const plain = plainKey(value);
    if (typeof plain === "string") return `s${plain.length}:${plain}`;
    if (typeof plain !== "object" || plain === null) return `n${plain}`;
    let number = objectNumbers.get(plain);
    if (number === undefined) objectNumbers.set(plain, number = ++lastObjectNumber);
    return `o${number}`;
  };
  return text(key, 0);
}

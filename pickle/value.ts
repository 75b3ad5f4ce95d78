/**
 * The values that a pickle holds, as inert data: a name in a pickle is a {@linkcode Global}, nothing is
 * looked up.
 *
 *   None True False     null true false
 *   int                 number, bigint beyond ±(2^53 - 1)
 *   float               number when it has a fraction (or is NaN, ±inf), else Float: 2.0 stays a float
 *   str bytes           string Uint8Array
 *   tuple list dict     Tuple Value[] Dict
 *   class, function     Global
 *   anything else       Instance: how it was made and what was put into it
 *   persistent id       PersistentReference
 *
 * @module
 */

import type { Dict } from "./dict.ts";
import { PickleError } from "./error.ts";

/** What a pickle can hold. Lists, dicts and instances may contain themselves. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | Tuple
  | Value[]
  | Dict
  | Global
  | Instance
  | PersistentReference;

/** A Python float that is a whole number, which a plain `number` would turn into an int. */
export class Float {
  /** A float of this value. */
  constructor(readonly value: number) {}

  /** The number, so that arithmetic works. */
  valueOf(): number {
    return this.value;
  }
}

/** A Python float as a value, whole or not. */
export function pythonFloat(value: number): number | Float {
  return Number.isInteger(value) ? new Float(value) : value;
}

/** A Python tuple: what tells it from a list is its class. */
export class Tuple {
  /** A tuple of these items, which become its own. */
  constructor(readonly items: readonly Value[]) {}

  /** How many items it has. */
  get length(): number {
    return this.items.length;
  }

  /** The items, in order. */
  [Symbol.iterator](): Iterator<Value> {
    return this.items[Symbol.iterator]();
  }
}

/**
 * A tuple of the items.
 *
 * @example
 * ```ts
 * import { dumpPickle, tuple } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(dumpPickle(tuple(1, true), { memo: false }).toHex(), "80034b0188862e");
 * ```
 */
export function tuple(...items: Value[]): Tuple {
  return new Tuple(items);
}

/** The name of a class or function: only the name. */
export class Global {
  /** The name `name` (dotted where it is nested) in a module. */
  constructor(readonly module: string, readonly name: string) {}

  /** `module.name`, as Python prints it. */
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/**
 * How an instance is made when its pickle is loaded:
 *
 * - `REDUCE`: the class or function is called with the arguments
 * - `NEWOBJ`: the class's `__new__` is called with them
 * - `NEWOBJ_EX`: the same, with keyword arguments
 * - `OBJ`: the class is called, or, without arguments, an empty instance is made (Python 2's old-style
 * classes)
 */
export type Construction = "REDUCE" | "NEWOBJ" | "NEWOBJ_EX" | "OBJ";

/**
 * An object that is none of the plain kinds: how it is made, and what is put into it then. It is written back
 * with the same meaning.
 */
export class Instance {
  /** How it is made. */
  readonly by: Construction;
  /** Its class, or the function that makes it; as a rule a {@linkcode Global}. */
  readonly class: Value;
  /** The positional arguments. */
  readonly args: Tuple;
  /** Keyword arguments; only for `NEWOBJ_EX`. */
  keywords?: Dict;
  /** What is appended to it (subclasses of list). */
  listItems?: Value[];
  /** What is set in it (subclasses of dict). */
  dictItems?: Dict;
  /** What `__setstate__` or the instance's dict gets. */
  state?: Value;

  /** An instance that nothing was put into yet. */
  constructor(by: Construction, callable: Value, args: Tuple) {
    this.by = by;
    this.class = callable;
    this.args = args;
  }

  /** Whether it is made from a class or function of this name. */
  isA(module: string, name: string): boolean {
    return this.class instanceof Global && this.class.module === module && this.class.name === name;
  }
}

/** A reference to another object of a database, as its persistent id. */
export class PersistentReference {
  /** A reference by this id: `(oid, class)`, `oid`, or a list for a weak or foreign one. */
  constructor(readonly pid: Value) {}
}

/**
 * The items of a `set` or `frozenset`; undefined when the value is neither.
 *
 * @example
 * ```ts
 * import { loadPickle, setItems } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = Uint8Array.fromHex("80048f28" + "4b014b02" + "90" + "2e");
 * assertEquals(setItems(loadPickle(bytes)), [1, 2]);
 * ```
 */
export function setItems(value: Value): readonly Value[] | undefined {
  if (!(value instanceof Instance) || value.by !== "REDUCE") return undefined;
  if (!value.isA("builtins", "set") && !value.isA("builtins", "frozenset")) return undefined;
  const items = value.args.items[0];
  if (items === undefined) return [];
  if (Array.isArray(items)) return items;
  return items instanceof Tuple ? items.items : undefined;
}

/**
 * A Python number as a JavaScript one.
 *
 * @throws {PickleError} when the value is not an int or a float.
 */
export function toNumber(value: Value): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Float) return value.value;
  throw new PickleError(`expected a number, found ${kindOf(value)}`);
}

/** What a value is, in Python's words, for error messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "bigint") return "int";
  if (typeof value === "string") return "str";
  if (typeof value !== "object") return typeof value;
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "list";
  if (value instanceof Global) return `the class ${value}`;
  if (value instanceof Instance) return value.class instanceof Global ? `a ${value.class}` : "an instance";
  return value.constructor?.name.toLowerCase() ?? "object";
}

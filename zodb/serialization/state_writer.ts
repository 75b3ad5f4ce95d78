/**
 * From what users work with to what a pickle holds: the way back of `state_reader.ts`.
 *
 * @module
 */

import {
  Dict,
  Float,
  Global,
  Instance,
  PersistentReference,
  Tuple as PickledTuple,
  type Value,
} from "../../pickle/mod.ts";
import type { ClassRegistry } from "../classes.ts";
import { CONTROL } from "../control.ts";
import type { PersistentBase } from "../persistent.ts";
import { isVolatile } from "../tracking/attributes.ts";
import { rawOf } from "../tracking/raw.ts";
import { FrozenSet } from "../types/frozen_set.ts";
import { Inert } from "../types/inert.ts";
import { toInstance } from "../types/python_types.ts";
import { Tuple } from "../types/tuple.ts";
import { UUID } from "../types/uuid.ts";
import { WeakReference } from "../types/weak_reference.ts";

/** How states are written. */
export interface StateWriterOptions {
  readonly classes: ClassRegistry;
  /** The persistent id of an object. */
  readonly reference: (object: PersistentBase) => Value;
  /** The persistent id of a weak reference. */
  readonly weakReference: (reference: WeakReference) => Value;
}

/** Levels of containers within each other that are written by recursion; what is deeper waits for its turn. */
const DEEPEST = 400;

/** Writes one record's values; what occurs in it twice is written once. */
export class StateWriter {
  readonly #options: StateWriterOptions;
  readonly #done = new Map<object, Value>();
  readonly #convert = (value: unknown): Value => this.#value(value);

  #depth = 0;
  /** Containers that are too deep inside others to be filled at once. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: StateWriterOptions) {
    this.#options = options;
  }

  /** Forgets what it has written: the next value is another record's. */
  clear(): void {
    this.#done.clear();
  }

  /**
   * A value as the pickle gets it.
   * @throws {TypeError} when a part of it is of a type that has no counterpart in Python.
   */
  write(value: unknown): Value {
    // Also after an error in the last one.
    this.#depth = this.#waiting.length = 0;
    const written = this.#value(value);
    for (let fill = this.#waiting.pop(); fill; fill = this.#waiting.pop()) fill();
    return written;
  }

  #later<T>(made: T, fill: () => void): T {
    this.#waiting.push(() => {
      this.#depth = 0;
      fill();
    });
    return made;
  }

  #value(value: unknown): Value {
    switch (typeof value) {
      case "undefined":
        return null;
      case "number":
        return number(value);
      case "string":
      case "boolean":
      case "bigint":
        return value;
      case "object":
        return value === null ? null : this.#object(rawOf(value));
      default:
        throw new TypeError(`a ${typeof value} can't be stored`);
    }
  }

  #object(value: object): Value {
    if (CONTROL in value) return new PersistentReference(this.#options.reference(value as PersistentBase));
    if (value instanceof Float || value instanceof Global) return value;
    if (value instanceof PersistentReference) return value;
    if (value instanceof WeakReference) return new PersistentReference(this.#options.weakReference(value));
    const done = this.#done.get(value);
    if (done !== undefined) return done;
    if (value instanceof Uint8Array) return this.#begun(value, value);
    this.#depth++;
    const made = this.#container(value);
    this.#depth--;
    return made;
  }

  #container(value: object): Value {
    if (value instanceof Tuple) return this.#tuple(value);
    if (Array.isArray(value)) return this.#items(value, this.#begun(value, []));
    if (value instanceof Map) return this.#dict(value, this.#begun(value, new Dict()));
    if (value instanceof Set) return this.#set(value);
    if (value instanceof UUID) return this.#uuid(value);
    if (value instanceof Inert) return this.#inert(value);
    const instance = toInstance(value, this.#convert);
    if (instance) return this.#begun(value, instance);
    return this.#attributes(value);
  }

  #begun<T extends Value>(value: object, made: T): T {
    this.#done.set(value, made);
    return made;
  }

  #items(items: readonly unknown[], made: Value[]): Value[] {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#items(items, made));
    for (let i = 0; i < items.length; i++) made[i] = this.#value(items[i]);
    return made;
  }

  #tuple(tuple: readonly unknown[]): PickledTuple {
    const items: Value[] = [], made = this.#begun(tuple, new PickledTuple(items));
    this.#items(tuple, items);
    return made;
  }

  #dict(entries: Iterable<readonly [unknown, unknown]>, made: Dict): Dict {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#dict(entries, made));
    for (const [key, value] of entries) made.append(this.#value(key), this.#value(value));
    return made;
  }

  #set(set: Set<unknown>): Instance {
    const items: Value[] = [];
    const made = new Instance(
      "REDUCE",
      new Global("builtins", set instanceof FrozenSet ? "frozenset" : "set"),
      new PickledTuple([items]),
    );
    this.#begun(set, made);
    this.#items([...set], items);
    return made;
  }

  #uuid(uuid: UUID): Instance {
    const made = this.#begun(uuid, new Instance("NEWOBJ", new Global("uuid", "UUID"), new PickledTuple([])));
    made.state = Dict.of({ int: uuid.integer });
    return made;
  }

  #inert(inert: Inert): Instance {
    const args: Value[] = [];
    const made = new Instance(inert.by, this.#value(inert.class), new PickledTuple(args));
    this.#begun(inert, made);
    return this.#inertParts(inert, args, made);
  }

  #inertParts(inert: Inert, args: Value[], made: Instance): Instance {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#inertParts(inert, args, made));
    this.#items(inert.args, args);
    if (inert.keywords) made.keywords = this.#dict(inert.keywords, new Dict());
    if (inert.listItems) made.listItems = this.#items(inert.listItems, []);
    if (inert.dictItems) made.dictItems = this.#dict(inert.dictItems, new Dict());
    if (inert.state !== undefined) made.state = this.#value(inert.state);
    return made;
  }

  /** A plain object as a dict; one of a registered class as that class's instance. */
  #attributes(value: object): Value {
    const prototype = Object.getPrototypeOf(value);
    const isPlain = prototype === null || prototype === Object.prototype;
    const registered = isPlain ? undefined : this.#options.classes.of(value.constructor);
    if (!isPlain && !registered) {
      throw new TypeError(
        `a ${value.constructor.name} can't be stored: expected a plain value, or a class known to registerClass`,
      );
    }
    const attributes = new Dict();
    if (!registered) {
      this.#begun(value, attributes);
    } else {
      const made = this.#begun(value, new Instance("NEWOBJ", registered.global, new PickledTuple([])));
      if (Object.keys(value).length > 0) made.state = attributes;
    }
    this.#named(value, attributes);
    return this.#done.get(value)!;
  }

  #named(value: object, attributes: Dict): Dict {
    if (this.#depth > DEEPEST) return this.#later(attributes, () => this.#named(value, attributes));
    for (const [name, item] of Object.entries(value)) {
      if (item !== undefined && !isVolatile(name)) attributes.append(name, this.#value(item));
    }
    return attributes;
  }
}

/** A number as Python gets it: an int when it is whole and exact, a float otherwise. */
function number(value: number): Value {
  if (!Number.isInteger(value)) return value;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : new Float(value);
}

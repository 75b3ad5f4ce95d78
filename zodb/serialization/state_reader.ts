/**
 * From what a pickle holds to what users work with.
 *
 *   None bool int str bytes     null boolean number|bigint string Uint8Array
 *   float                       number; a whole one is kept as a Float and shown as a number
 *   list dict set               Array Map Set
 *   tuple frozenset             Tuple FrozenSet
 *   datetime … UUID             see `types/python_types.ts`
 *   instance                    an object of its registered class, else Inert
 *   persistent reference        the object, perhaps a ghost
 *
 * @module
 */

import {
  Dict,
  Float,
  Global,
  Instance,
  PersistentReference,
  setItems,
  Tuple as PickledTuple,
  type Value,
} from "../../pickle/mod.ts";
import type { ClassRegistry, DictStyle } from "../classes.ts";
import { setAttribute } from "../tracking/attributes.ts";
import { noteFloatKeys } from "../types/equality.ts";
import { FrozenSet } from "../types/frozen_set.ts";
import { Inert } from "../types/inert.ts";
import { fromInstance } from "../types/python_types.ts";
import { Tuple } from "../types/tuple.ts";

/** How states are read. */
export interface StateReaderOptions {
  readonly classes: ClassRegistry;
  readonly dicts: DictStyle;
  /** The object, or weak reference, that a persistent id stands for. */
  readonly reference: (pid: Value) => unknown;
}

/** Levels of containers within each other that are read by recursion; what is deeper waits for its turn. */
const DEEPEST = 400;

/** Reads records' values; what occurs twice in a record is one thing afterwards too. */
export class StateReader {
  readonly #options: StateReaderOptions;
  readonly #done = new Map<object, unknown>();
  readonly #convert = (value: Value): unknown => this.#value(value);
  #depth = 0;
  /** Containers that are too deep inside others to be filled at once. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: StateReaderOptions) {
    this.#options = options;
  }

  /** The state of an object: a dict of attributes stays a `Map` even where dicts are read as plain objects. */
  state(value: Value): unknown {
    this.#done.clear();
    // Also after an error in the last one.
    this.#depth = this.#waiting.length = 0;
    const state = value instanceof Dict ? this.#attributes(value) : this.#value(value);
    for (let fill = this.#waiting.pop(); fill; fill = this.#waiting.pop()) fill();
    this.#done.clear();
    return state;
  }

  #attributes(dict: Dict): Map<unknown, unknown> {
    const attributes = new Map<unknown, unknown>(), items = dict.flat();
    for (let i = 0; i < items.length; i += 2) {
      attributes.set(this.#value(items[i]), this.#value(items[i + 1]));
    }
    return attributes;
  }

  /** A value as users work with it. */
  #value(value: Value): unknown {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if (value instanceof PersistentReference) return this.#options.reference(value.pid);
    const done = this.#done.get(value);
    if (done !== undefined) return done;
    this.#depth++;
    const made = this.#container(value);
    this.#depth--;
    return made;
  }

  #container(value: Value & object): unknown {
    if (Array.isArray(value)) return this.#items(value, this.#begun(value, []));
    if (value instanceof PickledTuple) return this.#items(value.items, this.#begun(value, new Tuple()));
    if (value instanceof Dict) return this.#dict(value);
    if (value instanceof Instance) return this.#instance(value);
    return value;
  }

  /** Before its parts are read, as they may contain it. */
  #begun<T extends object>(value: object, made: T): T {
    this.#done.set(value, made);
    return made;
  }

  #later<T>(made: T, fill: () => void): T {
    this.#waiting.push(() => {
      this.#depth = 0;
      fill();
    });
    return made;
  }

  #items(items: readonly Value[], made: unknown[]): unknown[] {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#items(items, made));
    for (let i = 0; i < items.length; i++) made[i] = this.#value(items[i]);
    return made;
  }

  #dict(dict: Dict): object {
    const items = dict.flat();
    if (
      this.#options.dicts === "object" && items.every((item, i) => i % 2 === 1 || typeof item === "string")
    ) {
      return this.#named(this.#begun(dict, {}), items);
    }
    return this.#map(dict);
  }

  #named<T extends object>(made: T, items: readonly Value[]): T {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#named(made, items));
    for (let i = 0; i < items.length; i += 2) {
      setAttribute(made as Record<string, unknown>, items[i] as string, this.#value(items[i + 1]));
    }
    return made;
  }

  #map(dict: Dict, made: Map<unknown, unknown> = this.#begun(dict, new Map())): Map<unknown, unknown> {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#map(dict, made));
    const items = dict.flat();
    for (let i = 0; i < items.length; i += 2) {
      if (items[i] instanceof Float) noteFloatKeys(made);
      made.set(anotherNaN(made, this.#value(items[i])), this.#value(items[i + 1]));
    }
    return made;
  }

  #instance(instance: Instance): unknown {
    const items = setItems(instance);
    if (items !== undefined) {
      const made = this.#begun(instance, instance.isA("builtins", "set") ? new Set() : new FrozenSet());
      for (const item of items) {
        if (item instanceof Float) noteFloatKeys(made);
        made.add(anotherNaN(made, this.#value(item)));
      }
      return made;
    }
    const known = fromInstance(instance, this.#convert);
    if (known !== undefined) return this.#begun(instance, known as object);
    return this.#object(instance) ?? this.#inert(instance);
  }

  /** An object of a registered class that is not persistent. */
  #object(instance: Instance): object | undefined {
    const { by, args, state } = instance;
    if (by !== "NEWOBJ" || args.length > 0 || !(instance.class instanceof Global)) return undefined;
    if (state !== undefined && !(state instanceof Dict && state.flat().every(isAttributeName))) {
      return undefined;
    }
    const registered = this.#options.classes.named(instance.class);
    if (!registered || registered.persistent) return undefined;
    const made = this.#begun(instance, Object.create(registered.class.prototype));
    return this.#named(made, state?.flat() ?? []);
  }

  #inert(instance: Instance): Inert {
    const args = new Tuple();
    const made = this.#begun(instance, new Inert(instance.by, this.#value(instance.class), args));
    return this.#inertParts(instance, args, made);
  }

  #inertParts(instance: Instance, args: Tuple, made: Inert): Inert {
    if (this.#depth > DEEPEST) return this.#later(made, () => this.#inertParts(instance, args, made));
    this.#items(instance.args.items, args);
    if (instance.keywords) made.keywords = this.#map(instance.keywords);
    if (instance.listItems) made.listItems = this.#items(instance.listItems, []);
    if (instance.dictItems) made.dictItems = this.#map(instance.dictItems);
    if (instance.state !== undefined) made.state = this.#value(instance.state);
    return made;
  }
}

/** In Python any number of NaNs are different keys; here the first is a number, and the others have to be objects. */
function anotherNaN(keys: { has(key: unknown): boolean }, key: unknown): unknown {
  return typeof key === "number" && Number.isNaN(key) && keys.has(key) ? new Float(key) : key;
}

function isAttributeName(item: Value, index: number): boolean {
  return index % 2 === 1 || typeof item === "string";
}

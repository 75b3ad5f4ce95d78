/**
 * Views of maps, sets and dates: their methods need the real thing as `this`, so the view has methods of its own for
 * what reads or changes items, and hands on the rest.
 *
 * @module
 */

import { equalKey, isCompound, mayHaveFloatKeys, sameNumbers } from "../types/equality.ts";
import { rawOf, stored } from "./raw.ts";
import type { Views } from "./views.ts";

type Methods<T> = Readonly<Record<PropertyKey, (raw: T, views: Views, view: T, args: unknown[]) => unknown>>;

function traps<T extends object>(views: Views, methods: Methods<T>): ProxyHandler<T> {
  return {
    get(target, name, receiver) {
      const own = Object.hasOwn(methods, name) ? methods[name] : undefined;
      if (own) return (...args: unknown[]) => own(target, views, receiver as T, args);
      const value = Reflect.get(target, name, target);
      return typeof value === "function" && name !== "constructor" ? value.bind(target) : value;
    },
    set() {
      throw new TypeError("a property of a map, a set or a date is not stored");
    },
  };
}

/** The key as the map has it, where one is there that is the same to Python: bytes and tuples are by their content. */
function keyIn(raw: Map<unknown, unknown> | Set<unknown>, key: unknown): unknown {
  key = rawOf(key);
  if (raw.has(key)) return key;
  for (const same of sameNumbers(key)) if (raw.has(same)) return same;
  if (!isCompound(key) && !(typeof key !== "string" && mayHaveFloatKeys(raw))) return key;
  for (const other of raw.keys()) if (equalKey(other, key)) return other;
  return key;
}

const mapMethods: Methods<Map<unknown, unknown>> = {
  get: (raw, views, _view, [key]) => views.of(raw.get(keyIn(raw, key))),
  has: (raw, _views, _view, [key]) => raw.has(keyIn(raw, key)),
  set(raw, views, view, [key, value]) {
    views.changing();
    const at = keyIn(raw, key);
    raw.set(at, stored(value, raw.get(at)));
    return view;
  },
  getOrInsert(raw, views, _view, [key, value]) {
    const at = keyIn(raw, key);
    if (!raw.has(at)) {
      views.changing();
      raw.set(at, rawOf(value));
    }
    return views.of(raw.get(at));
  },
  getOrInsertComputed(raw, views, view, [key, make]) {
    const at = keyIn(raw, key);
    const value = raw.has(at) ? undefined : (make as (key: unknown) => unknown)(key);
    return mapMethods.getOrInsert(raw, views, view, [key, value]);
  },
  delete(raw, views, _view, [key]) {
    const at = keyIn(raw, key);
    if (!raw.has(at)) return false;
    views.changing();
    return raw.delete(at);
  },
  clear(raw, views) {
    if (raw.size === 0) return;
    views.changing();
    raw.clear();
  },
  forEach(raw, views, view, [callback, self]) {
    for (const [key, value] of raw) {
      (callback as Callback).call(self, views.of(value), views.of(key), view);
    }
  },
  keys: (raw, views) => each(raw.keys(), (key) => views.of(key)),
  values: (raw, views) => each(raw.values(), (value) => views.of(value)),
  entries: (raw, views) => pairs(raw, views),
  [Symbol.iterator]: (raw, views) => pairs(raw, views),
};

type Callback = (this: unknown, value: unknown, key: unknown, collection: unknown) => void;

function pairs(raw: Map<unknown, unknown>, views: Views): Iterable<[unknown, unknown]> {
  return each(raw, ([key, value]): [unknown, unknown] => [views.of(key), views.of(value)]);
}

function* each<T, R>(items: Iterable<T>, use: (item: T) => R): Generator<R, void, unknown> {
  for (const item of items) yield use(item);
}

/** What makes other sets of a set, or compares it: done with the items as users see them. */
const combining: Methods<Set<unknown>> = Object.fromEntries(
  ([
    "union",
    "intersection",
    "difference",
    "symmetricDifference",
    "isSubsetOf",
    "isSupersetOf",
    "isDisjointFrom",
  ] as const)
    .map((name) => [
      name,
      (raw, views, _view, [other]) =>
        new Set([...raw].map((item) => views.of(item)))[name](other as ReadonlySetLike<unknown>),
    ]),
);

const setMethods: Methods<Set<unknown>> = {
  ...combining,
  has: (raw, _views, _view, [item]) => raw.has(keyIn(raw, item)),
  add(raw, views, view, [item]) {
    const at = keyIn(raw, item);
    if (!raw.has(at)) {
      views.changing();
      raw.add(at);
    }
    return view;
  },
  delete(raw, views, _view, [item]) {
    const at = keyIn(raw, item);
    if (!raw.has(at)) return false;
    views.changing();
    return raw.delete(at);
  },
  clear(raw, views) {
    if (raw.size === 0) return;
    views.changing();
    raw.clear();
  },
  forEach(raw, views, view, [callback, self]) {
    for (const item of raw) (callback as Callback).call(self, views.of(item), views.of(item), view);
  },
  keys: (raw, views) => each(raw, (item) => views.of(item)),
  values: (raw, views) => each(raw, (item) => views.of(item)),
  entries: (raw, views) => each(raw, (item) => [views.of(item), views.of(item)]),
  [Symbol.iterator]: (raw, views) => each(raw, (item) => views.of(item)),
};

const frozenSetMethods: Methods<Set<unknown>> = {
  ...setMethods,
  ...Object.fromEntries(["add", "delete", "clear"].map((name) => [name, () => {
    throw new TypeError("a frozenset can't be changed: make another");
  }])),
};

/** Setters of a date, all of which the view wraps. */
const dateMethods: Methods<Date> = Object.fromEntries(
  Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith("set")).map((name) => [
    name,
    (raw: Date, views: Views, _view: Date, args: unknown[]) => {
      views.changing();
      return (Reflect.get(raw, name) as (...args: unknown[]) => number).apply(raw, args);
    },
  ]),
);

/** Traps of a map's view. */
export function mapTraps(views: Views): ProxyHandler<Map<unknown, unknown>> {
  return traps(views, mapMethods);
}

/** Traps of a set's view. */
export function setTraps(views: Views, frozen: boolean): ProxyHandler<Set<unknown>> {
  return traps(views, frozen ? frozenSetMethods : setMethods);
}

/** Traps of a date's view. */
export function dateTraps(views: Views): ProxyHandler<Date> {
  return traps(views, dateMethods);
}

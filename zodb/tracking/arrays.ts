/**
 * Views of arrays. Most methods work through the view by themselves; those that move or change many items are done on
 * the array itself, so that items keep their kind (a float stays one where it is moved to) and it is told of once.
 *
 * @module
 */

import { rawOf, stored } from "./raw.ts";
import type { Views } from "./views.ts";

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Traps of an array's view. */
export function arrayTraps(views: Views): ProxyHandler<unknown[]> {
  return {
    get(target, name, receiver) {
      if (typeof name === "string" && Object.hasOwn(changing, name)) return method(views, target, name);
      if (name === Symbol.iterator || name === "values") return () => items(views, target);
      return views.of(Reflect.get(target, name, receiver));
    },
    set(target, name, value) {
      views.changing();
      return Reflect.set(target, name, stored(value, Reflect.get(target, name)));
    },
    defineProperty(target, name, descriptor) {
      views.changing();
      if ("value" in descriptor) {
        descriptor = { ...descriptor, value: stored(descriptor.value, Reflect.get(target, name)) };
      }
      return Reflect.defineProperty(target, name, descriptor);
    },
    deleteProperty(target, name) {
      views.changing();
      return Reflect.deleteProperty(target, name);
    },
  };
}

function* items(views: Views, target: readonly unknown[]): ArrayIterator<unknown> {
  for (let i = 0; i < target.length; i++) yield views.of(target[i]);
  return undefined;
}

/** Methods that change the array, done on the raw one; what they return is what the user gets. */
const changing: Readonly<
  Record<string, (target: unknown[], views: Views, args: unknown[]) => unknown>
> = {
  push: (target, _views, args) => target.push(...args.map(rawOf)),
  unshift: (target, _views, args) => target.unshift(...args.map(rawOf)),
  pop: (target, views) => views.of(target.pop()),
  shift: (target, views) => views.of(target.shift()),
  splice: (target, views, args) => {
    const removed = target.splice(...(args.map(rawOf) as [number, number]));
    return removed.map((item) => views.of(item));
  },
  sort: (target, views, [compare]) => {
    const order = compare as ((a: unknown, b: unknown) => number) | undefined;
    return order ? target.sort((a, b) => order(views.of(a), views.of(b))) : target.sort(byText(views));
  },
  reverse: (target) => target.reverse(),
  copyWithin: (target, _views, args) => target.copyWithin(...(args as [number, number, number?])),
  fill: (target, _views, [value, ...range]) => target.fill(rawOf(value), ...(range as number[])),
};

/** JavaScript's default order, for items as the user sees them. */
function byText(views: Views): (a: unknown, b: unknown) => number {
  return (a, b) => {
    const left = String(views.of(a)), right = String(views.of(b));
    return left < right ? -1 : left > right ? 1 : 0;
  };
}

function method(views: Views, target: unknown[], name: string): Method {
  return function (this: unknown, ...args) {
    views.changing();
    const result = changing[name](target, views, args);
    return result === target ? this : result;
  };
}

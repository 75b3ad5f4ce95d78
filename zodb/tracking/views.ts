/**
 * Views of the mutable values in an object's state: they look and act like the values, and tell the object before they
 * are changed.
 *
 * The same value has the same view for as long as the object is loaded. A view outlives its object's state: changing it
 * when the object has become a ghost throws, as the value is no longer part of anything.
 *
 * @module
 */

import { Float } from "../../pickle/mod.ts";
import { CONTROL, type Control, GHOST } from "../control.ts";
import { FrozenSet } from "../types/frozen_set.ts";
import { Tuple } from "../types/tuple.ts";
import { isConstant } from "../types/value_object.ts";
import { arrayTraps } from "./arrays.ts";
import { dateTraps, mapTraps, setTraps } from "./collections.ts";
import { objectTraps, tupleTraps } from "./objects.ts";
import { remember } from "./raw.ts";

/** Whom views tell of changes. */
export type ViewOwner = Pick<Control, "state" | "object" | "change">;

/** The views of one object's state. */
export class Views {
  readonly #control: ViewOwner;
  readonly #views = new WeakMap<object, object>();
  /** Set when the state that they are of is given up. */
  #stale = false;

  constructor(control: ViewOwner) {
    this.#control = control;
  }

  /** What a user sees of a raw value. */
  of(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Float) return value.value;
    if (CONTROL in value || isConstant(value)) return value;
    let view = this.#views.get(value);
    if (view === undefined) {
      view = this.#make(value);
      this.#views.set(value, view);
      remember(view, value);
    }
    return view;
  }

  /** Has to be called before a value is changed. */
  changing(): void {
    if (this.#stale || this.#control.state === GHOST) {
      throw new TypeError(
        `this value belonged to a ${this.#control.object.constructor.name} that has been given up since: ` +
          "get it from the object again",
      );
    }
    this.#control.change();
  }

  /** Has to be called when the object's state is given up. */
  release(): void {
    this.#stale = true;
  }

  #make(value: object): object {
    if (value instanceof Tuple) return new Proxy(value, tupleTraps(this));
    if (Array.isArray(value)) return new Proxy(value, arrayTraps(this));
    if (value instanceof Map) return new Proxy(value, mapTraps(this));
    if (value instanceof Set) return new Proxy(value, setTraps(this, value instanceof FrozenSet));
    if (value instanceof Date) return new Proxy(value, dateTraps(this));
    return new Proxy(value, objectTraps(this));
  }
}

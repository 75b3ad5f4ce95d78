/**
 * Python's `BTrees.Length.Length`: a number that many can change at once.
 *
 * @module
 */

import { registerClass } from "./classes.ts";
import { PersistentBase } from "./persistent.ts";

/** A count in a record of its own. Changes of several transactions at once add up instead of being conflicts. */
export class Length extends PersistentBase {
  #value: number;

  /** A count that starts at this. */
  constructor(value = 0) {
    super();
    this.#value = value;
  }

  /** The count. */
  get value(): number {
    this._p_touch();
    return this.#value;
  }

  /** Sets the count; where others change it at the same time, it is the difference that counts. */
  set(value: number): void {
    this._p_change();
    this.#value = value;
  }

  /** Adds to the count. */
  change(delta: number): void {
    this._p_change();
    this.#value += delta;
  }

  /** The state to store. */
  override __getstate__(): unknown {
    return this.#value;
  }

  /** Takes the state. */
  override __setstate__(state: unknown): void {
    this.#value = Number(state);
  }

  /** Forgets the state. */
  override __clearstate__(): void {
    this.#value = 0;
  }

  /** Both changes together. */
  static _p_resolveConflict(old: unknown, committed: unknown, changed: unknown): unknown {
    return Number(committed) + Number(changed) - Number(old);
  }
}

registerClass("BTrees.Length.Length", Length);

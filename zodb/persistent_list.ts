/**
 * Python's `persistent.list.PersistentList`: a list in a record of its own.
 *
 * @module
 */

import { type Awaitable, when } from "../values/mod.ts";
import { registerClass } from "./classes.ts";
import { activateAll, loaded } from "./load.ts";
import { Persistent, PersistentBase } from "./persistent.ts";

/**
 * A list in a record of its own: Python's `PersistentList`. Its items are the array `data`; the usual methods are here
 * too. `get` loads what it returns, `for await` all of it; the others may give ghosts.
 */
export class PersistentList<T = unknown> extends Persistent {
  /** The items, as Python's class calls them. */
  declare data: T[];

  /** A list of these items. */
  constructor(items: Iterable<T> = []) {
    super();
    this.data = [...items];
  }

  /** An item, loaded if it is an object; negative from the end. Loads the list itself first. */
  get(index: number): Awaitable<T | undefined> {
    return when(this._p_activate(), () => loaded(this.data.at(index)));
  }

  /** An item, perhaps a ghost; negative from the end. */
  at(index: number): T | undefined {
    return this.data.at(index);
  }

  /** Puts an item in the place of another. @throws {RangeError} when there is none in that place. */
  set(index: number, item: T): void {
    const at = index < 0 ? index + this.length : index;
    if (!Number.isInteger(at) || at < 0 || at >= this.length) {
      throw new RangeError(`index ${index}: the list has ${this.length} items`);
    }
    this.data[at] = item;
  }

  /** How many items there are. */
  get length(): number {
    return this.data.length;
  }

  /** Adds items at the end. @returns How many there are then. */
  push(...items: T[]): number {
    return this.data.push(...items);
  }

  /** Takes the last item off. */
  pop(): T | undefined {
    return this.data.pop();
  }

  /** Removes and inserts items. @returns Those removed. */
  splice(start: number, count: number, ...items: T[]): T[] {
    return this.data.splice(start, count, ...items);
  }

  /** Sorts the items. */
  sort(compare?: (a: T, b: T) => number): this {
    this.data.sort(compare);
    return this;
  }

  /** Turns the order round. */
  reverse(): this {
    this.data.reverse();
    return this;
  }

  /** Whether an item is there. */
  includes(item: T): boolean {
    return this.data.includes(item);
  }

  /** Where an item is; -1 when it isn't there. */
  indexOf(item: T): number {
    return this.data.indexOf(item);
  }

  /** The items, perhaps ghosts. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.data[Symbol.iterator]();
  }

  /** The items, loaded. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    await this._p_activate();
    const items = [...this.data];
    await activateAll(items.filter((item) => item instanceof PersistentBase));
    for (const item of items) {
      if (item instanceof PersistentBase) await item._p_activate();
      yield item;
    }
  }
}

registerClass("persistent.list.PersistentList", PersistentList);

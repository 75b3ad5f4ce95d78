/**
 * The keys, values or items of a tree between two bounds, one after the other.
 *
 * Each leaf is found anew from the last key that was given: so the tree may be changed meanwhile, by the same program,
 * and what is given is still in order and each key at most once. The leaves that come next are loaded while one is read.
 *
 * @module
 */

import { type Awaitable, isPromise } from "../../values/mod.ts";
import { activateAll } from "../load.ts";
import { PersistentBase } from "../persistent.ts";
import type { Leaf } from "./leaf.ts";
import { atOnce, loadAhead, whenLoaded } from "./pending.ts";
import { type Bound, type Found, type Shell, STRUCTURE } from "./structure.ts";

/** What belongs to a range. */
export interface RangeOptions {
  /** Whether the least key itself is left out; without one, the first key of all. */
  readonly excludeMin?: boolean;
  /** Whether the greatest key itself is left out; without one, the last key of all. */
  readonly excludeMax?: boolean;
  /** Whether to go from the greatest key down. */
  readonly reverse?: boolean;
}

/** Where a range begins and ends, as the tree holds keys. */
export interface Limits {
  readonly min?: Bound;
  readonly max?: Bound;
  readonly reverse: boolean;
}

/** Indices in a leaf, all of them in the range; `to` is excluded. */
interface Piece {
  readonly leaf: Leaf;
  readonly from: number;
  readonly to: number;
  readonly ahead: Found["ahead"];
}

/**
 * Keys, values or items of a tree, in order. `for await` goes through it; so does `for` where all is in memory, or in a
 * synchronous connection. It can be gone through again, and shows the tree as it is then.
 *
 * @example
 * ```ts
 * import { IOBTree } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const tree = new IOBTree([[1, "a"], [2, "b"], [3, "c"]]);
 * assertEquals(await tree.values(2).toArray(), ["b", "c"]);
 * assertEquals([...tree.keys(undefined, undefined, { reverse: true })], [3, 2, 1]);
 * ```
 */
export class Range<T> implements AsyncIterable<T>, Iterable<T> {
  readonly #shell: Shell;
  readonly #limits: () => Limits;
  readonly #item: (leaf: Leaf, index: number) => T;
  readonly #loadsValues: boolean;

  /** @ignore @param limits Found out anew each time; may throw `Pending`. */
  constructor(
    shell: Shell,
    limits: () => Limits,
    item: (leaf: Leaf, index: number) => T,
    loadsValues: boolean,
  ) {
    this.#shell = shell;
    this.#limits = limits;
    this.#item = item;
    this.#loadsValues = loadsValues;
  }

  /** One after the other; values that are objects are loaded. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    const limits = await whenLoaded(this.#limits);
    let bound = startOf(limits);
    for (;;) {
      const found = whenLoaded(() => this.#piece(limits, bound));
      const piece = isPromise(found) ? await found : found;
      if (!piece) return;
      bound = endOf(piece, limits);
      loadAhead(nodesAhead(piece, limits));
      const { leaf, from, to } = piece, items = this.#items(piece, limits);
      if (this.#loadsValues) {
        const objects = leaf.values.slice(from, to).filter((value) => value instanceof PersistentBase);
        if (objects.length > 0) await activateAll(objects);
      }
      yield* items;
    }
  }

  /** One after the other. @throws {GhostError} when a node is not loaded, and loading takes waiting. */
  *[Symbol.iterator](): Generator<T, void> {
    const limits = atOnce(this.#limits);
    let bound = startOf(limits);
    for (;;) {
      const piece = atOnce(() => this.#piece(limits, bound));
      if (!piece) return;
      bound = endOf(piece, limits);
      yield* this.#items(piece, limits);
    }
  }

  /** All of them. */
  async toArray(): Promise<T[]> {
    const all: T[] = [];
    for await (const item of this) all.push(item);
    return all;
  }

  /** The first one, in the order of the range, perhaps a ghost; undefined when it is empty. */
  first(): Awaitable<T | undefined> {
    return whenLoaded(() => this.#first());
  }

  /** How many there are. All leaves are loaded for that: keep a `Length` for what is counted often. */
  count(): Awaitable<number> {
    return whenLoaded(this.#counter());
  }

  /** How many there are. @throws {GhostError} when a node is not loaded, and loading takes waiting. */
  countAtOnce(): number {
    return atOnce(this.#counter());
  }

  #first(): T | undefined {
    const limits = this.#limits(), piece = this.#piece(limits, startOf(limits));
    return piece && this.#item(piece.leaf, limits.reverse ? piece.to - 1 : piece.from);
  }

  /** Counts on from where it was interrupted. */
  #counter(): () => number {
    let limits: Limits | undefined, bound: Bound | undefined, count = 0;
    return () => {
      if (!limits) bound = startOf(limits = this.#limits());
      for (;;) {
        const piece = this.#piece(limits, bound);
        if (!piece) return count;
        count += piece.to - piece.from;
        bound = endOf(piece, limits);
        loadAhead(nodesAhead(piece, limits));
      }
    };
  }

  #items({ leaf, from, to }: Piece, { reverse }: Limits): T[] {
    const items: T[] = [];
    for (let i = from; i < to; i++) items.push(this.#item(leaf, reverse ? to - 1 - (i - from) : i));
    return items;
  }

  /** The part of the range in the next leaf. @throws {Pending} */
  #piece({ reverse, min, max }: Limits, bound: Bound | undefined): Piece | undefined {
    const found = this.#shell[STRUCTURE].seek(bound, reverse);
    if (!found) return undefined;
    const { leaf, index, ahead } = found, { length } = leaf.keys;
    const from = !reverse ? index : min ? leaf.first(min, false) ?? length : 0;
    const to = reverse ? index + 1 : max ? (leaf.first(max, true) ?? -1) + 1 : length;
    return from < to ? { leaf, from, to, ahead } : undefined;
  }
}

function startOf({ reverse, min, max }: Limits): Bound | undefined {
  return reverse ? max : min;
}

/** The bound to go on from. */
function endOf({ leaf, from, to }: Piece, { reverse }: Limits): Bound {
  return { key: leaf.keys[reverse ? from : to - 1], exclusive: true };
}

/** The nodes ahead, if the range goes on after this leaf. */
function nodesAhead({ leaf, from, to, ahead }: Piece, { min, max, reverse }: Limits): Iterable<Shell> {
  const isOver = reverse ? from > 0 : to < leaf.keys.length;
  return isOver ? [] : ahead(reverse ? min : max);
}

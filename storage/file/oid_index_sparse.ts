/**
 * Sorted pairs of object id and position, for oids that lie far apart: 16 bytes a pair and a third more for room.
 *
 *   leaves   [ 3 5 9 … ] [ 1000 1004 … ] [ 2^63 … ]     each sorted, none empty, the last keys before the next's first
 *
 * @module
 */

import type { Oid } from "../../values/mod.ts";

/** Pairs that fit in a leaf. */
export const LEAF_CAPACITY = 512;

/** A sorted run of pairs; the first `count` places are in use. */
export interface Leaf {
  /** The upper 32 bits of each oid. */
  readonly highs: Uint32Array;
  /** The lower 32 bits of each oid. */
  readonly lows: Uint32Array;
  /** The position for each oid. */
  readonly positions: Float64Array;
  /** How many places are in use. */
  count: number;
}

/** Leaves that travel together. */
const LEAVES_PER_PART = 64;

/** Pairs on their way to another thread: sorted, and sorted after those of the part before. */
export interface SparseOidPart {
  /** How many pairs each leaf has. */
  readonly counts: readonly number[];
  /** The upper 32 bits of each oid. */
  readonly highs: Uint32Array<ArrayBuffer>;
  /** The lower 32 bits of each oid. */
  readonly lows: Uint32Array<ArrayBuffer>;
  /** The position for each oid. */
  readonly positions: Float64Array<ArrayBuffer>;
}

// Through an array is by far the fastest way from a bigint to numbers (5 ns; a shift makes a new bigint).
const whole = new BigUint64Array(1);

/** The lower and the upper 32 bits of the oid that was last given to {@linkcode split}. */
export const halves: Uint32Array<ArrayBuffer> = new Uint32Array(whole.buffer);

/** Splits an oid into {@linkcode halves}. Every machine that Deno runs on has the lower half first. */
export function split(oid: bigint): void {
  whole[0] = oid;
}

/** The oid of two halves. */
export function joined(high: number, low: number): Oid {
  halves[0] = low;
  halves[1] = high;
  return whole[0] as Oid;
}

function newLeaf(): Leaf {
  return {
    highs: new Uint32Array(LEAF_CAPACITY),
    lows: new Uint32Array(LEAF_CAPACITY),
    positions: new Float64Array(LEAF_CAPACITY),
    count: 0,
  };
}

function oidIn(leaf: Leaf, place: number): Oid {
  return joined(leaf.highs[place], leaf.lows[place]);
}

/** The place of the first key in a leaf that is not below an oid. */
function lowerBound({ highs, lows, count }: Leaf, high: number, low: number): number {
  let from = 0, to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (highs[middle] < high || highs[middle] === high && lows[middle] < low) from = middle + 1;
    else to = middle;
  }
  return from;
}

function holds(leaf: Leaf, place: number, high: number, low: number): boolean {
  return place < leaf.count && leaf.lows[place] === low && leaf.highs[place] === high;
}

/** Object ids in order, each with a position. */
export class SparseOids {
  #leaves: Leaf[] = [];
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The position of an oid. */
  get(oid: bigint): number | undefined {
    split(oid);
    const high = halves[1], low = halves[0];
    const leaf = this.#leaves[this.#leafFor(high, low)];
    if (leaf === undefined) return undefined;
    const place = lowerBound(leaf, high, low);
    return holds(leaf, place, high, low) ? leaf.positions[place] : undefined;
  }

  /** Sets a position. Answers the leaf that the oid went to when that is full now, so that it is time to act. */
  set(oid: bigint, position: number): Leaf | undefined {
    split(oid);
    const high = halves[1], low = halves[0];
    if (this.#leaves.length === 0) this.#leaves.push(newLeaf());
    const number = this.#leafFor(high, low);
    let leaf = this.#leaves[number];
    let place = lowerBound(leaf, high, low);
    if (holds(leaf, place, high, low)) {
      leaf.positions[place] = position;
      return undefined;
    }
    if (leaf.count === LEAF_CAPACITY) {
      // Oids that come in order leave full leaves behind, not half-full ones.
      const atEnd = place === leaf.count && number === this.#leaves.length - 1;
      const next = this.#split(number, atEnd ? leaf.count : leaf.count >>> 1);
      if (atEnd || place > leaf.count) {
        place -= leaf.count;
        leaf = next;
      }
    }
    leaf.highs.copyWithin(place + 1, place, leaf.count);
    leaf.lows.copyWithin(place + 1, place, leaf.count);
    leaf.positions.copyWithin(place + 1, place, leaf.count);
    leaf.highs[place] = high;
    leaf.lows[place] = low;
    leaf.positions[place] = position;
    leaf.count++;
    this.#size++;
    return leaf.count === LEAF_CAPACITY ? leaf : undefined;
  }

  /** Removes an oid; answers whether it was there. */
  delete(oid: bigint): boolean {
    split(oid);
    const high = halves[1], low = halves[0];
    const number = this.#leafFor(high, low);
    const leaf = this.#leaves[number];
    if (leaf === undefined) return false;
    const place = lowerBound(leaf, high, low);
    if (!holds(leaf, place, high, low)) return false;
    this.#cut(number, place, place + 1);
    return true;
  }

  /** The smallest oid that is not below `oid`. */
  nextKey(oid: bigint): Oid | undefined {
    split(oid);
    const high = halves[1], low = halves[0];
    const number = this.#leafFor(high, low);
    const leaf = this.#leaves[number];
    if (leaf === undefined) return undefined;
    const place = lowerBound(leaf, high, low);
    if (place < leaf.count) return oidIn(leaf, place);
    const next = this.#leaves[number + 1];
    return next && oidIn(next, 0);
  }

  /** The largest oid. */
  maxKey(): Oid | undefined {
    const leaf = this.#leaves.at(-1);
    return leaf && oidIn(leaf, leaf.count - 1);
  }

  /**
   * Takes out all pairs with the upper half `high` and a lower half from `from` to `to`, calling `take` for each.
   */
  takeRange(high: number, from: number, to: number, take: (low: number, position: number) => void): void {
    let number = this.#leafFor(high, from);
    while (number < this.#leaves.length) {
      const leaf = this.#leaves[number];
      const start = lowerBound(leaf, high, from);
      let end = start;
      while (end < leaf.count && leaf.highs[end] === high && leaf.lows[end] <= to) {
        take(leaf.lows[end], leaf.positions[end]);
        end++;
      }
      const more = end === leaf.count, emptied = start === 0 && more;
      if (end > start) this.#cut(number, start, end);
      if (!more) return;
      if (!emptied) number++;
    }
  }

  /** All pairs, ascending. */
  *entries(): Generator<[Oid, number], void> {
    for (const leaf of this.#leaves) {
      for (let place = 0; place < leaf.count; place++) yield [oidIn(leaf, place), leaf.positions[place]];
    }
  }

  /** A copy of all pairs, in parts. */
  *parts(): Generator<SparseOidPart, void> {
    for (let from = 0; from < this.#leaves.length; from += LEAVES_PER_PART) {
      const leaves = this.#leaves.slice(from, from + LEAVES_PER_PART);
      const total = leaves.reduce((sum, leaf) => sum + leaf.count, 0);
      const part = {
        counts: leaves.map((leaf) => leaf.count),
        highs: new Uint32Array(total),
        lows: new Uint32Array(total),
        positions: new Float64Array(total),
      };
      let at = 0;
      for (const { highs, lows, positions, count } of leaves) {
        part.highs.set(highs.subarray(0, count), at);
        part.lows.set(lows.subarray(0, count), at);
        part.positions.set(positions.subarray(0, count), at);
        at += count;
      }
      yield part;
    }
  }

  /** Takes in the next part of another's pairs, which come after all that are here. */
  adopt({ counts, highs, lows, positions }: SparseOidPart): void {
    let at = 0;
    for (const count of counts) {
      const leaf = newLeaf();
      leaf.highs.set(highs.subarray(at, at + count));
      leaf.lows.set(lows.subarray(at, at + count));
      leaf.positions.set(positions.subarray(at, at + count));
      leaf.count = count;
      this.#leaves.push(leaf);
      this.#size += count;
      at += count;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#leaves = [];
    this.#size = 0;
  }

  /** The number of the last leaf whose first key is not above an oid, or 0. */
  #leafFor(high: number, low: number): number {
    let from = 0, to = this.#leaves.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const { highs, lows } = this.#leaves[middle];
      if (highs[0] < high || highs[0] === high && lows[0] <= low) from = middle + 1;
      else to = middle;
    }
    return from === 0 ? 0 : from - 1;
  }

  /** Moves the pairs of a leaf from `place` on to a new leaf behind it. */
  #split(number: number, place: number): Leaf {
    const leaf = this.#leaves[number];
    const next = newLeaf();
    next.highs.set(leaf.highs.subarray(place, leaf.count));
    next.lows.set(leaf.lows.subarray(place, leaf.count));
    next.positions.set(leaf.positions.subarray(place, leaf.count));
    next.count = leaf.count - place;
    leaf.count = place;
    this.#leaves.splice(number + 1, 0, next);
    return next;
  }

  #cut(number: number, start: number, end: number): void {
    const leaf = this.#leaves[number];
    leaf.highs.copyWithin(start, end, leaf.count);
    leaf.lows.copyWithin(start, end, leaf.count);
    leaf.positions.copyWithin(start, end, leaf.count);
    leaf.count -= end - start;
    this.#size -= end - start;
    if (leaf.count === 0) this.#leaves.splice(number, 1);
  }
}

/**
 * Where the newest record of each object is: object id → position in Data.fs.
 *
 * Oids are handed out one after the other, so most of them lie close together. They live on pages, the others
 * in a sorted list until enough of them have gathered for a page:
 *
 *   page      2048 consecutive oids, 8 bytes each, 0 where there is none; found by number (oid / 2048)
 *   sparse    oid 8 | position 8, sorted
 *
 * A page is made when a full leaf of the sorted list has 256 oids for it, so that an object never costs more
 * than 64 bytes, and one among its neighbours 8.
 *
 * @module
 */

import type { Oid } from "../../values/mod.ts";
import {
  halves,
  joined,
  type Leaf,
  LEAF_CAPACITY,
  type SparseOidPart,
  SparseOids,
  split,
} from "./oid_index_sparse.ts";

const PAGE_SIZE = 2048;
const PAGE_BITS = 11;
const PAGE_MASK = PAGE_SIZE - 1;
const PAGE_MINIMUM = LEAF_CAPACITY / 2;
/** Pages whose oids share the upper 32 bits. */
const PAGES_PER_HIGH = 2 ** 32 / PAGE_SIZE;

interface Page {
  /** oid / 2048, exact: it needs 53 bits. */
  readonly number: number;
  readonly positions: Float64Array;
  count: number;
}

/** Pages that travel together, about a mebibyte. */
const PAGES_PER_PART = 64;

/** A stretch of an index on its way to another thread. Its arrays have buffers of their own. */
export interface OidIndexPart {
  /** The pages' numbers, ascending. */
  readonly numbers: readonly number[];
  /** How many objects each page has. */
  readonly counts: readonly number[];
  /** The pages, one after the other. */
  readonly positions: Float64Array<ArrayBuffer>;
  /** Objects that are on no page; only in parts without pages. */
  readonly sparse?: SparseOidPart;
}

/**
 * Object ids with the positions of their newest records.
 *
 * @example
 * ```ts
 * import { oid } from "../../values/mod.ts";
 * import { OidIndex } from "./oid_index.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const index = new OidIndex();
 * index.set(oid(7), 4096);
 * assertEquals(index.get(oid(7)), 4096);
 * assertEquals(index.nextKey(oid(3)), oid(7));
 * ```
 */
export class OidIndex {
  #pages = new Map<number, Page>();
  /** What is on the pages of oids below 2^32, by page number: the short way for nearly every oid there is. */
  #low: (Float64Array | undefined)[] = [];
  /** The pages' numbers, ascending. */
  #order: number[] = [];
  #paged = 0;
  #sparse = new SparseOids();

  /** How many objects there are. */
  get size(): number {
    return this.#paged + this.#sparse.size;
  }

  /** The largest oid, or undefined in an empty index. */
  get maxOid(): Oid | undefined {
    const sparse = this.#sparse.maxKey();
    const number = this.#order.at(-1);
    if (number === undefined) return sparse;
    const { positions } = this.#pages.get(number)!;
    let slot = PAGE_SIZE - 1;
    while (positions[slot] === 0) slot--;
    const paged = oidAt(number, slot);
    return sparse !== undefined && sparse > paged ? sparse : paged;
  }

  /** The position of an object's newest record, or undefined when there is no such object. */
  get(oid: bigint): number | undefined {
    split(oid);
    const low = halves[0];
    if (halves[1] === 0) {
      const positions = this.#low[low >>> PAGE_BITS];
      return positions === undefined ? this.#sparse.get(oid) : positions[low & PAGE_MASK] || undefined;
    }
    const page = this.#pages.get(pageNumber());
    return page === undefined ? this.#sparse.get(oid) : page.positions[low & PAGE_MASK] || undefined;
  }

  /** Whether there is such an object. */
  has(oid: bigint): boolean {
    return this.get(oid) !== undefined;
  }

  /**
   * Sets the position of an object's newest record.
   *
   * @throws {RangeError} when the position is not a whole number from 1 to 2^53 - 1.
   */
  set(oid: bigint, position: number): void {
    if (!(position > 0 && Number.isSafeInteger(position))) {
      throw new RangeError(`position ${position}: expected a whole number from 1 to 2^53 - 1`);
    }
    split(oid);
    const page = this.#pages.get(pageNumber());
    if (page !== undefined) {
      this.#setOnPage(page, halves[0] & PAGE_MASK, position);
      return;
    }
    const full = this.#sparse.set(oid, position);
    if (full !== undefined) this.#makePages(full);
  }

  /** Forgets an object; answers whether it was there. */
  delete(oid: bigint): boolean {
    split(oid);
    const page = this.#pages.get(pageNumber());
    if (page === undefined) return this.#sparse.delete(oid);
    const slot = halves[0] & PAGE_MASK;
    if (page.positions[slot] === 0) return false;
    page.positions[slot] = 0;
    this.#paged--;
    if (--page.count === 0) {
      this.#pages.delete(page.number);
      if (page.number < PAGES_PER_HIGH) this.#low[page.number] = undefined;
      this.#order.splice(this.#orderOf(page.number), 1);
    }
    return true;
  }

  /** The smallest oid that is not below `oid`, or undefined after the last. */
  nextKey(oid: bigint): Oid | undefined {
    const sparse = this.#sparse.nextKey(oid);
    const paged = this.#nextOnPages(oid);
    if (sparse === undefined || paged === undefined) return sparse ?? paged;
    return sparse < paged ? sparse : paged;
  }

  /** All objects with their positions, ascending by oid. The index must not change meanwhile. */
  *entries(): Generator<[oid: Oid, position: number], void> {
    const sparse = this.#sparse.entries();
    let next = sparse.next();
    for (const number of this.#order) {
      const first = oidAt(number, 0);
      // No sparse oid lies on a page: those before this page come first, all others after it.
      while (!next.done && next.value[0] < first) {
        yield next.value;
        next = sparse.next();
      }
      const { positions } = this.#pages.get(number)!;
      for (let slot = 0; slot < PAGE_SIZE; slot++) {
        if (positions[slot] !== 0) yield [(first + BigInt(slot)) as Oid, positions[slot]];
      }
    }
    while (!next.done) {
      yield next.value;
      next = sparse.next();
    }
  }

  /** A copy of the index in parts that can be sent to another thread. The index must not change meanwhile. */
  *parts(): Generator<OidIndexPart, void> {
    for (let from = 0; from < this.#order.length; from += PAGES_PER_PART) {
      const pages = this.#order.slice(from, from + PAGES_PER_PART).map((number) => this.#pages.get(number)!);
      const positions = new Float64Array(pages.length * PAGE_SIZE);
      pages.forEach((page, place) => positions.set(page.positions, place * PAGE_SIZE));
      yield { numbers: pages.map((page) => page.number), counts: pages.map((page) => page.count), positions };
    }
    for (const sparse of this.#sparse.parts()) {
      yield { numbers: [], counts: [], positions: new Float64Array(0), sparse };
    }
  }

  /**
   * Takes in the next part of another index, whose parts come in order into an index that was empty. A part takes
   * well under a millisecond, and the index keeps its arrays.
   */
  adopt(part: OidIndexPart): void {
    part.numbers.forEach((number, place) => {
      const positions = part.positions.subarray(place * PAGE_SIZE, (place + 1) * PAGE_SIZE);
      this.#pages.set(number, { number, positions, count: part.counts[place] });
      this.#order.push(number);
      if (number < PAGES_PER_HIGH) this.#low[number] = positions;
      this.#paged += part.counts[place];
    });
    if (part.sparse !== undefined) this.#sparse.adopt(part.sparse);
  }

  /** Forgets everything. */
  clear(): void {
    this.#pages.clear();
    this.#low = [];
    this.#order = [];
    this.#paged = 0;
    this.#sparse.clear();
  }

  #setOnPage(page: Page, slot: number, position: number): void {
    if (page.positions[slot] === 0) {
      page.count++;
      this.#paged++;
    }
    page.positions[slot] = position;
  }

  #nextOnPages(oid: bigint): Oid | undefined {
    split(oid);
    const number = pageNumber();
    const first = halves[0] & PAGE_MASK;
    for (let at = this.#orderOf(number); at < this.#order.length; at++) {
      const candidate = this.#order[at];
      const { positions } = this.#pages.get(candidate)!;
      for (let slot = candidate === number ? first : 0; slot < PAGE_SIZE; slot++) {
        if (positions[slot] !== 0) return oidAt(candidate, slot);
      }
    }
  }

  /** Makes a page of each page number that fills half of a full leaf, with what other leaves have of it. */
  #makePages({ highs, lows, count }: Leaf): void {
    const starts: { high: number; low: number }[] = [];
    for (let start = 0, place = 1; place <= count; place++) {
      const same = place < count && highs[place] === highs[start] &&
        lows[place] >>> PAGE_BITS === lows[start] >>> PAGE_BITS;
      if (same) continue;
      if (place - start >= PAGE_MINIMUM) starts.push({ high: highs[start], low: lows[start] & ~PAGE_MASK });
      start = place;
    }
    for (const { high, low } of starts) this.#makePage(high, low >>> 0);
  }

  #makePage(high: number, low: number): void {
    const number = high * PAGES_PER_HIGH + (low >>> PAGE_BITS);
    const page: Page = { number, positions: new Float64Array(PAGE_SIZE), count: 0 };
    this.#pages.set(number, page);
    this.#order.splice(this.#orderOf(number), 0, number);
    if (high === 0) this.#low[number] = page.positions;
    this.#sparse.takeRange(high, low, low + PAGE_MASK, (key, position) => {
      this.#setOnPage(page, key & PAGE_MASK, position);
    });
  }

  /** Where a page's number is in the order, or would be. */
  #orderOf(number: number): number {
    let low = 0, high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order[middle] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The number of the page of the oid that was just split. */
function pageNumber(): number {
  return halves[1] * PAGES_PER_HIGH + (halves[0] >>> PAGE_BITS);
}

function oidAt(page: number, slot: number): Oid {
  return joined(Math.floor(page / PAGES_PER_HIGH), (page % PAGES_PER_HIGH) * PAGE_SIZE + slot);
}

/**
 * What a pickle has remembered by number.
 *
 * @module
 */

/** Picklers number from 0 or 1 without gaps; whatever is further from that goes into a map. */
const GAP = 8;

/** Values by memo number. Its memory depends on how much was put, never on the numbers. */
export class Memo<T> {
  readonly #dense: (T | undefined)[] = [];
  #sparse: Map<number, T> | undefined;
  /** How many numbers are taken: the one that MEMOIZE takes next. */
  size = 0;

  get(index: number): T | undefined {
    return index < this.#dense.length ? this.#dense[index] : this.#sparse?.get(index);
  }

  put(index: number, value: T): void {
    const dense = this.#dense;
    if (this.get(index) === undefined) this.size++;
    if (index < dense.length) {
      dense[index] = value;
    } else if (index === dense.length && this.#sparse === undefined) {
      dense.push(value);
    } else if (index <= dense.length + GAP && this.#sparse === undefined) {
      while (dense.length < index) dense.push(undefined);
      dense.push(value);
    } else {
      (this.#sparse ??= new Map()).set(index, value);
    }
  }
}

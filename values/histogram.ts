/**
 * How often something took how long: counts in a fixed number of ranges.
 *
 * @module
 */

/** Upper bounds, in seconds, for durations from a tenth of a millisecond to half a minute. */
export const DURATIONS: readonly number[] = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
];

/**
 * Counts of values by range. It takes the same memory however much is observed, and observing makes no garbage.
 *
 * @example
 * ```ts
 * import { Histogram } from "./histogram.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const seconds = new Histogram([0.1, 1]);
 * for (const value of [0.05, 0.1, 3]) seconds.observe(value);
 * assertEquals([...seconds.counts], [2, 0, 1]);
 * assertEquals(seconds.count, 3);
 * ```
 */
export class Histogram {
  /** The upper bounds of the ranges, which belong to them, ascending; the last range has none. */
  readonly bounds: readonly number[];
  /** How many values there were in each range: one more than there are bounds. */
  readonly counts: Float64Array;
  /** The sum of all values. */
  sum = 0;
  /** Told of each value, where somebody else counts too. */
  listener?: (value: number) => void;

  /** Counts nothing yet. @throws {RangeError} when the bounds don't ascend. */
  constructor(bounds: readonly number[] = DURATIONS) {
    for (let place = 1; place < bounds.length; place++) {
      if (!(bounds[place] > bounds[place - 1])) {
        throw new RangeError(`bounds ${bounds}: expected ascending ones`);
      }
    }
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** How many values there were. */
  get count(): number {
    let count = 0;
    for (const some of this.counts) count += some;
    return count;
  }

  /** Counts a value. */
  observe(value: number): void {
    const { bounds } = this;
    let range = 0;
    while (range < bounds.length && value > bounds[range]) range++;
    this.counts[range]++;
    this.sum += value;
    this.listener?.(value);
  }

  /**
   * About which value a share of all values doesn't exceed: somewhere in the range where it lies.
   * @param share From 0 to 1; 0.5 for the median.
   * @returns The last bound for what lies beyond; null when nothing was observed.
   */
  quantile(share: number): number | null {
    const wanted = share * this.count;
    if (this.count === 0) return null;
    let below = 0;
    for (const [range, upper] of this.bounds.entries()) {
      const here = this.counts[range];
      if (here > 0 && below + here >= wanted) {
        const lower = range === 0 ? Math.min(0, upper) : this.bounds[range - 1];
        return lower + (upper - lower) * Math.max(wanted - below, 0) / here;
      }
      below += here;
    }
    return this.bounds.at(-1) ?? null;
  }
}

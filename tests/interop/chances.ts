/**
 * Chance that can be repeated.
 *
 * @module
 */

/** Numbers from 0 to below 1 that depend on the seed alone. */
export function* chances(seed: number): Generator<number, never> {
  let state = seed >>> 0;
  while (true) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

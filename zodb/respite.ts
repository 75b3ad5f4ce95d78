/**
 * Pauses in which the engine can forget objects.
 *
 * What a `WeakRef` is made of is kept until the program has returned to the event loop. A long loop over objects of a
 * storage that answers at once would never do so by itself, and keep every object that it has met.
 *
 * @module
 */

/** Objects that may be kept in this way. */
const MOST = 20_000;

let count = 0;

/** Hears of a new `WeakRef`. */
export function weaklyHeld(): void {
  count++;
}

/** Returns to the event loop if it is time; undefined when it isn't. */
export function respite(): Promise<void> | undefined {
  if (count < MOST) return undefined;
  count = 0;
  return new Promise((resolve) => setTimeout(resolve));
}

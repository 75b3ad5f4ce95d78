/**
 * Long work on the thread that serves clients, in slices of time.
 *
 * @module
 */

/** Lets whoever waits have a turn. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Says when work has gone on for long enough. */
export class Slice {
  readonly #length: number;
  #end: number;

  /** A slice begins. @param length Milliseconds of work between two pauses. */
  constructor(length: number) {
    this.#length = length;
    this.#end = performance.now() + length;
  }

  /** A pause to wait for, where it is time for one; the next slice begins after it. */
  rest(): Promise<void> | undefined {
    if (performance.now() < this.#end) return undefined;
    return pause().then(() => {
      this.#end = performance.now() + this.#length;
    });
  }
}

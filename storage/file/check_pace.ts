/**
 * Long work in small steps, so that a server goes on answering while it is done.
 *
 * @module
 */

import { pause } from "../slice.ts";

/** Milliseconds of work between two rests. */
const SLICE = 5;

/** How long work on a file is watched and broken off. */
export interface PaceOptions {
  /** Breaks the work off; it throws the signal's reason then. */
  readonly signal?: AbortSignal;
  /** Told now and then how many bytes of how many are done. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Says when work has gone on for long enough, and lets others run then.
 *
 * The two questions are apart so that the work pays for a promise only once in a slice:
 * `if (pace.due()) await pace.rest(position)`.
 */
export class Pace {
  readonly #total: number;
  readonly #options: PaceOptions;
  #until = performance.now() + SLICE;

  /** @param total Bytes of the work, for whoever watches it. */
  constructor(total: number, options: PaceOptions) {
    this.#total = total;
    this.#options = options;
    options.signal?.throwIfAborted();
  }

  /** Whether it is time to rest. */
  due(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets others run. @param done Bytes that are done. */
  async rest(done: number): Promise<void> {
    this.#options.progress?.(done, this.#total);
    await pause();
    this.#options.signal?.throwIfAborted();
    this.#until = performance.now() + SLICE;
  }

  /** Tells that all is done. */
  finish(): void {
    this.#options.progress?.(this.#total, this.#total);
  }
}

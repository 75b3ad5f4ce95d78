/**
 * How late the event loop is: how long a timer waits for its turn when it is due.
 *
 * @module
 */

import { Histogram } from "../../values/mod.ts";

/** Milliseconds between two looks. */
const EVERY = 100;

/** See the module. It counts from its making until it is disposed of, and keeps no process alive. */
export class EventLoopLag implements Disposable {
  /** How late, in seconds. */
  readonly seconds: Histogram = new Histogram();
  /** How late it was at the last look, in seconds. */
  last = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    let due = performance.now() + EVERY;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A timer may also come a little early.
      this.last = Math.max(now - due, 0) / 1000;
      this.seconds.observe(this.last);
      due = now + EVERY;
    }, EVERY);
    Deno.unrefTimer(this.#timer);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/**
 * Texts that cost something to make, made no more often than the server can easily bear.
 *
 * @module
 */

/** After a text that took some milliseconds, so many times as many pass before the next is made. */
const PAUSE_FACTOR = 10;

/** See the module. */
export class Renderings {
  readonly #making = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  /** Timers, and what goes on when they are over. */
  readonly #timers = new Map<ReturnType<typeof setTimeout>, () => void>();
  #closed = false;
  /** Before this nothing is made, as `performance.now()` says. */
  #earliest = 0;

  /**
   * A text as it is when everything that has happened by now is in it. Whoever asks while one waits to be made gets
   * the same.
   */
  get(name: string, make: () => string): Promise<Uint8Array<ArrayBuffer>> {
    const making = this.#making.get(name);
    if (making) return making;
    const made = this.#pause().then(() => {
      this.#making.delete(name);
      const start = performance.now();
      try {
        return new TextEncoder().encode(make());
      } finally {
        const now = performance.now();
        this.#earliest = now + (now - start) * PAUSE_FACTOR;
      }
    });
    this.#making.set(name, made);
    return made;
  }

  async #pause(): Promise<void> {
    for (let left = this.#left; left > 0 && !this.#closed; left = this.#left) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          resolve();
        }, left);
        this.#timers.set(timer, resolve);
      });
    }
  }

  get #left(): number {
    return this.#earliest - performance.now();
  }

  /** Ends all waiting: what waits is made now. */
  close(): void {
    this.#closed = true;
    for (const [timer, resolve] of this.#timers) {
      clearTimeout(timer);
      resolve();
    }
    this.#timers.clear();
  }
}

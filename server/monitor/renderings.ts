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
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
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
    for (let left = this.#left; left > 0; left = this.#left) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          resolve();
        }, left);
        this.#timers.add(timer);
      });
    }
  }

  get #left(): number {
    return this.#earliest - performance.now();
  }

  /** Forgets what waits: nobody is there any more to get it. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/**
 * What is to be done when a connection is closed.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

const log = getLogger(["zeo", "zodb"]);

/** See the module. */
export class CloseCallbacks {
  #callbacks: (() => void)[] = [];

  add(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Calls each of them once. What goes wrong in one is logged: the connection is closed all the same. */
  call(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        log.error("at the end of a connection: {error}", { error });
      }
    }
  }
}

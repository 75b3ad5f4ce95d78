/**
 * Calls that wait for their answers.
 *
 * @module
 */

import type { Value } from "../pickle/mod.ts";
import { ProtocolError, type Tid } from "../values/mod.ts";

/** What waits for an answer. Each is told once, when the answer arrives: before anything that came after it. */
export interface Pending {
  /** The answer. Bytes in it are valid until this returns. @throws {ProtocolError} when it makes no sense. */
  replied(value: Value): void;
  /** It failed, or the connection is gone. */
  failed(error: Error): void;
  /** For loads: the answer when it is a plain one. The data is the receiver's own. */
  loaded?(data: Uint8Array, serial: Tid, end: Tid | null): void;
}

/** A call whose answer makes a result. */
export class Call<T> implements Pending {
  /** The result. */
  readonly promise: Promise<T>;
  readonly #settle = Promise.withResolvers<T>();
  readonly #use: (value: Value) => T;
  readonly #failed?: (error: Error) => void;

  /** @param use Makes the result, at once. @param failed Told at once when there is none. */
  constructor(use: (value: Value) => T, failed?: (error: Error) => void) {
    this.promise = this.#settle.promise;
    this.#use = use;
    this.#failed = failed;
  }

  replied(value: Value): void {
    try {
      this.#settle.resolve(this.#use(value));
    } catch (error) {
      this.#settle.reject(error);
      // Whoever answers what makes no sense is not to be believed in anything else.
      if (error instanceof ProtocolError) throw error;
    }
  }

  failed(error: Error): void {
    this.#failed?.(error);
    this.#settle.reject(error);
  }
}

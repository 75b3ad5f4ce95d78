/**
 * Object ids in reserve, as they are needed in the middle of writing a record, where nothing can be waited for.
 *
 * @module
 */

import type { Storage } from "../storage/mod.ts";
import { type Awaitable, isPromise, type Oid, when } from "../values/mod.ts";

const BATCH = 100, LARGEST_BATCH = 10_000;

/** Thrown by `take` when there are none: `refill`, then try again. */
export class OidsNeeded {}

/** See the module. */
export class OidSupply {
  readonly #storage: Storage;
  #oids: Oid[] = [];
  #batch = BATCH;
  #filling: Promise<void> | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The next id. @throws {OidsNeeded} */
  take(): Oid {
    const next = this.#oids.shift();
    if (next !== undefined) return next;
    const filling = this.refill();
    if (isPromise(filling)) {
      filling.catch(() => {});
      throw new OidsNeeded();
    }
    return this.#oids.shift()!;
  }

  /**
   * Others have stored objects with these ids. If one of them is in reserve, the server was started again and gives what it
   * has given before: none of the reserve can be relied upon.
   */
  used(oids: Iterable<Oid>): void {
    for (const oid of oids) {
      const first = this.#oids[0], last = this.#oids.at(-1);
      if (first === undefined) return;
      if (oid >= first && oid <= last! && this.#oids.includes(oid)) this.forget();
    }
  }

  /** Gives up the reserve: anybody may have been given the same ids. */
  forget(): void {
    this.#oids = [];
  }

  /** Gets more. */
  refill(): Awaitable<void> {
    if (this.#filling) return this.#filling;
    if (this.#oids.length > 0) return;
    const filling = when(this.#storage.newOids(this.#batch), (oids) => {
      this.#oids = [...oids];
    });
    if (!isPromise(filling)) return;
    this.#batch = Math.min(2 * this.#batch, LARGEST_BATCH);
    return this.#filling = filling.finally(() => this.#filling = undefined);
  }
}

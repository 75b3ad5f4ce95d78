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

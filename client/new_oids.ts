/**
 * Ids of new objects, of which a server gives many at once.
 *
 * @module
 */

import type { Oid } from "../values/mod.ts";

/** See the module. */
export class NewOids {
  readonly #fetch: (count: number) => Promise<Oid[]>;
  #spare: Oid[] = [];
  #generation = 0;

  /** Ids that are fetched in this way, as many as wanted or more. */
  constructor(fetch: (count: number) => Promise<Oid[]>) {
    this.#fetch = fetch;
  }

  /** Takes some, in ascending order. */
  async take(count: number): Promise<Oid[]> {
    const taken = this.#spare.splice(0, count);
    while (taken.length < count) {
      const generation = this.#generation;
      const fetched = await this.#fetch(count - taken.length);
      taken.push(...fetched.splice(0, count - taken.length));
      if (generation === this.#generation) this.#spare.push(...fetched);
    }
    return taken;
  }

  /** Objects have these ids now, wherever they come from. */
  used(oids: Iterable<Oid>): void {
    if (this.#spare.length === 0) return;
    const [first] = this.#spare, last = this.#spare[this.#spare.length - 1];
    for (const oid of oids) {
      if (oid < first || oid > last) continue;
      // The server counts on from there.
      this.#spare = this.#spare.filter((spare) => spare > oid);
    }
  }

  /** Forgets those that are left: another server may give them to somebody else. */
  forget(): void {
    this.#generation++;
    this.#spare = [];
  }
}

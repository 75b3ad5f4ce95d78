/**
 * Ids of new objects, of which a server gives many at once.
 *
 * A server that was started again counts on from the objects that it has. What it gives may be given out already, to an
 * object that is not stored yet: two objects in one transaction must not get the same id.
 *
 * @module
 */

import type { Oid } from "../values/mod.ts";

/** Ids of objects that are not stored, which are remembered: those that were given out last. */
const MOST_GIVEN = 100_000;

/** See the module. */
export class NewOids {
  readonly #fetch: (count: number) => Promise<Oid[]>;
  #spare: Oid[] = [];
  #generation = 0;
  /** Those that were given out, and that no object is known to have. */
  readonly #given = new Set<Oid>();

  /** Ids that are fetched in this way, as many as wanted or more. */
  constructor(fetch: (count: number) => Promise<Oid[]>) {
    this.#fetch = fetch;
  }

  /** Takes some, in ascending order. */
  async take(count: number): Promise<Oid[]> {
    const taken = this.#give(this.#spare.splice(0, count));
    while (taken.length < count) {
      const generation = this.#generation;
      const fetched = (await this.#fetch(count - taken.length)).filter((oid) => !this.#given.has(oid));
      taken.push(...this.#give(fetched.splice(0, count - taken.length)));
      if (generation === this.#generation) this.#spare.push(...fetched);
    }
    return taken;
  }

  #give(oids: Oid[]): Oid[] {
    for (const oid of oids) this.#given.add(oid);
    for (const oid of this.#given) {
      if (this.#given.size <= MOST_GIVEN) break;
      this.#given.delete(oid);
    }
    return oids;
  }

  /** Objects have these ids now, wherever they come from. */
  used(oids: Iterable<Oid>): void {
    for (const oid of oids) {
      this.#given.delete(oid);
      const first = this.#spare[0], last = this.#spare.at(-1);
      if (first === undefined || oid < first || oid > last!) continue;
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

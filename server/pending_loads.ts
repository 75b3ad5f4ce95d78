/**
 * Loads that a storage answers later, and what is changed meanwhile.
 *
 * A client that is told of a change before it has the answer to an earlier load would take the answer for news: a
 * revision that is said to be the current one has to be on its way before the next one is told of. Where the answer
 * comes later, it says that the revision has ended.
 *
 * @module
 */

import type { Loaded } from "../storage/mod.ts";
import type { Oid, Tid } from "../values/mod.ts";

/** A load that waits for its answer. */
export interface PendingLoad {
  /** The answer as it has to be told: now, with nothing in between. */
  answered(found: Loaded | null): Loaded | null;
  /** There is none. */
  failed(): void;
}

/** See the module. */
export class PendingLoads {
  /** What has changed each object since its loads began, oldest first. */
  readonly #changes = new Map<Oid, Set<Tid[]>>();

  /** A load has begun. */
  begin(oid: Oid): PendingLoad {
    const changes: Tid[] = [];
    const loads = this.#changes.get(oid) ?? new Set();
    loads.add(changes);
    this.#changes.set(oid, loads);
    const over = () => {
      loads.delete(changes);
      if (loads.size === 0 && this.#changes.get(oid) === loads) this.#changes.delete(oid);
    };
    return {
      answered(found) {
        over();
        if (found === null || found.end !== null) return found;
        const end = changes.find((tid) => tid > found.serial);
        return end === undefined ? found : { ...found, end };
      },
      failed: over,
    };
  }

  /** A transaction is told of. */
  changed(tid: Tid, oids: readonly Oid[]): void {
    if (this.#changes.size === 0) return;
    for (const oid of oids) {
      for (const changes of this.#changes.get(oid) ?? []) changes.push(tid);
    }
  }
}

/**
 * Guesses which objects are wanted next: whoever has taken two neighbours, of the objects that a third one refers to,
 * will want those after them too. The more of them are taken in their order, the more are fetched at once.
 *
 * @module
 */

import { recordReferences } from "../../pickle/mod.ts";
import type { Oid } from "../../values/mod.ts";

const FIRST = 4, MOST = 64;
/** Objects whose places are remembered, and that one record is expected to refer to. */
const MOST_PLACES = 50_000, MOST_SIBLINGS = 5000;

/** The objects that one object refers to, in its order, and how far they were taken. */
interface Siblings {
  readonly oids: readonly Oid[];
  /** The last one that was asked for. */
  asked: number;
  /** The last one that was sent. */
  sent: number;
  /** How many were sent ahead the last time. */
  ahead: number;
}

/** See the module. */
export class ReadAhead {
  readonly #places = new Map<Oid, { readonly siblings: Siblings; readonly index: number }>();

  /** Hears of a record that was sent. */
  learn(data: Uint8Array): void {
    let oids: Oid[];
    try {
      oids = [...new Set(recordReferences(data))];
    } catch {
      // Whoever loads it will say what is wrong with it.
      return;
    }
    if (oids.length < 3 || oids.length > MOST_SIBLINGS) return;
    const siblings: Siblings = { oids, asked: -2, sent: -2, ahead: 0 };
    for (const [index, oid] of oids.entries()) {
      this.#places.delete(oid);
      this.#places.set(oid, { siblings, index });
    }
    for (const oid of this.#places.keys()) {
      if (this.#places.size <= MOST_PLACES) break;
      this.#places.delete(oid);
    }
  }

  /** Hears that an object is asked for. @returns Those that will be asked for next, perhaps. */
  after(oid: Oid): readonly Oid[] {
    const place = this.#places.get(oid);
    if (!place) return [];
    const { siblings, index } = place;
    const isNext = index > siblings.asked && index <= siblings.sent + 1;
    siblings.ahead = isNext ? Math.min(MOST, Math.max(FIRST, 2 * siblings.ahead)) : 0;
    siblings.asked = index;
    siblings.sent = Math.min(siblings.oids.length - 1, index + siblings.ahead);
    return siblings.oids.slice(index + 1, siblings.sent + 1);
  }
}

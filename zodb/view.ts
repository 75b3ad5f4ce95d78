/**
 * As of when a connection shows its database, and what others have changed since.
 *
 * The view stands still between the boundaries of transactions. What is heard meanwhile is only noted down; at the next
 * boundary those objects become ghosts and the view moves to the present.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import type { ObjectSpace } from "./object_space.ts";

/** See the module. */
export class View {
  /** For one that shows the past for ever: the transaction before which it is. */
  readonly fixed: Tid | undefined;
  readonly #invalid = new Set<Oid>();
  #allInvalid = false;
  /** The last transaction that was heard of. */
  #heard: Tid;

  constructor(heard: Tid, fixed?: Tid) {
    this.#heard = heard;
    this.fixed = fixed;
  }

  /** Hears that others have changed objects. */
  invalidated(tid: Tid, oids: readonly Oid[]): void {
    if (this.fixed !== undefined) return;
    for (const oid of oids) this.#invalid.add(oid);
    this.committed(tid);
  }

  /** Hears of a transaction of its own. */
  committed(tid: Tid): void {
    if (tid > this.#heard) this.#heard = tid;
  }

  /** Hears that any object may have changed. */
  invalidatedAll(): void {
    this.#allInvalid = true;
  }

  /** Moves to now. @param last The last transaction of the storage. */
  refresh(space: ObjectSpace, last: Tid): void {
    if (this.fixed !== undefined) {
      space.before = this.fixed;
      return;
    }
    if (this.#allInvalid) space.invalidateAll();
    else space.invalidate(this.#invalid);
    this.#allInvalid = false;
    this.#invalid.clear();
    this.committed(last);
    space.moveTo(this.#heard + 1n as Tid);
  }
}

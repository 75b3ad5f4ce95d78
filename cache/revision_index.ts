/**
 * Which revisions of which objects are held, and which one a snapshot sees.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";

/** One revision of one object; `end` is `null` while it is current. */
export interface Revision {
  readonly oid: Oid;
  readonly serial: Tid;
  end: Tid | null;
}

/** The revisions of a cache by object. */
export class RevisionIndex<R extends Revision> {
  readonly #current = new Map<Oid, R>();
  /** Non-current revisions of each object, the oldest first. */
  readonly #ended = new Map<Oid, R[]>();
  #size = 0;

  /** How many revisions there are. */
  get size(): number {
    return this.#size;
  }

  /** The current revision of an object. */
  current(oid: Oid): R | undefined {
    return this.#current.get(oid);
  }

  /** All current revisions. */
  currents(): Iterable<R> {
    return this.#current.values();
  }

  /** The non-current revision with the largest serial. */
  lastEnded(oid: Oid): R | undefined {
    return this.#ended.get(oid)?.at(-1);
  }

  /** The non-current revision with this serial. */
  ended(oid: Oid, serial: Tid): R | undefined {
    return this.#ended.get(oid)?.find((revision) => revision.serial === serial);
  }

  /** The revision that a snapshot of everything before `before` sees: `serial < before <= end`. */
  find(oid: Oid, before: Tid): R | undefined {
    const current = this.#current.get(oid);
    if (current !== undefined && current.serial < before) return current;
    const ended = this.#ended.get(oid);
    if (ended === undefined) return undefined;
    for (let i = ended.length - 1; i >= 0; i--) {
      const revision = ended[i];
      if (revision.serial < before) return revision.end! >= before ? revision : undefined;
    }
    return undefined;
  }

  /** All revisions of an object. */
  all(oid: Oid): R[] {
    const current = this.#current.get(oid);
    const ended = this.#ended.get(oid) ?? [];
    return current === undefined ? [...ended] : [...ended, current];
  }

  /** Takes a revision in. There must not be one with this serial, nor, if it is current, another current one. */
  add(revision: R): void {
    this.#size++;
    if (revision.end === null) this.#current.set(revision.oid, revision);
    else this.#addEnded(revision);
  }

  /** The current revision `revision` turns out to have ended. */
  end(revision: R, end: Tid): void {
    this.#current.delete(revision.oid);
    revision.end = end;
    this.#addEnded(revision);
  }

  /** Forgets a revision that is held. */
  remove(revision: R): void {
    this.#size--;
    if (revision.end === null) {
      this.#current.delete(revision.oid);
      return;
    }
    const ended = this.#ended.get(revision.oid)!;
    if (ended.length === 1) this.#ended.delete(revision.oid);
    else ended.splice(ended.indexOf(revision), 1);
  }

  /** Forgets everything. */
  clear(): void {
    this.#current.clear();
    this.#ended.clear();
    this.#size = 0;
  }

  #addEnded(revision: R): void {
    const ended = this.#ended.get(revision.oid);
    if (ended === undefined) {
      this.#ended.set(revision.oid, [revision]);
      return;
    }
    let place = ended.length;
    while (place > 0 && ended[place - 1].serial > revision.serial) place--;
    ended.splice(place, 0, revision);
  }
}

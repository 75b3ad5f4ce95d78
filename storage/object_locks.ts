/**
 * Which transactions may vote side by side: locks on objects, taken all at once and in order of arrival.
 *
 * Each object has a line of requests. A request stands in the lines of all its objects from the moment it is made,
 * so the order of any two that share an object is the same everywhere: nobody overtakes, and nobody waits in a
 * circle. A request is granted when it is at the front of all its lines; requests that only rely on an object
 * (shared) stand at the front together. A request for the whole storage is one more line, in which all others stand
 * as shared.
 *
 * @module
 */

import type { Oid } from "../values/mod.ts";

/** What a transaction wants to have to itself. */
export interface LockRequest {
  /** Objects that it changes; may have duplicates. */
  readonly exclusive: Iterable<Oid>;
  /** Objects that must not change while it has them. */
  readonly shared: Iterable<Oid>;
  /** Everything: nobody else has anything meanwhile. */
  readonly wholeStorage?: boolean;
}

/** A place in the lines. */
export interface Ticket {
  /** Whether all of it is held now. */
  readonly granted: boolean;
  /** Leaves the lines, whether it was granted or not; a second call does nothing. */
  release(): void;
}

/** What stands for the whole storage among the oids. */
const STORAGE = -1n;

interface Place {
  readonly ticket: LockTicket;
  readonly shared: boolean;
  /** Whether it is among those at the front. */
  front: boolean;
}

class LockTicket implements Ticket {
  /** Its place in each line. */
  readonly places: Map<bigint, Place> = new Map();
  missing = 0;
  granted = false;
  released = false;

  /** @param number Its place in the order of arrival. */
  constructor(
    readonly number: number,
    readonly grant: () => void,
    readonly leave: (ticket: LockTicket) => void,
  ) {}

  release(): void {
    this.leave(this);
  }
}

/** The lines of one storage. */
export class ObjectLocks {
  readonly #lines = new Map<bigint, Place[]>();
  #waiting = 0;
  #held = 0;
  #arrivals = 0;
  /** To be granted, in order; filled and emptied within one `release`. */
  readonly #ready: LockTicket[] = [];
  #granting = false;

  /** Requests that are not granted yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Requests that are granted and not released. */
  get held(): number {
    return this.#held;
  }

  /**
   * Gets into the lines.
   * @param granted Called once when all is held: at once, before this returns, if nobody is in the way, else from
   * within the `release` that cleared it. Never called after the ticket was released.
   */
  request(request: LockRequest, granted: () => void): Ticket {
    const ticket = new LockTicket(++this.#arrivals, granted, (left) => this.#leave(left));
    ticket.places.set(STORAGE, place(ticket, !request.wholeStorage));
    for (const oid of request.exclusive) ticket.places.set(oid, place(ticket, false));
    for (const oid of request.shared) {
      if (!ticket.places.has(oid)) ticket.places.set(oid, place(ticket, true));
    }
    for (const [key, place] of ticket.places) {
      const line = this.#lines.get(key);
      if (line) {
        // If the last is at the front and shared, all before it are.
        const last = line[line.length - 1];
        place.front = place.shared && last.front && last.shared;
        line.push(place);
      } else {
        place.front = true;
        this.#lines.set(key, [place]);
      }
      if (!place.front) ticket.missing++;
    }
    this.#waiting++;
    if (ticket.missing === 0) this.#grant(ticket);
    return ticket;
  }

  /** Leaves all lines and lets those behind move up. */
  #leave(ticket: LockTicket): void {
    if (ticket.released) return;
    ticket.released = true;
    if (ticket.granted) this.#held--;
    else this.#waiting--;
    const ready: LockTicket[] = [];
    for (const [key, place] of ticket.places) {
      const line = this.#lines.get(key)!;
      if (line.length === 1) {
        this.#lines.delete(key);
        continue;
      }
      line.splice(line.indexOf(place), 1);
      for (const next of line) {
        // The front is one who wants it alone, or everybody up to the first who does.
        if (!next.shared && next !== line[0]) break;
        if (!next.front) {
          next.front = true;
          if (--next.ticket.missing === 0) ready.push(next.ticket);
        }
        if (!next.shared) break;
      }
    }
    // In order of arrival, and only now that every line is right again: a grant may make and release requests. What
    // becomes ready meanwhile is granted by the same loop, so that a long line of short grants takes no call stack.
    this.#ready.push(...ready.sort((a, b) => a.number - b.number));
    if (this.#granting) return;
    this.#granting = true;
    try {
      for (let next = this.#ready.shift(); next; next = this.#ready.shift()) {
        if (!next.released) this.#grant(next);
      }
    } finally {
      this.#granting = false;
    }
  }

  #grant(ticket: LockTicket): void {
    ticket.granted = true;
    this.#waiting--;
    this.#held++;
    ticket.grant();
  }
}

function place(ticket: LockTicket, shared: boolean): Place {
  return { ticket, shared, front: false };
}

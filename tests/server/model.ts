/**
 * What a server with one storage has to do, as simple as it can be said: no encodings, no network, no time.
 *
 * @module
 */

import { NO_TID, type Oid, type Tid } from "../../values/mod.ts";

/** What a transaction wants. */
export interface Wanted {
  readonly stores: { readonly oid: Oid; readonly serial: Tid; readonly data: string }[];
  readonly checks: { readonly oid: Oid; readonly serial: Tid }[];
}

/** How a vote ends. */
export type Outcome = "voted" | "ConflictError" | "ReadConflictError" | "POSKeyError";

interface Entry {
  readonly client: number;
  readonly wanted: Wanted;
  granted: boolean;
}

/** See the module. */
export class Model {
  /** The revisions of each object, oldest first. */
  readonly revisions = new Map<Oid, { readonly tid: Tid; readonly data: string }[]>();
  /** The finished transactions: who, which, what. */
  readonly finished: { readonly client: number; readonly tid: Tid; readonly oids: Oid[] }[] = [];
  /** Those whose vote was asked for, in order of arrival. */
  #line: Entry[] = [];

  /** The object's current revision. */
  current(oid: Oid): Tid {
    return this.revisions.get(oid)?.at(-1)?.tid ?? NO_TID;
  }

  /** Votes that wait. */
  get waiting(): number {
    return this.#line.filter(({ granted }) => !granted).length;
  }

  /** Whether somebody holds something. */
  get isLocked(): boolean {
    return this.#line.some(({ granted }) => granted);
  }

  /** A client asks for its vote. Answers whose votes end now, and how. */
  vote(client: number, wanted: Wanted): [client: number, outcomes: Outcome[]][] {
    this.#line.push({ client, wanted, granted: false });
    return this.#grant();
  }

  /** A voted transaction is finished. */
  finish(client: number, tid: Tid): [client: number, outcomes: Outcome[]][] {
    const { stores } = this.#line.find((entry) => entry.client === client)!.wanted;
    for (const oid of new Set(stores.map(({ oid }) => oid))) {
      const { data } = stores.findLast((store) => store.oid === oid)!;
      this.revisions.set(oid, [...this.revisions.get(oid) ?? [], { tid, data }]);
    }
    this.finished.push({ client, tid, oids: [...new Set(stores.map(({ oid }) => oid))] });
    return this.leave(client);
  }

  /** A client gives up, or is gone. */
  leave(client: number): [client: number, outcomes: Outcome[]][] {
    this.#line = this.#line.filter((entry) => entry.client !== client);
    return this.#grant();
  }

  #grant(): [client: number, outcomes: Outcome[]][] {
    const ended: [number, Outcome[]][] = [];
    for (let i = 0; i < this.#line.length; i++) {
      const entry = this.#line[i];
      if (entry.granted || this.#line.slice(0, i).some((before) => clash(before.wanted, entry.wanted))) {
        continue;
      }
      entry.granted = true;
      const outcomes = this.#outcomes(entry.wanted);
      ended.push([entry.client, outcomes]);
      if (!outcomes.includes("voted")) {
        this.#line.splice(i, 1);
        i = -1;
      }
    }
    return ended;
  }

  /** All the errors that the vote may answer with, or that it succeeds. */
  #outcomes({ stores, checks }: Wanted): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const { oid, serial } of stores) {
      if (this.revisions.has(oid) && this.current(oid) !== serial) outcomes.push("ConflictError");
    }
    for (const { oid, serial } of checks) {
      if (!this.revisions.has(oid)) outcomes.push("POSKeyError");
      else if (this.current(oid) !== serial) outcomes.push("ReadConflictError");
    }
    return outcomes.length > 0 ? outcomes : ["voted"];
  }
}

function clash(one: Wanted, two: Wanted): boolean {
  const touches = (wanted: Wanted, oid: Oid) =>
    wanted.stores.some((store) => store.oid === oid) || wanted.checks.some((check) => check.oid === oid);
  return one.stores.some(({ oid }) => touches(two, oid)) || two.stores.some(({ oid }) => touches(one, oid));
}

/**
 * What an application keeps of objects above a client storage: it finds out whether it is told of all changes, and when.
 *
 * @module
 */

import type { ClientStorage } from "../../client.ts";
import type { StorageObserver } from "../../storage/mod.ts";
import { NO_TID, type Oid, type Tid } from "../../values/mod.ts";
import type { Statement } from "./bank.ts";

/** What an application would keep of objects, for as long as it isn't told that they have changed. */
export class KeptObjects implements StorageObserver {
  readonly amounts = new Map<Oid, { readonly amount: number; readonly serial: Tid }>();
  readonly #changed = new Map<Oid, number>();
  #resets = 0;
  #last: Tid = NO_TID;
  /** What should not have been. */
  readonly wrong: string[] = [];

  constructor(readonly storage: ClientStorage, readonly statement: Statement) {}

  invalidated(tid: Tid, oids: readonly Oid[]): void {
    this.statement.count("invalidations");
    if (tid <= this.storage.lastTransaction()) {
      this.wrong.push(`${tid} is told when ${this.storage.lastTransaction()} can be seen already`);
    }
    if (tid <= this.#last) this.wrong.push(`${tid} is told after ${this.#last}`);
    this.#last = tid;
    for (const oid of oids) this.#forget(oid);
  }

  reset(): void {
    this.statement.count("resets");
    this.amounts.clear();
    this.#resets++;
  }

  committed(tid: Tid, changes: ReadonlyMap<Oid, number>): void {
    for (const [oid, amount] of changes) {
      this.#forget(oid);
      this.amounts.set(oid, { amount, serial: tid });
    }
  }

  #forget(oid: Oid): void {
    this.amounts.delete(oid);
    this.#changed.set(oid, this.state(oid) + 1);
  }

  /** Another number whenever the object has changed. */
  state(oid: Oid): number {
    return (this.#changed.get(oid) ?? 0) + this.#resets;
  }
}

/**
 * The bank's objects. Python programs know the same classes as `bank.models`; `models.py` is how they look there.
 *
 * @module
 */

import { Persistent, registerClass } from "../../mod.ts";

/** Money of somebody, in cents. */
export class Account extends Persistent {
  /** How often money has come or gone. */
  moves = 0;

  /** An account with its first money. */
  constructor(public owner: string, public balance: number) {
    super();
  }

  /** Puts money in; a negative amount takes it out. @throws {RangeError} when there is not so much. */
  move(amount: number): void {
    if (this.balance + amount < 0) throw new RangeError(`${this.owner} has ${this.balance}, not ${-amount}`);
    this.balance += amount;
    this.moves++;
  }
}

registerClass("bank.models.Account", Account);

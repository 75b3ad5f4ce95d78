/** Classes for the tests of synchronous connections. */

import { Persistent, type PersistentList, type PersistentMap, registerClass } from "../../zodb/mod.ts";

/** An account. */
export class Account extends Persistent {
  friend: Account | null = null;
  notes: string[] = [];

  constructor(public owner: string, public balance = 0) {
    super();
  }
}
registerClass("tests.sync.Account", Account);

/** What the root object holds. */
export interface Bank {
  accounts: PersistentMap<string, Account>;
  list: PersistentList<Account>;
  ann: Account;
}

/**
 * What one can do with the bank: set it up, transfer money, check that none was made or lost.
 *
 * @module
 */

import { type Database, load, OOBTree } from "../../mod.ts";
import { Account } from "./models.ts";

/** What is in each account at the start, in cents. */
export const START = 1000;

/** The accounts, by their numbers. */
type Accounts = OOBTree<string, Account>;

/** A new bank, if there is none yet. */
export async function setUp(db: Database, accounts: number): Promise<void> {
  await db.transaction(async ({ root }) => {
    if (await root.has("accounts")) return;
    const tree: Accounts = new OOBTree();
    for (let number = 0; number < accounts; number++) {
      await tree.set(String(number), new Account(`owner ${number}`, START));
    }
    await root.set("accounts", tree);
  }, { note: "opened the bank" });
}

/** Transfers money at random for some seconds; conflicts with others are tried again. @returns How many succeeded. */
export async function transferFor(db: Database, seconds: number): Promise<number> {
  const end = Date.now() + seconds * 1000;
  let transfers = 0;
  while (Date.now() < end) {
    await db.transaction(async ({ root }) => {
      const accounts = (await root.get<Accounts>("accounts"))!;
      const numbers = await Array.fromAsync(accounts.keys());
      const [from, to] = twoOf(numbers);
      const payer = (await accounts.get(from))!, payee = (await accounts.get(to))!;
      const amount = Math.min(payer.balance, Math.floor(Math.random() * 100));
      payer.move(-amount);
      payee.move(amount);
    }, { retries: 1000, backOff: 1 });
    transfers++;
  }
  return transfers;
}

/** What the bank's accounts tell, all at one moment. */
export interface Statement {
  /** The sum of all accounts. */
  readonly sum: number;
  /** What the sum has to be. */
  readonly expected: number;
  /** How often money has come or gone: twice for each transfer. */
  readonly moves: number;
  /** What is in each account, in the order of their numbers. */
  readonly balances: readonly number[];
}

/** Looks at all accounts. */
export async function check(db: Database): Promise<Statement> {
  await using connection = db.open();
  const tree = (await connection.root.get<Accounts>("accounts"))!;
  const accounts = await load(await Array.fromAsync(tree.values()));
  return {
    sum: accounts.reduce((sum, { balance }) => sum + balance, 0),
    expected: START * accounts.length,
    moves: accounts.reduce((sum, { moves }) => sum + moves, 0),
    balances: accounts.map(({ balance }) => balance),
  };
}

function twoOf(numbers: readonly string[]): [string, string] {
  const first = Math.floor(Math.random() * numbers.length);
  const second = (first + 1 + Math.floor(Math.random() * (numbers.length - 1))) % numbers.length;
  return [numbers[first], numbers[second]];
}

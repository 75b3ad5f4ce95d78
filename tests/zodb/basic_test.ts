/** What a newcomer does first: objects are made, changed, stored and found again. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DB, GhostError, load, Persistent, PersistentMap, registerClass } from "../../zodb/mod.ts";

class Account extends Persistent {
  history: string[] = [];
  partner?: Account;
  constructor(public owner: string, public balance = 0) {
    super();
  }
  deposit(amount: number): void {
    this.balance += amount;
    this.history.push(`+${amount}`);
  }
}
registerClass("bank.models.Account", Account);

Deno.test("an object is stored when it can be reached, and found again by another connection", async () => {
  await using db = await DB.open();
  await using one = db.open();
  const ann = new Account("Ann");
  ann.deposit(5);
  assertEquals([ann._p_oid, ann._p_changed, ann._p_status], [undefined, false, "unsaved"]);
  await one.root.set("ann", ann);
  await one.commit();
  assertEquals([ann._p_oid, ann._p_state], [1n, 0]);
  assertEquals(ann._p_serial, db.lastTransaction);

  await using two = db.open();
  const again = (await two.root.get<Account>("ann"))!;
  assert(again !== ann);
  assert(again instanceof Account);
  assertEquals([again.owner, again.balance, [...again.history]], ["Ann", 5, ["+5"]]);
  assert(again === await two.get(1n as never));
});

Deno.test("touching a ghost tells class, id and the fix; loading it fills it", async () => {
  await using db = await DB.open();
  await db.transaction((connection) => {
    const ann = new Account("Ann"), bob = new Account("Bob");
    ann.partner = bob;
    return connection.root.set("ann", ann);
  });
  await using connection = db.open();
  connection.cacheMinimize();
  const ann = (await connection.root.get<Account>("ann"))!;
  const bob = ann.partner!;
  assertEquals(bob._p_status, "ghost");
  const error = assertThrows(() => bob.owner, GhostError);
  assertEquals([error.className, error.oid], ["bank.models.Account", bob._p_oid!]);
  assert(/load\(object\)/.test(error.message));
  assertThrows(() => bob.balance = 3, GhostError);
  assert(await load(bob) === bob);
  assertEquals(bob.owner, "Bob");
});

Deno.test("what is aborted is as it was", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const ann = new Account("Ann", 1);
  await connection.root.set("ann", ann);
  await connection.commit();
  const serial = ann._p_serial;
  ann.deposit(9);
  assertEquals(ann._p_changed, true);
  await connection.abort();
  assertEquals([ann._p_status, ann._p_serial], ["ghost", serial]);
  await load(ann);
  assertEquals([ann.balance, [...ann.history]], [1, []]);
});

Deno.test("a reader sees one state until it begins anew", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("map", new PersistentMap([["a", 1], ["b", 1]])));
  await using reader = db.open();
  const map = (await reader.root.get<PersistentMap<string, number>>("map"))!;
  map._p_deactivate();
  await db.transaction(async ({ root }) => {
    (await root.get<PersistentMap<string, number>>("map"))!.set("a", 2);
  });
  assertEquals(await map.get("a"), 1);
  await reader.begin();
  assertEquals(await map.get("a"), 2);
});

Deno.test("a second writer gets a conflict, its transaction is over until it is aborted", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("n", 0));
  await using one = db.open(), two = db.open();
  await one.root.set("n", 1);
  await two.root.set("n", 2);
  await one.commit();
  const error = await assertRejects(() => two.commit());
  assertEquals((error as Error).name, "ConflictError");
  const again = await assertRejects(() => two.root.set("n", 3));
  assertEquals((again as Error).name, "TransactionFailedError");
  await two.abort();
  assertEquals(await two.root.get("n"), 1);
});

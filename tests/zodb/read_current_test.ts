/** Objects that have to be current at a commit, though it doesn't change them. Expected values are Python's, by experiment. */

import { assertEquals, assertRejects } from "@std/assert";
import { ReadConflictError } from "../../values/mod.ts";
import { type Connection, DB, load, PersistentMap } from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

/** Two objects of a new database as a connection has them, and how somebody else changes the first one. */
async function objectsOf(db: DB, reader: Connection) {
  await db.transaction(async ({ root }) => {
    await root.set("m", new PersistentMap([["a", 0]]));
    await root.set("x", new Item());
  });
  await reader.begin();
  const m = (await reader.root.get<PersistentMap>("m"))!, x = (await reader.root.get<Item>("x"))!;
  const change = () =>
    db.transaction(async ({ root }) => {
      (await root.get<PersistentMap<string, number>>("m"))!.set("a", Math.random());
    });
  return { m, x, change };
}

Deno.test("readCurrent has a commit fail when the object was changed, and does nothing by itself", async () => {
  await using db = await DB.open();
  await using reader = db.open();
  const { m, x, change } = await objectsOf(db, reader);
  reader.readCurrent(m);
  await change();
  await reader.commit();
  await load(m);
  reader.readCurrent(m);
  await change();
  x.y = 1;
  await assertRejects(() => reader.commit(), ReadConflictError);
  await reader.abort();
  await load([m, x]);
  reader.readCurrent(m);
  x.y = 1;
  await reader.commit();
});

Deno.test("readCurrent holds until the transaction ends, whatever is gone back to, and no longer", async () => {
  await using db = await DB.open();
  await using reader = db.open();
  const { m, x, change } = await objectsOf(db, reader);
  reader.readCurrent(m);
  const unjoined = await reader.savepoint();
  x.y = 1;
  await unjoined.rollback();
  await change();
  await load(x);
  x.y = 2;
  await assertRejects(() => reader.commit(), ReadConflictError);
  await reader.abort();

  await load(m);
  reader.readCurrent(m);
  await change();
  await reader.begin();
  await load(x);
  x.y = 3;
  await reader.commit();

  const first = db.open(), root = await first.rootObject();
  first.readCurrent(root);
  first.close();
  await reader.root.set("more", 1);
  await reader.commit();
  await using again = db.open();
  assertEquals(again, first);
  (await again.root.get<Item>("x"))!.y = 4;
  await again.commit();
});

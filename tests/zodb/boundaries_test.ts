/** What is left at the edges: savepoints from before the first change, refused objects, the past, packs. */

import { assertEquals, assertRejects } from "@std/assert";
import { POSKeyError } from "../../values/mod.ts";
import { Blob, DB, TransactionFailedError } from "../../zodb/mod.ts";
import { fileDatabase, Item } from "./objects.ts";

Deno.test("going back to before the first change leaves nothing to commit", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const savepoint = await connection.savepoint(), last = db.lastTransaction;
  await connection.root.set("a", 1);
  await savepoint.rollback();
  await connection.commit();
  assertEquals(db.lastTransaction, last);
  await connection.root.set("a", 2);
  await connection.commit();
  assertEquals(db.lastTransaction > last, true);
});

Deno.test("an object that is refused after a failed commit is a new one still", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("item", () => {});
  await assertRejects(() => connection.commit(), TypeError);
  const item = new Item({ value: 1 });
  await assertRejects(() => connection.add(item), TransactionFailedError);
  assertEquals([item._p_oid, item._p_jar], [undefined, undefined]);
});

Deno.test("after a failed commit the view is of the present, before the abort too", async () => {
  await using db = await DB.open();
  await using one = db.open(), two = db.open();
  await one.root.get("a");
  await two.root.set("a", 2);
  await two.commit();
  await one.root.set("a", 1);
  await assertRejects(() => one.commit());
  assertEquals(await one.root.get("a"), 2);
});

Deno.test("an object that was not there yet is missing in the past, and trying again is no help", async () => {
  await using db = await DB.open();
  const at = db.lastTransaction, item = new Item();
  await using connection = db.open();
  await connection.root.set("item", item);
  await connection.commit();
  await using past = db.open({ at });
  await assertRejects(() => past.get(item._p_oid!), POSKeyError);
});

Deno.test("a new blob that was added is empty until it is written", async () => {
  await using made = await fileDatabase({ blobs: true });
  await using connection = made.db.open();
  const blob = new Blob();
  await connection.add(blob);
  assertEquals(await blob.text(), "");
  await blob.append("one");
  await blob.append("two");
  await connection.root.set("blob", blob);
  await connection.commit();
  assertEquals(await blob.text(), "onetwo");
});

Deno.test("a pack takes in what was committed just before", async () => {
  await using made = await fileDatabase();
  await using connection = made.db.open();
  for (let i = 0; i < 20; i++) {
    await connection.root.set("a", i);
    await connection.commit();
  }
  await made.db.pack();
  assertEquals(await made.db.undoLog(), []);
});

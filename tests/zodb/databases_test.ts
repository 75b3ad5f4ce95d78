/** Pools, the past, undo, several databases, export and import. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileStorage, MappingStorage } from "../../storage/mod.ts";
import {
  ExportError,
  InvalidObjectReference,
  POSKeyError,
  ReadOnlyError,
  ReadOnlyHistoryError,
  StorageTransactionError,
  type Tid,
  UndoError,
  Unsupported,
} from "../../values/mod.ts";
import { DB, load, WeakReference } from "../../zodb/mod.ts";
import { fileDatabase, Item } from "./objects.ts";

Deno.test("a connection that is closed is used again, with what is in its cache", async () => {
  await using db = await DB.open(undefined, { pool: { size: 2 } });
  const one = db.open();
  await one.root.map();
  one.close();
  const again = db.open();
  assert(again === one);
  assertEquals(again.cacheInfo.loaded, 1);
  const others = [again, db.open(), db.open()];
  for (const other of others) other.close();
  assertEquals(db.connections.length, 2);
});

Deno.test("callbacks hear of a connection's end; what goes wrong in one stops nothing", async () => {
  await using db = await DB.open();
  const connection = db.open();
  let count = 0;
  connection.onClose(() => {
    throw new Error("told to the log");
  });
  connection.onClose(() => count++);
  connection.close();
  assertEquals([connection.opened, count], [undefined, 1]);
  const again = db.open();
  assertEquals(again, connection);
  again.close();
  assertEquals(count, 1);
});

Deno.test("a pooled connection hears of what happened meanwhile", async () => {
  await using db = await DB.open();
  const one = db.open(), two = db.open();
  await one.root.set("n", 1);
  await one.commit();
  one.close();
  await two.begin();
  await two.root.set("n", 2);
  await two.commit();
  const again = db.open();
  assert(again === one);
  assertEquals(await again.root.get("n"), 2);
  again.close();
  two.close();
});

Deno.test("changes by somebody else who uses the same storage are seen at the next boundary", async () => {
  const storage = new MappingStorage();
  await using one = await DB.open(storage);
  await using two = await DB.open(storage);
  await using connection = one.open();
  assertEquals(await connection.root.get("n"), undefined);
  await two.transaction(({ root }) => root.set("n", 1));
  assertEquals(await connection.root.get("n"), undefined);
  await connection.begin();
  assertEquals(await connection.root.get("n"), 1);
});

Deno.test("the past can be seen and not changed", async () => {
  await using db = await DB.open();
  const tids: Tid[] = [];
  for (const n of [1, 2, 3]) {
    await db.transaction(({ root }) => root.set("n", n));
    tids.push(db.lastTransaction);
  }
  await using at = db.open({ at: tids[1] }), before = db.open({ before: tids[1] });
  assertEquals([at.before, before.before], [tids[1] + 1n as Tid, tids[1]]);
  assertEquals([await at.root.get("n"), await before.root.get("n")], [2, 1]);
  assert(at.isReadOnly);
  await at.begin();
  assertEquals(await at.root.get("n"), 2);
  await at.root.set("n", 5);
  await assertRejects(() => at.commit(), ReadOnlyHistoryError);
  await at.abort();
  assertEquals(await at.root.get("n"), 2);
  await assertRejects(() => at.add(new Item()), ReadOnlyError);
  assertThrows(() => db.open({ at: tids[1], before: tids[1] }), RangeError);
  assertThrows(() => db.open({ at: new Date(Date.now() + 60_000) }), RangeError, "future");
  at.close();
  const again = db.open({ at: tids[1] });
  assert(again === at);
  again.close();
});

Deno.test("a transaction is undone, and all connections see it", async () => {
  await using at = await fileDatabase();
  const { db } = at;
  await db.transaction(({ root }) => root.set("item", new Item({ v: 1 })), { note: "first" });
  await db.transaction(async ({ root }) => (await root.get<Item>("item"))!.v = 2, { note: "second" });
  await using connection = db.open();
  const item = (await connection.root.get<Item>("item"))!;
  assertEquals(item.v, 2);
  const [entry] = await db.undoLog(0, -1);
  assertEquals(entry.description, "second");
  assertEquals((await db.undoInfo(0, -5, { description: "first" })).map(({ description }) => description), [
    "first",
  ]);
  await db.undo(entry.tid);
  await connection.begin();
  await load(item);
  assertEquals(item.v, 1);

  const transaction = await connection.transactionManager.begin();
  transaction.note("back again");
  await db.undo((await db.undoLog(0, -1))[0].tid, transaction);
  await connection.commit();
  await load(item);
  assertEquals(item.v, 2);
  assertEquals((await db.history(item._p_oid!, 9)).map(({ description }) => description), [
    "back again",
    "",
    "second",
    "first",
  ]);

  await db.transaction(async ({ root }) => (await root.get<Item>("item"))!.v = 3);
  await assertRejects(() => db.undo(entry.tid), UndoError);
  await using memory = await DB.open();
  await assertRejects(() => memory.undo(entry.tid), Unsupported);
  assertEquals(await memory.undoLog(), []);
});

Deno.test("an undo and other changes in one transaction are refused, where Python would wait for ever", async () => {
  await using made = await fileDatabase();
  const { db } = made;
  await using connection = db.open();
  await connection.root.set("a", 1);
  await connection.commit();
  const last = db.lastTransaction;
  await connection.root.set("b", 1);
  await db.undo(last, connection.transactionManager.get());
  const error = await assertRejects(() => connection.commit(), StorageTransactionError);
  assert(error.message.endsWith("an undo and other changes can't be committed in one transaction"));
  await connection.abort();
  assertEquals([await connection.root.keys(), db.lastTransaction], [["a"], last]);
  await connection.root.set("b", 2);
  await connection.commit();
});

Deno.test("objects of one database refer to those of another", async () => {
  const databases = new Map<string, DB>();
  await using a = await DB.open(undefined, { databaseName: "a", databases });
  await using b = await DB.open(undefined, { databaseName: "b", databases });
  await assertRejects(() => DB.open(undefined, { databaseName: "a", databases }), RangeError);
  {
    await using connection = a.open();
    const other = connection.getConnection("b");
    assert(other === connection.getConnection("b") && other.getConnection("a") === connection);
    const far = new Item({ name: "far" });
    await other.root.set("far", far);
    await connection.commit();
    await connection.root.set("link", new Item({ far, weak: new WeakReference(far) }));
    await connection.commit();
  }
  await using connection = a.open();
  connection.cacheMinimize();
  connection.getConnection("b").cacheMinimize();
  const link = (await connection.root.get<Item>("link"))!;
  const far = await load(link.far as Item);
  assertEquals(far.name, "far");
  assertEquals(far._p_jar!.db.databaseName, "b");
  assert(await (link.weak as WeakReference).get() === far);
  far.name = "changed";
  link.name = "near";
  await connection.commit();
  await using check = b.open();
  assertEquals((await check.root.get<Item>("far"))!.name, "changed");
});

Deno.test("a new object that two databases reach, and references out of a database that has none, are refused", async () => {
  const databases = new Map<string, DB>();
  await using a = await DB.open(undefined, { databaseName: "a", databases });
  await using _b = await DB.open(undefined, { databaseName: "b", databases, crossReferences: false });
  await using connection = a.open();
  const both = new Item();
  await connection.root.set("both", both);
  await connection.getConnection("b").root.set("both", both);
  await assertRejects(() => connection.commit(), InvalidObjectReference);
  await connection.abort();
  const item = new Item();
  await connection.root.set("item", item);
  await connection.commit();
  await connection.getConnection("b").root.set("item", item);
  await assertRejects(() => connection.commit(), InvalidObjectReference, "doesn't allow");
  await connection.abort();
});

Deno.test("a weak reference keeps nothing alive", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("strong", item);
  await connection.root.set("weak", new WeakReference(item));
  await connection.commit();
  connection.cacheMinimize();
  const weak = (await connection.root.get<WeakReference<Item>>("weak"))!;
  assertEquals((await weak.get())!.v, 1);
  await connection.root.delete("strong");
  await connection.commit();
  connection.cacheMinimize();
  await db.pack(new Date(Date.now() + 1000));
  assertEquals(await weak.get(), undefined);
});

Deno.test("an exported graph is imported as new objects", async () => {
  await using at = await fileDatabase();
  const { db } = at;
  const path = `${at.folder}/item.zexp`;
  await using connection = db.open();
  const item = new Item({ v: 1, child: new Item({ v: 2 }) });
  (item.child as Item).parent = item;
  await connection.root.set("item", item);
  await connection.commit();
  await connection.exportFile(item._p_oid!, path);
  const bytes = await Deno.readFile(path);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 4)), "ZEXP");
  assertEquals(bytes.subarray(-16), new Uint8Array(16).fill(255));

  const copy = await connection.importFile<Item>(path);
  await connection.root.set("copy", copy);
  await load(copy, { depth: 1 });
  assertEquals([copy.v, (copy.child as Item).v, (copy.child as Item).parent === copy], [1, 2, true]);
  assert(copy._p_oid !== item._p_oid && copy.child !== item.child);
  (copy.child as Item).v = 3;
  await connection.commit();
  await using other = db.open();
  const again = (await other.root.get<Item>("copy"))!;
  assertEquals((await load(again.child as Item)).v, 3);
  assertEquals((await load((await other.root.get<Item>("item"))!.child as Item)).v, 2);

  await Deno.writeFile(path, bytes.subarray(0, -20));
  await assertRejects(() => connection.importFile(path), ExportError, "truncated");
  await Deno.writeTextFile(path, "ZIPX and more");
  await assertRejects(() => connection.importFile(path), ExportError, "header");
  const last = db.lastTransaction;
  await Deno.writeFile(path, bytes);
  await connection.importFile(path);
  await connection.abort();
  assertEquals(db.lastTransaction, last);
});

Deno.test("a database without a root gets one, unless it can't be written", async () => {
  await using at = await fileDatabase();
  const { db, folder } = at;
  const { description } = (await db.history(0n as never))[0];
  assertEquals(description, "initial database creation");
  const root = await db.storage.loadSerial(0n as never, db.lastTransaction);
  assertEquals(root.length, 64);
  const empty = `${folder}/empty.fs`;
  FileStorage.open(empty).close();
  await assertRejects(() => DB.open(FileStorage.open(empty, { readOnly: true })), ReadOnlyError);
});

Deno.test("unknown ids are missed; statistics tell what is loaded", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await assertRejects(() => connection.get(77n as never), POSKeyError);
  await connection.root.set("items", [new Item(), new Item()]);
  await connection.commit();
  assertEquals(
    db.cacheDetail(),
    new Map([["persistent.mapping.PersistentMapping", 1], ["tests.objects.Item", 2]]),
  );
  assertEquals([db.cacheSize, db.objectCount], [3, 3]);
  db.cacheMinimize();
  assertEquals(db.cacheSize, 0);
});

Deno.test("connections to several databases stay together when they are closed and opened again", async () => {
  const databases = new Map<string, DB>();
  await using a = await DB.open(undefined, { databaseName: "a", databases, pool: { size: 1 } });
  await using b = await DB.open(undefined, { databaseName: "b", databases });
  const connection = a.open(), beside = connection.getConnection("b");
  await beside.root.set("far", new Item({ v: 1 }));
  await connection.commit();
  const far = (await beside.root.get<Item>("far"))!;
  await connection.root.set("link", new Item({ far }));
  await connection.commit();
  connection.close();
  assertEquals([beside.opened, b.connections.length], [undefined, 1]);
  const stranger = b.open();
  assert(stranger !== beside);
  (await stranger.root.get<Item>("far"))!.v = 2;
  await stranger.commit();
  stranger.close();
  const again = a.open();
  assert(again === connection && again.getConnection("b") === beside);
  const link = (await again.root.get<Item>("link"))!;
  assert(link.far === far);
  assertEquals((await load(far)).v, 2);
  link.more = far;
  await again.commit();
  const more = a.open();
  more.getConnection("b");
  assertEquals(b.connections.length, 3);
  more.close();
  beside.close();
  assertEquals([again.opened, a.connections.length, b.connections.length], [undefined, 1, 2]);
});

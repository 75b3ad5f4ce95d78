/** Databases as configurations describe them. */

import { assertEquals, assertRejects } from "@std/assert";
import {
  databaseFromFile,
  databaseFromString,
  databaseFromURL,
  load,
  type PersistentMap,
  resetCaches,
  TransactionManager,
} from "../../mod.ts";
import { ConfigurationError } from "../../config/mod.ts";
import { ConflictError, NO_TID, ROOT_OID } from "../../values/mod.ts";
import { DB } from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

Deno.test("every key of <zodb> is honoured", async () => {
  await using db = await databaseFromString(`
    <zodb main>
      cache-size 10
      cache-size-bytes 2MB
      large-record-size 1MB
      pool-size 2
      pool-timeout 10m
      historical-pool-size 1
      historical-cache-size 20
      historical-cache-size-bytes 1KB
      historical-timeout 1m
      allow-implicit-cross-references false
      <mappingstorage/>
    </zodb>`);
  assertEquals([db.databaseName, db.largeRecordSize, db.crossReferences], ["main", 1 << 20, false]);
  await db.transaction(({ root }) => root.set("x", 1));
  await using connection = db.open(), past = db.open({ at: db.lastTransaction });
  assertEquals(connection.cacheInfo.limits, { objects: 10, bytes: 2 << 20 });
  assertEquals(past.cacheInfo.limits, { objects: 20, bytes: 1024 });
});

Deno.test("several databases of one file refer to each other's objects", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/zodb.conf`;
    await Deno.writeTextFile(
      path,
      `<zodb main>\n<filestorage>\npath ${folder}/Main.fs\n</filestorage>\n</zodb>\n` +
        `<zodb>\ndatabase-name other\n<mappingstorage/>\n</zodb>\n`,
    );
    await using main = await databaseFromFile(path);
    assertEquals([main.databaseName, ...main.databases.keys()], ["main", "main", "other"]);
    await using _other = main.databases.get("other")!;
    await using connection = main.open();
    const there = new Item({ v: 5 });
    await connection.getConnection("other").add(there);
    await connection.root.set("there", there);
    await connection.commit();
    connection.cacheMinimize();
    assertEquals((await connection.root.get<Item>("there"))!.v, 5);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a URI names a database", async () => {
  await using db = await databaseFromURL("memory://here?database_name=mine&connection_cache_size=7");
  await using connection = db.open();
  assertEquals([db.databaseName, connection.cacheInfo.limits.objects], ["mine", 7]);
});

Deno.test("a mistake is told with its place, and two databases of one name are refused", async () => {
  const text = "<zodb>\n  cache-size many\n  <mappingstorage/>\n</zodb>";
  await assertRejects(() => databaseFromString(text), ConfigurationError, "zodb.conf:2");
  const twice = "<zodb a>\n<mappingstorage/>\n</zodb>\n".repeat(2);
  await assertRejects(() => databaseFromString(twice), Error, "a");
});

Deno.test("attempts counts as Python does: three attempts are three tries", async () => {
  const manager = new TransactionManager();
  for (const attempts of [1, 3]) {
    let tries = 0;
    const work = () => {
      tries++;
      throw new ConflictError({ oid: ROOT_OID, committed: NO_TID, read: NO_TID });
    };
    await assertRejects(() => manager.run(work, { attempts, backOff: 0 }), ConflictError);
    assertEquals(tries, attempts);
  }
});

Deno.test("savepoints of a large transaction go to a file, can be gone back to, and are committed", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const items = Array.from({ length: 24 }, (_, i) => new Item({ i, text: "x".repeat(1 << 20) }));
  await connection.root.set("items", items);
  const savepoint = await connection.savepoint();
  items.forEach((item) => item.text = "y".repeat(1 << 20));
  await connection.savepoint();
  await savepoint.rollback();
  connection.cacheMinimize();
  await load(items);
  assertEquals(items.every(({ text, i }) => text === "x".repeat(1 << 20) && items[Number(i)].i === i), true);
  items[23].text = "z";
  await connection.savepoint();
  await connection.commit();
  await using other = db.open();
  const found = await load((await other.root.get<Item[]>("items"))!);
  assertEquals(found.map(({ text }) => (text as string)[0]).join(""), "x".repeat(23) + "z");
});

Deno.test("after resetCaches connections begin anew; statistics tell what each does", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("x", new Item({ v: 1 })));
  let before: PersistentMap<string, unknown>;
  {
    await using connection = db.open();
    before = await connection.root.map();
    const info = db.connectionInfo();
    assertEquals(info.map(({ opened, hasChanges }) => [opened !== undefined, hasChanges]), [[true, false]]);
  }
  {
    await using again = db.open();
    assertEquals(await again.root.map() === before, true);
  }
  resetCaches();
  await using anew = db.open();
  assertEquals(await anew.root.map() === before, false);
});

/** Databases and servers that use one storage object in one process. */

import { assert, assertEquals } from "@std/assert";
import * as ZEO from "../../mod.ts";
import { FileStorage, MappingStorage, type Storage, StorageServer } from "../../mod.ts";
import { DemoStorage, SharedStorage } from "../../storage/mod.ts";
import { Item } from "./objects.ts";

function serve(storage: Storage): Promise<StorageServer> {
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  return StorageServer.start({ address, msgpack: true, storages: new Map([["1", storage]]) });
}

Deno.test("a database hears what clients of a server on the same storage commit, and they hear of it", async () => {
  const storage = new MappingStorage();
  await using local = await ZEO.Database.open(storage);
  await using server = await serve(storage);
  await using remote = await ZEO.DB(server.address, { serverSync: true });
  const item = new Item({ v: 1 });
  await using mine = local.open();
  await mine.root.set("item", item);
  await mine.commit();
  await using theirs = remote.open();
  await theirs.begin();
  const other = (await theirs.root.get<Item>("item"))!;
  other.v = 2;
  await theirs.commit();
  assertEquals(item._p_status, "saved");
  await mine.begin();
  // The item alone: the root is still loaded, as it was not changed.
  assertEquals([item._p_status, (await mine.root.map())._p_status], ["ghost", "saved"]);
  assertEquals((await ZEO.load(item)).v, 2);
  item.v = 3;
  await mine.commit();
  await theirs.begin();
  assertEquals((await ZEO.load(other)).v, 3);
});

Deno.test("two databases on one storage hear of each other", async () => {
  const storage = new MappingStorage();
  await using one = await ZEO.Database.open(storage), two = await ZEO.Database.open(storage);
  await using a = one.open(), b = two.open();
  await b.root.get("x");
  await a.root.set("x", 1);
  await a.commit();
  await b.begin();
  assertEquals(await b.root.get("x"), 1);
});

Deno.test("commits through a server and beside it to the same object all get through", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const storage = FileStorage.open(`${folder}/Data.fs`, { create: true });
    await using local = await ZEO.Database.open(storage);
    await local.transaction(({ root }) => root.set("n", new Item({ n: 0 })));
    await using server = await serve(storage);
    await using remote = await ZEO.DB(server.address, { serverSync: true });
    const count = (db: ZEO.DB) =>
      db.transaction(async ({ root }) => {
        const item = (await root.get<Item>("n"))!;
        item.n = Number(item.n) + 1;
      }, { retries: 1000, backOff: 1 });
    await Promise.all([local, remote, local, remote].map(async (db) => {
      for (let i = 0; i < 25; i++) await count(db);
    }));
    await using connection = local.open();
    assertEquals((await connection.root.get<Item>("n"))!.n, 100);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("commits to different objects share their syncs", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const storage = FileStorage.open(`${folder}/Data.fs`, { create: true });
    await using db = await ZEO.Database.open(storage, { pool: { size: 20 } });
    const items = Array.from({ length: 16 }, (_, i) => new Item({ i }));
    await db.transaction(({ root }) => root.set("items", items));
    const syncs = () => storage.statistics.syncs!.seconds.count;
    const before = syncs();
    await Promise.all(items.map((_, i) =>
      db.transaction(async ({ root }) => {
        const item = await ZEO.load((await root.get<Item[]>("items"))![i]);
        item.i = -i;
      })
    ));
    assert(syncs() - before < items.length, `${syncs() - before} syncs for ${items.length} commits`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a storage is closed by the last who uses it", async () => {
  let closed = 0;
  class Counted extends MappingStorage {
    override close(): void {
      closed++;
    }
  }
  const storage = new Counted();
  const db = await ZEO.Database.open(storage), server = await serve(storage);
  await db.close();
  assertEquals(closed, 0);
  await server.close();
  assertEquals(closed, 1);
});

Deno.test("a connection that was asked for alone closes its database, and its client", async () => {
  await using server = await ZEO.server();
  const connection = await ZEO.connection(server.address);
  await connection.root.set("x", 1);
  await connection.commit();
  assertEquals(connection.db.isOpen, true);
  await connection[Symbol.asyncDispose]();
  assertEquals([connection.db.isOpen, server.connections <= 1], [false, true]);
});

Deno.test("two connections to one database are committed in one transaction", async () => {
  const storage = new MappingStorage();
  await using db = await ZEO.Database.open(storage);
  const transactionManager = new ZEO.TransactionManager();
  await using a = db.open({ transactionManager }), b = db.open({ transactionManager });
  await a.root.set("a", 1);
  await b.add(new Item({ v: 1 }));
  await transactionManager.commit();
  assertEquals(await a.root.get("a"), 1);
  assertEquals(storage.length(), 2);
});

Deno.test("whatever becomes of commits, in the end nobody holds or waits for anything", async () => {
  for (const storage of [new MappingStorage(), new DemoStorage()]) {
    await using db = await ZEO.Database.open(storage, { pool: { size: 40 } });
    const items = Array.from({ length: 4 }, (_, i) => new Item({ i, n: 0 }));
    await db.transaction(({ root }) => root.set("items", items));
    const { locks } = SharedStorage.of(storage);
    let committed = 0;
    await Promise.all(Array.from({ length: 30 }, async (_, number) => {
      const transactionManager = new ZEO.TransactionManager();
      await using connection = db.open({ transactionManager });
      const mine = await ZEO.load((await connection.root.get<Item[]>("items"))![number % 4]);
      mine.n = Number(mine.n) + 1;
      if (number % 3 === 0) {
        transactionManager.get().join({
          sortKey: () => number % 2 === 0 ? "~" : " ",
          ...{ tpcBegin() {}, commit() {}, tpcFinish() {}, tpcAbort() {}, abort() {} },
          tpcVote: async () => {
            await Promise.resolve();
            throw new Error("no");
          },
        });
      }
      await transactionManager.commit().then(() => committed++, () => transactionManager.abort());
    }));
    assertEquals([locks.held, locks.waiting], [0, 0]);
    await using connection = db.open();
    const found = await ZEO.load((await connection.root.get<Item[]>("items"))!);
    assertEquals(found.reduce((sum, { n }) => sum + Number(n), 0), committed);
    assert(committed >= 4);
  }
});

Deno.test("every connection of a database hears of what one of them commits, those in the pool, too", async () => {
  await using db = await ZEO.Database.open(new MappingStorage());
  const item = new Item({ v: 0 });
  await db.transaction(({ root }) => root.set("item", item));
  const connections = Array.from({ length: 6 }, () => db.open());
  const items: Item[] = [];
  for (const connection of connections) items.push((await connection.root.get<Item>("item"))!);
  for (const each of items) assertEquals((await ZEO.load(each)).v, 0);
  await connections[5].close();
  for (let by = 0; by < 5; by++) {
    items[by].v = by + 1;
    await connections[by].commit();
    for (const [i, connection] of connections.slice(0, 5).entries()) {
      await connection.begin();
      assertEquals((await ZEO.load(items[i])).v, by + 1, `connection ${i}, after a commit of ${by}`);
    }
  }
  await using again = db.open();
  assertEquals((await ZEO.load((await again.root.get<Item>("item"))!)).v, 5);
  for (const connection of connections.slice(0, 5)) await connection.close();
});

Deno.test("what somebody commits who tells nobody is seen with the next transaction", async () => {
  const storage = new MappingStorage();
  await using db = await ZEO.Database.open(storage);
  await using connection = db.open();
  const item = new Item({ v: 1 }), other = new Item({ v: 2 });
  await connection.root.set("item", item);
  await connection.root.set("other", other);
  await connection.commit();
  const { data, serial } = storage.loadBefore(other._p_oid!, ZEO.MAX_TID)!;
  const none = new Uint8Array(0);
  const transaction = storage.begin({ user: none, description: none, extension: none });
  transaction.store(item._p_oid!, serial, data);
  transaction.vote();
  transaction.finish();
  assertEquals(item.v, 1);
  await connection.begin();
  assertEquals((await ZEO.load(item)).v, 2);
});

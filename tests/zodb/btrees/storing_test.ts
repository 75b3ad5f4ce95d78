/** Trees in databases: what is stored, what is loaded, and what several connections do at once. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  DB,
  GhostError,
  IIBTree,
  IOBTree,
  OOBTree,
  PersistentMap,
  registerClass,
} from "../../../zodb/mod.ts";
import type { FileStorage } from "../../../storage/mod.ts";
import { ReadConflictError } from "../../../values/mod.ts";
import { fileDatabase, Item } from "../objects.ts";
import { SlowStorage } from "./slow_storage.ts";

/** A tree of ints in a database, and how many objects a change stored. */
async function treeOf(db: DB, count: number): Promise<void> {
  await db.transaction(({ root }) =>
    root.set("tree", new IIBTree(Array.from({ length: count }, (_, i) => [i, i])))
  );
}

Deno.test("a change stores the leaf that it is in, and nothing else", async () => {
  await using database = await fileDatabase();
  const { db } = database;
  await treeOf(db, 1000);
  const stored = async (work: (tree: IIBTree) => unknown): Promise<number> => {
    const before = db.lastHeard;
    await db.transaction(async ({ root }) => {
      await work((await root.get<IIBTree>("tree"))!);
    });
    let count = 0;
    for await (const transaction of (db.storage as FileStorage).transactions(before + 1n as typeof before)) {
      for await (const _ of transaction.records()) count++;
    }
    return count;
  };
  assertEquals(await stored((tree) => tree.set(500, 1)), 1);
  assertEquals(await stored((tree) => tree.set(500, 1)), 0);
  assertEquals(await stored((tree) => tree.delete(501)), 1);
  assertEquals(await stored((tree) => tree.delete(5000)), 0);
  assertEquals(await stored((tree) => tree.get(3)), 0);
});

Deno.test("changes of a value in a tree are stored, wherever splits have moved it", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const tree = new IOBTree<number[]>();
  await connection.root.set("tree", tree);
  const list: number[] = [];
  await tree.set(50, list);
  const view = (await tree.get(50))!;
  await connection.commit();
  const stored = async () => {
    await connection.commit();
    await using other = db.open();
    return [...(await (await other.root.get<IOBTree<number[]>>("tree"))!.get(50))!];
  };
  // In the record of the tree itself.
  view.push(1);
  assertEquals(await stored(), [1]);
  // In a leaf of its own, the right one after a split.
  for (let i = 0; i < 100; i++) if (i !== 50) await tree.set(i, []);
  view.push(2);
  assertEquals(await stored(), [1, 2]);
  for (let i = 100; i < 300; i++) await tree.set(i, []);
  await connection.commit();
  view.push(3);
  assertEquals(await stored(), [1, 2, 3]);
  // Taken out: nobody's but the user's. Put in again: the tree's.
  const popped = (await tree.pop(50))!;
  await connection.commit();
  popped.push(4);
  assertEquals(tree._p_changed, false);
  await tree.set(50, popped);
  await connection.commit();
  view.push(5);
  assertEquals(await stored(), [1, 2, 3, 4, 5]);
  connection.cacheMinimize();
  assertThrows(() => view.push(6), TypeError, "given up");
});

Deno.test("a value that is an object is loaded by what returns it", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) =>
    root.set("tree", new OOBTree<string, Item>(["a", "b"].map((name) => [name, new Item({ name })])))
  );
  await using connection = db.open();
  const tree = (await connection.root.get<OOBTree<string, Item>>("tree"))!;
  assertEquals((await tree.get("a"))!.name, "a");
  for await (const [name, item] of tree) assertEquals(item.name, name);
  assertEquals((await tree.values().toArray()).map(({ name }) => name), ["a", "b"]);
  assertEquals((await tree.pop("b"))!.name, "b");
});

Deno.test("leaves are loaded many at a time by those who go through a tree", async () => {
  const storage = new SlowStorage();
  await using db = await DB.open(storage);
  const count = 20_000;
  await treeOf(db, count);
  for (const reverse of [false, true]) {
    await using connection = db.open();
    const tree = (await connection.root.get<IIBTree>("tree"))!;
    connection.cacheMinimize();
    storage.rounds.length = 0;
    const keys = await tree.keys(undefined, undefined, { reverse }).toArray();
    assertEquals(keys.length, count);
    const loaded = storage.rounds.reduce((sum, round) => sum + round, 0);
    assert(loaded > 300, `${loaded} leaves`);
    assert(storage.rounds.length < 40, `${storage.rounds.length} round trips`);
    connection.cacheMinimize();
    storage.rounds.length = 0;
    assertEquals(await tree.size(), count);
    assert(storage.rounds.length < 40, `${storage.rounds.length} round trips`);
    connection.cacheMinimize();
    storage.rounds.length = 0;
    assertEquals(await tree.keys(100, 160, { reverse }).toArray().then((keys) => keys.length), 61);
    assert(storage.rounds.reduce((sum, round) => sum + round, 0) < 6, `${storage.rounds}`);
  }
});

Deno.test("a tree that is not loaded waits, and its synchronous twin says so and changes nothing", async () => {
  await using db = await DB.open(new SlowStorage());
  await treeOf(db, 1000);
  await using connection = db.open();
  const tree = (await connection.root.get<IIBTree>("tree"))!, { sync } = tree;
  connection.cacheMinimize();
  assertThrows(() => sync.set(5, 6), GhostError);
  assertThrows(() => sync.size, GhostError);
  assertThrows(() => [...tree.keys()], GhostError);
  const promise = tree.get(5);
  assert(promise instanceof Promise);
  assertEquals(await promise, 5);
  sync.set(5, 6);
  assertEquals([sync.get(5), sync.minKey(), sync.insert(5, 7), sync.pop(5), sync.has(5)], [
    6,
    0,
    false,
    6,
    false,
  ]);
  assertThrows(() => sync.delete(999), GhostError);
  connection.cacheMinimize();
  await Promise.all([tree.set(1000, 1), tree.delete(3), tree.set(1001, 1), tree.get(999), tree.delete(4)]);
  await connection.commit();
  await tree.check();
  assertEquals(await tree.size(), 1000 - 3 + 2);
});

Deno.test("in a synchronous connection trees need no promises", async () => {
  await using database = await fileDatabase();
  const { db } = database;
  await treeOf(db, 1000);
  await using connection = db.open({ sync: true });
  const tree = (await connection.root.get<IIBTree>("tree"))!;
  connection.cacheMinimize();
  assertEquals([tree.sync.get(500), tree.sync.size, [...tree.keys(998)]], [500, 1000, [998, 999]]);
  tree.sync.delete(500);
  await connection.commit();
  connection.cacheMinimize();
  assertEquals(tree.sync.has(500), false);
});

Deno.test("a commit fails when somebody has restructured the tree above what it changes", async () => {
  await using db = await DB.open();
  await treeOf(db, 200);
  await using one = db.open();
  await using other = db.open();
  const [tree, same] = await Promise.all(
    [one, other].map(async ({ root }) => (await root.get<IIBTree>("tree"))!),
  );
  await same.set(0, 100);
  for (let i = 200; i < 300; i++) await tree.set(i, i);
  await one.commit();
  await assertRejects(() => other.commit(), ReadConflictError);
  await other.abort();
  // Without a split, two leaves are two objects.
  await same.set(0, 100);
  await tree.set(250, 1);
  await one.commit();
  await other.commit();
  await one.begin();
  assertEquals([await tree.get(0), await tree.get(250)], [100, 1]);
});

/** As an application extends one of Python's. */
class Index extends OOBTree<string, number> {}
registerClass("tests.btrees.Index", Index);
class Unregistered extends Index {}
class TextIndex extends Unregistered {}
registerClass("tests.btrees.TextIndex", TextIndex);

Deno.test("changes of different keys at once are merged, also in a class that extends one of BTrees", async () => {
  const folder = await Deno.makeTempDir();
  for (const made of [new OOBTree<string, number>(), new Index(), new TextIndex()]) {
    await using db = await DB.open(`${folder}/${made.constructor.name}.fs`);
    await db.transaction(({ root }) => root.set("tree", made));
    await using one = db.open();
    await using other = db.open();
    const [tree, same] = await Promise.all(
      [one, other].map(async ({ root }) => (await root.get<OOBTree<string, number>>("tree"))!),
    );
    await tree.set("a", 1);
    await same.set("b", 2);
    await one.commit();
    await other.commit();
    assertEquals(await same.items().toArray(), [["a", 1], ["b", 2]]);
    assert(same instanceof made.constructor);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("changes that are taken back are gone, new leaves with them", async () => {
  await using db = await DB.open();
  await treeOf(db, 10);
  await using connection = db.open();
  const tree = (await connection.root.get<IIBTree>("tree"))!;
  const savepoint = await connection.savepoint();
  for (let i = 10; i < 1000; i++) await tree.set(i, i);
  const later = await connection.savepoint();
  await tree.clear();
  assert(await tree.isEmpty());
  await later.rollback();
  assertEquals(await tree.size(), 1000);
  await tree.check();
  await savepoint.rollback();
  assertEquals(await tree.size(), 10);
  for (let i = 10; i < 500; i++) await tree.set(i, i);
  await connection.abort();
  assertEquals(await tree.keys().toArray(), [...Array(10).keys()]);
  await tree.check();
});

Deno.test("trees may hold trees, and be held by anything", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) =>
    root.set("map", new PersistentMap([["tree", new OOBTree([["inner", new IIBTree([[1, 2]])]])]]))
  );
  await using connection = db.open();
  const map = (await connection.root.get<PersistentMap<string, OOBTree<string, IIBTree>>>("map"))!;
  const inner = (await (await map.get("tree"))!.get("inner"))!;
  assertEquals(await inner.get(1), 2);
});

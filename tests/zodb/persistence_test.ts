/** States of objects, and what commit, abort and the cache do to them. Expected values are Python's, by experiment. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MappingStorage } from "../../storage/mod.ts";
import { ConnectionStateError, formatOid, InvalidObjectReference, NO_TID, oid } from "../../values/mod.ts";
import {
  type Connection,
  DB,
  GhostError,
  IOBTree,
  load,
  Persistent,
  PersistentBase,
  PersistentList,
  PersistentMap,
  registerClass,
} from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

Deno.test("a new object is unchanged whatever is set, and gets its id and serial at the commit", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const p = new Item();
  p.x = 1;
  assertEquals([p._p_changed, p._p_oid, p._p_jar], [false, undefined, undefined]);
  await connection.root.set("p", p);
  await connection.commit();
  assertEquals([p._p_serial, p._p_state, p._p_estimated_size], [db.lastTransaction, 0, 64]);
  assert(p._p_oid !== undefined && p._p_jar === connection);
});

Deno.test("an invalidated change is gone, the connection stays joined and the commit stores nothing of it", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const p = new Item({ x: 1 });
  await connection.root.set("p", p);
  await connection.commit();
  const serial = p._p_serial;
  p.x = 2;
  p._p_invalidate();
  assertEquals([p._p_status, connection.hasChanges], ["ghost", true]);
  await p._p_activate();
  assertEquals(p.x, 1);
  await connection.commit();
  assertEquals([p._p_serial, p.x], [serial, 1]);
});

Deno.test("a commit without changes makes no transaction; setting an equal value does", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("p", new Item({ x: 1 }));
  await connection.commit();
  const last = db.lastTransaction;
  await connection.commit();
  assertEquals(db.lastTransaction, last);
  (await connection.root.get<Item>("p"))!.x = 1;
  await connection.commit();
  assert(db.lastTransaction > last);
});

Deno.test("what nothing refers to is not stored, unless it was added", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const dropped = new Item(), added = new Item({ x: 1 });
  await connection.root.set("p", dropped);
  await connection.root.delete("p");
  await connection.add(added);
  await connection.commit();
  assertEquals([dropped._p_oid, dropped._p_jar], [undefined, undefined]);
  await using other = db.open();
  assertEquals((await load(await other.get<Item>(added._p_oid!))).x, 1);
});

Deno.test("what was added and aborted is a new object again", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ x: 1 });
  await connection.add(item);
  const id = item._p_oid;
  assert(id !== undefined);
  await connection.abort();
  assertEquals([item._p_oid, item._p_jar, item._p_status, item.x], [undefined, undefined, "unsaved", 1]);
  await connection.add(item);
  assert(item._p_oid !== id);
  await connection.commit();
  assertEquals(item._p_status, "saved");
});

Deno.test("the cache keeps to its limit at the end of transactions, not within them", async () => {
  await using db = await DB.open(undefined, { cache: { objects: 5 } });
  await using connection = db.open();
  await connection.root.set("items", Array.from({ length: 20 }, (_, i) => new Item({ i })));
  await connection.commit();
  assertEquals(connection.cacheInfo.loaded, 5);
  await load(await connection.root.map(), { depth: 1 });
  assertEquals(connection.cacheInfo.loaded, 21);
  await connection.begin();
  await connection.commit();
  assertEquals(connection.cacheInfo.loaded, 5);
  connection.cacheMinimize();
  assertEquals(connection.cacheInfo.loaded, 0);
});

Deno.test("the cache keeps to its limit in bytes", async () => {
  await using db = await DB.open(undefined, { cache: { bytes: 5000 } });
  await using connection = db.open();
  await connection.root.set(
    "items",
    Array.from({ length: 20 }, (_, i) => new Item({ i, text: "x".repeat(900) })),
  );
  await connection.commit();
  assert(connection.cacheInfo.bytes <= 5000, `${connection.cacheInfo.bytes} bytes`);
  assertEquals(connection.cacheInfo.loaded, 5);
});

Deno.test("attributes _v_ are not stored, change nothing, and go with the state", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const p = new Item({ x: 1 });
  await connection.root.set("p", p);
  await connection.commit();
  p._v_seen = true;
  assertEquals([p._p_changed, p._v_seen], [false, true]);
  p._p_deactivate();
  await load(p);
  assertEquals([p._v_seen, p.x], [undefined, 1]);
});

Deno.test("a changed object is neither deactivated nor evicted; _p_changed can be set by hand", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const p = new Item({ x: 1 });
  await connection.root.set("p", p);
  await connection.commit();
  p.x = 2;
  p._p_deactivate();
  connection.cacheMinimize();
  assertEquals([p._p_status, p.x], ["changed", 2]);
  p._p_changed = false;
  assertEquals([p._p_status, p.x], ["saved", 2]);
  p._p_changed = null;
  assertEquals([p._p_status, p._p_changed], ["ghost", null]);
  await load(p);
  p._p_changed = true;
  assertEquals(p._p_state, 1);
  await connection.abort();
});

Deno.test("a deleted attribute stays deleted", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const p = new Item({ x: 1, y: 2 });
  await connection.root.set("p", p);
  await connection.commit();
  delete p.x;
  assertEquals(p._p_changed, true);
  await connection.commit();
  p._p_deactivate();
  await load(p);
  assertEquals([Object.keys(p), "x" in p], [["y"], false]);
});

Deno.test("graphs are loaded level by level", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const leaf = new Item({ name: "leaf" });
  const top = new Item({ inner: { a: [new Item({ next: leaf }), new Item({ next: leaf })] } });
  leaf.top = top;
  await connection.root.set("top", top);
  await connection.commit();
  connection.cacheMinimize();
  await load(top, { depth: 1 });
  assertEquals([top._p_state, leaf._p_state], [0, -1]);
  assertEquals(connection.cacheInfo.loaded, 3);
  await load(top, { depth: Infinity });
  assertEquals([leaf.name, leaf.top === top], ["leaf", true]);
});

Deno.test("a class with a state of its own making is stored and loaded", async () => {
  class Counter extends PersistentBase {
    #value = 0;
    next?: Counter;
    get value(): number {
      this._p_touch();
      return this.#value;
    }
    increment(): void {
      this._p_change();
      this.#value++;
    }
    override __getstate__(): unknown {
      return [this.#value, this.next ?? null];
    }
    override __setstate__(state: unknown): void {
      [this.#value, this.next] = state as [number, Counter];
    }
    override __clearstate__(): void {
      this.#value = 0;
      this.next = undefined;
    }
  }
  registerClass("tests.persistence.Counter", Counter);
  await using db = await DB.open();
  await using connection = db.open();
  const one = new Counter(), two = new Counter();
  one.next = two;
  await connection.root.set("one", one);
  await connection.commit();
  two.increment();
  await connection.commit();
  connection.cacheMinimize();
  assertThrows(() => one.value, GhostError);
  assertThrows(() => one.increment(), GhostError);
  await load(one);
  assert(one.next === two);
  assertEquals(two._p_status, "ghost");
  await load(two);
  assertEquals([one.value, two.value], [0, 1]);
});

Deno.test("a synchronous connection loads what is touched, where the storage answers at once", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("a", new Item({ b: new Item({ c: 5 }) })));
  await using connection = db.open({ sync: true });
  connection.cacheMinimize();
  const a = await connection.root.get<Item>("a");
  connection.cacheMinimize();
  assertEquals((a!.b as Item).c, 5);
});

Deno.test("a closed connection loads nothing more; what is loaded can still be read", async () => {
  await using db = await DB.open();
  const connection = db.open();
  const item = new Item({ x: 1, other: new Item() });
  await connection.root.set("item", item);
  assertThrows(() => connection.close(), ConnectionStateError);
  await connection.commit();
  const ghost = item.other as Item;
  ghost._p_deactivate();
  connection.close();
  assertEquals(item.x, 1);
  assertThrows(() => connection.root, ConnectionStateError);
  await assertRejects(async () => await load(ghost), ConnectionStateError);
  assertThrows(() => item.x = 2, ConnectionStateError);
});

Deno.test("an object of another connection can't be referred to", async () => {
  await using db = await DB.open();
  await using one = db.open(), two = db.open();
  const item = new Item();
  await one.root.set("item", item);
  await one.commit();
  await two.begin();
  await two.root.set("stolen", item);
  await assertRejects(() => two.commit(), InvalidObjectReference);
  await two.abort();
  await assertRejects(() => two.add(item), InvalidObjectReference);
});

Deno.test("an object of a class that is not registered can't be stored, and the error says what to do", async () => {
  class Nameless extends Persistent {}
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("nameless", new Nameless());
  const error = await assertRejects(() => connection.commit(), TypeError);
  assert(/registerClass\("module\.Nameless", Nameless\)/.test(error.message), error.message);
});

Deno.test("an object that a pack has removed meanwhile is missed by name", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item();
  await connection.root.set("item", item);
  await connection.commit();
  await connection.root.delete("item");
  await connection.commit();
  item._p_deactivate();
  await db.pack(new Date(Date.now() + 1000));
  const error = await assertRejects(async () => await load(item));
  assertEquals((error as Error).name, "POSKeyError");
  assert((error as Error).message.includes(formatOid(item._p_oid!)));
});

Deno.test("a long loop lets the engine forget objects, also where the storage answers at once", async () => {
  const storage = new MappingStorage(), count = 25_000;
  await using db = await DB.open(storage);
  await db.transaction(({ root }) => root.set("tree", new IOBTree(numbers(count, () => new Item()))));
  const loops: readonly ((tree: IOBTree, connection: Connection) => Promise<void>)[] = [
    async (tree) => {
      for await (const [,] of tree);
    },
    async (tree) => {
      for (let i = 0; i < count; i++) await tree.get(i);
    },
    async (_tree, connection) => {
      for (let i = 1; i <= count; i++) await load(await connection.get(oid(i)));
    },
  ];
  for (const loop of loops) {
    // With a cache that has met none of them.
    await using other = await DB.open(storage);
    const connection = other.open();
    const tree = (await connection.root.get<IOBTree>("tree"))!;
    let returned = false;
    const timer = setTimeout(() => returned = true);
    await loop(tree, connection);
    assert(returned, `${loop}`);
    clearTimeout(timer);
  }
  await using other = await DB.open(storage);
  const connection = other.open({ sync: true });
  const tree = (await connection.root.get<IOBTree>("tree"))!;
  let found = 0;
  for (const [, item] of tree) {
    (item as Item)._p_touch();
    found++;
  }
  assertEquals(found, count);
});

function* numbers<T>(count: number, value: () => T): Generator<[number, T]> {
  for (let i = 0; i < count; i++) yield [i, value()];
}

Deno.test("objects that are no longer used are forgotten, those in use have one identity", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("list", new PersistentList([new Item({ i: 0 })]));
  await connection.commit();
  const list = (await connection.root.get<PersistentList<Item>>("list"))!;
  assert(await list.get(0) === await list.get(-1));
  assert(await connection.get(list._p_oid!) === list);
  assertEquals(await list.get(5), undefined);
  const other = await connection.get(oid(0));
  assert(other instanceof PersistentMap);
  assertEquals(other._p_serial > NO_TID, true);
});

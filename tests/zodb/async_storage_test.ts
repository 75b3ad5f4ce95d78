/** Storages whose answers take time, as those behind a server: nothing gets mixed up while one waits. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Loaded,
  MappingStorage,
  type StorageTransaction,
  type TransactionMetadata,
} from "../../storage/mod.ts";
import type { Awaitable, Oid, Tid } from "../../values/mod.ts";
import { conflictResolver, DB, GhostError, load, Persistent, registerClass } from "../../zodb/mod.ts";
import { fileDatabase, Item } from "./objects.ts";

/** Answers later: all loads of one turn together, when `answer` lets them. */
class SlowStorage extends MappingStorage {
  /** The objects of each round trip. */
  readonly rounds: Oid[][] = [];
  #waiting: (() => void)[] = [];
  #held = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Answers nothing until the function that is returned is called. */
  hold(): () => void {
    this.#held = true;
    clearTimeout(this.#timer);
    return () => {
      this.#held = false;
      this.#answer();
    };
  }

  // Later than the storage in memory, which it otherwise is.
  override loadBefore(oid: Oid, before: Tid): Loaded | null {
    return this.#later(oid, before) as Awaitable<Loaded | null> as Loaded | null;
  }

  override newOids(count: number): Oid[] {
    return Promise.resolve(super.newOids(count)) as Awaitable<Oid[]> as Oid[];
  }

  #later(oid: Oid, before: Tid): Promise<Loaded | null> {
    if (this.#waiting.length === 0) {
      this.rounds.push([]);
      if (!this.#held) this.#timer = setTimeout(() => this.#answer(), 0);
    }
    this.rounds.at(-1)!.push(oid);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise.then(() => super.loadBefore(oid, before));
  }

  #answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

Deno.test("a graph takes as many round trips as it has levels", async () => {
  const storage = new SlowStorage();
  await using db = await DB.open(storage);
  await using connection = db.open();
  const leaves = Array.from({ length: 10 }, (_, i) => new Item({ i }));
  const middle = Array.from({ length: 5 }, () => new Item({ leaves }));
  await connection.root.set("top", new Item({ middle }));
  await connection.commit();
  const top = (await connection.root.get<Item>("top"))!;
  connection.cacheMinimize();
  storage.rounds.length = 0;
  await load(top, { depth: 2 });
  assertEquals(storage.rounds.map((round) => round.length), [1, 5, 10]);
  assertEquals(leaves.map(({ i }) => i), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("many new objects get their ids where ids take waiting", async () => {
  await using db = await DB.open(new SlowStorage(), { cache: { objects: 5000 } });
  await using connection = db.open();
  const items = Array.from({ length: 1000 }, (_, i) => new Item({ i, next: new Item({ i }) }));
  await connection.root.set("items", items);
  await connection.commit();
  assertEquals(new Set(items.flatMap((item) => [item._p_oid, (item.next as Item)._p_oid])).size, 2000);
  await using other = db.open();
  const again = await load((await other.root.get<Item[]>("items"))!, { depth: 1 });
  assertEquals(again.every(({ i, next }) => i === (next as Item).i), true);
});

Deno.test("those who wait for one object share one load, and all see it", async () => {
  const storage = new SlowStorage();
  await using db = await DB.open(storage);
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item._p_deactivate();
  storage.rounds.length = 0;
  const all = await Promise.all([load(item), load(item), connection.root.get("item")]);
  assert(all.every((one) => one === item));
  assertEquals([storage.rounds, item.v], [[[item._p_oid!]], 1]);
});

Deno.test("what was asked for before a boundary shows the state after it", async () => {
  const storage = new SlowStorage();
  await using db = await DB.open(storage);
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  await db.transaction(async ({ root }) => (await root.get<Item>("item"))!.v = 2);
  item._p_deactivate();
  const answer = storage.hold(), loading = load(item);
  await connection.begin();
  answer();
  await loading;
  assertEquals(item.v, 2);
});

Deno.test("a synchronous connection says so where a touch would take waiting", async () => {
  await using db = await DB.open(new SlowStorage());
  await using connection = db.open({ sync: true });
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item._p_deactivate();
  await assertRejects(async () => await Promise.resolve(item.v), GhostError);
  await load(item);
  assertEquals(item.v, 1);
});

Deno.test("a class's own _p_resolveConflict merges changes, references included", async () => {
  class Tally extends Persistent {
    count = 0;
    partner: unknown = null;
    static _p_resolveConflict(...states: Map<string, unknown>[]): unknown {
      const [old, committed, changed] = states;
      if (committed.get("partner") !== changed.get("partner")) throw new Error("another partner");
      const count = states.map((state) => Number(state.get("count")));
      return new Map(changed).set("count", count[1] + count[2] - Number(old.get("count")));
    }
  }
  registerClass("tests.async.Tally", Tally);
  assert(conflictResolver());
  await using at = await fileDatabase();
  await at.db.close();
  await using db = await DB.open(`${at.folder}/Data.fs`);
  await using one = db.open(), two = db.open();
  const tally = new Tally();
  tally.partner = new Item({ v: 1 });
  await one.root.set("tally", tally);
  await one.commit();
  await two.begin();
  const other = (await two.root.get<Tally>("tally"))!;
  tally.count += 5;
  other.count += 2;
  await one.commit();
  await two.commit();
  assertEquals(other._p_status, "ghost");
  await load(other);
  assertEquals(other.count, 7);
  assertEquals((await load(other.partner as Item)).v, 1);
  await one.begin();
  await load(tally);
  tally.partner = null;
  other.count++;
  await one.commit();
  await assertRejects(() => two.commit(), Error, "conflict");
  await two.abort();
});

Deno.test("when a storage breaks its promise at the end, objects show what it has, and the connection goes on", async () => {
  class BrokenStorage extends MappingStorage {
    broken = false;
    override begin(metadata: TransactionMetadata): StorageTransaction {
      const transaction = super.begin(metadata);
      if (!this.broken) return transaction;
      transaction.finish = () => {
        transaction.abort();
        throw new Error("disk gone");
      };
      return transaction;
    }
  }
  const storage = new BrokenStorage();
  await using db = await DB.open(storage);
  await using connection = db.open();
  const item = new Item({ v: 1 }), fresh = new Item({ v: 5 });
  await connection.root.set("item", item);
  await connection.commit();
  item.v = 2;
  item.fresh = fresh;
  storage.broken = true;
  await assertRejects(() => connection.commit(), Error, "disk gone");
  storage.broken = false;
  await connection.abort();
  await load(item);
  assertEquals([item.v, item.fresh, fresh._p_oid, fresh.v], [1, undefined, undefined, 5]);
  item.fresh = fresh;
  await connection.commit();
  await using other = db.open();
  assertEquals((await load((await other.root.get<Item>("item"))!.fresh as Item)).v, 5);
});

Deno.test("a change while a savepoint is being made is stored too", async () => {
  await using db = await DB.open(new SlowStorage());
  await using connection = db.open();
  const item = new Item({ v: 1 }), added = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item.v = 2;
  await connection.add(added);
  await connection.root.set("many", Array.from({ length: 500 }, () => new Item()));
  const making = connection.savepoint();
  // The new objects have it wait for ids; what was changed before them is written by then.
  await Promise.resolve();
  item.v = 3;
  added.v = 3;
  await making;
  await connection.commit();
  await using other = db.open();
  assertEquals((await other.root.get<Item>("item"))!.v, 3);
  assertEquals((await load(await other.get<Item>(added._p_oid!))).v, 3);
});

Deno.test("R24: what went into a savepoint can be read while it is being committed", async () => {
  await using db = await DB.open(new SlowStorage());
  await using connection = db.open();
  const items = Array.from({ length: 50 }, (_, v) => new Item({ v }));
  await connection.root.set("items", items);
  await connection.savepoint();
  const read: Promise<unknown>[] = [];
  const committing = connection.commit();
  for (const item of items) {
    item._p_deactivate();
    read.push(load(item).then(({ v }) => v, (error) => error));
    await Promise.resolve();
  }
  await committing;
  assertEquals(await Promise.all(read), items.map((_, v) => v));
  await using other = db.open();
  assertEquals(
    (await load((await other.root.get<Item[]>("items"))!)).map(({ v }) => v),
    items.map((_, v) => v),
  );
});

Deno.test("R26: sync with an open savepoint begins anew, and later commits are whole", async () => {
  await using db = await DB.open(new SlowStorage());
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item.v = 2;
  const savepoint = await connection.savepoint();
  await db.transaction(({ root }) => root.set("elsewhere", 1));
  await connection.sync();
  assertEquals(savepoint.valid, false);
  assertEquals(await connection.root.get("elsewhere"), 1);
  assertEquals((await load(item)).v, 1);
  item.v = 3;
  await connection.commit();
  await using other = db.open();
  assertEquals((await other.root.get<Item>("item"))!.v, 3);
});

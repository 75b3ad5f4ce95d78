/** Views, conflicts, savepoints and what else a transaction has. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConflictError, NO_TID } from "../../values/mod.ts";
import {
  type DataManager,
  DB,
  DoomedTransaction,
  InvalidSavepointRollbackError,
  load,
  NoTransaction,
  PersistentMap,
  TransactionFailedError,
  TransactionManager,
} from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

Deno.test("a conflict names the class, and leaves the object a ghost", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("m", new PersistentMap([["a", 0]])));
  await using one = db.open(), two = db.open();
  const first = (await one.root.get<PersistentMap>("m"))!, second = (await two.root.get<PersistentMap>("m"))!;
  first.set("a", 1);
  second.set("b", 1);
  await one.commit();
  const error = await assertRejects(() => two.commit(), ConflictError);
  assertEquals(error.conflict.className, "persistent.mapping.PersistentMapping");
  assertEquals(second._p_status, "ghost");
  await assertRejects(() => two.commit(), TransactionFailedError);
  await two.abort();
  assertEquals(await second.get("a"), 1);
});

Deno.test("an object loaded late shows the state of the transaction's start", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("items", [new Item({ v: 1 }), new Item({ v: 1 })]));
  await using reader = db.open();
  reader.cacheMinimize();
  const items = (await reader.root.get<Item[]>("items"))!;
  await load(items[0]);
  await db.transaction(async ({ root }) => {
    for (const item of await load((await root.get<Item[]>("items"))!)) item.v = 2;
  });
  await load(items[1]);
  assertEquals([items[0].v, items[1].v], [1, 1]);
  await reader.begin();
  await load(items);
  assertEquals([items[0].v, items[1].v], [2, 2]);
});

Deno.test("R25: savepoints keep what was made before them and take back what came later, ids included", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const root = await connection.root.map();
  root.set("kept", new Item({ v: 1 }));
  const s1 = await connection.savepoint();
  const kept = root.peek("kept") as Item;
  assertEquals([kept._p_status, kept._p_serial], ["saved", NO_TID]);
  const between = new Item({ v: 2 });
  root.set("between", between);
  const s2 = await connection.savepoint();
  kept.v = 3;
  root.set("late", new Item());
  await s2.rollback();
  await load([root, kept]);
  assertEquals([kept.v, [...root.keys()]], [1, ["kept", "between"]]);
  assert(between._p_oid !== undefined);
  await s1.rollback();
  assertEquals([between._p_oid, between._p_jar], [undefined, undefined]);
  await assertRejects(() => s2.rollback(), InvalidSavepointRollbackError);
  await load(root);
  root.set("again", 1);
  await s1.rollback();
  await load(root);
  assertEquals([...root.keys()], ["kept"]);
  await connection.commit();
  await assertRejects(() => s1.rollback(), InvalidSavepointRollbackError);
  await using other = db.open();
  assertEquals(await other.root.keys(), ["kept"]);
  assertEquals((await other.root.get<Item>("kept"))!.v, 1);
});

Deno.test("an abort after savepoints takes all of it back", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const last = db.lastTransaction;
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.savepoint();
  item.v = 2;
  await connection.savepoint();
  await connection.abort();
  assertEquals([db.lastTransaction, await connection.root.keys(), item._p_oid], [last, [], undefined]);
});

Deno.test("a change that was given up before a savepoint is nothing that an abort takes back", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ x: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item.x = 2;
  item._p_invalidate();
  await connection.savepoint();
  await load(item);
  await connection.abort();
  assertEquals([item._p_status, item.x], ["saved", 1]);
});

Deno.test("going back to a savepoint from before the first change is giving all up", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const savepoint = await connection.savepoint();
  await connection.root.set("x", 1);
  await savepoint.rollback();
  assertEquals(await connection.root.get("x"), undefined);
  await connection.root.set("y", 1);
  await connection.commit();
  assertEquals(await connection.root.keys(), ["y"]);
});

Deno.test("transaction(fn) runs again after a conflict, and gives up after its retries", async () => {
  await using db = await DB.open();
  await db.transaction(({ root }) => root.set("n", 0));
  let runs = 0;
  const result = await db.transaction(async ({ root }) => {
    const n = (await root.get<number>("n"))!;
    if (++runs < 3) await db.transaction((other) => other.root.set("n", n + 10));
    await root.set("n", n + 1);
    return n;
  }, { backOff: 0, note: "count" });
  assertEquals([runs, result], [3, 20]);
  await using connection = db.open();
  assertEquals(await connection.root.get("n"), 21);

  let failures = 0;
  await assertRejects(
    () =>
      db.transaction(async ({ root }) => {
        failures++;
        await db.transaction((other) => other.root.set("n", failures));
        await root.set("n", -1);
      }, { retries: 2, backOff: 0 }),
    ConflictError,
  );
  assertEquals(failures, 3);
});

Deno.test("any other error aborts at once", async () => {
  await using db = await DB.open();
  let runs = 0;
  await assertRejects(
    () =>
      db.transaction(async ({ root }) => {
        runs++;
        await root.set("x", 1);
        throw new RangeError("no");
      }),
    RangeError,
  );
  await using connection = db.open();
  assertEquals([runs, await connection.root.keys()], [1, []]);
});

Deno.test("a doomed transaction can only be aborted", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("x", 1);
  connection.transactionManager.doom();
  await connection.root.set("y", 1);
  await assertRejects(() => connection.commit(), DoomedTransaction);
  await connection.abort();
  assertEquals(await connection.root.keys(), []);
});

/** Writes down what it hears. */
class Scribe implements DataManager {
  constructor(readonly name: string, readonly heard: string[], readonly fails?: string) {}
  sortKey(): string {
    return this.name;
  }
  #hear(what: string): void {
    this.heard.push(`${this.name} ${what}`);
    if (this.fails === what) throw new Error(`${this.name} fails at ${what}`);
  }
  tpcBegin(): void {
    this.#hear("begin");
  }
  commit(): void {
    this.#hear("commit");
  }
  tpcVote(): void {
    this.#hear("vote");
  }
  tpcFinish(): void {
    this.#hear("finish");
  }
  tpcAbort(): void {
    this.#hear("tpcAbort");
  }
  abort(): void {
    this.#hear("abort");
  }
}

Deno.test("those who take part are called in the order of their keys, step by step", async () => {
  const heard: string[] = [], manager = new TransactionManager(), transaction = await manager.begin();
  transaction.join(new Scribe("b", heard));
  transaction.join(new Scribe("a", heard));
  await transaction.commit();
  assertEquals(heard, ["begin", "commit", "vote", "finish"].flatMap((step) => [`a ${step}`, `b ${step}`]));
});

Deno.test("when one votes no, all give up, and the database has nothing of it", async () => {
  await using db = await DB.open();
  const heard: string[] = [], manager = new TransactionManager();
  await using connection = db.open({ transactionManager: manager });
  const last = db.lastTransaction;
  await connection.root.set("x", 1);
  manager.get().join(new Scribe("zzz", heard, "vote"));
  await assertRejects(() => manager.commit(), Error, "zzz fails at vote");
  assertEquals(heard, ["zzz begin", "zzz commit", "zzz vote", "zzz abort", "zzz tpcAbort"]);
  assertEquals(db.lastTransaction, last);
  await manager.abort();
  assertEquals(await connection.root.keys(), []);
  await connection.root.set("x", 1);
  await connection.commit();
});

Deno.test("hooks and synchronizers hear of the end; a before-hook's changes are committed too", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const heard: string[] = [], { transactionManager } = connection;
  transactionManager.registerSynchronizer({
    beforeCompletion: () => void heard.push("before"),
    afterCompletion: (transaction) => void heard.push(`after: ${transaction.status}`),
    newTransaction: () => void heard.push("new"),
  });
  const transaction = await transactionManager.begin();
  transaction.addBeforeCommitHook(() => connection.root.set("hooked", 1));
  transaction.addAfterCommitHook((committed) => void heard.push(`hook: ${committed}`));
  await connection.commit();
  await connection.abort();
  assertEquals(heard, ["new", "before", "after: committed", "hook: true", "before", "after: aborted"]);
  assertEquals(await connection.root.keys(), ["hooked"]);
});

Deno.test("a hook or synchronizer that fails before an abort doesn't stop it", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const { transactionManager } = connection;
  await connection.root.set("a", 1);
  transactionManager.get().addBeforeAbortHook(() => {
    throw new Error("told to the log");
  });
  await connection.abort();
  assertEquals([connection.hasChanges, await connection.root.has("a")], [false, false]);
  await connection.root.set("a", 1);
  const synchronizer = {
    beforeCompletion(): void {
      throw new Error("told to the caller");
    },
  };
  transactionManager.registerSynchronizer(synchronizer);
  await assertRejects(() => connection.abort(), Error, "told to the caller");
  transactionManager.unregisterSynchronizer(synchronizer);
  assertEquals([connection.hasChanges, await connection.root.has("a")], [false, false]);
});

Deno.test("an explicit manager wants a beginning", async () => {
  const manager = new TransactionManager({ explicit: true });
  await assertRejects(() => manager.commit(), NoTransaction);
  await manager.begin();
  await assertRejects(() => manager.begin(), Error, "already");
  await manager.commit();
});

Deno.test("several connections change together or not at all", async () => {
  await using one = await DB.open(), two = await DB.open();
  const transactionManager = new TransactionManager();
  await using a = one.open({ transactionManager }), b = two.open({ transactionManager });
  await a.root.set("x", 1);
  await b.root.set("x", 1);
  await two.transaction(({ root }) => root.set("x", 5));
  await assertRejects(() => transactionManager.commit(), ConflictError);
  await transactionManager.abort();
  assertEquals([await a.root.get("x"), await b.root.get("x")], [undefined, 5]);
});

Deno.test("many commits at once on one storage all get through", async () => {
  await using db = await DB.open(undefined, { pool: { size: 20 } });
  await db.transaction(({ root }) => root.set("n", 0));
  await Promise.all(Array.from({ length: 12 }, () =>
    db.transaction(async ({ root }) => {
      const n = (await root.get<number>("n"))!;
      await Promise.resolve();
      await root.set("n", n + 1);
    }, { retries: 100, backOff: 0.1 })));
  await using connection = db.open();
  assertEquals(await connection.root.get("n"), 12);
});

Deno.test("a change while the commit is under way is refused, not lost", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.commit();
  item.v = 2;
  const committing = connection.commit();
  let refused: unknown;
  await Promise.resolve();
  await Promise.resolve();
  try {
    item.v = 3;
  } catch (error) {
    refused = error;
  }
  await committing;
  await using other = db.open();
  const stored = (await other.root.get<Item>("item"))!.v;
  // Whichever came first: what the object shows is what is stored, or is still to be committed.
  assert(item._p_changed || stored === item.v, `${stored} is stored, ${item.v} shown, ${refused}`);
  await connection.abort();
});

Deno.test("a new object whose commit failed can be stored by the next one", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ v: 1, inner: new Item({ v: 2 }) });
  await connection.root.set("item", item);
  await db.transaction(({ root }) => root.set("other", 1));
  await assertRejects(() => connection.commit(), ConflictError);
  await connection.abort();
  assertEquals([item._p_oid, item.v, (item.inner as Item).v], [undefined, 1, 2]);
  await connection.root.set("item", item);
  await connection.savepoint();
  item.v = 3;
  await connection.abort();
  assertEquals([item._p_oid, item.v], [undefined, 3]);
  await connection.root.set("item", item);
  await connection.commit();
  await using check = db.open();
  const stored = (await check.root.get<Item>("item"))!;
  assertEquals([stored.v, (await load(stored.inner as Item)).v], [3, 2]);
});

Deno.test("a new object that has lost its state can't be stored", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.root.set("item", item);
  await connection.savepoint();
  item._p_deactivate();
  await connection.abort();
  await connection.root.set("item", item);
  await assertRejects(() => connection.commit(), Error, "has lost its state");
  await connection.abort();
});

Deno.test("a new object that is not written anywhere keeps its state whatever the cache is told", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item({ v: 1 });
  await connection.add(item);
  item._p_deactivate();
  connection.cacheMinimize();
  assertEquals([item._p_status, item.v], ["saved", 1]);
  await connection.savepoint();
  connection.cacheMinimize();
  assertEquals(item._p_status, "ghost");
  await connection.commit();
  assertEquals((await load(item)).v, 1);
  const lost = new Item({ v: 1 });
  await connection.add(lost);
  lost._p_invalidate();
  await assertRejects(() => connection.commit(), Error, "has lost its state");
  await connection.abort();
});

Deno.test("what is new since a savepoint keeps its state when it is gone back to", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  const root = await connection.root.map();
  root.set("before", 1);
  const savepoint = await connection.savepoint();
  const item = new Item({ v: 1 });
  root.set("item", item);
  await connection.savepoint();
  item.v = 2;
  await savepoint.rollback();
  assertEquals([item._p_oid, item.v], [undefined, 2]);
  await load(root);
  root.set("item", item);
  await connection.commit();
  await using other = db.open();
  assertEquals((await other.root.get<Item>("item"))!.v, 2);
});

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BeforeStorage, FileStorage, type FileStorageTransaction } from "../../../storage/mod.ts";
import {
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  POSKeyError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  tid,
  tidTime,
} from "../../../values/mod.ts";
import { commit, nobody, record, textOf } from "../samples.ts";

/** Object 1 has a, b, c and is deleted; object 2 comes with b. The four transactions are t1 to t4. */
async function withHistory(body: (base: FileStorage, tids: Tid[]) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using base = FileStorage.open(`${folder}/Data.fs`);
    const t1 = await commit(base, [[1, NO_TID, "a"]]);
    const t2 = await commit(base, [[1, t1, "b"], [2, NO_TID, "x"]]);
    const t3 = await commit(base, [[1, t2, "c"]]);
    const deleting: FileStorageTransaction = base.begin(nobody);
    deleting.deleteObject(oid(1), t3);
    await deleting.vote();
    await body(base, [t1, t2, t3, await deleting.finish()]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a call answers, or the name of what it throws. */
async function answer<T>(call: () => T | Promise<T>): Promise<T | string> {
  try {
    return await call();
  } catch (error) {
    return (error as Error).name;
  }
}

// What Python's zc.beforestorage answers to the same questions about the same history.
const EXPECTED = [
  { before: 0, last: -1, one: "POSKeyError", two: "POSKeyError", history: [], serials: [] },
  { before: 1, last: 0, one: ["a", 0], two: "POSKeyError", history: [0], serials: [0] },
  { before: 2, last: 1, one: ["b", 1], two: ["x", 1], history: [1, 0], serials: [0, 1] },
  { before: 3, last: 2, one: ["c", 2], two: ["x", 1], history: [2, 1, 0], serials: [0, 1, 2] },
  { before: 4, last: 3, one: "POSKeyError", two: ["x", 1], history: [3, 2, 1, 0], serials: [0, 1, 2] },
] as const;

for (const expected of EXPECTED) {
  Deno.test(`a view from before transaction ${expected.before + 1} shows what was there`, () =>
    withHistory(async (base, tids) => {
      const view = new BeforeStorage(base, tids[expected.before] ?? tid(tids[3] + 1n));
      const current = (id: Oid) =>
        answer(async () => {
          const serial = await view.getTid(id), loaded = (await view.loadBefore(id, MAX_TID))!;
          assertEquals([loaded.serial, loaded.end], [serial, null]);
          return [textOf(loaded.data), tids.indexOf(serial)];
        });
      assertEquals(await current(oid(1)), expected.one as unknown);
      assertEquals(await current(oid(2)), expected.two as unknown);
      assertEquals(await current(oid(9)), "POSKeyError");
      assertEquals((await view.history(oid(1), 9)).map(({ tid }) => tids.indexOf(tid)), [
        ...expected.history,
      ]);
      assertEquals(
        (await view.history(oid(1), 1)).map(({ tid }) => tids.indexOf(tid)),
        expected.history.slice(0, 1),
      );
      for (const [number, serial] of tids.entries()) {
        const found = await answer(async () => textOf(await view.loadSerial(oid(1), serial)));
        const there = (expected.serials as readonly number[]).includes(number);
        assertEquals(found, there ? "abc"[number] : "POSKeyError");
      }
      assertEquals(view.lastTransaction(), expected.before < 4 ? tids[expected.before] - 1n : tids[3]);
      assertEquals(
        (await view.lastInvalidations(9)).map((entry) => entry.tid),
        tids.slice(0, expected.before),
      );
      assertEquals(
        (await view.lastInvalidations(1)).map((entry) => entry.tid),
        tids.slice(0, expected.before).slice(-1),
      );
      const iterated: Tid[] = [];
      for await (const transaction of view.transactions()) iterated.push(transaction.tid);
      assertEquals(iterated, tids.slice(0, expected.before));
    }));
}

Deno.test("a load of an earlier revision has the end that can be seen", () =>
  withHistory(async (base, [t1, t2, t3]) => {
    const view = new BeforeStorage(base, t3);
    const early = (await view.loadBefore(oid(1), t2))!;
    assertEquals([textOf(early.data), early.serial, early.end], ["a", t1, t2]);
    assertEquals(await view.loadBefore(oid(1), t1), null);
  }));

Deno.test("what is committed later can't be seen", () =>
  withHistory(async (base, tids) => {
    const view = new BeforeStorage(base, tid(tids[3] + 1n));
    const later = await commit(base, [[2, tids[1], "y"], [3, NO_TID, "new"]]);
    assertEquals(textOf((await view.loadBefore(oid(2), MAX_TID))!.data), "x");
    assertEquals(await view.loadBefore(oid(3), MAX_TID), null);
    await assertRejects(async () => await view.getTid(oid(3)), POSKeyError);
    await assertRejects(async () => await view.loadSerial(oid(2), later), POSKeyError);
    assertEquals(view.lastTransaction(), tids[3]);
  }));

Deno.test("a view takes no changes", () =>
  withHistory(async (base, tids) => {
    const view = new BeforeStorage(base, tids[2]);
    assertEquals(view.readOnly, true);
    assertThrows(() => view.newOids(), ReadOnlyError);
    const transaction = view.begin();
    transaction.store();
    assertThrows(() => transaction.vote(), ReadOnlyError);
    assertThrows(() => transaction.finish(), StorageTransactionError);
    transaction.abort();
    await assertRejects(() => commit(view, [[1, NO_TID, record("z")]]), ReadOnlyError);
    assertEquals(base.lastTransaction(), tids[3]);
  }));

Deno.test("a view is named after its moment, and can be made of one", () =>
  withHistory(async (base, [t1, t2]) => {
    const moment = new Date("2008-01-21T18:22:45.500Z");
    assertEquals(new BeforeStorage(base, moment).name, `${base.name} before 2008-01-21 18:22:45.500`);
    assertEquals(new BeforeStorage(base, moment).before.toString(16), "3733acec2222222");
    assertEquals(new BeforeStorage(base, new Date(tidTime(t1) + 60_000)).lastTransaction() > t2, true);
    await Promise.resolve();
  }));

import { assert, assertEquals, assertRejects } from "@std/assert";
import { MAX_TID, NO_TID, oid, POSKeyError, type Tid, tid } from "../../../values/mod.ts";
import { linked } from "../file/pack_samples.ts";
import { commit, packTo, revisions, textAt } from "../samples.ts";
import { everyPackableStorage } from "./kinds.ts";

everyPackableStorage(
  "a pack drops the revisions that were not current any more, and no other",
  async (storage) => {
    const [a, b, c] = await revisions(storage, 0, ["a", "b", "c"]);
    await packTo(storage, b);
    assertEquals((await storage.history(oid(0), 9)).map(({ tid }) => tid), [c, b]);
    await assertRejects(async () => await storage.loadSerial(oid(0), a), POSKeyError);
    assertEquals([await textAt(storage, 0, c), await textAt(storage, 0)], ["b", "c"]);
    assertEquals([storage.lastTransaction(), storage.length()], [c, 1]);
    await packTo(storage, c);
    assertEquals((await storage.history(oid(0), 9)).map(({ tid }) => tid), [c]);
  },
);

everyPackableStorage(
  "a pack drops what nothing refers to, where it can know that",
  async (storage, { collects }) => {
    const first = await commit(storage, [
      [0, NO_TID, linked("root", [1, 3])],
      [1, NO_TID, linked("one", [2])],
      [2, NO_TID, linked("two", [1])],
      [3, NO_TID, linked("three")],
      [9, NO_TID, linked("never in use")],
    ]);
    const second = await commit(storage, [[0, first, linked("root", [3])]]);
    await packTo(storage, second);
    for (const id of [0, 3]) assert(await storage.getTid(oid(id)));
    for (const id of [1, 2, 9]) {
      if (collects) await assertRejects(async () => await storage.getTid(oid(id)), POSKeyError);
      else assertEquals(await storage.getTid(oid(id)), first);
    }
    assertEquals(storage.length(), collects ? 2 : 5);
  },
);

everyPackableStorage(
  "an object that came into being after the pack time stays",
  async (storage) => {
    const first = await commit(storage, [[0, NO_TID, linked("root")]]);
    const second = await commit(storage, [[7, NO_TID, linked("new")], [0, first, linked("root", [7])]]);
    await packTo(storage, first);
    assertEquals(await storage.getTid(oid(7)), second);
  },
);

everyPackableStorage("commits go on after a pack, with later ids and the objects free", async (storage) => {
  const [, b] = await revisions(storage, 0, ["a", "b"]);
  await packTo(storage, b);
  const c = await commit(storage, [[0, b, "c"]]);
  assert(c > b);
  assertEquals([await textAt(storage, 0), await textAt(storage, 0, c)], ["c", "b"]);
  const [id] = await storage.newOids(1);
  assert(id > 0n);
  assertEquals(storage.lastTransaction(), c);
});

everyPackableStorage("what is voted while a pack runs can be finished after it", async (storage) => {
  const [, b] = await revisions(storage, 0, ["a", "b"]);
  const packing = packTo(storage, b);
  let serial: Tid = b;
  for (const text of ["c", "d", "e"]) serial = await commit(storage, [[0, serial, text]]);
  await packing;
  assertEquals(await textAt(storage, 0), "e");
  const told = (await storage.history(oid(0), 9)).map(({ tid }) => tid);
  assertEquals([told[0], told.length >= 3], [serial, true]);
  await commit(storage, [[0, serial, "f"]]);
});

everyPackableStorage(
  "packing an empty storage, or to before its first transaction, changes nothing",
  async (storage) => {
    await packTo(storage, tid(0x03d0_0000_0000_0000n));
    assertEquals([storage.length(), storage.lastTransaction()], [0, NO_TID]);
    const tids = await revisions(storage, 0, ["a", "b"]);
    await packTo(storage, tid(0x03d1_0000_0000_0000n));
    assertEquals((await storage.history(oid(0), 9)).map(({ tid }) => tid), tids.toReversed());
  },
);

everyPackableStorage(
  "S07 a reference that moves while one pack after the other runs never leads to nothing",
  async (storage) => {
    let last = await commit(storage, [
      [0, NO_TID, linked("root", [1, 2])],
      [1, NO_TID, linked("one", [9])],
      [2, NO_TID, linked("two")],
      [9, NO_TID, linked("nine")],
    ]);
    let unused = last;
    for (let turn = 0; turn < 5; turn++) {
      // To a moment at which nothing referred to it, but for the first time.
      const packing = packTo(storage, unused);
      // In one transaction, as whoever moves something does; then to the other, to nobody, and back in use.
      for (const [one, two] of [[[], [9]], [[9], []], [[], []], [[9], []]]) {
        last = await commit(storage, [[1, last, linked("one", one)], [2, last, linked("two", two)]]);
        if (one.length + two.length === 0) unused = last;
      }
      await packing;
      assertEquals((await storage.loadBefore(oid(9), MAX_TID))?.data, linked("nine"), `turn ${turn}`);
      assertEquals(await storage.getTid(oid(2)), last);
    }
  },
);

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { Global, writeRecord } from "../../../pickle/mod.ts";
import {
  BlobDirectory,
  capabilitiesOf,
  DemoStorage,
  FileStorage,
  MappingStorage,
  type Storage,
  StorageWithBlobs,
} from "../../../storage/mod.ts";
import {
  ConflictError,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  POSKeyError,
  ReadConflictError,
  StorageError,
  StorageTransactionError,
  type Tid,
  tid,
  tidTime,
  UndoError,
} from "../../../values/mod.ts";
import { until } from "../../server/serving.ts";
import { bytes, commit, nobody, record, textOf } from "../samples.ts";

/** A base with a, b and c as objects 1 to 3, and then B as 2; and changes, both files. */
interface Demo {
  readonly demo: DemoStorage;
  readonly base: FileStorage;
  readonly changes: FileStorage;
  readonly t1: Tid;
  readonly t2: Tid;
}

async function withDemo(body: (demo: Demo) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const base = FileStorage.open(`${folder}/Base.fs`);
    const t1 = await commit(base, [[1, NO_TID, "a"], [2, NO_TID, "b"], [3, NO_TID, "c"]]);
    const t2 = await commit(base, [[2, t1, "B"]]);
    const changes = FileStorage.open(`${folder}/Changes.fs`);
    await using demo = new DemoStorage({ base, changes });
    await body({ demo, base, changes, t1, t2 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function load(storage: Storage, id: number, before: Tid = MAX_TID) {
  const loaded = await storage.loadBefore(oid(id), before);
  return loaded && [textOf(loaded.data), loaded.serial, loaded.end];
}

async function remove(storage: FileStorage, id: number, serial: Tid): Promise<Tid> {
  const transaction = storage.begin(nobody);
  transaction.deleteObject(oid(id), serial);
  await transaction.vote();
  return await transaction.finish();
}

async function undo(storage: DemoStorage, ...tids: Tid[]): Promise<Tid> {
  const transaction = storage.begin(nobody);
  for (const tid of tids) transaction.undo(tid);
  await transaction.vote();
  return await transaction.finish();
}

Deno.test("objects are as the base has them until they are changed, and the base stays as it is", () =>
  withDemo(async ({ demo, base, t1, t2 }) => {
    assertEquals(await load(demo, 1), ["a", t1, null]);
    assertEquals(demo.lastTransaction(), t2);
    const t3 = await commit(demo, [[1, t1, "A"], [9, NO_TID, "new"]]);
    assertEquals(await load(demo, 1), ["A", t3, null]);
    assertEquals(await load(demo, 1, t3), ["a", t1, t3]);
    assertEquals(await load(demo, 2), ["B", t2, null]);
    assertEquals(await load(demo, 2, t2), ["b", t1, t2]);
    assertEquals(await load(demo, 9), ["new", t3, null]);
    assertEquals(await load(demo, 9, t3), null);
    assertEquals(await load(base, 1), ["a", t1, null]);
    assertEquals([await demo.getTid(oid(1)), await demo.getTid(oid(2))], [t3, t2]);
    assertEquals(textOf(await demo.loadSerial(oid(1), t1)), "a");
    assertEquals(demo.lastTransaction(), t3);
    assertEquals([demo.length(), base.lastTransaction()], [2, t2]);
    await assertRejects(async () => await demo.loadBefore(oid(77), MAX_TID), POSKeyError);
    await assertRejects(async () => await demo.getTid(oid(77)), POSKeyError);
    await assertRejects(async () => await demo.history(oid(77), 1), POSKeyError);
  }));

Deno.test("history, invalidations and iteration go through the changes and the base", () =>
  withDemo(async ({ demo, t1, t2 }) => {
    const t3 = await commit(demo, [[2, t2, "β"]]);
    const history = async (id: number, size: number) =>
      (await demo.history(oid(id), size)).map(({ tid }) => tid);
    assertEquals(await history(2, 9), [t3, t2, t1]);
    assertEquals([await history(2, 1), await history(2, 2)], [[t3], [t3, t2]]);
    assertEquals((await demo.lastInvalidations(2)).map(({ tid }) => tid), [t2, t3]);
    const iterated: Tid[] = [];
    for await (const { tid } of demo.transactions()) iterated.push(tid);
    assertEquals(iterated, [t1, t2, t3]);
  }));

Deno.test("S13 an object that the changes have deleted does not come back from the base", () =>
  withDemo(async ({ demo, changes, t1 }) => {
    const t3 = await commit(demo, [[1, t1, "A"]]);
    const t4 = await remove(changes, 1, t3);
    await assertRejects(async () => await demo.loadBefore(oid(1), MAX_TID), POSKeyError);
    await assertRejects(async () => await demo.getTid(oid(1)), POSKeyError);
    assertEquals(await load(demo, 1, t4), ["A", t3, t4]);
    assertEquals(await load(demo, 1, t3), ["a", t1, t3]);
    // Whoever still has an older revision can't bring it back.
    for (const serial of [NO_TID, t1, t3]) {
      await assertRejects(() => commit(demo, [[1, serial, "again"]]), ConflictError);
    }
    const t5 = await commit(demo, [[1, t4, "anew"]]);
    assertEquals(await load(demo, 1), ["anew", t5, null]);
  }));

Deno.test("a store has to start from the revision that is current, in the changes or else in the base", () =>
  withDemo(async ({ demo, t1, t2 }) => {
    for (const serial of [t1, NO_TID]) {
      const error = await assertRejects(() => commit(demo, [[2, serial, "late"]]), ConflictError);
      assertEquals(error.conflict, {
        oid: oid(2),
        committed: t2,
        read: serial,
        className: "persistent.mapping.PersistentMapping",
      });
    }
    const t3 = await commit(demo, [[2, t2, "β"]]);
    const error = await assertRejects(() => commit(demo, [[2, t2, "late"]]), ConflictError);
    assertEquals([error.conflict.committed, error.conflict.read], [t3, t2]);
    // As in a file: an object that nobody has seen can have any serial.
    assertEquals((await load(demo, 2))![0], "β");
    await commit(demo, [[100, t1, "anything"]]);
  }));

Deno.test("a check is made against the changes or else the base", () =>
  withDemo(async ({ demo, t1, t2 }) => {
    const check = async (id: number, serial: Tid) => {
      const transaction = demo.begin(nobody);
      transaction.checkCurrent(oid(id), serial);
      assertEquals(transaction.checks, [oid(id)]);
      await transaction.vote();
      transaction.abort();
    };
    await check(1, t1);
    await assertRejects(() => check(1, t2), ReadConflictError);
    await assertRejects(() => check(200, NO_TID), POSKeyError);
    const t3 = await commit(demo, [[1, t1, "A"]]);
    await check(1, t3);
    await assertRejects(() => check(1, t1), ReadConflictError);
  }));

Deno.test("undoing the first change of an object shows the base's revision again", () =>
  withDemo(async ({ demo, t1 }) => {
    const t3 = await commit(demo, [[1, t1, "A"], [9, NO_TID, "new"]]);
    const t4 = await undo(demo, t3);
    assertEquals(await load(demo, 1), ["a", t4, null]);
    await assertRejects(async () => await demo.loadBefore(oid(9), MAX_TID), POSKeyError);
    const t5 = await undo(demo, t4);
    assertEquals([await load(demo, 1), await load(demo, 9)], [["A", t5, null], ["new", t5, null]]);
    assertEquals((await demo.undoLog(0, -9)).map(({ tid }) => tid), [t5, t4, t3]);
  }));

Deno.test("several changes can be undone at once, and later ones stand in the way of one", () =>
  withDemo(async ({ demo, t1 }) => {
    const t3 = await commit(demo, [[1, t1, "A"]]);
    const t4 = await commit(demo, [[1, t3, "AA"]]);
    await assertRejects(() => undo(demo, t3), UndoError);
    assertEquals(await load(demo, 1), ["AA", t4, null]);
    const t5 = await undo(demo, t4, t3);
    assertEquals(await load(demo, 1), ["a", t5, null]);
  }));

Deno.test("an undo comes after what its transaction has stored before it, as in a file", () =>
  withDemo(async ({ demo, t1 }) => {
    const t3 = await commit(demo, [[1, t1, "A"]]);
    const transaction = demo.begin(nobody);
    transaction.store(oid(1), t3, record("AA"));
    transaction.undo(t3);
    await assertRejects(async () => await transaction.vote(), UndoError);
    assertEquals(await load(demo, 1), ["A", t3, null]);
  }));

const counter = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);

for (const place of ["in memory", "in a file"]) {
  Deno.test(`concurrent changes of one revision of the base are merged (${place})`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const base = new MappingStorage();
      const t1 = await commit(base, [[1, NO_TID, counter(1)]]);
      const changes = place === "in memory" ? undefined : FileStorage.open(`${folder}/Changes.fs`);
      await using demo = new DemoStorage({ base, changes });
      const add = async (value: number) => {
        const transaction = demo.begin(nobody);
        transaction.store(oid(1), t1, counter(1 + value));
        assertEquals(transaction.changes, [oid(1)]);
        const resolved = await transaction.vote();
        return [resolved, await transaction.finish()] as const;
      };
      const [unresolved] = await add(10), [resolved, t3] = await add(100);
      assertEquals([unresolved, resolved], [[], [oid(1)]]);
      assertEquals(await demo.loadSerial(oid(1), t3), counter(111));
      // And one that started from a revision in the changes.
      const late = demo.begin(nobody);
      const t4 = await commit(demo, [[1, t3, counter(112)]]);
      late.store(oid(1), t3, counter(1111));
      assertEquals(await late.vote(), [oid(1)]);
      assertEquals(await demo.loadSerial(oid(1), await late.finish()), counter(1112));
      assert(t4 > t3);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

for (const place of ["in memory", "in a file"]) {
  Deno.test(`changes are merged beside a blob, also where the caller would do it (${place})`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const base = new MappingStorage();
      const t1 = await commit(base, [[1, NO_TID, counter(1)], [2, NO_TID, "blob"]]);
      const changes = place === "in memory"
        ? undefined
        : FileStorage.open(`${folder}/Changes.fs`, { blobDir: `${folder}/blobs` });
      await using demo = new DemoStorage({ base, changes });
      const t2 = await commit(demo, [[1, t1, counter(11)]]);
      const blob = demo.receiveBlob();
      blob.write(bytes("content"));
      blob.close();
      const transaction = demo.begin(nobody, { callerResolves: true });
      transaction.store(oid(1), t1, counter(101));
      // As clients do, who send a blob's record twice.
      transaction.store(oid(2), t1, record("blob"));
      transaction.storeBlob(oid(2), t1, record("blob"), blob.path);
      assertEquals(await transaction.vote(), [oid(1)]);
      const t3 = await transaction.finish();
      assert(t3 > t2);
      assertEquals(await demo.loadSerial(oid(1), t3), counter(111));
      assertEquals(Deno.readTextFileSync(await demo.loadBlob(oid(2), t3)), "content");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("of many and big changes in one transaction the later for an object counts", () =>
  withDemo(async ({ demo, t1 }) => {
    const big = (fill: number) => new Uint8Array(3 << 20).fill(fill);
    const transaction = demo.begin(nobody);
    for (let fill = 1; fill <= 4; fill++) transaction.store(oid(1), t1, big(fill));
    transaction.store(oid(3), t1, big(9));
    transaction.store(oid(3), t1, record("last"));
    await transaction.vote();
    const t3 = await transaction.finish();
    assertEquals((await demo.loadBefore(oid(1), MAX_TID))!.data[0], 4);
    assertEquals(await load(demo, 3), ["last", t3, null]);
  }));

Deno.test("a transaction that is given up, or in the wrong state, changes nothing", () =>
  withDemo(async ({ demo, t1, t2 }) => {
    const transaction = demo.begin(nobody);
    transaction.store(oid(1), t1, record("A"));
    const voting = transaction.vote();
    transaction.abort();
    await assertRejects(() => voting, StorageTransactionError);
    transaction.abort();
    await assertRejects(async () => await transaction.finish(), StorageTransactionError);
    await assertRejects(async () => await transaction.vote(), StorageTransactionError);
    assertEquals([await load(demo, 1), demo.lastTransaction()], [["a", t1, null], t2]);
    await commit(demo, [[1, t1, "A"]]);
  }));

Deno.test("new object ids start at a random place and are nobody's", () =>
  withDemo(async ({ base, t1 }) => {
    // The first start is at the base's objects, and so is the next one, in its middle.
    const numbers = [0, 0, 0, 1.5 / 2 ** 31, 0.5, 0.25];
    const changes = new MappingStorage();
    const demo = new DemoStorage({ base, changes, random: () => numbers.shift()! });
    const far = (1n << 61n) + (1n << 29n) + 1n;
    assertEquals(await demo.newOids(3), [far, far + 1n, far + 2n] as Oid[]);
    await commit(demo, [[far + 3n, NO_TID, "taken"], [1, t1, "A"]]);
    numbers.push(0.5, 0.5);
    assertEquals(await demo.newOids(1), [(1n << 61n) + (1n << 30n) + 1n] as Oid[]);
    const one = new DemoStorage(), other = new DemoStorage();
    const [first] = await one.newOids(1), [second] = await other.newOids(1);
    assert(first !== second && first > 0n && first < 2n ** 62n + 9n);
    await Promise.all([one.close(), other.close()]);
  }));

Deno.test("changes are later than a base from the future", async () => {
  const future = tid(0x2000_0000n << 32n);
  for (const place of ["in memory", "elsewhere"]) {
    const base = new MappingStorage();
    await commit(base, [[1, NO_TID, "a"]], {}, { tid: future });
    const changes = place === "in memory" ? undefined : new MappingStorage();
    await using demo = new DemoStorage({ base, changes });
    const first = await commit(demo, [[1, future, "b"]]);
    const second = await commit(demo, [[1, first, "c"]]);
    assert(future < first && first < second);
    assertEquals(await load(demo, 1, first), ["a", future, first]);
  }
});

Deno.test("its name tells what it is made of, its capabilities what the changes can", () =>
  withDemo(async ({ demo, base, changes }) => {
    assertEquals(demo.name, `DemoStorage('${base.name}', '${changes.name}')`);
    assertEquals(capabilitiesOf(demo), ["IStorageUndoable", "IStorage", "IStorageIteration"]);
    await using memory = new DemoStorage();
    assertEquals(memory.name, "DemoStorage('MappingStorage', 'MappingStorage')");
    assert(capabilitiesOf(memory).includes("IBlobStorage"));
    await using named = new DemoStorage({ name: "x" });
    assertEquals(named.name, "x");
  }));

Deno.test("a pack keeps what the base refers to, and forgets no deletion", () =>
  withDemo(async ({ demo, changes, t1 }) => {
    let last = await commit(demo, [[1, t1, "A1"], [50, NO_TID, "nobody refers to me"]]);
    for (const text of ["A2", "A3"]) last = await commit(demo, [[1, last, text]]);
    // A pack doesn't reach into the future, where ids are that were given out faster than the clock goes.
    await until(() => Date.now() > tidTime(last) + 1, "a later time");
    const result = await demo.pack!(Date.now() / 1000 + 1);
    assertEquals([result.outcome, result.objects], ["packed", [2, 2]]);
    assertEquals([(await load(demo, 1))![0], (await load(demo, 50))![0]], ["A3", "nobody refers to me"]);
    await remove(changes, 1, last);
    const error = await assertRejects(() => demo.pack!(Date.now() / 1000 + 1), StorageError);
    assertMatch(error.message, /object 0x01 of the base is gone/);
    await assertRejects(async () => await demo.loadBefore(oid(1), MAX_TID), POSKeyError);
  }));

Deno.test("blobs are found in the changes or else in the base, and an undo shows the base's again", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = async (storage: StorageWithBlobs | DemoStorage, serial: Tid, text: string) => {
      const blob = storage.receiveBlob();
      blob.write(bytes(text));
      blob.close();
      const transaction = storage.begin(nobody);
      transaction.storeBlob(oid(1), serial, record("blob"), blob.path);
      await transaction.vote();
      return await transaction.finish();
    };
    const base = FileStorage.open(`${folder}/Base.fs`, { blobDir: `${folder}/base` });
    const changes = FileStorage.open(`${folder}/Changes.fs`, { blobDir: `${folder}/changes` });
    const t1 = await store(base as unknown as StorageWithBlobs, NO_TID, "one");
    await using demo = new DemoStorage({ base, changes });
    const content = (serial: Tid) => Deno.readTextFileSync(demo.loadBlob(oid(1), serial) as string);
    assertEquals(content(t1), "one");
    const t2 = await store(demo, t1, "two");
    assertEquals([content(t1), content(t2)], ["one", "two"]);
    const t3 = await undo(demo, t2);
    assertEquals([(await load(demo, 1))![1], content(t3)], [t3, "one"]);
    await assertRejects(() => Promise.resolve().then(() => demo.loadBlob(oid(9), t1)), POSKeyError);
    const memory = new DemoStorage({
      base: new StorageWithBlobs(new MappingStorage(), BlobDirectory.open(`${folder}/m`)),
    });
    const place = memory.temporaryDirectory;
    const t4 = await store(memory, NO_TID, "three");
    assertEquals(Deno.readTextFileSync(await memory.loadBlob(oid(1), t4)), "three");
    await memory.close();
    await assertRejects(() => Deno.stat(place), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("demo storages can be stacked", () =>
  withDemo(async ({ demo, t1, t2 }) => {
    const t3 = await commit(demo, [[1, t1, "A"]]);
    const top = new DemoStorage({ base: demo, changes: new MappingStorage() });
    const t4 = await commit(top, [[1, t3, "AA"], [2, t2, "BB"]]);
    assertEquals([await load(top, 1), await load(demo, 1)], [["AA", t4, null], ["A", t3, null]]);
    assertEquals([await load(top, 1, t4), await load(top, 1, t3)], [["A", t3, t4], ["a", t1, t3]]);
    const error = await assertRejects(() => commit(top, [[3, t2, "late"]]));
    assertInstanceOf(error, ConflictError);
  }));

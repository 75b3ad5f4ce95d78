import { assert, assertEquals, assertRejects } from "@std/assert";
import { Dict, dumpPickle } from "../../../pickle/mod.ts";
import {
  FileStorage,
  type IterableStorage,
  type RestorableStorage,
  type Storage,
  supportsCurrentRecordIteration,
  supportsDelete,
  supportsUndo,
} from "../../../storage/mod.ts";
import { NO_TID, type Oid, oid, POSKeyError, type Tid, tid } from "../../../values/mod.ts";
import { bytes, commit, record, remove, revisions, textOf, undo } from "../samples.ts";
import { everyIterableStorage, everyStorage, inFolder } from "./kinds.ts";

/** A transaction with its records, as plain values. */
interface Told {
  readonly tid: Tid;
  readonly status: string;
  readonly said: readonly Uint8Array[];
  readonly records: readonly (readonly [oid: Oid, tid: Tid, text: string | null, dataTid: Tid | null])[];
}

/** All that an iteration tells. */
async function told(storage: IterableStorage, start?: Tid, stop?: Tid): Promise<Told[]> {
  const found: Told[] = [];
  for await (const transaction of storage.transactions(start, stop)) {
    const { tid, status, user, description, extension } = transaction;
    const records: Told["records"][number][] = [];
    for await (const { oid, tid, data, dataTid } of transaction.records()) {
      records.push([oid, tid, data && textOf(data), dataTid]);
    }
    found.push({ tid, status, said: [user, description, extension], records });
  }
  return found;
}

const tidsOf = async (storage: IterableStorage, start?: Tid, stop?: Tid): Promise<Tid[]> =>
  (await told(storage, start, stop)).map(({ tid }) => tid);

/** Transactions of every sort that the storage has. */
async function variedHistory(storage: Storage): Promise<void> {
  const extension = dumpPickle(Dict.from([["request", "GET"], ["depth", 3]]), { memo: true });
  const first = await commit(storage, [[0, NO_TID, "root"], [1, NO_TID, "a"], [2, NO_TID, "b"]], {
    user: bytes("/ somebody"),
    description: bytes("größer"),
    extension,
  });
  await commit(storage, [], { description: bytes("nothing") });
  const second = await commit(storage, [[1, first, "a2"], [2, first, "b2"]]);
  if (supportsUndo(storage)) {
    for (const undone of [second, first]) await undo(storage, undone);
  }
  if (supportsDelete(storage)) {
    const serial = await commit(storage, [[5, NO_TID, "to be deleted"]]);
    await remove(storage, 5, serial);
  }
}

everyIterableStorage("iteration tells all transactions and their records, oldest first", async (storage) => {
  assertEquals(await told(storage), []);
  const extension = dumpPickle(Dict.from([["request", "GET"]]), { memo: true });
  const metadata = { user: bytes("/ somebody"), description: bytes("größer"), extension };
  const first = await commit(storage, [[2, NO_TID, "two"], [1, NO_TID, "one"]], metadata);
  const empty = await commit(storage, []);
  const second = await commit(storage, [[1, first, "one again"]]);
  const nothing = [bytes(""), bytes(""), bytes("")];
  assertEquals(await told(storage), [
    {
      tid: first,
      status: " ",
      said: [metadata.user, metadata.description, extension],
      records: [[oid(2), first, "two", null], [oid(1), first, "one", null]],
    },
    { tid: empty, status: " ", said: nothing, records: [] },
    { tid: second, status: " ", said: nothing, records: [[oid(1), second, "one again", null]] },
  ]);
});

everyIterableStorage("iteration may begin and end anywhere, both ends included", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c", "d"]);
  const [a, b, c, d] = tids;
  assertEquals(await tidsOf(storage, a, d), tids);
  assertEquals(await tidsOf(storage, b), [b, c, d]);
  assertEquals(await tidsOf(storage, undefined, b), [a, b]);
  assertEquals(await tidsOf(storage, b, c), [b, c]);
  assertEquals(await tidsOf(storage, c, c), [c]);
  assertEquals(await tidsOf(storage, tid(a + 1n), tid(d - 1n)), [b, c]);
  assertEquals(await tidsOf(storage, c, b), []);
  assertEquals(await tidsOf(storage, tid(d + 1n)), []);
  assertEquals(await tidsOf(storage, NO_TID, tid(a - 1n)), []);
});

everyIterableStorage(
  "a record that was brought back says whose data it shares",
  async (storage, { undoes }) => {
    assertEquals(supportsUndo(storage), undoes);
    if (!supportsUndo(storage)) return;
    const [a, b] = await revisions(storage, 1, ["a", "b"]);
    const made = await commit(storage, [[2, NO_TID, "new"]]);
    const undone = [await undo(storage, made), await undo(storage, b)];
    assertEquals((await told(storage, undone[0])).map(({ records }) => records), [
      [[oid(2), undone[0], null, null]],
      [[oid(1), undone[1], "a", a]],
    ]);
  },
);

everyIterableStorage(
  "an iteration that is broken off leaves nothing behind, and the next one is whole",
  async (storage) => {
    const tids = await revisions(storage, 1, ["a", "b", "c"]);
    for (let round = 0; round < 3; round++) {
      for await (const transaction of storage.transactions()) {
        assertEquals(transaction.tid, tids[0]);
        for await (const { oid: id } of transaction.records()) {
          assertEquals(id, oid(1));
          break;
        }
        break;
      }
    }
    assertEquals(await tidsOf(storage), tids);
  },
);

everyIterableStorage("two iterations side by side don't disturb each other", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c"]);
  const pairs: Tid[][] = [];
  for await (const one of storage.transactions()) {
    for await (const two of storage.transactions(one.tid)) pairs.push([one.tid, two.tid]);
    for await (const { tid } of one.records()) assertEquals(tid, one.tid);
  }
  const [a, b, c] = tids;
  assertEquals(pairs, [[a, a], [a, b], [a, c], [b, b], [b, c], [c, c]]);
});

everyIterableStorage(
  "S18 iteration while others commit tells the transactions without a hole",
  async (storage) => {
    const committed: Tid[] = [];
    let stopped = false;
    const writing = Promise.all([1, 2, 3].map(async (id) => {
      let serial = NO_TID;
      while (!stopped) {
        serial = await commit(storage, [[id, serial, `${committed.length}`]]);
        committed.push(serial);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    }));
    try {
      for (let round = 0, last = 0; round < 12 || last < 30; round++) {
        // What was acknowledged before is in it; what comes meanwhile may be, and then all before that is too.
        await new Promise((resolve) => setTimeout(resolve, 1));
        const before = committed.length;
        const seen: Tid[] = [];
        for await (const transaction of storage.transactions()) {
          seen.push(transaction.tid);
          let records = 0;
          for await (const { tid } of transaction.records()) {
            assertEquals(tid, transaction.tid);
            records++;
          }
          assertEquals(records, 1);
        }
        assert(seen.length >= before, `${before} were committed, ${seen.length} were told`);
        // Until all that were told have been acknowledged: then they can be compared.
        const deadline = Date.now() + 20_000;
        while (!seen.every((tid) => committed.includes(tid))) {
          assert(Date.now() < deadline, "a transaction was told that nobody has made");
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const inOrder = committed.toSorted((one, two) => one < two ? -1 : 1);
        assertEquals(seen, inOrder.slice(0, seen.length));
        last = seen.length;
      }
    } finally {
      stopped = true;
      await writing;
    }
    assertEquals(await tidsOf(storage), committed.toSorted((one, two) => one < two ? -1 : 1));
  },
);

everyIterableStorage(
  "S02 whatever can be gone through can be copied, transaction by transaction",
  async (storage) => {
    await variedHistory(storage);
    await inFolder(async (folder) => {
      await using copy = FileStorage.open(`${folder}/Copy.fs`);
      await copyTransactions(storage, copy);
      assertEquals(await told(copy), await told(storage));
      assertEquals(copy.lastTransaction(), storage.lastTransaction());
    });
  },
);

everyStorage(
  "S02 what takes copies of transactions is the same as their origin then",
  async (storage, { restores }) => {
    if (!restores) return assertEquals("restore" in storage, false);
    await inFolder(async (folder) => {
      await using origin = FileStorage.open(`${folder}/Origin.fs`);
      await variedHistory(origin);
      await copyTransactions(origin, storage as RestorableStorage);
      assertEquals(await told(storage as IterableStorage & Storage), await told(origin));
      assertEquals([storage.length(), storage.size()], [origin.length(), origin.size()]);
    });
  },
);

/** Copies a storage into another one. */
async function copyTransactions(from: IterableStorage, to: RestorableStorage): Promise<void> {
  for await (const { tid, status, user, description, extension, records } of copied(from)) {
    const transaction = to.begin({ user, description, extension }, { tid, status });
    for (const { oid, tid, data, dataTid } of records) transaction.restore(oid, tid, data, dataTid);
    await transaction.vote();
    assertEquals(await transaction.finish(), tid);
  }
}

async function* copied(from: IterableStorage) {
  for await (const transaction of from.transactions()) {
    const records = [];
    for await (const each of transaction.records()) records.push(each);
    const { tid, status, user, description, extension } = transaction;
    yield { tid, status, user, description, extension, records };
  }
}

everyIterableStorage(
  "the current records can be gone through by their ids, where they can at all",
  async (storage, kind) => {
    if (!supportsCurrentRecordIteration(storage)) {
      await commit(storage, [[1, NO_TID, "a"]]);
      return assert(kind.name.startsWith("DemoStorage") || kind.name.startsWith("MappingStorage"));
    }
    assertEquals(await storage.currentRecord(oid(0)), null);
    const far = oid(2n ** 40n);
    const first = await commit(storage, [[3, NO_TID, "three"], [1, NO_TID, "one"], [far, NO_TID, "far"]]);
    const second = await commit(storage, [[1, first, "one again"]]);
    assertEquals(await storage.currentRecord(oid(0)), {
      oid: oid(1),
      tid: second,
      data: record("one again"),
      next: oid(3),
    });
    assertEquals((await storage.currentRecord(oid(2)))!.oid, oid(3));
    assertEquals(await storage.currentRecord(far), { oid: far, tid: first, data: record("far"), next: null });
    assertEquals(await storage.currentRecord(oid(far + 1n)), null);
    if (!supportsDelete(storage)) return;
    await remove(storage, 3, first);
    await assertRejects(async () => await storage.currentRecord(oid(3)), POSKeyError);
  },
);

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Dict, dumpPickle } from "../../../pickle/mod.ts";
import type { Storage, StorageTransaction } from "../../../storage/mod.ts";
import {
  equalBytes,
  MAX_TID,
  NO_TID,
  oid,
  POSKeyError,
  StorageTransactionError,
  type Tid,
} from "../../../values/mod.ts";
import { bytes, commit, nobody, noise, record, textOf } from "../samples.ts";
import { everyDeletingStorage, everyStorage } from "./kinds.ts";

const current = async (storage: Storage, id: number): Promise<string> =>
  textOf((await storage.loadBefore(oid(id), MAX_TID))!.data);

function storing(storage: Storage, id: number, serial: Tid, text: string): StorageTransaction {
  const transaction = storage.begin(nobody);
  transaction.store(oid(id), serial, record(text));
  return transaction;
}

/** Calls, and answers what was thrown or rejected. */
async function refused(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
}

everyStorage("nothing of a transaction can be seen before it is finished", async (storage) => {
  const first = await commit(storage, [[1, NO_TID, "old"]]);
  const size = storage.size();
  const transaction = storing(storage, 1, first, "new");
  transaction.store(oid(2), NO_TID, record("made"));
  const unchanged = async () => {
    assertEquals(await current(storage, 1), "old");
    await assertRejects(async () => await storage.loadBefore(oid(2), MAX_TID), POSKeyError);
    assertEquals([storage.lastTransaction(), storage.length(), storage.size()], [first, 1, size]);
    assertEquals((await storage.lastInvalidations(9)).length, 1);
  };
  await unchanged();
  assertEquals(await transaction.vote(), []);
  await unchanged();
  const second = await transaction.finish();
  assert(second > first);
  assertEquals(await current(storage, 1), "new");
  assertEquals(await current(storage, 2), "made");
  assertEquals([storage.lastTransaction(), storage.length()], [second, 2]);
  assert(storage.size() > size);
});

everyStorage(
  "aborted in any phase, a transaction leaves nothing and its objects are free",
  async (storage) => {
    const first = await commit(storage, [[1, NO_TID, "old"]]);
    const size = storage.size();
    const untouched = async () => {
      assertEquals(await current(storage, 1), "old");
      assertEquals([storage.lastTransaction(), storage.length(), storage.size()], [first, 1, size]);
    };
    storage.begin(nobody).abort();
    await untouched();
    storing(storage, 1, first, "stored, aborted").abort();
    await untouched();
    const voted = storing(storage, 1, first, "voted, aborted");
    await voted.vote();
    voted.abort();
    voted.abort();
    await untouched();
    const second = await commit(storage, [[1, first, "next"]]);
    assertEquals(await current(storage, 1), "next");
    assertEquals(storage.lastTransaction(), second);
  },
);

everyStorage("a call out of order is refused and changes nothing", async (storage) => {
  const calls = (transaction: StorageTransaction): Record<string, () => unknown> => ({
    store: () => transaction.store(oid(1), NO_TID, record("late")),
    checkCurrent: () => transaction.checkCurrent(oid(1), NO_TID),
    vote: () => transaction.vote(),
    finish: () => transaction.finish(),
    abort: () => transaction.abort(),
  });
  const refusals = async (transaction: StorageTransaction, names: readonly string[]) => {
    for (const name of names) {
      const error = await refused(calls(transaction)[name]);
      assert(error instanceof StorageTransactionError, `${name}: ${error}`);
    }
  };
  const open = storing(storage, 1, NO_TID, "kept");
  await refusals(open, ["finish"]);
  await open.vote();
  await refusals(open, ["store", "checkCurrent", "vote"]);
  await open.finish();
  await refusals(open, ["store", "checkCurrent", "vote", "finish", "abort"]);
  assertEquals(await current(storage, 1), "kept");

  const given = storing(storage, 2, NO_TID, "dropped");
  given.abort();
  await refusals(given, ["store", "checkCurrent", "vote", "finish"]);
  await assertRejects(async () => await storage.getTid(oid(2)), POSKeyError);
}, { beyond: "order" });

everyDeletingStorage("a deletion after the vote is refused", async (storage) => {
  const serial = await commit(storage, [[1, NO_TID, "kept"]]);
  const transaction = storage.begin(nobody);
  await transaction.vote();
  assertThrows(() => transaction.deleteObject(oid(1), serial), StorageTransactionError);
  await transaction.finish();
  assertEquals(await current(storage, 1), "kept");
}, { beyond: "order" });

for (const order of ["first", "second"]) {
  everyStorage(`of two transactions voted side by side the ${order} may finish first`, async (storage) => {
    const start = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "b"]]);
    const pair = [storing(storage, 1, start, "a2"), storing(storage, 2, start, "b2")];
    for (const transaction of pair) await transaction.vote();
    if (order === "second") pair.reverse();
    const tids = [await pair[0].finish(), await pair[1].finish()];
    assert(start < tids[0] && tids[0] < tids[1]);
    assertEquals([await current(storage, 1), await current(storage, 2)], ["a2", "b2"]);
    assertEquals((await storage.lastInvalidations(2)).map(({ tid }) => tid), tids);
  }, { sideBySide: true });
}

everyStorage("one of two voted transactions may be aborted, and the other finished", async (storage) => {
  const start = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "b"]]);
  const one = storing(storage, 1, start, "a2"), two = storing(storage, 2, start, "b2");
  await one.vote();
  await two.vote();
  one.abort();
  await two.finish();
  assertEquals([await current(storage, 1), await current(storage, 2)], ["a", "b2"]);
}, { sideBySide: true });

everyStorage(
  "an object that a voted transaction changes is refused to others until that one ends",
  async (storage) => {
    const start = await commit(storage, [[1, NO_TID, "a"]]);
    const holder = storing(storage, 1, start, "mine");
    await holder.vote();
    await assertRejects(
      async () => await storing(storage, 1, start, "yours").vote(),
      StorageTransactionError,
    );
    holder.abort();
    const next = storing(storage, 1, start, "yours");
    await next.vote();
    // The one that was refused, and the one that was aborted, hold nothing and free nothing.
    holder.abort();
    await assertRejects(
      async () => await storing(storage, 1, start, "third").vote(),
      StorageTransactionError,
    );
    await next.finish();
    assertEquals(await current(storage, 1), "yours");
  },
  { beyond: "refusal" },
);

everyStorage("S11 a transaction without changes is a transaction", async (storage) => {
  const before = storage.size();
  const empty = await commit(storage, [], { description: bytes("nothing but this") });
  assertEquals(storage.lastTransaction(), empty);
  assertEquals(await storage.lastInvalidations(5), [{ tid: empty, oids: [] }]);
  assertEquals(storage.length(), 0);
  // In memory it is taken to cost nothing.
  assert(storage.size() > before || storage.size() === 0);
  assert(await commit(storage, [[1, NO_TID, "a"]]) > empty);
});

everyStorage("of two records for one object in a transaction the later counts", async (storage) => {
  const first = await commit(storage, [[1, NO_TID, "one"], [2, NO_TID, "other"], [1, NO_TID, "two"]]);
  assertEquals(await current(storage, 1), "two");
  assertEquals((await storage.history(oid(1), 9)).map(({ tid }) => tid), [first]);
  const [told] = await storage.lastInvalidations(1);
  // Whether an object is told once or twice makes no difference.
  assertEquals([told.tid, new Set(told.oids)], [first, new Set([oid(1), oid(2)])]);
  const second = await commit(storage, [[1, first, "three"], [1, first, "four"]]);
  assertEquals(await current(storage, 1), "four");
  const old = await storage.loadBefore(oid(1), second);
  assertEquals([textOf(old!.data), old!.serial, old!.end], ["two", first, second]);
  assertEquals(storage.length(), 2);
});

everyStorage("the caller may use its buffer again after a store", async (storage) => {
  const buffer = record("kept");
  const transaction = storage.begin(nobody);
  transaction.store(oid(1), NO_TID, buffer);
  buffer.fill(0);
  await transaction.vote();
  await transaction.finish();
  assertEquals(await current(storage, 1), "kept");
});

everyStorage("a transaction lists the objects that it changes and those that it relies on", (storage) => {
  const transaction = storage.begin(nobody);
  transaction.store(oid(5), NO_TID, record("a"));
  transaction.checkCurrent(oid(6), NO_TID);
  transaction.store(oid(4), NO_TID, record("b"));
  assertEquals([transaction.changes, transaction.checks], [[oid(5), oid(4)], [oid(6)]]);
  transaction.abort();
}, { beyond: "locks" });

everyStorage(
  "finish tells of the transaction once, when it can be seen and before it answers",
  async (storage) => {
    const start = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "b"]]);
    const told: string[] = [], found: Promise<Tid[]>[] = [];
    const finishing = [1, 2].map(async (id) => {
      const transaction = storing(storage, id, start, `new ${id}`);
      await transaction.vote();
      const answered = await transaction.finish((tid) => {
        assertEquals(storage.lastTransaction(), tid);
        found.push(Promise.resolve(storage.getTid(oid(id))).then((serial) => [serial, tid]));
        told.push(`published ${tid}`);
      });
      told.push(`answered ${answered}`);
      return answered;
    });
    const tids = await Promise.all(finishing);
    assertEquals(told.length, 4);
    for (const [serial, tid] of await Promise.all(found)) assertEquals(serial, tid);
    for (const tid of tids) {
      assert(told.indexOf(`published ${tid}`) < told.indexOf(`answered ${tid}`), told.join());
    }
    const published = told.filter((line) => line.startsWith("published"));
    assertEquals(published, tids.toSorted().map((tid) => `published ${tid}`));
  },
  { beyond: "publishing" },
);

everyStorage("who is told of a transaction may take its objects at once", async (storage) => {
  const start = await commit(storage, [[1, NO_TID, "a"]]);
  const first = storing(storage, 1, start, "b");
  await first.vote();
  let next: Promise<Tid> | undefined;
  await first.finish((tid) => {
    const second = storing(storage, 1, tid, "c");
    next = Promise.resolve(second.vote()).then(() => second.finish());
  });
  const last = await next;
  assertEquals([await current(storage, 1), storage.lastTransaction()], ["c", last]);
});

everyStorage("records of every size from 1 byte to 20 MB come back as they were", async (storage) => {
  const sizes = [1, 2, 41, 42, 4053, 4054, 4055, 4096, 65_535, 65_536, 262_144, 262_145, 1 << 20, 20_000_000];
  const data = sizes.map((size) => noise(size, size));
  const tids: Tid[] = [];
  for (const [id, each] of data.entries()) tids.push(await commit(storage, [[id, NO_TID, each]]));
  for (const round of [1, 2]) {
    for (const [id, each] of data.entries()) {
      const found = await storage.loadBefore(oid(id), MAX_TID);
      assert(equalBytes(found!.data, each), `${each.length} bytes, read ${round}`);
      assert(equalBytes(await storage.loadSerial(oid(id), tids[id]), each));
    }
  }
});

everyStorage("a transaction bigger than what is kept in memory is like any other", async (storage) => {
  // 8 MiB is the bound: the small record lies before it, the others around and after it.
  const data = [noise(10, 1), noise(5 << 20, 2), noise(4 << 20, 3), noise(9 << 20, 4), noise(33, 5)];
  const before = await commit(storage, [[2, NO_TID, "old"]]);
  const made = await commit(storage, data.map((each, id) => [id, id === 2 ? before : NO_TID, each]), {
    user: bytes("somebody"),
  });
  for (const [id, each] of data.entries()) {
    const found = await storage.loadBefore(oid(id), MAX_TID);
    assert(equalBytes(found!.data, each), `object ${id}`);
    assertEquals(found!.serial, made);
  }
  const old = await storage.loadBefore(oid(2), made);
  assertEquals([textOf(old!.data), old!.serial, old!.end], ["old", before, made]);
  assertEquals((await storage.history(oid(4), 1))[0].user, bytes("somebody"));
  // Smaller ones beside it and after it are not disturbed.
  const big = storage.begin(nobody);
  for (const id of [10, 11, 12]) big.store(oid(id), NO_TID, data[3]);
  await big.vote();
  const small = storing(storage, 20, NO_TID, "small");
  await small.vote();
  await Promise.all([big.finish(), small.finish()]);
  assertEquals(await current(storage, 20), "small");
  assert(equalBytes((await storage.loadBefore(oid(12), MAX_TID))!.data, data[3]));
}, { sideBySide: true });

everyStorage(
  "what a transaction says of itself may be as long as its 16-bit length allows",
  async (storage) => {
    const pickled = (size: number) => dumpPickle(Dict.from([["noise", noise(size, 3)]]), { memo: true });
    const extension = pickled(65_535 - (pickled(60_000).length - 60_000));
    const metadata = { user: noise(65_535, 1), description: noise(65_535, 2), extension };
    await commit(storage, [[1, NO_TID, "a"]], metadata);
    const [told] = await storage.history(oid(1), 1);
    assertEquals(
      [told.user.length, told.description.length, told.extension.length],
      [65_535, 65_535, 65_535],
    );
    for (const key of ["user", "description", "extension"] as const) {
      assert(
        equalBytes(told[key], metadata[key]),
      );
    }
    assertEquals(await current(storage, 1), "a");
  },
);

import { assertEquals, assertRejects } from "@std/assert";
import type { Storage, StorageTransaction } from "../../../storage/mod.ts";
import {
  ConflictError,
  MAX_TID,
  NO_TID,
  oid,
  POSKeyError,
  ReadConflictError,
  StorageTransactionError,
  type Tid,
  tid,
} from "../../../values/mod.ts";
import { bytes, CLASS_NAME, commit, nobody, noise, record, revisions, textOf } from "../samples.ts";
import { everyDeletingStorage, everyStorage } from "./kinds.ts";

/** The error, of a class that is expected, that the vote of a transaction is refused with. */
async function refusal<E extends Error>(
  transaction: StorageTransaction,
  expected: new (...parts: never[]) => E,
): Promise<E> {
  try {
    await transaction.vote();
  } catch (error) {
    if (error instanceof expected) return error;
    throw error;
  }
  throw new Error(`the vote went well, expected ${expected.name}`);
}

const current = async (storage: Storage, id: number): Promise<string> =>
  textOf((await storage.loadBefore(oid(id), MAX_TID))!.data);

everyStorage("a change of a revision that is no longer current is a conflict", async (storage) => {
  const [old, committed] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.store(oid(2), NO_TID, record("innocent"));
  transaction.store(oid(1), old, record("c"));
  const error = await refusal(transaction, ConflictError);
  assertEquals(error instanceof ReadConflictError, false);
  assertEquals(error.conflict, { oid: oid(1), committed, read: old, className: CLASS_NAME });
  assertEquals(await current(storage, 1), "b");
  assertEquals([storage.lastTransaction(), storage.length()], [committed, 1]);
});

everyStorage(
  "any serial but the current one is a conflict: none, an earlier one, a later one",
  async (storage) => {
    const [, committed] = await revisions(storage, 1, ["a", "b"]);
    for (const read of [NO_TID, tid(committed - 1n), tid(committed + 1n), MAX_TID]) {
      const transaction = storage.begin(nobody);
      transaction.store(oid(1), read, record("c"));
      const error = await refusal(transaction, ConflictError);
      assertEquals([error.conflict.committed, error.conflict.read], [committed, read]);
    }
  },
);

everyStorage("a record without a readable class conflicts as well", async (storage) => {
  const [old] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.store(oid(1), old, bytes("no pickle"));
  const error = await refusal(transaction, ConflictError);
  // As Python has it.
  assertEquals(error.conflict.className, ".");
});

everyStorage("after a conflict the transaction is over and its objects are free", async (storage) => {
  const [old, committed] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.store(oid(2), NO_TID, record("held?"));
  transaction.store(oid(1), old, record("c"));
  await refusal(transaction, ConflictError);
  await assertRejects(async () => await transaction.finish(), StorageTransactionError);
  transaction.abort();
  const next = await commit(storage, [[1, committed, "d"], [2, NO_TID, "free"]]);
  assertEquals([await current(storage, 1), storage.lastTransaction()], ["d", next]);
});

everyStorage("an object that is not there may be stored from any serial", async (storage) => {
  const made = await commit(storage, [[1, tid(12345n), "from elsewhere"]]);
  assertEquals(await storage.getTid(oid(1)), made);
});

everyStorage("of two transactions that make the same object one is in conflict", async (storage) => {
  const one = storage.begin(nobody), two = storage.begin(nobody);
  one.store(oid(1), NO_TID, record("one"));
  two.store(oid(1), NO_TID, record("two"));
  await one.vote();
  const committed = await one.finish();
  const error = await refusal(two, ConflictError);
  assertEquals(error.conflict.committed, committed);
  assertEquals(await current(storage, 1), "one");
});

everyStorage(
  "the vote of a transaction that relies on an object checks that it is still current",
  async (storage) => {
    const [old, committed] = await revisions(storage, 1, ["a", "b"]);
    const relying = (serial: Tid) => {
      const transaction = storage.begin(nobody);
      transaction.checkCurrent(oid(1), serial);
      transaction.store(oid(2), NO_TID, record("based on it"));
      return transaction;
    };
    const error = await refusal(relying(old), ReadConflictError);
    assertEquals([error.conflict.oid, error.conflict.committed, error.conflict.read], [
      oid(1),
      committed,
      old,
    ]);
    assertEquals(storage.length(), 1);
    const fine = relying(committed);
    await fine.vote();
    await fine.finish();
    assertEquals([await storage.getTid(oid(1)), storage.length()], [committed, 2]);
  },
);

everyStorage("relying on an object that is not there is refused, since it is not there", async (storage) => {
  const transaction = storage.begin(nobody);
  transaction.checkCurrent(oid(9), NO_TID);
  const error = await refusal(transaction, POSKeyError);
  assertEquals(error.oid, oid(9));
});

everyStorage("two transactions may rely on the same object side by side", async (storage) => {
  const [serial] = await revisions(storage, 1, ["a"]);
  const pair = [2, 3].map((id) => {
    const transaction = storage.begin(nobody);
    transaction.checkCurrent(oid(1), serial);
    transaction.store(oid(id), NO_TID, record("based on it"));
    return transaction;
  });
  for (const transaction of pair) await transaction.vote();
  for (const transaction of pair) await transaction.finish();
  assertEquals(storage.length(), 3);
}, { sideBySide: true });

everyDeletingStorage(
  "deleting an object: current, changed since, deleted already, unknown",
  async (storage) => {
    const [old, committed] = await revisions(storage, 1, ["a", "b"]);
    const deleting = (id: number, serial: Tid) => {
      const transaction = storage.begin(nobody);
      transaction.deleteObject(oid(id), serial);
      return transaction;
    };
    const conflict = await refusal(deleting(1, old), ConflictError);
    assertEquals([conflict.conflict.committed, conflict.conflict.read], [committed, old]);
    await refusal(deleting(7, NO_TID), POSKeyError);
    const transaction = deleting(1, committed);
    await transaction.vote();
    const deleted = await transaction.finish();
    await refusal(deleting(1, committed), ConflictError);
    // The deletion is the revision that a later change has to start from.
    const store = storage.begin(nobody);
    store.store(oid(1), committed, record("too late"));
    await refusal(store, ConflictError);
    await commit(storage, [[1, deleted, "again"]]);
    assertEquals(await current(storage, 1), "again");
  },
);

everyStorage("a conflict in a transaction bigger than memory names its object and class", async (storage) => {
  const [old, committed] = await revisions(storage, 1, ["a", "b"]);
  // The record in conflict comes first, and so is the first to leave memory; then one that is still there.
  for (const position of [0, 3]) {
    const transaction = storage.begin(nobody);
    for (let number = 0; number < 4; number++) {
      if (number === position) transaction.store(oid(1), old, record("c"));
      else transaction.store(oid(100 + number), NO_TID, noise(4 << 20, number));
    }
    const error = await refusal(transaction, ConflictError);
    assertEquals(error.conflict, { oid: oid(1), committed, read: old, className: CLASS_NAME });
  }
  assertEquals([await current(storage, 1), storage.length()], ["b", 1]);
});

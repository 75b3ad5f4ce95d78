import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Dict, dumpPickle } from "../../../pickle/mod.ts";
import { supportsDelete, type UndoableStorage } from "../../../storage/mod.ts";
import {
  MultipleUndoErrors,
  NO_TID,
  oid,
  POSKeyError,
  type Tid,
  tid,
  UndoError,
} from "../../../values/mod.ts";
import { bytes, commit, nobody, packTo, record, remove, revisions, textAt, undo } from "../samples.ts";
import { everyUndoingStorage, ticking } from "./kinds.ts";

const refusal = (storage: UndoableStorage, ...undone: Tid[]): Promise<UndoError> =>
  assertRejects(() => undo(storage, ...undone), UndoError);

everyUndoingStorage("undo gives an object the record from before, as a new revision", async (storage) => {
  const [a, b] = await revisions(storage, 1, ["a", "b"]);
  const undone = await undo(storage, b);
  assertEquals(await textAt(storage, 1), "a");
  assertEquals([storage.lastTransaction(), await storage.getTid(oid(1))], [undone, undone]);
  assertEquals((await storage.history(oid(1), 9)).map(({ tid }) => tid), [undone, b, a]);
  assertEquals(await textAt(storage, 1, undone), "b");
  assertEquals(await storage.lastInvalidations(1), [{ tid: undone, oids: [oid(1)] }]);
});

everyUndoingStorage("the vote of an undo tells which objects it changes", async (storage) => {
  const start = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "a"], [3, NO_TID, "a"]]);
  const changed = await commit(storage, [[1, start, "b"], [3, start, "b"]]);
  const transaction = storage.begin(nobody);
  transaction.undo(changed);
  assertEquals(new Set(await transaction.vote()), new Set([oid(1), oid(3)]));
  await transaction.finish();
});

everyUndoingStorage("an undo can be undone, again and again", async (storage) => {
  let last = (await revisions(storage, 1, ["a", "b"]))[1];
  for (const expected of ["a", "b", "a", "b"]) {
    last = await undo(storage, last);
    assertEquals(await textAt(storage, 1), expected);
  }
});

everyUndoingStorage(
  "undoing a creation removes the object, and undoing that brings it back",
  async (storage) => {
    const made = await commit(storage, [[1, NO_TID, "a"]]);
    const gone = await undo(storage, made);
    await assertRejects(async () => await storage.getTid(oid(1)), POSKeyError);
    assertEquals([await textAt(storage, 1), await textAt(storage, 1, gone)], [undefined, "a"]);
    await undo(storage, gone);
    assertEquals(await textAt(storage, 1), "a");
  },
);

everyUndoingStorage("undoing a deletion brings the object back", async (storage, { deletes }) => {
  const made = await commit(storage, [[1, NO_TID, "a"]]);
  assertEquals(supportsDelete(storage), deletes);
  if (!deletes) return;
  await undo(storage, await remove(storage, 1, made));
  assertEquals(await textAt(storage, 1), "a");
});

everyUndoingStorage(
  "a deletion can be undone when what came after it is undone",
  async (storage, { deletes }) => {
    if (!deletes) return;
    const made = await commit(storage, [[1, NO_TID, "a"]]);
    const gone = await remove(storage, 1, made);
    const back = await commit(storage, [[1, gone, "b"]]);
    await undo(storage, back);
    assertEquals(await textAt(storage, 1), undefined);
    await undo(storage, gone);
    assertEquals(await textAt(storage, 1), "a");
  },
);

everyUndoingStorage(
  "a later change stands in the way, says which object, and all stays as it is",
  async (storage) => {
    const start = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "a"], [3, NO_TID, "a"]]);
    const changed = await commit(storage, [[1, start, "b"], [2, start, "b"], [3, start, "b"]]);
    const later = await commit(storage, [[1, changed, "c"], [2, changed, "c"]]);
    const error = await refusal(storage, changed);
    assertInstanceOf(error, MultipleUndoErrors);
    const { errors } = error as MultipleUndoErrors;
    assertEquals(errors.map(([id]) => id), [oid(1), oid(2)]);
    for (const [id, inner] of errors) {
      assertInstanceOf(inner, UndoError);
      assertEquals(inner.oid, id);
    }
    assertEquals(storage.lastTransaction(), later);
    for (const [id, expected] of [[1, "c"], [2, "c"], [3, "b"]] as const) {
      assertEquals(await textAt(storage, id), expected);
    }
    // Nothing stays locked.
    await commit(storage, [[1, later, "d"], [3, changed, "d"]]);
  },
);

everyUndoingStorage("a later change that has the same record doesn't stand in the way", async (storage) => {
  const [, b] = await revisions(storage, 1, ["a", "b", "b"]);
  await undo(storage, b);
  assertEquals(await textAt(storage, 1), "a");
});

everyUndoingStorage("several transactions can be undone in one, newest first", async (storage) => {
  const [, b, c, d] = await revisions(storage, 1, ["a", "b", "c", "d"]);
  const undone = await undo(storage, d, c, b);
  assertEquals(await textAt(storage, 1), "a");
  await undo(storage, undone);
  assertEquals(await textAt(storage, 1), "d");
});

everyUndoingStorage("changes may be stored beside an undo", async (storage) => {
  const [, b] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.undo(b);
  transaction.store(oid(2), NO_TID, record("beside it"));
  await transaction.vote();
  const done = await transaction.finish();
  assertEquals([await textAt(storage, 1), await textAt(storage, 2)], ["a", "beside it"]);
  await undo(storage, done);
  assertEquals([await textAt(storage, 1), await textAt(storage, 2)], ["b", undefined]);
});

everyUndoingStorage("there is nothing to undo in a transaction that is not there", async (storage) => {
  const [a] = await revisions(storage, 1, ["a"]);
  for (const unknown of [tid(a - 1n), tid(a + 1n), NO_TID]) {
    const error = await refusal(storage, unknown);
    assertEquals([error.message, error.oid], ["Invalid transaction id", undefined]);
  }
  assertEquals(storage.lastTransaction(), a);
});

everyUndoingStorage("an undo that is given up leaves nothing", async (storage) => {
  const [, b] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.undo(b);
  await transaction.vote();
  transaction.abort();
  assertEquals([await textAt(storage, 1), storage.lastTransaction()], ["b", b]);
  assertEquals((await storage.undoLog(0, 9)).length, 2);
});

everyUndoingStorage(
  "the undo log has the transactions, newest first, with what they say",
  async (storage) => {
    const extension = dumpPickle(Dict.from([["request", "GET"]]), { memo: true });
    const first = await commit(storage, [[1, NO_TID, "a"]], {
      user: bytes("/ someone"),
      description: bytes("first: größer"),
      extension,
    });
    const second = await commit(storage, [[1, first, "b"]], { description: bytes("second") });
    const [newest, oldest, ...others] = await storage.undoLog(0, 9);
    assertEquals(others, []);
    assert(newest.size > 0 && oldest.size > newest.size);
    assertEquals({ ...newest, size: 0 }, { ...nobody, tid: second, size: 0, description: bytes("second") });
    assertEquals({ ...oldest, size: 0 }, {
      tid: first,
      size: 0,
      user: bytes("/ someone"),
      description: bytes("first: größer"),
      extension,
    });
  },
);

everyUndoingStorage("the undo log can be asked for a part", async (storage) => {
  const tids = (await revisions(storage, 1, ["a", "b", "c", "d", "e"])).reverse();
  const part = async (first: number, last: number) =>
    (await storage.undoLog(first, last)).map(({ tid }) => tid);
  assertEquals(await part(0, 100), tids);
  assertEquals(await part(0, 2), tids.slice(0, 2));
  assertEquals(await part(1, 3), tids.slice(1, 3));
  // A negative end is a number of transactions.
  assertEquals(await part(0, -2), tids.slice(0, 2));
  assertEquals(await part(3, -20), tids.slice(3));
  assertEquals(await part(2, 2), []);
  assertEquals(await part(9, 20), []);
});

everyUndoingStorage("the undo log's bounds count the transactions that pass its filter", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c", "d", "e", "f"]);
  const found = await storage.undoLog(1, 3, ({ tid }) => tids.indexOf(tid) % 2 === 0);
  assertEquals(found.map(({ tid }) => tids.indexOf(tid)), [2, 0]);
}, { beyond: "filters" });

everyUndoingStorage("what was packed can't be undone, what came later can", async (storage) => {
  const [a, b] = await revisions(storage, 0, ["a", "b"]);
  await packTo(storage, b);
  const c = await commit(storage, [[0, b, "c"]]);
  assertEquals((await storage.undoLog(0, 9)).map(({ tid }) => tid), [c]);
  for (const packed of [a, b]) await refusal(storage, packed);
  await undo(storage, c);
  assertEquals(await textAt(storage, 0), "b");
}, { now: ticking() });

import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { Dict, dumpPickle } from "../../../pickle/mod.ts";
import {
  type Loaded,
  type Storage,
  supportsDelete,
  supportsIteration,
  supportsPack,
  supportsRestore,
  supportsUndo,
} from "../../../storage/mod.ts";
import {
  equalBytes,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  POSKeyError,
  type Tid,
  tid,
} from "../../../values/mod.ts";
import { bytes, commit, nobody, record, revisions, textOf } from "../samples.ts";
import { everyDeletingStorage, everyStorage, kinds, withStorage } from "./kinds.ts";

/** What a load found: text, serial, end; "absent" before the object was there, "gone" where there is none. */
async function seen(storage: Storage, id: number, before: Tid): Promise<unknown> {
  try {
    const found: Loaded | null = await storage.loadBefore(oid(id), before);
    return found === null ? "absent" : [textOf(found.data), found.serial, found.end];
  } catch (error) {
    if (error instanceof POSKeyError && error.oid === oid(id)) return "gone";
    throw error;
  }
}

everyStorage("an empty storage has no objects and no last transaction", async (storage) => {
  assertEquals(storage.lastTransaction(), NO_TID);
  assertEquals(storage.length(), 0);
  await assertRejects(async () => await storage.loadBefore(oid(0), MAX_TID), POSKeyError);
});

everyStorage(
  "each way to ask for an unknown object answers that there is none, with its id",
  async (storage) => {
    await commit(storage, [[0, NO_TID, "root"]]);
    const calls = [
      () => storage.loadBefore(oid(7), MAX_TID),
      () => storage.loadSerial(oid(7), storage.lastTransaction()),
      () => storage.getTid(oid(7)),
      () => storage.history(oid(7), 1),
    ];
    for (const call of calls) {
      assertEquals((await assertRejects(async () => void await call(), POSKeyError)).oid, oid(7));
    }
  },
);

everyStorage("what was stored is found again, as the current revision", async (storage) => {
  const serial = await commit(storage, [[0, NO_TID, "root"]]);
  assertEquals(await seen(storage, 0, MAX_TID), ["root", serial, null]);
  assertEquals(storage.lastTransaction(), serial);
  assertEquals(await storage.getTid(oid(0)), serial);
  assertEquals(storage.length(), 1);
});

everyStorage(
  "loadBefore finds, for every tid, the revision that was current just before it",
  async (storage) => {
    const tids = await revisions(storage, 1, ["a", "b", "c"]);
    const [a, b, c] = tids;
    assertEquals(await seen(storage, 1, a), "absent");
    assertEquals(await seen(storage, 1, tid(a + 1n)), ["a", a, b]);
    assertEquals(await seen(storage, 1, b), ["a", a, b]);
    assertEquals(await seen(storage, 1, tid(b + 1n)), ["b", b, c]);
    assertEquals(await seen(storage, 1, c), ["b", b, c]);
    assertEquals(await seen(storage, 1, tid(c + 1n)), ["c", c, null]);
    assertEquals(await seen(storage, 1, NO_TID), "absent");
  },
);

everyStorage("loadSerial finds exactly the revision asked for, and no other", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c"]);
  for (const [number, text] of ["a", "b", "c"].entries()) {
    assertEquals(await storage.loadSerial(oid(1), tids[number]), record(text));
  }
  for (const wrong of [NO_TID, tid(tids[0] - 1n), tid(tids[2] + 1n), MAX_TID]) {
    await assertRejects(async () => await storage.loadSerial(oid(1), wrong), POSKeyError);
  }
});

everyStorage(
  "history has the last revisions, newest first, with what their transactions say",
  async (storage) => {
    const extension = dumpPickle(Dict.from([["request", "GET"], ["number", 7]]), { memo: true });
    const first = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "other"]], {
      user: bytes("/ someone"),
      description: bytes("first: größer"),
      extension,
    });
    const second = await commit(storage, [[1, first, "longer"]], { description: bytes("second") });
    const newest = {
      tid: second,
      size: record("longer").length,
      user: bytes(""),
      description: bytes("second"),
      extension: bytes(""),
    };
    const oldest = {
      tid: first,
      size: record("a").length,
      user: bytes("/ someone"),
      description: bytes("first: größer"),
      extension,
    };
    assertEquals(await storage.history(oid(1), 1), [newest]);
    assertEquals(await storage.history(oid(1), 2), [newest, oldest]);
    assertEquals(await storage.history(oid(1), 100), [newest, oldest]);
    assertEquals(await storage.history(oid(1), 0), []);
  },
);

everyStorage("the last invalidations are those of the last transactions, oldest first", async (storage) => {
  const one = await commit(storage, [[1, NO_TID, "a"], [2, NO_TID, "b"]]);
  const two = await commit(storage, []);
  const three = await commit(storage, [[2, one, "c"]]);
  const all = [{ tid: one, oids: [oid(1), oid(2)] }, { tid: two, oids: [] }, { tid: three, oids: [oid(2)] }];
  assertEquals(await storage.lastInvalidations(0), []);
  assertEquals(await storage.lastInvalidations(1), all.slice(2));
  assertEquals(await storage.lastInvalidations(3), all);
  assertEquals(await storage.lastInvalidations(100), all);
});

everyStorage("what a load answered stays as it was, whatever happens afterwards", async (storage) => {
  const tids = await revisions(storage, 1, ["a"]);
  const found = await storage.loadBefore(oid(1), MAX_TID);
  await commit(storage, [[1, tids[0], "b"]]);
  for (let id = 2; id < 50; id++) await commit(storage, [[id, NO_TID, `filler ${id}`]]);
  assertEquals(found!.data, record("a"));
});

everyDeletingStorage("S12 loads of a deleted object, for every tid", async (storage) => {
  const [a] = await revisions(storage, 1, ["a"]);
  const remove = async (serial: Tid) => {
    const transaction = storage.begin(nobody);
    transaction.deleteObject(oid(1), serial);
    await transaction.vote();
    return await transaction.finish();
  };
  const deleted = await remove(a);
  assertEquals(await seen(storage, 1, a), "absent");
  assertEquals(await seen(storage, 1, deleted), ["a", a, deleted]);
  assertEquals(await seen(storage, 1, tid(deleted + 1n)), "gone");
  assertEquals(await seen(storage, 1, MAX_TID), "gone");
  await assertRejects(async () => await storage.getTid(oid(1)), POSKeyError);
  await assertRejects(async () => await storage.loadSerial(oid(1), deleted), POSKeyError);
  assertEquals(await storage.loadSerial(oid(1), a), record("a"));
  assertEquals((await storage.history(oid(1), 9)).map(({ tid, size }) => [tid, size]), [
    [deleted, 0],
    [a, record("a").length],
  ]);

  const again = await commit(storage, [[1, deleted, "again"]]);
  assertEquals(await seen(storage, 1, again), "gone");
  assertEquals(await seen(storage, 1, MAX_TID), ["again", again, null]);
  assertEquals(await seen(storage, 1, deleted), ["a", a, deleted]);

  const deletedAgain = await remove(again);
  assertEquals(await seen(storage, 1, deletedAgain), ["again", again, deletedAgain]);
  assertEquals(await seen(storage, 1, MAX_TID), "gone");
});

for (const kind of kinds) {
  Deno.test(`any history can be read at every one of its tids (${kind.name})`, async () => {
    const history = fc.array(
      fc.array(fc.tuple(fc.nat({ max: 5 }), fc.string({ maxLength: 20 })), { maxLength: 4 }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(history, (transactions) =>
        withStorage(kind, {}, async (storage) => {
          const written = new Map<number, { tid: Tid; data: Uint8Array }[]>();
          const tids: Tid[] = [NO_TID];
          for (const changes of transactions) {
            const done = await commit(
              storage,
              changes.map(([id, text]) => [id, written.get(id)?.at(-1)?.tid ?? NO_TID, text]),
            );
            for (const [id, text] of new Map(changes)) {
              written.set(id, [...written.get(id) ?? [], { tid: done, data: record(text) }]);
            }
            tids.push(done);
          }
          for (const [id, versions] of written) {
            for (const before of [...tids, ...tids.map((each) => tid(each + 1n)), MAX_TID]) {
              const expected = versions.findLast((version) => version.tid < before);
              const end = versions.find((version) => version.tid >= before)?.tid ?? null;
              const found = await storage.loadBefore(oid(id), before);
              if (expected === undefined) assertEquals(found, null);
              else {
                assertEquals([found!.serial, found!.end], [expected.tid, end]);
                assertEquals(equalBytes(found!.data, expected.data), true);
              }
            }
            assertEquals(await storage.getTid(oid(id)), versions.at(-1)!.tid);
            const told = await storage.history(oid(id), 100);
            assertEquals(told.map((each) => each.tid), versions.map((each) => each.tid).reverse());
          }
          assertEquals(storage.length(), written.size);
          assertEquals(storage.lastTransaction(), tids.at(-1));
        })),
      { numRuns: kind.remote ? 8 : 25 },
    );
  });
}

for (const kind of kinds) {
  Deno.test(`it says that it can do what it can do (${kind.name})`, () =>
    withStorage(kind, {}, (storage) => {
      assertEquals(supportsDelete(storage), kind.deletes);
      assertEquals(supportsRestore(storage), kind.restores);
      assertEquals(supportsUndo(storage), kind.undoes);
      assertEquals(supportsIteration(storage), kind.iterates);
      assertEquals(supportsPack(storage), true);
      const transaction = storage.begin(nobody);
      assertEquals("deleteObject" in transaction, kind.deletes);
      assertEquals("restore" in transaction, kind.restores);
      transaction.abort();
      assertEquals(storage.readOnly, false);
    }));
}

everyStorage(
  "ids of new objects are given out once, and never those of objects that are there",
  async (storage) => {
    await commit(storage, [[41, NO_TID, "high"], [3, NO_TID, "low"]]);
    const given: Oid[] = [
      ...await storage.newOids(3),
      ...await storage.newOids(1),
      ...await storage.newOids(100),
    ];
    assertEquals(new Set(given).size, 104);
    assertEquals(given.every((id) => id > 41n), true);
    assertEquals(await storage.newOids(0), []);
  },
);

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import {
  MAX_TID,
  NO_TID,
  oid,
  POSKeyError,
  StorageTransactionError,
  type Tid,
  tid,
  tidFromTime,
} from "../../../values/mod.ts";
import { commit, nobody, record, revisions, textOf } from "../samples.ts";
import { everyRestoringStorage, everyStorage, kinds, withStorage } from "./kinds.ts";

const NOON = Date.UTC(2024, 2, 5, 12, 0, 0);

everyStorage("a transaction's id is the time at which it was finished", async (storage) => {
  // 2024-03-05 12:00:00 as Python's TimeStamp writes it.
  assertEquals(await commit(storage, [[1, NO_TID, "a"]]), tid(0x03f7_0410_0000_0000n));
}, { now: () => NOON });

everyStorage("S20 tids increase while the clock stands still", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c", "d"]);
  assertEquals(tids, [0n, 1n, 2n, 3n].map((n) => tid(tidFromTime(NOON) + n)));
}, { now: () => NOON });

let backwards = NOON;
everyStorage("S20 tids increase while the clock goes back", async (storage) => {
  const tids = await revisions(storage, 1, ["a", "b", "c", "d"]);
  for (let i = 1; i < tids.length; i++) assert(tids[i - 1] < tids[i]);
}, { now: () => backwards -= 3_600_000 });

for (const kind of kinds) {
  Deno.test(`S20 tids increase whatever the clock does (${kind.name})`, async () => {
    const times = fc.array(fc.oneof(fc.nat({ max: 3 }), fc.integer({ min: -100_000, max: 100_000 })), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(times, async (steps) => {
        let time = NOON, last: Tid = NO_TID;
        await withStorage(kind, { now: () => time }, async (storage) => {
          for (const step of steps) {
            time += step;
            const next = await commit(storage, [[1, last, "x"]]);
            assert(next > last);
            assert(next >= tidFromTime(time));
            last = next;
          }
        });
      }),
      { numRuns: kind.remote ? 5 : 20 },
    );
  });
}

everyStorage("a transaction may be given its id", async (storage) => {
  const given = tid(tidFromTime(NOON) + 5n);
  assertEquals(await commit(storage, [[1, NO_TID, "a"]], {}, { tid: given }), given);
  assertEquals([storage.lastTransaction(), await storage.getTid(oid(1))], [given, given]);
  assertEquals(await commit(storage, [[2, NO_TID, "b"]]), tid(given + 1n), "the next one comes after it");
}, { now: () => NOON });

everyStorage("a given id that is not later than the last one is refused", async (storage) => {
  const last = await commit(storage, [[1, NO_TID, "a"]]);
  for (const given of [last, tid(last - 1n), tid(1n)]) {
    const transaction = storage.begin(nobody, { tid: given });
    transaction.store(oid(2), NO_TID, record("b"));
    await assertRejects(async () => await transaction.vote(), StorageTransactionError);
  }
  assertEquals([storage.lastTransaction(), storage.length()], [last, 1]);
});

everyStorage("S19 an aborted transaction with a given id leaves the id free", async (storage) => {
  const given = tid(tidFromTime(NOON) + 7n);
  const first = storage.begin(nobody, { tid: given });
  first.store(oid(1), NO_TID, record("aborted"));
  await first.vote();
  first.abort();
  assertEquals(storage.lastTransaction(), NO_TID);
  assertEquals(await commit(storage, [[1, NO_TID, "kept"]], {}, { tid: given }), given);
  assertEquals(textOf((await storage.loadBefore(oid(1), MAX_TID))!.data), "kept");
}, { now: () => NOON });

everyStorage("S19 the clock's ids are not held up by a later id that was given up", async (storage) => {
  const later = storage.begin(nobody, { tid: tid(tidFromTime(NOON) + 1000n) });
  later.store(oid(1), NO_TID, record("aborted"));
  await later.vote();
  later.abort();
  assertEquals(await commit(storage, [[1, NO_TID, "kept"]]), tidFromTime(NOON));
}, { now: () => NOON });

everyStorage("S20 no transaction overtakes one that was voted with a given id", async (storage) => {
  const given = storage.begin(nobody, { tid: tid(tidFromTime(NOON) - 1n) });
  given.store(oid(1), NO_TID, record("copied"));
  await given.vote();
  // It would get a later id and be finished first; then the given one could not be finished any more.
  const other = storage.begin(nobody);
  other.store(oid(2), NO_TID, record("new"));
  await assertRejects(async () => await other.vote(), StorageTransactionError);
  const copied = await given.finish();
  assert(await commit(storage, [[2, NO_TID, "new"]]) > copied);
}, { now: () => NOON, beyond: "refusal" });

everyStorage("S20 no transaction is voted with a given id while others are voted", async (storage) => {
  const other = storage.begin(nobody);
  other.store(oid(2), NO_TID, record("new"));
  await other.vote();
  const given = storage.begin(nobody, { tid: tid(tidFromTime(NOON) - 1n) });
  given.store(oid(1), NO_TID, record("copied"));
  await assertRejects(async () => await given.vote(), StorageTransactionError);
  await other.finish();
  assertEquals(storage.length(), 1);
}, { now: () => NOON, beyond: "refusal" });

everyRestoringStorage("S09 ids of new objects are above those of restored ones", async (storage) => {
  const transaction = storage.begin(nobody, { tid: tid(1000n) });
  transaction.restore(oid(7000), tid(1000n), record("copy"), null);
  transaction.restore(oid(9000), tid(1000n), null, null);
  transaction.restore(oid(8000), tid(1000n), record("copy"), null);
  await transaction.vote();
  await transaction.finish();
  assertEquals(await storage.newOids(2), [oid(9001), oid(9002)]);
});

everyRestoringStorage("a restored revision keeps its id, and deletions are restored too", async (storage) => {
  const copy = async (at: bigint, data: Uint8Array | null, previous: bigint | null) => {
    const transaction = storage.begin(nobody, { tid: tid(at) });
    transaction.restore(oid(1), tid(at), data, previous === null ? null : tid(previous));
    await transaction.vote();
    return await transaction.finish();
  };
  assertEquals(await copy(1000n, record("a"), null), tid(1000n));
  await copy(2000n, record("b"), null);
  await copy(3000n, record("a"), 1000n);
  await copy(4000n, null, null);
  await copy(5000n, record("b"), 2000n);
  const at = async (before: bigint) => {
    const found = await storage.loadBefore(oid(1), tid(before));
    return found && [textOf(found.data), found.serial, found.end];
  };
  assertEquals(await at(1000n), null);
  assertEquals(await at(2000n), ["a", tid(1000n), tid(2000n)]);
  assertEquals(await at(3000n), ["b", tid(2000n), tid(3000n)]);
  assertEquals(await at(4000n), ["a", tid(3000n), tid(4000n)]);
  await assertRejects(async () => await storage.loadBefore(oid(1), tid(5000n)), POSKeyError);
  assertEquals(await at(9000n), ["b", tid(5000n), null]);
});

import { assert, assertEquals } from "@std/assert";
import type { Storage } from "../../../storage/mod.ts";
import {
  ConflictError,
  MAX_TID,
  NO_TID,
  oid,
  StorageTransactionError,
  type Tid,
  tid,
} from "../../../values/mod.ts";
import { commit, nobody, record, textAt, textOf } from "../samples.ts";
import { everyStorage } from "./kinds.ts";

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Adds one to the number in an object, as often as it takes until nobody is in the way. */
async function increment(storage: Storage, id: number): Promise<Tid> {
  while (true) {
    const found = (await storage.loadBefore(oid(id), MAX_TID))!;
    const transaction = storage.begin(nobody);
    transaction.store(oid(id), found.serial, record(`${Number(textOf(found.data)) + 1}`));
    try {
      await transaction.vote();
      return await transaction.finish();
    } catch (error) {
      // Somebody has changed the object, or is about to.
      if (!(error instanceof ConflictError || error instanceof StorageTransactionError)) throw error;
      await pause();
    }
  }
}

everyStorage("of changes that many make to the same objects none is lost", async (storage) => {
  await commit(storage, [[1, NO_TID, "0"], [2, NO_TID, "0"]]);
  const writers = [1, 2, 1, 2, 1].map(async (id) => {
    const tids: Tid[] = [];
    for (let turn = 0; turn < 8; turn++) tids.push(await increment(storage, id));
    return tids;
  });
  const tids = (await Promise.all(writers)).flat();
  assertEquals([await textAt(storage, 1), await textAt(storage, 2)], ["24", "16"]);
  assertEquals(new Set(tids).size, 40);
  assertEquals(storage.lastTransaction(), tids.toSorted((one, two) => one < two ? -1 : 1).at(-1));
  assertEquals((await storage.history(oid(1), 99)).length, 25);
});

everyStorage("readers see each transaction whole, at every moment of the past", async (storage) => {
  let last = await commit(storage, [[1, NO_TID, "0"], [2, NO_TID, "0"]]);
  let stopped = false, writes = 0;
  const writing = (async () => {
    while (!stopped) {
      const text = `${++writes}`;
      last = await commit(storage, [[1, last, text], [2, last, text]]);
      await pause();
    }
  })();
  try {
    for (let round = 0, seen = -1; round < 200 && (round < 20 || writes < 5); round++) {
      const moment = tid(last + 1n);
      const one = await textAt(storage, 1, moment);
      await pause();
      assertEquals(await textAt(storage, 2, moment), one);
      assert(Number(one) >= seen, `${one} after ${seen}`);
      seen = Number(one);
    }
  } finally {
    stopped = true;
    await writing;
  }
  assertEquals(await textAt(storage, 2), `${writes}`);
});

everyStorage("ids of new objects are nobody else's, also when many ask at once", async (storage) => {
  const given = (await Promise.all([7, 30, 1, 100, 12].map(async (count) => await storage.newOids(count))))
    .flat();
  assertEquals([given.length, new Set(given).size], [150, 150]);
});

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Revision, Storage } from "../../../storage/mod.ts";
import { ClientDisconnected, NO_TID, oid, POSKeyError, ReadOnlyError } from "../../../values/mod.ts";
import { commit, nobody, packTo, record, revisions, textAt, undo } from "../samples.ts";
import { everyDurableStorage, ticking } from "./kinds.ts";

/** An object's revisions; none of one that is gone. */
async function historyOf(storage: Storage, id: number): Promise<Revision[]> {
  try {
    return await storage.history(oid(id), 9);
  } catch (error) {
    if (error instanceof POSKeyError) return [];
    throw error;
  }
}

/** What can be seen of a storage with the objects 0 to 2. */
async function seen(storage: Storage): Promise<unknown> {
  const histories = [];
  for (const id of [0, 1, 2]) histories.push(await historyOf(storage, id));
  const texts = [await textAt(storage, 0), await textAt(storage, 1), await textAt(storage, 2)];
  return [histories, texts, storage.lastTransaction(), storage.length(), storage.size()];
}

async function fill(storage: Storage): Promise<void> {
  const [, b] = await revisions(storage, 0, ["a", "b"]);
  await commit(storage, [[1, NO_TID, "one"], [2, NO_TID, "two"]]);
  await commit(storage, [[0, b, "c"]]);
}

/** Removes the saved indexes. */
function forgetIndexes(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".index")) Deno.removeSync(`${folder}/${name}`);
  }
}

for (const index of ["its saved index", "no index"]) {
  everyDurableStorage(
    `opened again with ${index} a storage is as it was, and goes on`,
    async (open, folder) => {
      let before: unknown, last;
      {
        await using storage = await open();
        await fill(storage);
        before = await seen(storage);
        last = storage.lastTransaction();
      }
      if (index === "no index") forgetIndexes(folder);
      await using storage = await open();
      assertEquals(await seen(storage), before);
      assert((await storage.newOids(1))[0] > 2n);
      assert(await commit(storage, [[0, last, "d"]]) > last);
      assertEquals(await textAt(storage, 0), "d");
    },
  );
}

everyDurableStorage("what was voted and not finished, or given up, is not there any more", async (open) => {
  let before: unknown;
  {
    await using storage = await open();
    await fill(storage);
    before = await seen(storage);
    const aborted = storage.begin(nobody), voted = storage.begin(nobody);
    aborted.store(oid(1), storage.lastTransaction(), record("stored"));
    aborted.abort();
    voted.store(oid(7), NO_TID, record("voted"));
    await voted.vote();
  }
  await using storage = await open();
  assertEquals(await seen(storage), before);
  await assertRejects(async () => await storage.getTid(oid(7)), POSKeyError);
});

everyDurableStorage("a packed storage is opened again as it was packed", async (open, folder) => {
  let before: unknown;
  {
    await using storage = await open();
    await fill(storage);
    await packTo(storage, storage.lastTransaction());
    before = await seen(storage);
  }
  forgetIndexes(folder);
  await using storage = await open();
  assertEquals(await seen(storage), before);
}, { now: ticking() });

everyDurableStorage(
  "an undo is still there when it is opened again, and can be undone",
  async (open, _folder, kind) => {
    assert(kind.undoes);
    let undone;
    {
      await using storage = await open();
      const [, b] = await revisions(storage, 1, ["a", "b"]);
      undone = await undo(storage, b);
    }
    await using storage = await open();
    assertEquals(await textAt(storage, 1), "a");
    await undo(storage, undone);
    assertEquals(await textAt(storage, 1), "b");
  },
);

everyDurableStorage(
  "the last transactions and their objects are known when it is opened again",
  async (open) => {
    let before: unknown;
    {
      await using storage = await open();
      await fill(storage);
      before = await storage.lastInvalidations(9);
    }
    await using storage = await open();
    assertEquals(
      await storage.lastInvalidations(9),
      before as Awaited<ReturnType<Storage["lastInvalidations"]>>,
    );
  },
  { beyond: "restart" },
);

everyDurableStorage(
  "opened to read only it shows all that is there and takes no changes",
  async (open, _folder, { remote, oneAtATime }) => {
    let before: unknown;
    {
      await using storage = await open();
      await fill(storage);
      before = await seen(storage);
    }
    {
      await using storage = await open({ readOnly: true });
      assertEquals(storage.readOnly, true);
      assertEquals(await seen(storage), before);
      await assertRejects(async () => void await storage.newOids(1), ReadOnlyError);
      const transaction = storage.begin(nobody);
      transaction.store(oid(7), NO_TID, record("new"));
      const error = await assertRejects(async () => void await transaction.vote());
      // A server has ended the connection by then: the transaction's begin has no reply to say it in. A client storage
      // doesn't send it.
      assertInstanceOf(error, remote && !oneAtATime ? ClientDisconnected : ReadOnlyError);
    }
    await using storage = await open();
    assertEquals(await seen(storage), before);
  },
);

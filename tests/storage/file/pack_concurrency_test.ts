/**
 * Reading and committing while the storage is packed.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import { NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { bytes, nobody } from "../samples.ts";
import { current, fill, linked, now, put, reachable, thisThread, withDatabase } from "./pack_samples.ts";

/** Commits to object 1 until told to stop; answers the tids. */
function committing(storage: FileStorage, description = ""): { stop(): Promise<Tid[]> } {
  let stopped = false;
  const tids: Tid[] = [];
  const running = (async () => {
    while (!stopped) {
      const transaction = storage.begin({ ...nobody, description: bytes(description) });
      transaction.store(oid(1), current(storage, 1).serial, linked(`commit ${tids.length}`));
      await transaction.vote();
      tids.push(await transaction.finish());
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
      return tids;
    },
  };
}

for (const disk of [undefined, thisThread]) {
  const way = disk ? "this thread" : "its own thread";

  Deno.test(`what is committed while a pack runs in ${way} is all there, in order (S04, S05, S18)`, () =>
    withDatabase(async (storage, path) => {
      await fill(storage, 2000);
      const writer = committing(storage);
      for (let round = 0; round < 5; round++) {
        await storage.pack(Date.now() / 1000);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const tids = await writer.stop();
      assert(tids.length > 0, "nothing was committed meanwhile");
      assertEquals(current(storage, 1).data, linked(`commit ${tids.length - 1}`));
      assertEquals(storage.lastTransaction(), tids.at(-1));
      const expected = reachable(storage);
      const iterated: Tid[] = [];
      for await (const transaction of storage.transactions()) iterated.push(transaction.tid);
      assertEquals(iterated.toSorted((a, b) => a < b ? -1 : 1), iterated);
      // The last pack has left those that came after it, without holes.
      const first = tids.findIndex((tid) => tid === iterated.find((found) => found >= tids[0]));
      assertEquals(iterated.filter((tid) => tid >= tids[first]), tids.slice(first));
      await storage.close();
      await using again = FileStorage.open(path);
      assertEquals(reachable(again), expected);
      assertEquals(again.lastTransaction(), tids.at(-1));
    }, { disk }));

  Deno.test(`an object that is put back in use while a pack runs in ${way} stays, with all it refers to (S06)`, () =>
    withDatabase(async (storage) => {
      // 1 refers to 2, and nothing to 1 at the pack time.
      await put(storage, { 0: linked("root"), 1: linked("one", [2]), 2: linked("two") });
      await fill2000(storage);
      let back: Promise<unknown> | undefined;
      const result = await storage.pack(now(), {
        progress: ({ stage }) => {
          if (stage === "copy") back ??= put(storage, { 0: linked("root again", [1]) });
        },
      });
      await back;
      assertEquals(result.outcome, "packed");
      const found = reachable(storage);
      // Where the commit came after the pack there is nothing to be saved any more.
      const inTime = current(storage, 0).data !== null && ![...found.values()].includes("missing");
      assert(inTime, "what is in use was dropped");
    }, { disk }));

  Deno.test(`a reference that moves from object to object is never lost to a pack in ${way} (S06)`, () =>
    withDatabase(async (storage) => {
      await put(storage, {
        0: linked("root", [1, 2]),
        1: linked("one", [9]),
        2: linked("two"),
        9: linked("nine"),
      });
      let stopped = false;
      const moving = (async () => {
        for (let turn = 0; !stopped; turn++) {
          // In one transaction, as whoever moves something does.
          await put(storage, {
            1: linked("one", turn % 2 ? [9] : []),
            2: linked("two", turn % 2 ? [] : [9]),
          });
        }
      })();
      for (let round = 0; round < 8; round++) {
        await storage.pack(Date.now() / 1000);
        assert(![...reachable(storage).values()].includes("missing"), "something in use was dropped");
      }
      stopped = true;
      await moving;
      assertEquals(current(storage, 9).data, linked("nine"));
    }, { disk }));
}

async function fill2000(storage: FileStorage): Promise<void> {
  const records: Record<number, Uint8Array> = {};
  for (let id = 100; id < 2100; id++) records[id] = linked(`object ${id}`);
  await put(storage, records);
}

Deno.test("an undo, a deletion and a big transaction while a pack runs come out as they should (S05)", () =>
  withDatabase(async (storage) => {
    await fill(storage, 2000);
    const last = await put(storage, { 3: linked("to be undone") });
    let others: Promise<unknown>[] | undefined;
    const result = await storage.pack(now(), {
      progress: ({ stage }) => {
        if (stage !== "copy" || others) return;
        others = [(async () => {
          const undo = storage.begin(nobody);
          undo.undo(last);
          await undo.vote();
          await undo.finish();
          const deletion = storage.begin(nobody);
          deletion.deleteObject(oid(5), current(storage, 5).serial);
          await deletion.vote();
          await deletion.finish();
          const big = storage.begin(nobody);
          for (let id = 10_000; id < 10_100; id++) big.store(oid(id), NO_TID, linked("x".repeat(200_000)));
          await big.vote();
          await big.finish();
        })()];
      },
    });
    await Promise.all(others!);
    assertEquals(result.outcome, "packed");
    assertEquals(current(storage, 3).data, linked("third 3"));
    assertEquals(current(storage, 5).data, null);
    assertEquals(current(storage, 10_099).data, linked("x".repeat(200_000)));
  }));

Deno.test("readers see every object at every moment of a pack", () =>
  withDatabase(async (storage) => {
    await fill(storage, 3000);
    const expected = reachable(storage);
    let packing = true, looks = 0;
    const pack = storage.pack(now()).finally(() => packing = false);
    while (packing) {
      for (const [id, found] of expected) {
        const { serial, data } = current(storage, id);
        assertEquals(`${serial} ${data?.toHex()}`, found);
        if (!packing) break;
      }
      looks++;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assertEquals((await pack).outcome, "packed");
    assert(looks > 1, "the pack was over before anybody looked");
    assertEquals(reachable(storage), expected);
  }));

Deno.test("a client that gives up its pack in the middle harms nobody (V07)", () =>
  withDatabase(async (storage) => {
    await fill(storage, 5000);
    const writer = committing(storage);
    const gone = new AbortController();
    const pack = storage.pack(now(), { signal: gone.signal, progress: () => gone.abort(new Error("gone")) });
    await assertRejects(() => pack, Error, "gone");
    const tids = await writer.stop();
    assertEquals(storage.lastTransaction(), tids.at(-1) ?? storage.lastTransaction());
    assertEquals((await storage.pack(now())).outcome, "packed");
  }));

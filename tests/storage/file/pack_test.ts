/**
 * What packing does for those who use the storage.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { FileStorage, MappingStorage, type PackStage, realDisk, supportsPack } from "../../../storage/mod.ts";
import {
  type Awaitable,
  CorruptedTransactionError,
  FileStorageError,
  MAX_TID,
  oid,
  POSKeyError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  tidSeconds,
} from "../../../values/mod.ts";
import { nobody } from "../samples.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { current, fill, linked, now, put, reachable, thisThread, withDatabase } from "./pack_samples.ts";

Deno.test("a pack drops old revisions and what nothing refers to, and keeps the old file", () =>
  withDatabase(async (storage, path) => {
    await fill(storage);
    const before = reachable(storage), bytes = await Deno.readFile(path);
    const result = await storage.pack(now());
    assertEquals(result.outcome, "packed");
    assertEquals(result.objects, [21, 11]);
    assertEquals(result.size, [bytes.length, storage.size()]);
    assertEquals(reachable(storage), before);
    assertEquals(current(storage, 2).data, null);
    assertEquals(await Deno.readFile(`${path}.old`), bytes);
    assertEquals((await Deno.stat(path)).size, storage.size());
    // The next pack replaces what the last one kept.
    await put(storage, { 1: linked("fourth") });
    const again = await Deno.readFile(path);
    assertEquals((await storage.pack(now())).outcome, "packed");
    assertEquals(await Deno.readFile(`${path}.old`), again);
  }));

Deno.test("a packed file is opened with the index that the pack has saved, and has the same objects", () =>
  withDatabase(async (storage, path) => {
    await fill(storage, 3000);
    await storage.pack(now(), { keepOld: false });
    await put(storage, { 1: linked("after the pack") });
    const expected = reachable(storage);
    await using reader = FileStorage.open(path, { readOnly: true });
    assertEquals(reachable(reader), expected);
    assert(realDisk.exists(`${path}.index`), "no index was saved");
    assert(!realDisk.exists(`${path}.old`), "the old file was kept");
  }));

Deno.test("packing without garbage collection keeps what nothing refers to, in its current revision", () =>
  withDatabase(async (storage) => {
    await fill(storage);
    assertEquals((await storage.pack(now(), { gc: false })).objects, [21, 21]);
    assertEquals(current(storage, 2).data, linked("third 2"));
    assertEquals(storage.history(oid(2), 10).length, 1);
  }));

Deno.test("packing follows how the storage was set up unless the call says otherwise", () =>
  withDatabase(async (storage, path) => {
    await fill(storage);
    assertEquals((await storage.pack(now())).objects, [21, 21]);
    assert(!realDisk.exists(`${path}.old`), "the old file was kept");
    assertEquals((await storage.pack(now(), { gc: true, keepOld: true })).objects, [21, 11]);
    assert(realDisk.exists(`${path}.old`), "the old file was not kept");
  }, { packGc: false, packKeepOld: false }));

Deno.test("an empty database, and one with nothing to drop, stay as they are", () =>
  withDatabase(async (storage) => {
    assertEquals((await storage.pack(now())).outcome, "nothing");
    await put(storage, { 0: linked("root") });
    assertEquals((await storage.pack(now())).outcome, "nothing");
    assertEquals((await storage.pack(0)).outcome, "nothing");
    assertEquals((await storage.pack(-1e10)).outcome, "nothing");
    await assertRejects(() => storage.pack(NaN), FileStorageError, "pack time NaN");
  }));

Deno.test("a pack to an earlier time than the last one does nothing and loses nothing (S03)", () =>
  withDatabase(async (storage, path) => {
    await fill(storage);
    const early = tidSeconds(storage.lastTransaction()) + 0.000001;
    await put(storage, { 1: linked("fourth") });
    await put(storage, { 1: linked("fifth") });
    await storage.pack(now());
    await put(storage, { 1: linked("sixth") });
    const before = await Deno.readFile(path);
    assertEquals((await storage.pack(early)).outcome, "redundant");
    assertEquals(await Deno.readFile(path), before);
  }));

Deno.test("a second pack is refused while one runs, and not after it", () =>
  withDatabase(async (storage) => {
    await fill(storage);
    const first = storage.pack(now());
    await assertRejects(() => storage.pack(now()), FileStorageError, "Already packing");
    assertEquals((await first).outcome, "packed");
    assertEquals((await storage.pack(now())).outcome, "redundant");
  }));

Deno.test("a storage that is read-only or closed can't be packed", async () => {
  await withDatabase(async (storage, path) => {
    await fill(storage);
    assert(supportsPack(storage));
    await using reader = FileStorage.open(path, { readOnly: true });
    await assertRejects(() => reader.pack(now()), ReadOnlyError);
    await storage.close();
    await assertRejects(() => storage.pack(now()), FileStorageError, "closed");
  });
  assert(supportsPack(new MappingStorage()));
});

Deno.test("a reference to nothing names both objects, and leaves everything as it was (S08)", () =>
  withDatabase(async (storage, path) => {
    await put(storage, { 0: linked("root", [1]), 1: linked("one", [7]) });
    const before = await Deno.readFile(path);
    const error = await assertRejects(() => storage.pack(now()), POSKeyError, "0x01 refers to");
    assertEquals(error.oid, oid(7));
    assertEquals(await Deno.readFile(path), before);
    assert(!realDisk.exists(`${path}.pack`), "the pack's file is left");
    await put(storage, { 7: linked("seven") });
    await put(storage, { 7: linked("seven again") });
    assertEquals((await storage.pack(now())).outcome, "packed");
  }));

Deno.test("a file that contradicts itself is not packed, and stays as it is", () =>
  withDatabase(async (storage, path) => {
    await fill(storage);
    const bytes = await Deno.readFile(path);
    // The version of the first record, right behind its transaction's header.
    bytes[4 + 23 + 33] = 1;
    await Deno.writeFile(path, bytes);
    await assertRejects(() => storage.pack(now()), CorruptedTransactionError, "version");
    assertEquals(await Deno.readFile(path), bytes);
    assert(!realDisk.exists(`${path}.pack`), "the pack's file is left");
  }));

const stages: readonly PackStage[] = ["scan", "reach", "copy", "follow"];
for (const disk of [realDisk, thisThread]) {
  const way = disk === realDisk ? "its own thread" : "this thread";
  for (const stage of stages) {
    Deno.test(`a pack in ${way} that is given up while at "${stage}" leaves no trace (S06)`, () =>
      withDatabase(async (storage, path) => {
        await fill(storage, 5000);
        const before = await Deno.readFile(path);
        const giveUp = new AbortController();
        const progress = (at: { stage: PackStage }) => {
          if (at.stage === stage) giveUp.abort(new Error("enough"));
        };
        // A thread that is done before it hears of it has packed, which is as good.
        const outcome = await storage.pack(now(), { signal: giveUp.signal, progress }).then(
          (result) => result.outcome,
          (error) => error.message,
        );
        assert(giveUp.signal.aborted, `it was never at ${stage}`);
        if (outcome !== "packed") {
          assertEquals(outcome, "enough");
          assertEquals(await Deno.readFile(path), before);
        }
        assert(!realDisk.exists(`${path}.pack`), "the pack's file is left");
        await put(storage, { 1: linked("afterwards") });
        assertEquals((await storage.pack(now())).outcome, "packed");
        assertEquals(current(storage, 1).data, linked("afterwards"));
      }, { disk }));
  }
}

Deno.test("closing a storage gives up its pack", () =>
  withDatabase(async (storage, path) => {
    await fill(storage, 5000);
    const pack = storage.pack(now());
    const refused = assertRejects(() => pack, FileStorageError, "the storage is closed");
    await storage.close();
    await refused;
    assert(!realDisk.exists(`${path}.pack`), "the pack's file is left");
  }));

Deno.test("a transaction that relies on places in the file fails its vote when a pack came between", () =>
  withDatabase(async (storage) => {
    await fill(storage);
    const shared = current(storage, 1);
    const open = storage.begin(nobody, { tid: MAX_TID });
    open.restore(oid(1), MAX_TID, shared.data, shared.serial);
    const elsewhere = storage.begin(nobody, { tid: (MAX_TID - 1n) as Tid });
    elsewhere.restore(oid(1), (MAX_TID - 1n) as Tid, linked("a copy"), null);
    await storage.pack(now());
    let failure: unknown;
    try {
      await open.vote();
    } catch (error) {
      failure = error;
    }
    assert(failure instanceof StorageTransactionError, `${failure}`);
    // One that brings its data along relies on nothing.
    await elsewhere.vote();
    await elsewhere.finish();
    assertEquals(current(storage, 1).data, linked("a copy"));
  }));

Deno.test("a pack waits with its last step for a voted transaction that relies on places in the file", () =>
  withDatabase(async (storage) => {
    await fill(storage);
    const shared = current(storage, 1);
    const tid = (MAX_TID - 1n) as Tid;
    const voted = storage.begin(nobody, { tid });
    voted.restore(oid(1), tid, shared.data, shared.serial);
    await voted.vote();
    let done = false;
    const pack = storage.pack(now()).finally(() => done = true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(done, false);
    await voted.finish();
    assertEquals((await pack).outcome, "packed");
    assertEquals(current(storage, 1), { ...shared, serial: tid });
  }));

Deno.test("the packed file is durable before it takes the place of the other, and that before commits go on (S23)", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const disk = new MemoryDisk(), path = `${folder}/Data.fs`;
    await using storage = FileStorage.open(path, { disk });
    await fill(storage);
    disk.changes.length = 0;
    await storage.pack(now(), { keepOld: false });
    await put(storage, { 1: linked("next") });
    const changes = disk.changes.map((change) =>
      change.replaceAll(`${folder}/`, "").replace(folder, "folder")
    );
    const renamed = changes.indexOf("rename Data.fs.pack Data.fs");
    assert(renamed > 0, "the packed file was not renamed");
    const lastWrite = changes.lastIndexOf("write Data.fs.pack", renamed);
    const synced = changes.indexOf("sync Data.fs.pack", lastWrite);
    assert(synced > lastWrite && synced < renamed, "the packed file was not durable when it was renamed");
    const removed = changes.lastIndexOf("remove Data.fs.index", renamed);
    assert(
      removed > 0 || !changes.includes("rename Data.fs.index.index_tmp Data.fs.index"),
      "an old index was left",
    );
    const directory = changes.indexOf("sync folder", renamed),
      commit = changes.indexOf("write Data.fs", renamed);
    assert(directory > renamed && directory < commit, "a commit came before the new name was durable");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is committed at the last moment of a pack is durable in the packed file before that is renamed (S23)", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const disk = new MemoryDisk(), path = `${folder}/Data.fs`;
    await using storage = FileStorage.open(path, { disk });
    await fill(storage);
    const late = storage.begin(nobody);
    late.store(oid(1), current(storage, 1).serial, linked("late"));
    await late.vote();
    let finishing: Awaitable<Tid> | undefined;
    disk.changes.length = 0;
    disk.beforeChange = (what) => {
      // All is copied and about to be made durable: but for this one.
      if (what === `sync ${path}.pack`) finishing ??= late.finish();
    };
    assertEquals((await storage.pack(now(), { keepOld: false })).outcome, "packed");
    assertEquals(current(storage, 1), { serial: await finishing!, data: linked("late"), end: null });
    const steps = disk.changes.filter((change) => /(write|sync|rename) .*\.pack( |$)/.test(change))
      .map((change) => change.split(" ")[0]).slice(-4);
    assertEquals(steps, ["sync", "write", "sync", "rename"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a disk that fails during a pack fails the pack, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const failing = ["create", "write", "sync"].map((what) => `${what} ${folder}/Data.fs.pack`);
    for (const change of [...failing, `rename ${folder}/Data.fs.pack ${folder}/Data.fs`]) {
      const disk = new MemoryDisk(), path = `${folder}/Data.fs`;
      await using storage = FileStorage.open(path, { disk });
      await fill(storage);
      const before = reachable(storage), bytes = disk.content(path);
      disk.beforeChange = (what) => {
        if (what === change) throw new Error("no space left on device");
      };
      await assertRejects(() => storage.pack(now(), { keepOld: false }), FileStorageError, "no space left");
      disk.beforeChange = () => {};
      assertEquals(disk.content(path), bytes);
      assertEquals(reachable(storage), before);
      assert(!disk.exists(`${path}.pack`), "the pack's file is left");
      await put(storage, { 1: linked("goes on") });
      assertEquals((await storage.pack(now(), { keepOld: false })).outcome, "packed");
      assertEquals(current(storage, 1).data, linked("goes on"));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("whatever the history, packing changes nothing that can be reached at the pack time or later (S06)", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.dictionary(
          fc.integer({ min: 0, max: 6 }).map(String),
          fc.tuple(fc.string({ maxLength: 3 }), fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 })),
          { minKeys: 1, maxKeys: 3 },
        ),
        { minLength: 1, maxLength: 12 },
      ),
      fc.nat(),
      fc.array(fc.nat(), { maxLength: 3 }),
      (history, packTo, undone) =>
        withDatabase(async (storage) => {
          const ids = [0, 1, 2, 3, 4, 5, 6];
          await put(storage, Object.fromEntries(ids.map((id) => [id, linked("new", id === 0 ? ids : [])])));
          const tids: Tid[] = [storage.lastTransaction()];
          for (const [place, changes] of history.entries()) {
            if (undone.includes(place)) {
              const undo = storage.begin(nobody);
              undo.undo(tids.at(-1)!);
              try {
                await undo.vote();
                tids.push(await undo.finish());
              } catch {
                // Not every transaction can be undone.
              }
            }
            const records = Object.entries(changes).map(([id, [text, links]]) => [id, linked(text, links)]);
            tids.push(await put(storage, Object.fromEntries(records)));
          }
          const at = packTo % tids.length;
          // Just before each transaction after the pack time; the first is how it was at that time.
          const moments = [...tids.slice(at + 1), MAX_TID];
          const before = moments.map((moment) => reachable(storage, moment));
          try {
            await storage.pack(tidSeconds(tids[at]) + 1e-7);
          } catch (error) {
            // What was missing before is a reason to refuse.
            assert(error instanceof POSKeyError && [...before[0].values()].includes("missing"), `${error}`);
          }
          assertEquals(moments.map((moment) => reachable(storage, moment)), before);
        }, { disk: thisThread, now: ticking() }),
    ),
    { numRuns: 60 },
  ));

/** A clock that goes a second further each time, so that pack times lie between transactions. */
function ticking(): () => number {
  let time = Date.UTC(2024, 0, 1);
  return () => time += 1000;
}

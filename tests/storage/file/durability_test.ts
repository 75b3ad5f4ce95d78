import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname } from "@std/path";
import type { FileStorage } from "../../../storage/mod.ts";
import { equalBytes, MAX_TID, NO_TID, oid, StorageTransactionError, type Tid } from "../../../values/mod.ts";
import type { FaultyDisk } from "../faulty_disk.ts";
import { commit, nobody, noise, record } from "../samples.ts";
import { onDisk, settle, texts } from "./on_disk.ts";

const isDurable = (disk: FaultyDisk, path: string): boolean =>
  equalBytes(disk.durable(path), disk.content(path));

/** Begins a commit of a new object and leaves it to finish by itself. */
async function finishing(storage: FileStorage, id: number, told: string[]): Promise<Tid> {
  const transaction = storage.begin(nobody);
  transaction.store(oid(id), NO_TID, record(`${id}`));
  await transaction.vote();
  const tid = await transaction.finish((published) => told.push(`published ${id} ${published}`));
  told.push(`answered ${id}`);
  return tid;
}

Deno.test("nothing can be seen of a transaction that is written and not durable yet", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const first = await commit(storage, [[0, NO_TID, "old"]]);
    const size = storage.size();
    disk.holdSyncs = true;
    const second = storage.begin(nobody);
    second.store(oid(0), first, record("new"));
    second.store(oid(1), NO_TID, record("made"));
    await second.vote();
    let published = false;
    const finishing = second.finish(() => void (published = true));
    await settle();
    assert(disk.content(path).length > size, "it is written");
    assertEquals([disk.waiting.length, published], [1, false]);
    assertEquals(texts(storage, 2), ["old", null]);
    assertEquals([storage.lastTransaction(), storage.size(), storage.length()], [first, size, 1]);
    assertEquals(storage.getTid(oid(0)), first);
    assertEquals(storage.lastInvalidations(9).map(({ tid }) => tid), [first]);
    assertEquals(storage.history(oid(0), 9).length, 1);
    disk.releaseSyncs();
    const tid = await finishing;
    assertEquals(published, true);
    assertEquals(texts(storage, 2), ["new", "made"]);
    assertEquals([storage.lastTransaction(), storage.size()], [tid, disk.content(path).length]);
  }));

Deno.test("an object stays taken until its transaction can be seen", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    disk.holdSyncs = true;
    const told: string[] = [];
    const first = finishing(storage, 1, told);
    await settle();
    await assertRejects(async () => {
      const next = storage.begin(nobody);
      next.store(oid(1), NO_TID, record("too early"));
      await next.vote();
    }, StorageTransactionError);
    disk.releaseSyncs();
    const tid = await first;
    await commit(storage, [[1, tid, "next"]]);
    assertEquals(texts(storage, 2), [null, "next"]);
  }));

Deno.test("whatever is finished while one sync runs shares the next one, and all keep their order", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    disk.holdSyncs = true;
    const told: string[] = [];
    const first = finishing(storage, 0, told);
    await settle();
    const others = [5, 3, 1, 4, 2].map((id) => finishing(storage, id, told));
    await settle();
    assertEquals(disk.waiting.length, 1, "they wait for the sync under way");
    disk.waiting[0].complete();
    await settle();
    assertEquals(disk.waiting.length, 2, "one more for all of them");
    assertEquals(texts(storage, 6), ["0", null, null, null, null, null]);
    disk.waiting[1].complete();
    const tids = [await first, ...await Promise.all(others)];
    assertEquals(disk.waiting.length, 2);
    assertEquals(tids, tids.toSorted());
    const published = told.filter((line) => line.startsWith("published"));
    assertEquals(published, [0, 5, 3, 1, 4, 2].map((id, place) => `published ${id} ${tids[place]}`));
    assertEquals(storage.lastInvalidations(9).map(({ tid }) => tid), tids);
    assert(isDurable(disk, path));
    disk.holdSyncs = false;
  }));

Deno.test("a transaction that finishes behind a long write keeps its place behind it", () =>
  onDisk(async ({ open }) => {
    const storage = open();
    const big = storage.begin(nobody);
    for (const id of [0, 1, 2]) big.store(oid(id), NO_TID, noise(4 << 20, id));
    await big.vote();
    const told: string[] = [];
    const first = big.finish(() => told.push("big"));
    const others = [3, 4].map((id) => finishing(storage, id, told));
    const tids = [await first, ...await Promise.all(others)];
    assertEquals(tids, tids.toSorted());
    assertEquals(told.filter((line) => !line.startsWith("answered")), [
      "big",
      `published 3 ${tids[1]}`,
      `published 4 ${tids[2]}`,
    ]);
  }));

// Who uses the storage alone has its syncs done on the spot, others have them done in another thread.
for (const users of [1, 2]) {
  Deno.test(`S23 a transaction is durable before anybody hears of it, be there ${users} or more`, () =>
    onDisk(async ({ disk, path, open }) => {
      const storage = open();
      storage.users = users;
      assert(isDurable(disk, path), "the new file");
      for (const data of [[record("small")], [noise(5 << 20), noise(5 << 20)]]) {
        const transaction = storage.begin(nobody);
        for (const each of data) transaction.store(storage.newOids(1)[0], NO_TID, each);
        await transaction.vote();
        let durable = false;
        await transaction.finish(() => void (durable = isDurable(disk, path)));
        assert(durable);
      }
    }));
}

Deno.test("S23 a new file's name and a renamed index's are made durable", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const made = disk.calls.map(({ kind, path }) => `${kind} ${path}`);
    assert(made.indexOf(`create ${path}`) < made.indexOf(`syncDirectory ${dirname(path)}`), made.join());
    await commit(storage, [[0, NO_TID, "a"]]);
    disk.calls.length = 0;
    await storage.close();
    const kinds = disk.calls.map(({ kind, path }) => `${kind} ${path}`);
    const temporary = `${path}.index.index_tmp`;
    assertEquals(kinds.filter((call, place) => call !== kinds[place - 1]), [
      `remove ${path}.ballast`,
      `create ${temporary}`,
      `write ${temporary}`,
      `sync ${temporary}`,
      `rename ${temporary}`,
      `syncDirectory ${dirname(path)}`,
    ]);
  }));

Deno.test("S22 no trouble with the index or a temporary file makes a commit fail", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    disk.fault = ({ path: at, kind }) =>
      at.startsWith(`${path}.index`) || kind === "remove" ? { error: new Error("broken") } : undefined;
    await commit(storage, [[0, NO_TID, "a"]]);
    await commit(storage, [[1, NO_TID, noise(5 << 20)], [2, NO_TID, noise(5 << 20)], [3, NO_TID, "d"]]);
    await commit(storage, [[4, NO_TID, "e"]]);
    await storage.close();
    assertEquals(disk.paths.includes(`${path}.index`), true, "the one from the start");
    disk.fault = () => undefined;
    const again = open();
    assertEquals([again.length(), texts(again, 5)[0], texts(again, 5)[4]], [5, "a", "e"]);
  }));

Deno.test("no index is written while transactions are committed", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    disk.calls.length = 0;
    for (let id = 0; id < 20; id++) await commit(storage, [[id, NO_TID, "a"]]);
    const calls = disk.calls.filter((call) => call.path === path).map((call) => call.kind);
    assertEquals(calls, Array.from({ length: 20 }, () => ["write", "sync"]).flat(), "one of each for each");
    const others = disk.calls.filter((call) => call.path !== path).map(({ kind, path }) => `${kind} ${path}`);
    assertEquals(others, [`create ${path}.ballast`, `write ${path}.ballast`], "the first vote's");
  }));

Deno.test("the temporary file of a big transaction goes when the transaction ends, in whatever way", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const serial = await commit(storage, [[0, NO_TID, "a"]]);
    const big = () => {
      const transaction = storage.begin(nobody);
      for (const id of [1, 2, 3]) transaction.store(oid(id), NO_TID, noise(4 << 20, id));
      assertEquals(disk.paths, [...files, `${path}.tmp1`]);
      return transaction;
    };
    const files = [path, `${path}.ballast`, `${path}.index`];
    big().abort();
    assertEquals(disk.paths, files);
    const voted = big();
    await voted.vote();
    voted.abort();
    assertEquals(disk.paths, files);
    const conflicting = big();
    conflicting.store(oid(0), NO_TID, record("b"));
    await assertRejects(async () => await conflicting.vote());
    assertEquals(disk.paths, files);
    const finished = big();
    await finished.vote();
    await finished.finish();
    assertEquals(disk.paths, files);
    assertEquals(storage.getTid(oid(0)), serial);
    assertEquals(disk.openFiles, 2, "the data and the ballast");
  }));

Deno.test("closing waits for what is being made durable, and refuses what comes later", () =>
  onDisk(async ({ disk, open }) => {
    const storage = open();
    const late = storage.begin(nobody);
    late.store(oid(8), NO_TID, record("late"));
    await late.vote();
    disk.holdSyncs = true;
    const told: string[] = [];
    const last = finishing(storage, 0, told);
    await settle();
    const closing = storage.close().then(() => told.push("closed"));
    await assertRejects(() => late.finish(), StorageTransactionError, "closed");
    await assertRejects(async () => await storage.begin(nobody).vote(), StorageTransactionError, "closed");
    await settle();
    disk.releaseSyncs();
    const tid = await last;
    await closing;
    assertEquals(told[0], `published 0 ${tid}`);
    assertEquals(told.toSorted(), ["answered 0", "closed", `published 0 ${tid}`]);
    assertEquals(disk.openFiles, 0);
    const again = open();
    assertEquals([again.lastTransaction(), again.loadBefore(oid(0), MAX_TID)?.serial], [tid, tid]);
    assertEquals(again.length(), 1);
  }));

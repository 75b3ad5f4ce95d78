import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import { FileStorageError, NO_TID, oid, ReadOnlyError } from "../../../values/mod.ts";
import { fileStorageFixtures } from "../../fixtures/mod.ts";
import { FaultyDisk } from "../faulty_disk.ts";
import { commit, nobody, noise, record } from "../samples.ts";
import { onDisk, texts } from "./on_disk.ts";

const noChanges = (disk: FaultyDisk) => {
  disk.fault = ({ kind, path }) => ({ error: new Error(`${kind} ${path} on a disk that is only read`) });
};

Deno.test("S10 a read-only storage changes nothing on the disk, whatever it is asked for", () =>
  onDisk(async (place) => {
    const { path } = place;
    const writer = place.open();
    await commit(writer, [[0, NO_TID, "a"], [1, NO_TID, "b"]]);
    await writer.close();
    place.disk = FaultyDisk.with({ [path]: place.disk.content(path) });
    noChanges(place.disk);
    const storage = place.open({ readOnly: true });
    assertEquals(storage.readOnly, true);
    assertEquals(texts(storage, 3), ["a", "b", null]);
    assertEquals(storage.history(oid(0), 5).length, 1);
    assertEquals(storage.lastInvalidations(5).length, 1);
    assertThrows(() => storage.newOids(1), ReadOnlyError);
    const transaction = storage.begin(nobody);
    // More than is kept in memory.
    for (let id = 2; id < 8; id++) transaction.store(oid(id), NO_TID, noise(2 << 20, id));
    transaction.deleteObject(oid(0), storage.lastTransaction());
    await assertRejects(async () => await transaction.vote(), ReadOnlyError);
    storage.begin(nobody).abort();
    await storage.close();
    assertEquals(place.disk.calls, []);
    assertEquals(place.disk.openFiles, 0);
  }));

Deno.test("S10 a read-only storage changes nothing about any file, whole or damaged", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const fixture of fileStorageFixtures()) {
      const path = fixture.copyTo(folder);
      const files = Object.fromEntries(
        Object.keys(fixture.expected.input).map((
          name,
        ) => [`${folder}/${name}`, Deno.readFileSync(`${folder}/${name}`)]),
      );
      const disk = FaultyDisk.with(files);
      noChanges(disk);
      try {
        await FileStorage.open(path, { readOnly: true, disk }).close();
      } catch (error) {
        if (!(error instanceof FileStorageError)) throw error;
      }
      assertEquals(disk.calls, [], fixture.name);
    }
    const locks = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".lock"));
    assertEquals(locks, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file that is not there is no reason to make one for reading", () =>
  onDisk((place) => {
    noChanges(place.disk);
    assertThrows(() => place.open({ readOnly: true }), FileStorageError, place.path);
    return Promise.resolve();
  }));

Deno.test("a read-only storage opens beside a writer and shows what was there then", () =>
  onDisk(async ({ open }) => {
    const writer = open();
    const first = await commit(writer, [[0, NO_TID, "a"]]);
    const reader = open({ readOnly: true });
    assertEquals(texts(reader, 2), ["a", null]);
    await commit(writer, [[0, first, "b"], [1, NO_TID, "c"]]);
    assertEquals(texts(reader, 2), ["a", null]);
    assertEquals(reader.lastTransaction(), first);
    assertEquals(texts(open({ readOnly: true }), 2), ["b", "c"]);
    await commit(writer, [[2, NO_TID, "d"]]);
    assertEquals(texts(writer, 3), ["b", "c", "d"]);
  }));

Deno.test("S10 a read-only storage beside a writer doesn't take a transaction under way for torn", () =>
  onDisk(async ({ disk, path, open }) => {
    const writer = open();
    await commit(writer, [[0, NO_TID, "a"]]);
    disk.holdSyncs = true;
    const transaction = writer.begin(nobody);
    for (const id of [1, 2, 3]) transaction.store(oid(id), NO_TID, noise(4 << 20, id));
    await transaction.vote();
    const finishing = transaction.finish();
    // The header and perhaps some pieces are there.
    const before = disk.content(path).length;
    const reader = open({ readOnly: true });
    assertEquals([reader.length(), texts(reader, 1)], [1, ["a"]]);
    assertEquals(disk.content(path).length, before);
    disk.releaseSyncs();
    await finishing;
    assertEquals(writer.length(), 4);
  }));

Deno.test("one more writer is refused", () =>
  onDisk(async ({ open }) => {
    const writer = open();
    assertThrows(() => open(), Error, "couldn't lock");
    await commit(writer, [[0, NO_TID, record("a")]]);
    await writer.close();
    assertEquals(texts(open(), 1), ["a"]);
  }));

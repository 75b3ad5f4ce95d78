import { assert, assertEquals, assertRejects } from "@std/assert";
import { openStorage, parseServerConfiguration } from "../../../config/mod.ts";
import { FileStorage, isCompressed, type Storage } from "../../../storage/mod.ts";
import { LockError, MAX_TID, NO_TID, oid } from "../../../values/mod.ts";
import { commit, record, textOf } from "../samples.ts";

/** Opens the one storage of a configuration. */
async function open(sections: string): Promise<Storage> {
  const { storages: [section] } = parseServerConfiguration(`<zeo>\n  address 8100\n</zeo>\n${sections}\n`);
  return (await openStorage(section)).storage;
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("<demostorage> puts changes beside a base", () =>
  inFolder(async (folder) => {
    {
      await using base = FileStorage.open(`${folder}/Base.fs`);
      await commit(base, [[1, NO_TID, "base"]]);
    }
    const sections = `
      <demostorage 1>
        <filestorage>
          path ${folder}/Base.fs
        </filestorage>
        <filestorage changes>
          path ${folder}/Changes.fs
        </filestorage>
      </demostorage>`;
    {
      await using storage = await open(sections);
      assertEquals(storage.kind, "DemoStorage");
      await commit(storage, [[1, await storage.getTid(oid(1)), "changed"]]);
    }
    await using changes = FileStorage.open(`${folder}/Changes.fs`);
    assertEquals(textOf(changes.loadBefore(oid(1), MAX_TID)!.data), "changed");
    await using base = FileStorage.open(`${folder}/Base.fs`);
    assertEquals(textOf(base.loadBefore(oid(1), MAX_TID)!.data), "base");
    // What was open already is closed when the rest can't be opened.
    await changes.close();
    await base.close();
    await using taken = FileStorage.open(`${folder}/Changes.fs`);
    await assertRejects(() => open(sections), LockError);
    assertEquals(taken.length(), 1);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await FileStorage.open(`${folder}/Base.fs`).close();
  }));

Deno.test("<demostorage> without anything in it is a storage in memory with a name", async () => {
  await using storage = await open("<demostorage 1>\n  name scratch\n</demostorage>");
  const tid = await commit(storage, [[1, NO_TID, "a"]]);
  assertEquals([storage.name, await storage.getTid(oid(1))], ["scratch", tid]);
});

for (const type of ["zlibstorage", "serverzlibstorage"]) {
  Deno.test(`<${type}> is around a storage, once %import has named it`, () =>
    inFolder(async (folder) => {
      const section = `
        <${type} 1>
          <filestorage>
            path ${folder}/Data.fs
          </filestorage>
        </${type}>`;
      await assertRejects(() => Promise.resolve().then(() => open(section)), Error, "%import zc.zlibstorage");
      const data = record("a".repeat(200));
      {
        await using storage = await open(`%import zc.zlibstorage\n${section}`);
        const tid = await commit(storage, [[1, NO_TID, data]]);
        assertEquals(await storage.loadSerial(oid(1), tid), data);
      }
      await using inside = FileStorage.open(`${folder}/Data.fs`);
      const stored = inside.loadBefore(oid(1), MAX_TID)!.data;
      assertEquals(isCompressed(stored), type === "zlibstorage");
      assert(type === "zlibstorage" || stored.length === data.length);
    }));
}

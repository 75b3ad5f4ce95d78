/** Clients who commit while the server packs, in another thread. */

import { assert, assertEquals } from "@std/assert";
import { FileStorage } from "../../storage/mod.ts";
import { NO_TID, oid, oidBytes, type Tid, tidBytes } from "../../values/mod.ts";
import { linked } from "../storage/file/pack_samples.ts";
import { Serving } from "./serving.ts";

Deno.test("R06: while a pack works in another thread, commits have one order: of ids, of invalidations, in the file", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/Data.fs`;
  const tids: Tid[][] = [];
  {
    await using serving = await Serving.start({ storage: FileStorage.open(path) });
    const watcher = await serving.connect();
    const objects = Array.from({ length: 1500 }, (_, i) => i + 1);
    const setup = watcher.begin().store(oid(0), NO_TID, linked("root", objects));
    for (const id of objects) setup.store(oid(id), NO_TID, linked(`object ${id}`));
    const start = await setup.commit();

    let packed = 0;
    const packer = await serving.connect();
    const packing = (async () => {
      for (; packed < 3; packed++) await packer.call("pack", Date.now() / 1000, true);
    })();
    await Promise.all([1, 2, 3].map(async (n) => {
      const writer = await serving.connect({ encoding: n === 2 ? "Z" : "M" });
      let last = start;
      const own: Tid[] = [];
      while (packed < 3) {
        last = await writer.begin().store(oid(n), last, linked(`${n}: ${own.length}`)).commit();
        own.push(last);
      }
      tids.push(own);
      assertEquals(await writer.call("getTid", oidBytes(oid(n))), tidBytes(last));
    }));
    await packing;
    await watcher.call("ping");
    const all = tids.flat().sort((a, b) => a < b ? -1 : 1);
    assert(all.length > 30, `${all.length} commits while it was packed three times`);
    assert(tids.every((own) => own.every((tid, i) => i === 0 || tid > own[i - 1])));
    // Each is told once, in the order of the ids.
    assertEquals(watcher.invalidations.map(([tid]) => tid), all);
    assertEquals(await watcher.call("lastTransaction"), tidBytes(all.at(-1)!));
    assert(all[0] > start);
  }
  const all = tids.flat().sort((a, b) => a < b ? -1 : 1);
  await using again = FileStorage.open(path);
  const inFile = [...again.transactions()].map(({ tid }) => tid);
  // What a pack has left out were the first ones.
  assertEquals(inFile.slice(-10), all.slice(-10));
  assertEquals(inFile, inFile.toSorted((a, b) => a < b ? -1 : 1));
  await Deno.remove(folder, { recursive: true });
});

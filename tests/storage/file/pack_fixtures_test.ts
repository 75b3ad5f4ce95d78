/**
 * Packed files, byte by byte those that Python's FileStorage makes of the same ones.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileStorage, realDisk } from "../../../storage/mod.ts";
import { POSKeyError } from "../../../values/mod.ts";

interface Case {
  readonly name: string;
  readonly about: string;
  readonly time: number;
  readonly gc: boolean;
  /** The object that is missing, where Python refuses for that. */
  readonly missing?: number;
  /** The list of dropped blobs' revisions, as Python writes it. */
  readonly removed?: string;
}

const folder = new URL("../../fixtures/pack/", import.meta.url);
const cases: readonly Case[] = JSON.parse(Deno.readTextFileSync(new URL("cases.json", folder)));

// The thread that packs can't be given another disk: so this one packs by itself.
const ways = { "in its own thread": realDisk, "in this thread": { ...realDisk } };

for (const [way, disk] of Object.entries(ways)) {
  for (const { name, about, time, gc, missing, removed } of cases) {
    Deno.test(`packs ${name} to the bytes that Python packs it to, ${way} (S03, S08): ${about}`, async () => {
      const scratch = await Deno.makeTempDir();
      try {
        const path = `${scratch}/Data.fs`;
        await Deno.copyFile(new URL(`${name}.before.fs`, folder), path);
        {
          await using storage = FileStorage.open(path, { disk });
          const removedList = removed === undefined ? undefined : `${scratch}/removed`;
          if (missing === undefined) {
            await storage.pack(time, { gc, removedList, keepOld: false });
            if (removedList !== undefined) assertEquals(await Deno.readTextFile(removedList), removed);
          } else {
            const error = await assertRejects(() => storage.pack(time, { gc }), POSKeyError);
            assertEquals(error.oid as bigint, BigInt(missing));
          }
          assert(!disk.exists(`${path}.pack`), "the pack's file is left");
          assert(!disk.exists(`${path}.old`), "the old file is left");
        }
        assertEquals(await Deno.readFile(path), await Deno.readFile(new URL(`${name}.after.fs`, folder)));
      } finally {
        await Deno.remove(scratch, { recursive: true });
      }
    });
  }
}

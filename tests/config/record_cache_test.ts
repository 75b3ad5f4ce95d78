import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigurationError, openStorage, parseDatabaseConfiguration } from "../../config/mod.ts";
import { statisticsOf } from "../../storage/mod.ts";
import { MAX_TID, NO_TID, oid } from "../../values/mod.ts";

const OBJECTS = 200;
const SIZE = 64 << 10;

function described(path: string, keys: string) {
  const text = `<zodb>\n<filestorage>\npath ${path}\n${keys}\n</filestorage>\n</zodb>\n`;
  return parseDatabaseConfiguration(text).databases[0].storage;
}

/** Writes 12.5 MB, reads them three times, and says what the cache did. */
async function readAgain(keys: string): Promise<{ hits: number; bytes: number }> {
  const folder = await Deno.makeTempDir();
  try {
    const { storage } = await openStorage(described(`${folder}/Data.fs`, keys));
    try {
      const nothing = new Uint8Array();
      for (let id = 0; id < OBJECTS; id++) {
        const transaction = storage.begin({ user: nothing, description: nothing, extension: nothing });
        await transaction.store(oid(id), NO_TID, new Uint8Array(SIZE).fill(id));
        await transaction.vote();
        await transaction.finish();
      }
      for (let id = 0; id < 3 * OBJECTS; id++) {
        const revision = await storage.loadBefore(oid(id % OBJECTS), MAX_TID);
        assertEquals(revision?.data, new Uint8Array(SIZE).fill(id % OBJECTS));
      }
      const { hits, bytes } = statisticsOf(storage)!.recordCache!;
      return { hits, bytes };
    } finally {
      await storage.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("record-cache-size says how much memory a Data.fs takes for records", async () => {
  const usual = await readAgain("");
  assert(usual.bytes > OBJECTS * SIZE, `${usual.bytes} bytes`);
  assert(usual.hits >= 2 * OBJECTS, `${usual.hits} hits`);
  const small = await readAgain("record-cache-size 5MB");
  assert(0 < small.bytes && small.bytes <= 5 << 20, `${small.bytes} bytes`);
  assertEquals(await readAgain("record-cache-size 0"), { hits: 0, bytes: 0 });
});

Deno.test("a record-cache-size that is none is refused", () => {
  for (const size of ["-1", "-1MB", "much"]) {
    const error = assertThrows(() => described("Data.fs", `record-cache-size ${size}`), ConfigurationError);
    assertEquals(error.message.includes("from 0 on") || error.message.includes("bytes as an integer"), true);
  }
});

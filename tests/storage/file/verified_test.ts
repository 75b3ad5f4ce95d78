import { assert, assertEquals, assertRejects } from "@std/assert";
import { CorruptedTransactionError, NO_TID } from "../../../values/mod.ts";
import { FileStorage, openVerified } from "../../../storage/mod.ts";
import { commit } from "../samples.ts";

async function inFile(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using storage = FileStorage.open(`${folder}/Data.fs`);
    for (let i = 0; i < 3; i++) await commit(storage, [[i, NO_TID, `object ${i}`]]);
    await storage.close();
    await body(`${folder}/Data.fs`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a sound file is opened with verification", () =>
  inFile(async (path) => {
    await using storage = await openVerified(path);
    assertEquals(storage.length(), 3);
  }));

Deno.test("a file with an unfinished transaction at its end is opened, and mended", () =>
  inFile(async (path) => {
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(0, bytes.length - 5));
    await using storage = await openVerified(path);
    assertEquals(storage.length(), 2);
  }));

Deno.test("a file that is damaged behind its index's back is refused with the place, and stays as it is", () =>
  inFile(async (path) => {
    const bytes = await Deno.readFile(path);
    // The size of the first record: the index still says where everything newer lies.
    bytes[4 + 23 + 41]++;
    await Deno.writeFile(path, bytes);
    const error = await assertRejects(() => openVerified(path), CorruptedTransactionError);
    assert(error.message.includes(path), error.message);
    assertEquals(await Deno.readFile(path), bytes);
  }));

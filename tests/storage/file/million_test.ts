import { assertEquals } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import { MAX_TID, oid } from "../../../values/mod.ts";
import { commit, record, textAt } from "../samples.ts";
import { nthTid } from "./data_file.ts";

const COUNT = 1_000_000, TRANSACTIONS = 10;

/** A file of a million objects in ten transactions, all with the same record. */
function million(data: Uint8Array): Uint8Array {
  const each = 42 + data.length, inOne = COUNT / TRANSACTIONS, length = 23 + inOne * each;
  const bytes = new Uint8Array(4 + TRANSACTIONS * (length + 8)), view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("FS30"));
  for (let number = 0, start = 4; number < TRANSACTIONS; number++, start += length + 8) {
    view.setBigUint64(start, nthTid(number));
    view.setUint32(start + 12, length);
    bytes[start + 16] = 0x20;
    for (let place = 0, at = start + 23; place < inOne; place++, at += each) {
      view.setUint32(at + 4, number * inOne + place);
      view.setBigUint64(at + 8, nthTid(number));
      view.setUint32(at + 28, start);
      view.setUint32(at + 38, data.length);
      bytes.set(data, at + 42);
    }
    view.setUint32(start + length + 4, length);
  }
  return bytes;
}

Deno.test("S24 a file of a million objects opens without an index, and with the one that it saves", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/Data.fs`;
    await Deno.writeFile(path, million(record("m")));
    let last;
    {
      await using storage = FileStorage.open(path);
      assertEquals([storage.length(), storage.lastTransaction()], [COUNT, nthTid(TRANSACTIONS - 1)]);
      last = await commit(storage, [[COUNT, MAX_TID, "one more"]]);
    }
    await using storage = FileStorage.open(path);
    assertEquals([storage.length(), storage.lastTransaction()], [COUNT + 1, last]);
    for (const id of [0, 1, COUNT / 2, COUNT - 1]) assertEquals(await textAt(storage, id), "m");
    assertEquals(await textAt(storage, COUNT), "one more");
    assertEquals(await storage.newOids(1), [oid(COUNT + 1)]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

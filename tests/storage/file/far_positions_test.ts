import { assertEquals } from "@std/assert";
import { FileStorage, realDisk } from "../../../storage/mod.ts";
import {
  MAGIC,
  RECORD_HEADER,
  TRANSACTION_HEADER,
  writeRecordHeader,
  writeTransactionHeader,
} from "../../../storage/file/format.ts";
import { MAX_TID, oid, type Tid, tid, write64 } from "../../../values/mod.ts";
import { undo } from "../samples.ts";
import { current, linked, now, put } from "./pack_samples.ts";

/** Bytes of a record that is a hole in the file: five of them go beyond 8 GiB, four beyond twice 2^31. */
const HOLE = 1_900_000_000;

/** Puts transactions that take no room on the disk into a file, each with a record that nobody refers to. */
function makeHoles(path: string, count: number): number {
  const file = realDisk.open(path, "create");
  file.write(MAGIC, 0);
  let position = MAGIC.length;
  for (let number = 1; number <= count; number++) {
    const length = TRANSACTION_HEADER + RECORD_HEADER + HOLE, id = tid(number);
    const header = new Uint8Array(TRANSACTION_HEADER + RECORD_HEADER), trailer = new Uint8Array(8);
    const texts = { userLength: 0, descriptionLength: 0, extensionLength: 0 };
    writeTransactionHeader(header, 0, { tid: id, length, status: " ", ...texts });
    const record = { oid: oid(1000 + number), tid: id, previous: 0, transaction: position, size: HOLE };
    writeRecordHeader(header, TRANSACTION_HEADER, record);
    write64(trailer, 0, BigInt(length));
    file.write(header, position);
    file.write(trailer, position + length);
    position += length + trailer.length;
  }
  file.close();
  return position;
}

const texts = (storage: FileStorage, ...tids: Tid[]): (string | undefined)[] =>
  tids.map((before) => storage.loadBefore(oid(1), before)?.data.toHex());

const hex = (text: string): string => linked(text).toHex();

Deno.test("a file beyond 8 GiB is committed to, undone in, indexed, opened and packed like any other", async () => {
  const folder = await Deno.makeTempDir(), path = `${folder}/Data.fs`;
  try {
    const end = makeHoles(path, 5);
    let second: Tid, undone: Tid;
    {
      await using storage = FileStorage.open(path);
      assertEquals([storage.size(), storage.length()], [end, 5]);
      await put(storage, { 0: linked("root", [1]), 1: linked("first") });
      second = await put(storage, { 1: linked("second") });
      undone = await undo(storage, second);
      assertEquals(texts(storage, MAX_TID, undone, second), [hex("first"), hex("second"), hex("first")]);
      assertEquals((await storage.undoLog(0, 100)).length, 8);
    }
    const index = await Deno.readFile(`${path}.index`);
    for (const withIndex of [true, false]) {
      if (!withIndex) await Deno.remove(`${path}.index`);
      await using storage = FileStorage.open(path);
      assertEquals(texts(storage, MAX_TID, undone, second), [hex("first"), hex("second"), hex("first")]);
      assertEquals(storage.lastInvalidations(2).map(({ tid }) => tid), [second, undone]);
      assertEquals([...storage.transactions(second)].map(({ tid }) => tid), [second, undone]);
    }
    assertEquals(await Deno.readFile(`${path}.index`), index);
    await using storage = FileStorage.open(path);
    assertEquals((await storage.pack(now(), { keepOld: false })).outcome, "packed");
    assertEquals([storage.length(), current(storage, 1).data], [2, linked("first")]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  CorruptedTransactionError,
  FileStorageError,
  FileStorageFormatError,
  MAX_TID,
  NO_TID,
  oid,
  type Tid,
} from "../../../values/mod.ts";
import { FileStorage } from "../../../storage/mod.ts";
import { type LoadedIndex, loadIndex, saveIndex } from "../../../storage/file/index_file.ts";
import { OidIndex } from "../../../storage/file/oid_index.ts";
import { openDataFile } from "../../../storage/file/open.ts";
import {
  EXAMPLE,
  EXAMPLE_INDEX,
  nthTid,
  plainFile,
  type PlainTransaction,
  plainTransactions,
} from "./data_file.ts";
import { commit, record } from "../samples.ts";
import { MemoryDisk } from "./memory_disk.ts";

const PATH = "Data.fs";
const INDEX = "Data.fs.index";
const data = (text: string) => new TextEncoder().encode(text);
const MAGIC = data("FS30");
/** What changes on the disk when there is nothing to change: what is there stays there. */
const MADE_DURABLE = [`sync ${PATH}`, "sync ."];

function entriesOf(index: OidIndex): [bigint, number][] {
  return [...index.entries()];
}

Deno.test("where there is no file, an empty one is made, with its index", () => {
  for (
    const files of [{}, { [PATH]: new Uint8Array() }, { [INDEX]: EXAMPLE_INDEX }] as Record<
      string,
      Uint8Array
    >[]
  ) {
    const disk = new MemoryDisk(files);
    const { file, index, end, lastTid, maxOid, created } = openDataFile(PATH, { disk });
    file.close();
    assertEquals({ size: index.size, end, lastTid, maxOid, created }, {
      size: 0,
      end: 4,
      lastTid: 0n as Tid,
      maxOid: 0n as typeof maxOid,
      created: true,
    });
    assertEquals(disk.content(PATH), MAGIC);
    // As Python leaves it.
    assertEquals(disk.content(INDEX).toHex(), "80034b042e80034e2e");
    assertEquals(disk.openFiles, 0);
  }
});

Deno.test("create starts anew, whatever is there", () => {
  for (const content of [EXAMPLE, data("something else")]) {
    const disk = new MemoryDisk({ [PATH]: content, [INDEX]: EXAMPLE_INDEX });
    openDataFile(PATH, { disk, create: true }).file.close();
    assertEquals(disk.content(PATH), MAGIC);
    assertEquals(disk.content(INDEX).toHex(), "80034b042e80034e2e");
  }
});

Deno.test("a file of another kind is refused with what it starts with, and is left alone", () => {
  for (
    const [content, found] of [["FS21 and more", '"FS21"'], ["FS", '"FS"'], ["PK\\x03\\x04", '"PK'], [
      "fs30",
      '"fs30"',
    ]]
  ) {
    for (const readOnly of [false, true]) {
      const disk = new MemoryDisk({ [PATH]: data(content) });
      assertThrows(
        () => openDataFile(PATH, { disk, readOnly }),
        FileStorageFormatError,
        `Data.fs: starts with ${found}`,
      );
      assertEquals([disk.changes, disk.openFiles], [[], 0]);
    }
  }
});

Deno.test("options that contradict each other are refused", () => {
  const disk = new MemoryDisk({ [PATH]: EXAMPLE });
  assertThrows(
    () => openDataFile(PATH, { disk, readOnly: true, create: true }),
    FileStorageError,
    "read-only",
  );
  assertThrows(() => openDataFile(PATH, { disk, stop: 1n as Tid }), FileStorageError, "read-only");
  assertThrows(() => openDataFile("none", { disk, readOnly: true }), FileStorageError, "none: no such file");
  assertEquals(disk.changes, []);
});

Deno.test("the example opens as Python opens it, and gets the index that Python saves", () => {
  const disk = new MemoryDisk({ [PATH]: EXAMPLE });
  const { file, index, end, lastTid, maxOid } = openDataFile(PATH, { disk });
  file.close();
  assertEquals(entriesOf(index), [[0n, 0x1a8], [1n, 0x1da]]);
  assertEquals([end, lastTid as bigint, maxOid as bigint], [532, 0x03f7048f0cccccccn, 1n]);
  assertEquals(disk.content(PATH), EXAMPLE);
  assertEquals(disk.content(INDEX), EXAMPLE_INDEX);
});

Deno.test("reading only changes nothing, whatever state the files are in", () => {
  const torn = EXAMPLE.slice(0, -3);
  const states: Record<string, Uint8Array>[] = [
    { [PATH]: EXAMPLE },
    { [PATH]: new Uint8Array() },
    { [PATH]: torn },
    { [PATH]: torn, [INDEX]: EXAMPLE_INDEX },
    { [PATH]: EXAMPLE, [INDEX]: data("junk") },
    { [PATH]: EXAMPLE, [INDEX]: EXAMPLE_INDEX },
  ];
  for (const files of states) {
    const disk = new MemoryDisk(files);
    const { file } = openDataFile(PATH, { disk, readOnly: true });
    assertThrows(() => file.write(MAGIC, 0), Error, "refused");
    file.close();
    assertEquals(disk.changes, []);
    assertEquals(Object.fromEntries(disk.files), files);
  }
});

Deno.test("an empty file opened to be read has nothing in it", () => {
  const disk = new MemoryDisk({ [PATH]: new Uint8Array() });
  const { file, index, lastTid } = openDataFile(PATH, { disk, readOnly: true });
  file.close();
  assertEquals([index.size, lastTid as bigint], [0, 0n]);
});

/** Objects 0 … count - 1, one in each transaction, and a mebibyte before the last few that nobody needs to read. */
function bigFile(count: number): ReturnType<typeof plainFile> {
  return plainFile(Array.from({ length: count }, (_, i): PlainTransaction => ({
    records: [{ oid: BigInt(i), data: i === 0 ? new Uint8Array(2 << 20) : data("small") }],
  })));
}

function withIndex(file: ReturnType<typeof plainFile>, transactions: number): MemoryDisk {
  const disk = new MemoryDisk({ [PATH]: file.bytes });
  const index = new OidIndex();
  for (const [oid, position] of file.newest[transactions]) index.set(oid, position);
  assertEquals(saveIndex(PATH, index, file.positions[transactions], disk), undefined);
  disk.changes.length = 0;
  return disk;
}

Deno.test("a saved index saves reading the file, and what came after it is added", () => {
  fc.assert(fc.property(plainTransactions, fc.nat(5), (transactions, number) => {
    const file = plainFile(transactions);
    const disk = withIndex(file, Math.min(number, transactions.length));
    const { file: handle, index, end, lastTid } = openDataFile(PATH, { disk });
    handle.close();
    assertEquals(new Map(entriesOf(index)), new Map(file.newest.at(-1)));
    assertEquals([end, lastTid as bigint], [file.bytes.length, file.tids.at(-1) ?? 0n]);
  }));
  const file = bigFile(20);
  for (const covered of [20, 15]) {
    const disk = withIndex(file, covered);
    const before = disk.read;
    openDataFile(PATH, { disk }).file.close();
    assertEquals(disk.changes, MADE_DURABLE);
    assertEquals(disk.read - before < 100_000, true, `${disk.read - before} bytes read`);
  }
});

Deno.test("an object that every transaction changes doesn't spoil the index", () => {
  const hot = plainFile(Array.from({ length: 9 }, () => ({ records: [{ oid: 3n, data: data("counter") }] })));
  const disk = withIndex(hot, 9);
  openDataFile(PATH, { disk }).file.close();
  assertEquals(disk.changes, MADE_DURABLE);
});

Deno.test("an index that doesn't fit the data is put aside and made anew", () => {
  const file = plainFile(Array.from({ length: 6 }, (_, i) => ({
    records: [{ oid: BigInt(i), data: data("some data here") }, { oid: 99n, data: data("always") }],
  })));
  const right = new Map(file.newest[6]);
  const [beforeLast, last] = file.positions.slice(-2);
  const wrong: [about: string, end: number, change: (index: OidIndex) => void][] = [
    ["more than there is", last + 1, () => {}],
    ["less than a transaction", 99, (index) => index.clear()],
    ["inside a transaction", last - 1, () => {}],
    ["the last object missing", last, (index) => index.delete(5n)],
    ["the last object at an older record", last, (index) => index.set(99n, file.records[4][1])],
    ["the last object at another's record", last, (index) => index.set(5n, file.records[5][1])],
    ["the one before it at another's record", last, (index) => index.set(4n, file.records[5][0])],
    ["an object beyond the end", last, (index) => index.set(0n, last + 5)],
    ["another end", beforeLast, () => {}],
  ];
  for (const [about, end, change] of wrong) {
    const index = new OidIndex();
    for (const [oid, position] of right) index.set(oid, position);
    change(index);
    const disk = new MemoryDisk({ [PATH]: file.bytes });
    saveIndex(PATH, index, end, disk);
    const opened = openDataFile(PATH, { disk });
    opened.file.close();
    assertEquals(new Map(entriesOf(opened.index)), right, about);
    assertEquals(opened.end, last, about);
  }
});

Deno.test("damage before what an index is checked by doesn't hide the rest of the data", () => {
  const file = plainFile(
    Array.from({ length: 9 }, (_, i) => ({ records: [{ oid: BigInt(i), data: data("some") }] })),
  );
  for (const damaged of [0, 5, 7]) {
    const disk = withIndex(file, 9);
    disk.content(PATH).fill(0xff, file.positions[damaged] + 8, file.positions[damaged] + 16);
    const opened = openDataFile(PATH, { disk });
    opened.file.close();
    assertEquals(new Map(entriesOf(opened.index)), new Map(file.newest[9]));
    assertEquals(disk.changes, MADE_DURABLE);
  }
});

Deno.test("damage in the transaction that an index ends with is found", () => {
  const file = plainFile([
    { records: [{ oid: 0n, data: data("zero") }] },
    { records: [{ oid: 1n, data: data("one") }, { oid: 2n, data: data("two") }] },
  ]);
  const disk = withIndex(file, 2);
  disk.content(PATH)[file.records[1][1] + 31] = 9;
  assertThrows(
    () => openDataFile(PATH, { disk }),
    CorruptedTransactionError,
    `record at ${file.records[1][1]} says`,
  );
});

Deno.test("an index of a file that was replaced by a shorter one is not used", () => {
  const long = bigFile(6), short = plainFile([{ records: [{ oid: 5n, data: data("five") }] }]);
  const disk = withIndex(long, 6);
  disk.files.set(PATH, short.bytes);
  const { file, index } = openDataFile(PATH, { disk });
  file.close();
  assertEquals(new Map(entriesOf(index)), new Map(short.newest[1]));
});

Deno.test("an index in the form of old is used, and written anew", () => {
  // {"index": {oid 0: 0x1a8, oid 1: 0x1da}, "pos": 532}
  const legacy =
    "80037d285805000000696e6465787d28430800000000000000004da801430800000000000000014dda01755803000000706f" +
    "734d1402752e";
  const disk = new MemoryDisk({ [PATH]: EXAMPLE, [INDEX]: Uint8Array.fromHex(legacy) });
  const { file, index } = openDataFile(PATH, { disk });
  file.close();
  assertEquals(entriesOf(index), [[0n, 0x1a8], [1n, 0x1da]]);
  assertEquals(disk.content(INDEX), EXAMPLE_INDEX);
});

Deno.test("what a killed process has left is made durable before it is shown, or not shown", () => {
  const disk = new MemoryDisk({ [PATH]: EXAMPLE });
  disk.beforeChange = (change) => {
    if (change === `sync ${PATH}`) throw new Error("input/output error");
  };
  assertThrows(() => openDataFile(PATH, { disk }), Error, "input/output error");
  assertEquals(disk.openFiles, 0);
});

Deno.test("a file that a pack had renamed when it was killed gets its name back", () => {
  const files = { [`${PATH}.old`]: EXAMPLE, [`${PATH}.pack`]: data("FS30 and more") };
  assertThrows(
    () => openDataFile(PATH, { disk: new MemoryDisk(files), readOnly: true }),
    FileStorageError,
    "Data.fs.old",
  );
  const disk = new MemoryDisk(files);
  const { file, index, created } = openDataFile(PATH, { disk });
  file.close();
  assertEquals([index.size, created, disk.exists(`${PATH}.old`)], [2, false, false]);
  assertEquals(disk.content(PATH), EXAMPLE);
});

Deno.test("an index that can't be saved doesn't keep the file from opening", () => {
  const disk = new MemoryDisk({ [PATH]: EXAMPLE });
  disk.beforeChange = (change) => {
    if (change !== `sync ${PATH}`) throw new Error("no space left");
  };
  const { file, index } = openDataFile(PATH, { disk });
  file.close();
  assertEquals(index.size, 2);
});

Deno.test("a database can be read as it was before any transaction, with or without an index", () => {
  const file = bigFile(8);
  for (const covered of [undefined, 0, 3, 8]) {
    for (let shown = 0; shown <= 8; shown++) {
      const disk = covered === undefined ? new MemoryDisk({ [PATH]: file.bytes }) : withIndex(file, covered);
      const opened = openDataFile(PATH, { disk, readOnly: true, stop: nthTid(shown) as Tid });
      opened.file.close();
      assertEquals(new Map(entriesOf(opened.index)), new Map(file.newest[shown]));
      assertEquals(opened.end, file.positions[shown]);
      assertEquals(opened.lastTid as bigint, shown === 0 ? 0n : nthTid(shown - 1));
      assertEquals(disk.changes, []);
    }
  }
});

Deno.test("an object never gets another's data, however wrong a saved index is", async () => {
  const folder = await Deno.makeTempDir(), path = `${folder}/Data.fs`;
  try {
    const disk = new MemoryDisk();
    {
      await using storage = FileStorage.open(path, { disk });
      for (let id = 0; id < 20; id++) await commit(storage, [[id, NO_TID, `${id}`]]);
    }
    // Opening looks at the last records only.
    const { index, end } = loadIndex(path, disk) as LoadedIndex;
    index.set(oid(1), index.get(oid(2))!);
    saveIndex(path, index, end, disk);
    for (const cacheSize of [0, 8 << 20]) {
      await using storage = FileStorage.open(path, { disk, cacheSize, readOnly: true });
      const { serial, data } = storage.loadBefore(oid(2), MAX_TID)!;
      assertEquals(data, record("2"));
      const asks: (() => unknown)[] = [
        () => storage.loadBefore(oid(1), MAX_TID),
        () => storage.loadSerial(oid(1), serial),
        () => storage.getTid(oid(1)),
        () => storage.history(oid(1), 1),
      ];
      for (const ask of asks) assertThrows(ask, CorruptedTransactionError, "is of 0x02, expected 0x01");
    }
    await using storage = FileStorage.open(path, { disk });
    await assertRejects(() => commit(storage, [[1, NO_TID, "b"]]), CorruptedTransactionError);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

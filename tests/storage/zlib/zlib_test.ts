import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import {
  capabilitiesOf,
  compressRecord,
  decompressRecord,
  FileStorage,
  isCompressed,
  MappingStorage,
  mergeCompressed,
  ServerZlibStorage,
  ZlibStorage,
} from "../../../storage/mod.ts";
import { Global, writeRecord } from "../../../pickle/mod.ts";
import { concatBytes, ConflictError, MAX_TID, NO_TID, oid, StorageError } from "../../../values/mod.ts";
import { bytes, commit, nobody, noise, record, textOf } from "../samples.ts";

/** What Python's zc.zlibstorage stored for the record of class m.C with the text of a hundred letters z. */
const BY_PYTHON = Uint8Array.fromHex("2e7a789c6b604ecee572e62a64d06b608e48616060a8a203d003002178335f");
const PLAIN = concatBytes(
  new Uint8Array([0x80, 3]),
  bytes("cm\nC\nq\0."),
  new Uint8Array([0x80, 3, 0x58, 100, 0, 0, 0]),
  bytes("z".repeat(100) + "."),
);

/** A record that becomes smaller. */
const long = (letter: string) => record(letter.repeat(200));

Deno.test("a record that Python's zlibstorage compressed is read", async () => {
  assertEquals(decompressRecord(BY_PYTHON), PLAIN);
  await using base = new MappingStorage();
  const tid = await commit(base, [[1, NO_TID, BY_PYTHON]]);
  const storage = new ZlibStorage(base);
  assertEquals(await storage.loadBefore(oid(1), MAX_TID), { data: PLAIN, serial: tid, end: null });
  assertEquals(await storage.loadSerial(oid(1), tid), PLAIN);
});

Deno.test("a record becomes a compressed one where that is smaller, and never otherwise", () => {
  assert(isCompressed(compressRecord(PLAIN)));
  for (
    const kept of [
      new Uint8Array(20),
      noise(100),
      BY_PYTHON,
      bytes("abcdefghijklmnopqrstu"),
      new Uint8Array(),
    ]
  ) {
    assertEquals(compressRecord(kept), kept);
  }
  assertEquals(compressRecord(new Uint8Array(21)).subarray(0, 2), bytes(".z"));
});

Deno.test("every record comes back as it was", () => {
  const records = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(255), fc.nat(2000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
  ).filter((record) => !isCompressed(record));
  fc.assert(fc.property(records, (record) => {
    const compressed = compressRecord(record);
    assert(compressed.length <= record.length);
    assertEquals(decompressRecord(compressed), record);
  }));
});

Deno.test("what is stored is compressed in the storage inside, and plain everywhere outside", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const base = FileStorage.open(`${folder}/Data.fs`);
    await using storage = new ZlibStorage(base);
    const first = await commit(storage, [[1, NO_TID, long("a")]]);
    const second = await commit(storage, [[1, first, long("b")]]);
    assert(isCompressed(await base.loadSerial(oid(1), first)));
    assertEquals(await storage.loadSerial(oid(1), first), long("a"));
    assertEquals(textOf((await storage.loadBefore(oid(1), second))!.data), "a".repeat(200));
    assertEquals((await storage.currentRecord(oid(0)))!.data, long("b"));
    const iterated: (Uint8Array | null)[] = [];
    for await (const transaction of storage.transactions()) {
      for await (const { data } of transaction.records()) iterated.push(data);
    }
    assertEquals(iterated, [long("a"), long("b")]);
    assertEquals(capabilitiesOf(storage), capabilitiesOf(base));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compress false stores plain records and reads compressed ones", async () => {
  const base = new MappingStorage();
  await using storage = new ZlibStorage(base, { compress: false });
  const tid = await commit(storage, [[1, NO_TID, long("a")], [2, NO_TID, BY_PYTHON]]);
  assertEquals(base.loadSerial(oid(1), tid), long("a"));
  assertEquals(await storage.loadSerial(oid(2), tid), PLAIN);
});

Deno.test("the server's variant passes records on as clients compressed them", async () => {
  const base = new MappingStorage();
  await using storage = new ServerZlibStorage(base);
  const tid = await commit(storage, [[1, NO_TID, BY_PYTHON], [2, NO_TID, long("a")]]);
  assertEquals(await storage.loadSerial(oid(1), tid), BY_PYTHON);
  assertEquals(base.loadSerial(oid(2), tid), long("a"));
});

Deno.test("a damaged compressed record is an error that names the object", async () => {
  const damaged = BY_PYTHON.slice();
  damaged[20] ^= 1;
  await using storage = new ZlibStorage(new MappingStorage("Mapping"));
  const tid = await commit(storage, [[7, NO_TID, damaged]]);
  const error = await assertRejects(async () => await storage.loadSerial(oid(7), tid), StorageError);
  assert(error.message.startsWith('Mapping: 0x07: record of 31 bytes begins with ".z"'), error.message);
});

Deno.test("counters are merged in a storage of compressed records", async () => {
  const counter = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);
  const folder = await Deno.makeTempDir();
  try {
    const base = FileStorage.open(`${folder}/Data.fs`, { merge: mergeCompressed() });
    await using storage = new ServerZlibStorage(base);
    const first = await commit(storage, [[1, NO_TID, counter(1)]]);
    await commit(storage, [[1, first, counter(11)]]);
    const late = storage.begin(nobody);
    late.store(oid(1), first, counter(101));
    assertEquals(await late.vote(), [oid(1)]);
    const merged = await late.finish();
    assertEquals(await storage.loadSerial(oid(1), merged), counter(111));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("merging sees the content of compressed records, and compresses what it made", () => {
  const seen: Uint8Array[] = [];
  const merge = mergeCompressed(({ old, committed, changed }) => {
    seen.push(old, committed, changed);
    return long("m");
  });
  const merged = merge({
    oid: oid(1),
    old: compressRecord(long("o")),
    committed: compressRecord(long("c")),
    changed: long("n"),
  });
  assertEquals(seen, [long("o"), long("c"), long("n")]);
  assertEquals(merged && isCompressed(merged) && decompressRecord(merged), long("m"));
  assertEquals(
    mergeCompressed(() => undefined)({ oid: oid(1), old: PLAIN, committed: PLAIN, changed: PLAIN }),
    undefined,
  );
});

Deno.test("a conflict about a compressed record names its class", async () => {
  await using storage = new ZlibStorage(new MappingStorage());
  const first = await commit(storage, [[1, NO_TID, long("a")]]);
  await commit(storage, [[1, first, long("b")]]);
  const error = await assertRejects(() => commit(storage, [[1, first, long("c")]]));
  assertInstanceOf(error, ConflictError);
  assertEquals(error.conflict.className, "persistent.mapping.PersistentMapping");
});

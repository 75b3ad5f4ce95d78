import { assertEquals, assertMatch } from "@std/assert";
import * as fc from "fast-check";
import { loadIndex, saveIndex } from "../../../storage/file/index_file.ts";
import { OidIndex } from "../../../storage/file/oid_index.ts";
import { EXAMPLE, EXAMPLE_INDEX } from "./data_file.ts";
import { MemoryDisk } from "./memory_disk.ts";

function indexOf(entries: Iterable<readonly [number | bigint, number]>): OidIndex {
  const index = new OidIndex();
  for (const [oid, position] of entries) index.set(BigInt(oid), position);
  return index;
}

function saved(index: OidIndex, end: number): string {
  const disk = new MemoryDisk();
  assertEquals(saveIndex("Data.fs", index, end, disk), undefined);
  assertEquals([...disk.files.keys()], ["Data.fs.index"]);
  return disk.content("Data.fs.index").toHex();
}

function loaded(bytes: Uint8Array): { entries: [bigint, number][]; end: number; legacy: boolean } | string {
  const disk = new MemoryDisk({ "Data.fs": EXAMPLE, "Data.fs.index": bytes });
  const result = loadIndex("Data.fs", disk);
  assertEquals(disk.openFiles, 0);
  assertEquals(disk.changes, []);
  if (typeof result === "string") return result;
  return { entries: [...result.index.entries()], end: result.end, legacy: result.legacy };
}

Deno.test("an index is saved in the bytes that Python writes", () => {
  assertEquals(saved(indexOf([[0, 0x1a8], [1, 0x1da]]), 532), EXAMPLE_INDEX.toHex());
  for (
    const [end, bytes] of [
      [4, "80034b042e80034e2e"],
      [255, "80034bff2e80034e2e"],
      [256, "80034d00012e80034e2e"],
      [65535, "80034dffff2e80034e2e"],
      [65536, "80034a000001002e80034e2e"],
      [2147483647, "80034affffff7f2e80034e2e"],
      [2147483648, "80038a0500000080002e80034e2e"],
      [549755813888, "80038a060000000080002e80034e2e"],
      [140737488355328, "80038a07000000000080002e80034e2e"],
    ] as const
  ) assertEquals(saved(new OidIndex(), end), bytes);
});

/** Written by Python: far oids, large positions, and buckets on both sides of 256 bytes. */
const WIDE =
  "80038a07010000000080002e8003430600000000000043100000ffff000000000036800000000000862e80034306000000000001" +
  "431000000001000080000005000100000007862e8003430600000000000243f80000000100020003000400050006000700080009" +
  "000a000b000c000d000e000f0010001100120013001400150016001700180019001a001b001c001d001e0000000203e800000002" +
  "03e90000000203ea0000000203eb0000000203ec0000000203ed0000000203ee0000000203ef0000000203f00000000203f10000" +
  "000203f20000000203f30000000203f40000000203f50000000203f60000000203f70000000203f80000000203f90000000203fa" +
  "0000000203fb0000000203fc0000000203fd0000000203fe0000000203ff00000002040000000002040100000002040200000002" +
  "0403000000020404000000020405000000020406862e800343060000000000034200010000000000010002000300040005000600" +
  "0700080009000a000b000c000d000e000f0010001100120013001400150016001700180019001a001b001c001d001e001f000000" +
  "0303e80000000303e90000000303ea0000000303eb0000000303ec0000000303ed0000000303ee0000000303ef0000000303f000" +
  "00000303f10000000303f20000000303f30000000303f40000000303f50000000303f60000000303f70000000303f80000000303" +
  "f90000000303fa0000000303fb0000000303fc0000000303fd0000000303fe0000000303ff000000030400000000030401000000" +
  "030402000000030403000000030404000000030405000000030406000000030407862e80034306123456789abc4308def0000000" +
  "00004d862e80034306ffffffffffff4308ffff000000000063862e80034e2e";

const WIDE_ENTRIES: [bigint, number][] = [
  [0n, 54],
  [0xffffn, 2 ** 47],
  [0x10000n, 2 ** 31 + 5],
  [0x10001n, 2 ** 32 + 7],
  ...Array.from({ length: 31 }, (_, i): [bigint, number] => [0x20000n + BigInt(i), 1000 + 0x20000 + i]),
  ...Array.from({ length: 32 }, (_, i): [bigint, number] => [0x30000n + BigInt(i), 1000 + 0x30000 + i]),
  [0x123456789abcdef0n, 77],
  [2n ** 64n - 1n, 99],
];

Deno.test("far oids and large positions are saved and loaded as Python does", () => {
  assertEquals(saved(indexOf(WIDE_ENTRIES), 2 ** 47 + 1), WIDE);
  assertEquals(loaded(Uint8Array.fromHex(WIDE)), { entries: WIDE_ENTRIES, end: 2 ** 47 + 1, legacy: false });
});

/** {0: 100, 1: 101, 300: 106, 2^40: 102} up to 1234, in the forms that Python writes with pickle protocols 1 to 3. */
const LEGACY = {
  "fsIndex, protocol 1":
    "7d7100285805000000696e646578710163636f70795f7265670a5f7265636f6e7374727563746f720a710228635a4f44422e6673" +
    "496e6465780a6673496e6465780a7103635f5f6275696c74696e5f5f0a6f626a6563740a71044e7471055271067d710728580d00" +
    "000073746174655f76657273696f6e71084b0158050000005f6461746171095d710a2828635f636f646563730a656e636f64650a" +
    "710b285806000000000000000000710c58060000006c6174696e31710d74710e52710f680b28581800000000000001012c000000" +
    "00006400000000006500000000006a7110680d74711152711274711328680b2858060000000000010000007114680d7471155271" +
    "16680b28580800000000000000000000667117680d74711852711974711a6575625803000000706f73711b4dd204752e",
  "fsIndex, protocol 2":
    "80027d7100285805000000696e6465787101635a4f44422e6673496e6465780a6673496e6465780a7102298171037d710428580d" +
    "00000073746174655f76657273696f6e71054b0158050000005f6461746171065d710728635f636f646563730a656e636f64650a" +
    "71085806000000000000000000710958060000006c6174696e31710a86710b52710c6808581800000000000001012c0000000000" +
    "6400000000006500000000006a710d680a86710e52710f867110680858060000000000010000007111680a867112527113680858" +
    "0800000000000000000000667114680a8671155271168671176575625803000000706f7371184dd204752e",
  "fsIndex, protocol 3":
    "80037d7100285805000000696e6465787101635a4f44422e6673496e6465780a6673496e6465780a7102298171037d710428580d" +
    "00000073746174655f76657273696f6e71054b0158050000005f6461746171065d71072843060000000000007108431800000001" +
    "012c00000000006400000000006500000000006a710986710a4306000001000000710b43080000000000000066710c86710d6575" +
    "625803000000706f73710e4dd204752e",
  "dict, protocol 1":
    "7d7100285805000000696e64657871017d710228635f636f646563730a656e636f64650a71032858080000000000000000000000" +
    "710458060000006c6174696e3171057471065271074b64680328580800000000000000000000017108680574710952710a4b6568" +
    "03285808000000000000000000012c710b680574710c52710d4b6a68032858080000000000010000000000710e680574710f5271" +
    "104b66755803000000706f7371114dd204752e",
  "dict, protocol 2":
    "80027d7100285805000000696e64657871017d710228635f636f646563730a656e636f64650a7103580800000000000000000000" +
    "00710458060000006c6174696e3171058671065271074b646803580800000000000000000000017108680586710952710a4b6568" +
    "035808000000000000000000012c710b680586710c52710d4b6a680358080000000000010000000000710e680586710f5271104b" +
    "66755803000000706f7371114dd204752e",
  "dict, protocol 3":
    "80037d7100285805000000696e64657871017d7102284308000000000000000071034b644308000000000000000171044b654308" +
    "000000000000012c71054b6a4308000001000000000071064b66755803000000706f7371074dd204752e",
};

Deno.test("the index files of old are read in every form that there was", () => {
  for (const [form, bytes] of Object.entries(LEGACY)) {
    const result = loaded(Uint8Array.fromHex(bytes));
    const entries: [bigint, number][] = [[0n, 100], [1n, 101], [300n, 106], [2n ** 40n, 102]];
    assertEquals(result, { entries, end: 1234, legacy: true }, form);
  }
  // As Python 2 wrote it: bytes are its str.
  const python2 = "7d7101285505696e64657871027d71035508000000000000ff2a71044b64735503706f7371054dd204752e";
  assertEquals(loaded(Uint8Array.fromHex(python2)), { entries: [[0xff2an, 100]], end: 1234, legacy: true });
});

Deno.test("an index comes back as it was saved", () => {
  const oids = fc.oneof(fc.bigInt({ min: 0n, max: 200_000n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  const entries = fc.uniqueArray(fc.tuple(oids, fc.integer({ min: 27, max: 2 ** 47 })), {
    selector: ([oid]) => oid,
    maxLength: 300,
  });
  fc.assert(fc.property(entries, (pairs) => {
    const sorted = pairs.toSorted(([a], [b]) => a < b ? -1 : 1);
    const bytes = Uint8Array.fromHex(saved(indexOf(pairs), 2 ** 47 + 1));
    assertEquals(loaded(bytes), { entries: sorted, end: 2 ** 47 + 1, legacy: false });
  }));
});

Deno.test("S24 a million objects fit an index", () => {
  const count = 1_000_000;
  const disk = new MemoryDisk();
  disk.files.set("Data.fs", new Uint8Array(8 * count));
  const index = new OidIndex();
  for (let i = 0; i < count; i++) index.set(BigInt(i), 100 + i);
  assertEquals(saveIndex("Data.fs", index, 2 * count, disk), undefined);
  const result = loadIndex("Data.fs", disk);
  if (typeof result === "string") throw new Error(result);
  assertEquals([result.index.size, result.end], [count, 2 * count]);
  assertEquals(result.index.get(999_999n), 100 + 999_999);
});

Deno.test("an index that is cut short, foreign or senseless is refused with a reason, and nothing happens", () => {
  for (let length = 0; length < EXAMPLE_INDEX.length; length++) {
    assertEquals(typeof loaded(EXAMPLE_INDEX.slice(0, length)), "string", `${length} bytes`);
  }
  const refused: [bytes: string, reason: RegExp][] = [
    [
      new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.").toHex(),
      /expected an int, or a dict with "index" and "pos"/,
    ],
    ["80034b032e80034e2e", /says that the data ends at 3, expected 4/],
    ["80034bc82e80034b012e80034e2e", /entry before byte 10: expected a pair of bytes/],
    ["80034bc82e80034305000000000043080000000000000036862e80034e2e", /prefix of 5 bytes with a bucket of 8/],
    ["80034bc82e80034306000000000000430700000000000036862e80034e2e", /prefix of 6 bytes with a bucket of 7/],
    [
      "80034bc82e80034306000000000000430800000000000000c8862e80034e2e",
      /position 200 for oid 0, expected .*200/,
    ],
    ["80034bc82e8003430600000000000043080000000000000004862e80034e2e", /position 4 for oid 0/],
    ["7d2855056869216868214b01752e", /expected an int, or a dict|byte/],
  ];
  for (const [bytes, reason] of refused) {
    const result = loaded(Uint8Array.fromHex(bytes));
    assertMatch(typeof result === "string" ? result : `read ${bytes}`, reason);
  }
  assertMatch(
    loaded(new Uint8Array(EXAMPLE.length + 2 ** 20 + 1)) as string,
    /has 1049109 bytes, expected no more/,
  );
});

Deno.test("arbitrary bytes are no index, and no harm", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (junk, at) => {
    loaded(junk);
    const spoilt = EXAMPLE_INDEX.slice();
    spoilt.set(junk.subarray(0, Math.max(0, spoilt.length - at)), Math.min(at, spoilt.length));
    loaded(spoilt);
  }));
});

Deno.test("an index that can't be written leaves the old one, and says why", () => {
  const index = indexOf([[0, 0x1a8]]);
  for (const step of ["create", "write", "sync Data.fs.index.index_tmp", "rename", "sync ."]) {
    const disk = new MemoryDisk({ "Data.fs": EXAMPLE, "Data.fs.index": EXAMPLE_INDEX });
    disk.beforeChange = (change) => {
      if (change.startsWith(step)) throw new Error("no space left");
    };
    assertEquals(saveIndex("Data.fs", index, 500, disk), "no space left", step);
    assertEquals(disk.openFiles, 0);
    if (step !== "sync .") assertEquals(disk.content("Data.fs.index"), EXAMPLE_INDEX);
    assertEquals(disk.exists("Data.fs.index.index_tmp"), false);
  }
});

Deno.test("an index is durable before it takes the old one's place", () => {
  const disk = new MemoryDisk({ "Data.fs.index": EXAMPLE_INDEX });
  saveIndex("Data.fs", new OidIndex(), 4, disk);
  const temporary = "Data.fs.index.index_tmp";
  assertEquals(disk.changes, [
    `create ${temporary}`,
    `write ${temporary}`,
    `sync ${temporary}`,
    `rename ${temporary} Data.fs.index`,
    "sync .",
  ]);
});

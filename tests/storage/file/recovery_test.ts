import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { CorruptedTransactionError, type Tid } from "../../../values/mod.ts";
import { openDataFile } from "../../../storage/file/open.ts";
import { type PlainFile, plainFile, plainTransactions } from "./data_file.ts";
import { MemoryDisk } from "./memory_disk.ts";

const PATH = "folder/Data.fs";
const data = (text: string) => new TextEncoder().encode(text);

const three = plainFile([
  { records: [{ oid: 0n, data: data("root") }, { oid: 1n, data: data("one") }], user: "ann" },
  { records: [{ oid: 1n, data: data("one b") }] },
  { records: [{ oid: 0n, data: data("root b") }, { oid: 2n, data: data("two") }], description: "last" },
]);

/** Opens a file's bytes, and says what was found and left. */
function opened(bytes: Uint8Array, options: { readOnly?: boolean; stop?: bigint } = {}) {
  const disk = new MemoryDisk({ [PATH]: bytes });
  const { file, index, end, lastTid, maxOid } = openDataFile(PATH, {
    disk,
    readOnly: options.readOnly,
    stop: options.stop as Tid | undefined,
  });
  file.close();
  assertEquals(disk.openFiles, 0);
  const entries = [...index.entries()] as [bigint, number][];
  return { disk, entries, end, lastTid: lastTid as bigint, maxOid: maxOid as bigint };
}

function newestAfter(file: PlainFile, transactions: number): [bigint, number][] {
  return [...file.newest[transactions]].sort(([a], [b]) => a < b ? -1 : 1);
}

function assertHolds(result: ReturnType<typeof opened>, file: PlainFile, transactions: number): void {
  const entries = newestAfter(file, transactions);
  assertEquals(result.entries, entries);
  assertEquals(result.end, file.positions[transactions]);
  assertEquals(result.lastTid, transactions === 0 ? 0n : file.tids[transactions - 1]);
  assertEquals(result.maxOid, entries.at(-1)?.[0] ?? 0n);
}

function spoilt(file: PlainFile, at: number, ...bytes: number[]): Uint8Array<ArrayBuffer> {
  const copy = file.bytes.slice();
  copy.set(bytes, at);
  return copy;
}

Deno.test("whatever was committed is found again", () => {
  fc.assert(fc.property(plainTransactions, (transactions) => {
    const file = plainFile(transactions);
    const result = opened(file.bytes);
    assertHolds(result, file, transactions.length);
    assertEquals(result.disk.content(PATH), file.bytes);
    assertHolds(opened(file.bytes, { readOnly: true }), file, transactions.length);
  }));
});

Deno.test("a file cut anywhere opens with exactly the transactions that are whole, and nothing is lost", () => {
  fc.assert(
    fc.property(plainTransactions, (transactions) => {
      const file = plainFile(transactions);
      for (let size = 4; size < file.bytes.length; size++) {
        const torn = file.bytes.slice(0, size);
        const whole = file.positions.findLastIndex((position) => position <= size);
        const end = file.positions[whole];

        const result = opened(torn);
        assertHolds(result, file, whole);
        assertEquals(result.disk.content(PATH), torn.subarray(0, end));
        // Less than a header is not worth keeping: there is nothing in it.
        const kept = size - end >= 23;
        assertEquals(result.disk.files.get(`${PATH}.tr0`), kept ? torn.subarray(end) : undefined);

        const reader = opened(torn, { readOnly: true });
        assertHolds(reader, file, whole);
        assertEquals(reader.disk.changes, []);
      }
    }),
    { numRuns: 20 },
  );
});

Deno.test("a transaction that was voted and not finished is cut off, with all that follows", () => {
  const [, second] = three.positions;
  const voted = spoilt(three, second + 16, "c".charCodeAt(0));
  const result = opened(voted);
  assertHolds(result, three, 1);
  assertEquals(result.disk.content(`${PATH}.tr0`), voted.subarray(second));
  assertHolds(opened(voted, { readOnly: true }), three, 1);
});

Deno.test("an end that is cut off goes to a file of its own, and is safe there before it is cut", () => {
  const disk = new MemoryDisk({
    [PATH]: three.bytes.slice(0, -1),
    [`${PATH}.tr0`]: data("from the last time"),
  });
  const { file, cutTo } = openDataFile(PATH, { disk });
  file.close();
  assertEquals(cutTo, `${PATH}.tr1`);
  assertEquals(disk.content(`${PATH}.tr0`), data("from the last time"));
  assertEquals(disk.changes.slice(0, 6), [
    `create ${PATH}.tr1`,
    `write ${PATH}.tr1`,
    `sync ${PATH}.tr1`,
    "sync folder",
    `truncate ${PATH}`,
    `sync ${PATH}`,
  ]);
});

Deno.test("an end that can't be saved is not cut off", () => {
  const torn = three.bytes.slice(0, -1);
  for (const step of [`create ${PATH}.tr0`, `write ${PATH}.tr0`, `sync ${PATH}.tr0`, "sync folder"]) {
    const disk = new MemoryDisk({ [PATH]: torn });
    disk.beforeChange = (change) => {
      if (change === step) throw new Error("no space left");
    };
    assertThrows(() => openDataFile(PATH, { disk }), Error, "no space left");
    assertEquals(disk.content(PATH), torn);
    assertEquals(disk.openFiles, 0);
  }
});

Deno.test("an end of zeros, as a power failure leaves them, is cut off", () => {
  for (const count of [1, 22, 23, 100, 4096]) {
    const bytes = new Uint8Array(three.bytes.length + count);
    bytes.set(three.bytes);
    const result = opened(bytes);
    assertHolds(result, three, 3);
    assertEquals(result.disk.content(PATH), three.bytes);
    assertEquals(result.disk.files.get(`${PATH}.tr0`)?.length, count < 23 ? undefined : count);
  }
});

Deno.test("a length below its header's is a torn end, unless the file ends as a whole one does", () => {
  const last = three.positions[2];
  const size = three.bytes.length - last;
  const short = (trailer: number) => {
    const bytes = spoilt(three, last + 8, 0, 0, 0, 0, 0, 0, 0, 5);
    new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(trailer));
    return bytes;
  };
  for (const trailer of [0, 22, size + 1, 2 ** 40]) {
    assertHolds(opened(short(trailer)), three, 2);
    assertHolds(opened(short(trailer), { readOnly: true }), three, 2);
  }
  for (const trailer of [23, size - 8, size]) {
    for (const readOnly of [false, true]) {
      assertThrows(
        () => opened(short(trailer), { readOnly }),
        CorruptedTransactionError,
        `folder/Data.fs: transaction at ${last} says 5 bytes, its header alone has 27`,
      );
    }
  }
});

Deno.test("a transaction that contradicts itself is an error that says where and how, and changes nothing", () => {
  const [first, second, third] = three.positions;
  const [record] = three.records[1];
  const faults: [bytes: Uint8Array, message: RegExp][] = [
    [
      spoilt(three, third - 1, 9),
      new RegExp(`transaction at ${second} says 70 bytes at its start and 9 at its end`),
    ],
    [
      spoilt(three, record + 31, 5),
      new RegExp(`record at ${record} says that its transaction is at 5, expected ${second}`),
    ],
    [
      spoilt(three, record + 41, 6),
      new RegExp(`record at ${record} has 6 bytes of data, its transaction ends after 5`),
    ],
    [
      spoilt(three, record + 41, 4),
      new RegExp(`record at ${third - 9} should have a header of 42 bytes, .* after 1`),
    ],
    [spoilt(three, record + 33, 1), new RegExp(`record at ${record} has a version of 1 bytes`)],
    [spoilt(three, first + 18, 255), new RegExp(`transaction at ${first} says .* its header alone`)],
  ];
  for (const [bytes, message] of faults) {
    for (const readOnly of [false, true]) {
      const disk = new MemoryDisk({ [PATH]: bytes });
      const error = assertThrows(() => openDataFile(PATH, { disk, readOnly }), CorruptedTransactionError);
      assertMatch(error.message, message);
      assertEquals([disk.changes, disk.openFiles], [[], 0]);
    }
  }
});

Deno.test("the records of an undone transaction of long ago don't count, whatever they are", () => {
  const [, second, third] = three.positions;
  const undone = spoilt(three, second + 16, "u".charCodeAt(0));
  undone[three.records[1][0] + 31] = 99;
  const result = opened(undone);
  assertEquals(result.entries, [[0n, three.records[2][0]], [1n, three.records[0][1]], [
    2n,
    three.records[2][1],
  ]]);
  assertEquals(result.lastTid, three.tids[2]);
  undone[third - 1]++;
  assertThrows(() => opened(undone), CorruptedTransactionError, `transaction at ${second} says`);
});

Deno.test("oddities that harm nobody are told and taken", () => {
  const [, second] = three.positions;
  // An unknown status; a tid that goes back; a wrong previous pointer; a record with another tid.
  for (
    const [at, byte] of [[second + 16, 0xff], [second, 1], [three.records[1][0] + 23, 77], [
      three.records[1][0] + 8,
      9,
    ]]
  ) {
    assertHolds(opened(spoilt(three, at, byte)), three, 3);
  }
});

Deno.test("two records of one object in a transaction: the later counts", () => {
  const file = plainFile([
    { records: [{ oid: 7n, data: data("a") }] },
    { records: [{ oid: 7n, data: data("b") }, { oid: 7n, data: data("c") }] },
  ]);
  const result = opened(file.bytes);
  assertEquals(result.entries, [[7n, file.records[1][1]]]);
});

Deno.test("a record bigger than what is read at a time is passed over without being read", () => {
  const file = plainFile([
    { records: [{ oid: 1n, data: new Uint8Array(3 << 20) }, { oid: 2n, data: data("two") }] },
    { records: [{ oid: 1n, data: data("one") }] },
  ]);
  const disk = new MemoryDisk({ [PATH]: file.bytes });
  const { file: handle, index, end } = openDataFile(PATH, { disk, readOnly: true });
  handle.close();
  assertEquals([...index.entries()] as [bigint, number][], newestAfter(file, 2));
  assertEquals(end, file.bytes.length);
  assertEquals(disk.read < 3 << 20, true, `${disk.read} bytes read`);
});

Deno.test("many small transactions are read in few pieces", () => {
  const file = plainFile(
    Array.from({ length: 2000 }, (_, i) => ({ records: [{ oid: BigInt(i), data: data("some data") }] })),
  );
  const disk = new MemoryDisk({ [PATH]: file.bytes });
  openDataFile(PATH, { disk, readOnly: true }).file.close();
  assertEquals(disk.reads < 20, true, `${disk.reads} reads`);
});

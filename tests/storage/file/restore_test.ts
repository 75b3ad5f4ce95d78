import { assert, assertEquals, assertRejects } from "@std/assert";
import { copyTransactions, FileStorage } from "../../../storage/mod.ts";
import { equalBytes, MAX_TID, NO_TID, oid, StorageTransactionError, tid } from "../../../values/mod.ts";
import { type FileStorageFixture, fileStorageFixtures, type TransactionAnswer } from "../../fixtures/mod.ts";
import { bytes, commit, nobody, record, revisions, textOf, undo } from "../samples.ts";
import { EXAMPLE } from "./data_file.ts";
import { onDisk } from "./on_disk.ts";

const id = (hex: string) => oid(BigInt(`0x${hex}`));
const at = (hex: string) => tid(BigInt(`0x${hex}`));

/** Copies transactions, as Python's iterator told them, into a storage. */
async function copy(
  storage: FileStorage,
  transactions: readonly TransactionAnswer[],
  records: readonly string[],
) {
  for (const { tid, status, user, description, extension, records: changes } of transactions) {
    const transaction = storage.begin({
      user: Uint8Array.fromHex(user),
      description: Uint8Array.fromHex(description),
      extension: Uint8Array.fromHex(extension),
    }, { tid: at(tid), status });
    for (const { oid, tid, data, dataTid } of changes) {
      transaction.restore(
        id(oid),
        at(tid),
        data === null ? null : Uint8Array.fromHex(records[data]),
        dataTid === null ? null : at(dataTid),
      );
    }
    await transaction.vote();
    assertEquals(await transaction.finish(), at(tid));
  }
}

/**
 * Whether a copy has to be the same file, bit by bit. After a pack a record names no previous one, or data lies in
 * more than one place, where a copy makes that good; and a damaged file isn't copied with its damage.
 */
const faithful = ({ name, expected: { readWrite: { answers }, input } }: FileStorageFixture): boolean =>
  answers !== undefined && answers.transactions.failure === null &&
  answers.transactions.list.every(({ status }) => status === " ") &&
  input["Data.fs"].size === answers.size && !name.startsWith("wrong_");

const copied = fileStorageFixtures().filter(faithful);

Deno.test("there are files by Python to copy", () => assert(copied.length > 20));

for (const fixture of copied) {
  Deno.test(`S02 a copy of Python's file "${fixture.name}", transaction by transaction, is the same file`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const original = await Deno.readFile(fixture.copyTo(folder));
      const path = `${folder}/Copy.fs`;
      await using storage = FileStorage.open(path);
      const { answers } = fixture.expected.readWrite;
      await copy(storage, answers!.transactions.list, fixture.expected.records);
      assert(equalBytes(await Deno.readFile(path), original));
      assertEquals([storage.length(), storage.size()], [answers!.length, answers!.size]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("S02 a copy of a file with several undos of one object in one transaction is the same file", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const [a, b, c] = await revisions(storage, 1, ["a", "b", "c"]);
    const both = await undo(storage, c, b);
    const next = await commit(storage, [[1, both, "d"], [2, NO_TID, "x"]]);
    const undone = await undo(storage, next, both);
    await undo(storage, undone);
    const copied = FileStorage.open(`${path}.copy`, { disk });
    await copyTransactions(storage, copied);
    await copied.close();
    assertEquals(disk.content(`${path}.copy`).toHex(), disk.content(path).toHex());
    // As in Python, each of the two records shares the data of another transaction.
    const shared: unknown[] = [];
    for (const transaction of storage.transactions(both, both)) {
      for await (const { data, dataTid } of transaction.records()) shared.push([textOf(data!), dataTid]);
    }
    assertEquals(shared, [["b", b], ["a", a]]);
  }));

Deno.test("what is stored and restored lies in the file as the format's description says", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const one = EXAMPLE.slice(0x60, 0xab),
      two = EXAMPLE.slice(0xf4, 0x13f),
      length = EXAMPLE.slice(0x169, 0x189);
    const metadata = {
      user: bytes("/ bob"),
      description: bytes("first"),
      extension: EXAMPLE.slice(0x25, 0x36),
    };
    const t1 = at("03f7048f04444444"), t2 = at("03f7048f0aaaaaaa"), t3 = at("03f7048f0ccccccc");
    await commit(storage, [[0, NO_TID, one]], metadata, { tid: t1 });
    await commit(storage, [[0, t1, two], [1, NO_TID, length]], {}, { tid: t2 });
    const undo = storage.begin(nobody, { tid: t3 });
    undo.restore(oid(0), t3, one, t1);
    undo.restore(oid(1), t3, null, null);
    await undo.vote();
    await undo.finish();
    assertEquals(disk.content(path).toHex(), EXAMPLE.toHex());
  }));

Deno.test("a restored revision shares the data that it is said to share only where that is the same", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const restore = async (time: bigint, text: string, previous: bigint | null, status?: string) => {
      const before = disk.content(path).length;
      const transaction = storage.begin(nobody, { tid: tid(time), status });
      transaction.restore(oid(1), tid(time), record(text), previous === null ? null : tid(previous));
      await transaction.vote();
      await transaction.finish();
      return disk.content(path).length - before;
    };
    const alone = 23 + 42 + 8, data = record("a").length;
    assertEquals(await restore(100n, "a", null), alone + data);
    assertEquals(await restore(200n, "b", 100n), alone + data, "other data");
    assertEquals(await restore(300n, "a", 100n), alone + 8, "the same data");
    assertEquals(await restore(400n, "a", 300n), alone + 8, "the same data, shared already");
    assertEquals(await restore(500n, "a", 150n), alone + data, "no such transaction");
    assertEquals(await restore(600n, "a", 500n, "p"), alone + 8, "a packed one");
    assertEquals(storage.history(oid(1), 9).map(({ tid, size }) => [tid, size]), [
      [tid(600n), 0],
      [tid(500n), data],
      [tid(400n), 0],
      [tid(300n), 0],
      [tid(200n), data],
      [tid(100n), data],
    ]);
    const statuses = [];
    const view = new DataView(disk.content(path).buffer);
    for (let position = 4; position < view.byteLength;) {
      statuses.push(String.fromCharCode(view.getUint8(position + 16)));
      position += Number(view.getBigUint64(position + 8)) + 8;
    }
    assertEquals(statuses, [" ", " ", " ", " ", " ", "p"]);
  }));

Deno.test("S20 an id so late that nobody could see its transaction is refused, like one that none can follow", () =>
  onDisk(async ({ open }) => {
    const storage = open();
    const last = await commit(storage, [[1, NO_TID, "a"]]);
    for (const late of [MAX_TID, tid(2n ** 64n - 1n)]) {
      await assertRejects(
        () => commit(storage, [[2, NO_TID, "b"]], {}, { tid: late }),
        StorageTransactionError,
        "expected one before 7fffffffffffffff",
      );
    }
    assertEquals([storage.lastTransaction(), storage.length()], [last, 1]);
  }));

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CorruptedTransactionError,
  equalBytes,
  FileStorageError,
  FileStorageQuotaError,
  MAX_TID,
  NO_TID,
  oid,
} from "../../../values/mod.ts";
import { commit, nobody, noise, record, revisions, undo } from "../samples.ts";
import { onDisk, texts } from "./on_disk.ts";

/** Of the header of a transaction without metadata, and of a record. */
const TRANSACTION = 23, RECORD = 42;

Deno.test("a record may start up to the quota and no later", () =>
  onDisk(async (place) => {
    // As measured with Python: the first record starts at 27, the second one, after 100 bytes of data, at 169.
    const data = noise(100);
    for (const [quota, fits] of [[25, 0], [26, 0], [27, 1], [168, 1], [169, 2]]) {
      const storage = place.open({ quota, create: true });
      const attempt = async (count: number) => {
        const transaction = storage.begin(nobody);
        for (let id = 0; id < count; id++) transaction.store(oid(id), NO_TID, data);
        await transaction.vote();
        transaction.abort();
      };
      if (fits > 0) await attempt(fits);
      await assertRejects(() => attempt(fits + 1), FileStorageQuotaError, `${quota} bytes`);
      assertEquals(storage.size(), 4);
      await storage.close();
    }
  }));

Deno.test("a storage that has reached its quota can be read, and takes what fits", () =>
  onDisk(async ({ open }) => {
    const storage = open({ quota: 400 });
    const serial = await commit(storage, [[0, NO_TID, noise(400)]]);
    assert(storage.size() > 400, "the last record may pass it");
    await assertRejects(() => commit(storage, [[1, NO_TID, "more"]]), FileStorageQuotaError);
    assert(equalBytes(storage.loadBefore(oid(0), MAX_TID)!.data, noise(400)));
    // A transaction without records has nothing to start.
    assert(await commit(storage, []) > serial);
  }));

Deno.test("what others have voted counts towards the quota, until they give it up", () =>
  onDisk(async ({ open }) => {
    const start = 4 + TRANSACTION + RECORD + 100 + 8 + TRANSACTION;
    const storage = open({ quota: start });
    const begin = (id: number) => {
      const transaction = storage.begin(nobody);
      transaction.store(oid(id), NO_TID, noise(100));
      return transaction;
    };
    const one = begin(1), two = begin(2), three = begin(3), four = begin(4);
    await one.vote();
    await two.vote();
    await assertRejects(async () => await three.vote(), FileStorageQuotaError);
    one.abort();
    await four.vote();
    await two.finish();
    await four.finish();
    assertEquals(storage.length(), 2);
  }));

for (
  const [name, message] of [["user", "user name"], ["description", "description"], ["extension", "extension"]]
) {
  Deno.test(`a ${name} of 65536 bytes is refused, and does not harm`, () =>
    onDisk(async ({ open }) => {
      const storage = open();
      const transaction = storage.begin({ ...nobody, [name]: noise(65_536) });
      transaction.store(oid(0), NO_TID, record("a"));
      const vote = async () => await transaction.vote();
      const error = await assertRejects(vote, FileStorageError, message);
      assert(error.message.includes("65536") && error.message.includes("65535"), error.message);
      assertEquals([storage.size(), storage.length()], [4, 0]);
      await commit(storage, [[0, NO_TID, "a"]], { [name]: noise(65_535) });
      assertEquals(texts(storage, 1), ["a"]);
    }));
}

Deno.test("a record of no bytes is refused, since the format says something else with it", () =>
  onDisk(async ({ open }) => {
    const storage = open();
    const transaction = storage.begin(nobody);
    transaction.store(oid(0), NO_TID, new Uint8Array());
    await assertRejects(async () => await transaction.vote(), FileStorageError, "0 bytes");
    assertEquals(storage.size(), 4);
  }));

Deno.test("a status that would hide the transaction is refused", () =>
  onDisk(async ({ open }) => {
    const storage = open();
    for (const status of ["c", "u", "x", ""]) {
      const transaction = storage.begin(nobody, { status });
      await assertRejects(async () => await transaction.vote(), FileStorageError, "status");
    }
    assertEquals(storage.size(), 4);
  }));

Deno.test("S01 bytes that were read beside an aborted transaction's are not taken for a later one's", () =>
  onDisk(async ({ open }) => {
    const storage = open();
    const first = await commit(storage, [[0, NO_TID, "neighbour"]]);
    const storing = (text: string) => {
      const transaction = storage.begin(nobody);
      transaction.store(oid(1), NO_TID, record(text));
      transaction.vote();
      return transaction;
    };
    const aborted = storing("AAAA");
    assertEquals(texts(storage, 2), ["neighbour", null]);
    aborted.abort();
    await storing("BBBB").finish();
    assertEquals(texts(storage, 2), ["neighbour", "BBBB"]);
    assertEquals(storage.getTid(oid(0)), first);
  }));

Deno.test("a pointer that was damaged is an error, and no walk without end", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const [a, b] = await revisions(storage, 1, ["a", "b"]);
    await undo(storage, b);
    const size = RECORD + record("a").length;
    const first = 4 + TRANSACTION,
      second = first + size + 8 + TRANSACTION,
      third = second + size + 8 + TRANSACTION;
    await storage.close();
    const put = (at: number, to: number): number => {
      const file = disk.open(path, "update"), bytes = new Uint8Array(8), view = new DataView(bytes.buffer);
      file.read(bytes, at);
      const before = Number(view.getBigUint64(0));
      view.setBigUint64(0, BigInt(to));
      file.write(bytes, at);
      file.close();
      return before;
    };
    // The first record's previous one, and the record whose data the third one shares: itself, or a later one.
    for (const [at, to] of [[first + 16, first], [first + 16, second], [third + RECORD, third]]) {
      const good = put(at, to);
      const damaged = open();
      const before = at < second ? a : MAX_TID;
      assertThrows(() => damaged.loadBefore(oid(1), before), CorruptedTransactionError, `${path}: `);
      await damaged.close();
      put(at, good);
    }
    assertEquals(texts(open(), 2), [null, "a"]);
  }));

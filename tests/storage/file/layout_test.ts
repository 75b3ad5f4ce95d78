import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { NO_TID, oid, type Tid, tid } from "../../../values/mod.ts";
import { bytes, commit, nobody, noise } from "../samples.ts";
import { nthTid, plainFile, type PlainTransaction } from "./data_file.ts";
import { onDisk } from "./on_disk.ts";

const transactions: fc.Arbitrary<PlainTransaction[]> = fc.array(
  fc.record({
    records: fc.array(
      fc.record({
        oid: fc.oneof(fc.bigInt({ min: 0n, max: 6n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
        data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      }),
      { maxLength: 5 },
    ),
    status: fc.constantFrom(" ", " ", "p"),
    user: fc.string({ maxLength: 8 }),
    description: fc.string({ maxLength: 8 }),
    extension: fc.uint8Array({ maxLength: 8 }),
  }),
  { maxLength: 8 },
);

Deno.test("any transactions lie in the file bit by bit as the format's description says", async () => {
  await fc.assert(
    fc.asyncProperty(transactions, (history) =>
      onDisk(async ({ disk, path, open }) => {
        const storage = open();
        const serials = new Map<bigint, Tid>();
        for (const [number, { records, status, user, description, extension }] of history.entries()) {
          const metadata = {
            user: bytes(user ?? ""),
            description: bytes(description ?? ""),
            extension: extension ?? bytes(""),
          };
          const changes = records.map(({ oid, data }) => [oid, serials.get(oid) ?? NO_TID, data] as const);
          const done = await commit(storage, changes, metadata, { tid: tid(nthTid(number)), status });
          for (const { oid } of records) serials.set(oid, done);
        }
        const expected = plainFile(history);
        assertEquals(disk.content(path).toHex(), expected.bytes.toHex());
        assertEquals(storage.size(), expected.bytes.length);
      })),
    { numRuns: 60 },
  );
});

Deno.test("a transaction bigger than memory lies in the file as a small one does", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const before = await commit(storage, [[1, NO_TID, "old"]]);
    const start = storage.size();
    const data = [noise(100, 1), noise(5 << 20, 2), noise(4 << 20, 3), noise(9 << 20, 4), noise(7, 5)];
    const done = await commit(storage, data.map((each, id) => [id, id === 1 ? before : NO_TID, each]), {
      user: bytes("somebody"),
      extension: bytes("xyz"),
    });
    const content = disk.content(path), view = new DataView(content.buffer);
    const text = (position: number, length: number) =>
      new TextDecoder().decode(content.subarray(position, position + length));
    const length = Number(view.getBigUint64(start + 8));
    assertEquals(start + length + 8, content.length);
    assertEquals(Number(view.getBigUint64(content.length - 8)), length);
    assertEquals([view.getBigUint64(start), text(start + 16, 1)], [done, " "]);
    assertEquals([17, 19, 21].map((place) => view.getUint16(start + place)), [8, 0, 3]);
    assertEquals(text(start + 23, 11), "somebodyxyz");
    let position = start + 34;
    for (const [id, each] of data.entries()) {
      const fields = [0, 8, 16, 24, 34].map((place) => view.getBigUint64(position + place));
      // The first record of the file lies behind the magic and its transaction's header.
      assertEquals(fields, [BigInt(id), done, id === 1 ? 27n : 0n, BigInt(start), BigInt(each.length)]);
      assertEquals(view.getUint16(position + 32), 0);
      const there = content.subarray(position + 42, position + 42 + each.length);
      assert(there.every((byte, place) => byte === each[place]), `data of ${id}`);
      position += 42 + each.length;
    }
    assertEquals(position, content.length - 8);
  }));

Deno.test("a deletion is a record without data that points to 0", () =>
  onDisk(async ({ disk, path, open }) => {
    const storage = open();
    const serial = await commit(storage, [[7, NO_TID, "a"]]);
    const start = storage.size();
    const transaction = storage.begin(nobody);
    transaction.deleteObject(oid(7), serial);
    await transaction.vote();
    const done = await transaction.finish();
    const view = new DataView(disk.content(path).buffer, start);
    assertEquals(view.byteLength, 23 + 42 + 8 + 8);
    assertEquals([0, 8, 16, 24, 34, 42].map((place) => view.getBigUint64(23 + place)), [
      7n,
      done,
      27n,
      BigInt(start),
      0n,
      0n,
    ]);
  }));

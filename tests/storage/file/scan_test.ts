import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { CorruptedTransactionError } from "../../../values/mod.ts";
import { transactionEnd } from "../../../storage/file/format.ts";
import { previousTransaction, recordsOf, transactionsOf } from "../../../storage/file/scan.ts";
import { FileWindow } from "../../../storage/file/scan_window.ts";
import { EXAMPLE, plainFile, plainTransactions } from "./data_file.ts";
import { MemoryDisk } from "./memory_disk.ts";

function fileOf(bytes: Uint8Array) {
  return new MemoryDisk({ "Data.fs": bytes }).open("Data.fs", "read");
}

Deno.test("a walk gives every transaction with its texts, and every record, in order", () => {
  fc.assert(fc.property(plainTransactions, fc.constantFrom(16, 64, 1 << 20), (transactions, size) => {
    const { bytes, positions, tids, records } = plainFile(transactions);
    const window = new FileWindow(fileOf(bytes), size);
    const walked = [];
    for (const { header, user, description, extension } of transactionsOf(window, 4, bytes.length)) {
      // Records are walked on the same window, in the middle of the other walk.
      const found = [...recordsOf(window, header)];
      walked.push({
        position: header.position,
        tid: header.tid as bigint,
        status: header.status,
        user: new TextDecoder().decode(user),
        description: new TextDecoder().decode(description),
        extension,
        records: found.map(({ position, oid, size }) => ({ position, oid: oid as bigint, size })),
      });
    }
    assertEquals(
      walked,
      transactions.map((transaction, number) => ({
        position: positions[number],
        tid: tids[number],
        status: transaction.status ?? " ",
        user: transaction.user ?? "",
        description: transaction.description ?? "",
        extension: transaction.extension ?? new Uint8Array(),
        records: transaction.records.map(({ oid, data }, place) => ({
          position: records[number][place],
          oid,
          size: data.length,
        })),
      })),
    );
  }));
});

Deno.test("a walk back gives the transactions newest first", () => {
  fc.assert(fc.property(plainTransactions, (transactions) => {
    const { bytes, positions } = plainFile(transactions);
    const file = fileOf(bytes), found = [];
    let at = previousTransaction(file, bytes.length);
    while (at !== undefined) {
      found.push(at.position);
      at = previousTransaction(file, at.position);
    }
    assertEquals(found, positions.slice(0, -1).toReversed());
  }));
});

Deno.test("the example's transactions and records are where the format's description has them", () => {
  const file = fileOf(EXAMPLE);
  const headers = [...transactionsOf(file, 4, EXAMPLE.length)].map(({ header }) => header);
  assertEquals(headers.map(({ position }) => position), [4, 0xb3, 0x191]);
  assertEquals(headers.map(transactionEnd), [0xb3, 0x191, 532]);
  assertEquals(headers.map((header) => [...recordsOf(file, header)].map(({ position }) => position)), [
    [0x36],
    [0xca, 0x13f],
    [0x1a8, 0x1da],
  ]);
  assertEquals(headers.map((header) => [...recordsOf(file, header)].map(({ previous }) => previous)), [
    [0],
    [0x36, 0],
    [0xca, 0x13f],
  ]);
});

Deno.test("a walk can start and end at any transaction", () => {
  const found = [...transactionsOf(fileOf(EXAMPLE), 0xb3, 0x191)];
  assertEquals(found.map(({ header }) => header.position), [0xb3]);
});

Deno.test("a walk that meets what is no transaction says where", () => {
  const file = fileOf(EXAMPLE);
  const walk = (from: number, to: number) => () => [...transactionsOf(file, from, to)];
  assertThrows(
    walk(4, 531),
    CorruptedTransactionError,
    "Data.fs: transaction at 401 says 123 bytes and 8 more",
  );
  assertThrows(
    walk(4, 410),
    CorruptedTransactionError,
    "transaction at 401 should have a header of 23 bytes",
  );
  assertThrows(
    walk(4, 900),
    CorruptedTransactionError,
    "transaction at 532 should have a header of 23 bytes",
  );
  for (
    const [end, message] of [[531, "transaction that ends at 531 says"], [
      900,
      "transaction that ends at 900",
    ]] as const
  ) {
    assertThrows(() => previousTransaction(file, end), CorruptedTransactionError, message);
  }
  const spoilt = EXAMPLE.slice();
  spoilt[0x191 + 15] = 0x7a;
  assertThrows(
    () => previousTransaction(fileOf(spoilt), 532),
    CorruptedTransactionError,
    "transaction at 401 says 122 bytes at its start and 123 at its end",
  );
});

import { assertEquals } from "@std/assert";
import { oid, tid } from "../../../values/mod.ts";
import {
  headerLength,
  readRecordHeader,
  readTransactionHeader,
  RECORD_HEADER,
  recordFault,
  recordLength,
  recordsEnd,
  recordsStart,
  TRANSACTION_HEADER,
  transactionEnd,
  transactionFault,
  writeRecordHeader,
  writeTransactionHeader,
} from "../../../storage/file/format.ts";
import { EXAMPLE } from "./data_file.ts";

Deno.test("the headers of Python's example file are read and written as they are", () => {
  const first = readTransactionHeader(EXAMPLE, 4, 4);
  assertEquals(first, {
    position: 4,
    tid: tid(0x03f7048f04444444n),
    length: 167,
    status: " ",
    userLength: 5,
    descriptionLength: 5,
    extensionLength: 17,
  });
  assertEquals([headerLength(first), recordsStart(first), recordsEnd(first), transactionEnd(first)], [
    50,
    0x36,
    0xab,
    0xb3,
  ]);
  const undo = readRecordHeader(EXAMPLE, 0x1a8, 0x1a8);
  assertEquals(undo, {
    position: 0x1a8,
    oid: oid(0),
    tid: tid(0x03f7048f0cccccccn),
    previous: 0xca,
    transaction: 0x191,
    versionLength: 0,
    size: 0,
  });
  assertEquals(recordLength(undo.size), 50);
  assertEquals(recordLength(75), 117);

  const bytes = new Uint8Array(TRANSACTION_HEADER + RECORD_HEADER + 2);
  writeTransactionHeader(bytes, 1, first);
  writeRecordHeader(bytes, 1 + TRANSACTION_HEADER, undo);
  assertEquals(bytes.subarray(1, 24), EXAMPLE.subarray(4, 27));
  assertEquals(bytes.subarray(24, 66), EXAMPLE.subarray(0x1a8, 0x1d2));
  assertEquals([bytes[0], bytes[66]], [0, 0]);
});

Deno.test("positions beyond 4 GiB survive", () => {
  const bytes = new Uint8Array(RECORD_HEADER);
  const fields = {
    oid: oid(2n ** 64n - 1n),
    tid: tid(1),
    previous: 2 ** 40 + 3,
    transaction: 2 ** 41,
    size: 2 ** 33,
  };
  writeRecordHeader(bytes, 0, fields);
  assertEquals(readRecordHeader(bytes, 0, 2 ** 42), { ...fields, position: 2 ** 42, versionLength: 0 });
  assertEquals(bytes.subarray(16, 24).toHex(), "0000010000000003");
});

Deno.test("what is wrong with a header is said with the numbers", () => {
  const first = readTransactionHeader(EXAMPLE, 4, 4);
  const record = readRecordHeader(EXAMPLE, 0x36, 0x36);
  assertEquals(transactionFault(first, 0xb3), undefined);
  assertEquals(recordFault(record, first), undefined);
  assertEquals(transactionFault(first, 0xb2), "says 167 bytes and 8 more, the file ends after 174");
  assertEquals(transactionFault({ ...first, length: 49 }, 0xb3), "says 49 bytes, its header alone has 50");
  assertEquals(
    recordFault({ ...record, size: 76 }, first),
    "has 76 bytes of data, its transaction ends after 75",
  );
  assertEquals(
    recordFault({ ...record, transaction: 5 }, first),
    "says that its transaction is at 5, expected 4",
  );
  assertEquals(
    recordFault({ ...record, versionLength: 1 }, first),
    "has a version of 1 bytes, expected none",
  );
});

/**
 * Whether a back pointer leads to a record.
 *
 * @module
 */

import { formatOid } from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import {
  FIRST_TRANSACTION,
  readRecordHeader,
  readTransactionHeader,
  RECORD_HEADER,
  recordFault,
  type RecordHeader,
  recordLength,
  recordsEnd,
  recordsStart,
  TRANSACTION_HEADER,
} from "./format.ts";

/** The header of the record at a place that something says has one; zeros behind the end of the file. */
export function recordHeaderAt(file: DiskFile, position: number): RecordHeader {
  const bytes = new Uint8Array(RECORD_HEADER);
  file.read(bytes, position);
  return readRecordHeader(bytes, 0, position);
}

/**
 * What is wrong with a back pointer, if something is: it has to lead to an earlier record of the same object, one that
 * its transaction agrees with and that another record, or the transaction's end, follows.
 */
export function backFault(
  file: DiskFile,
  { oid, position }: Pick<RecordHeader, "oid" | "position">,
  back: number,
): string | undefined {
  if (back < FIRST_TRANSACTION + TRANSACTION_HEADER || back >= position) {
    return `expected an earlier place than ${position}`;
  }
  const target = recordHeaderAt(file, back);
  if (target.oid !== oid) return `where ${formatOid(target.oid)} is, or no record`;
  if (target.transaction < FIRST_TRANSACTION || target.transaction >= back) return "where no record begins";
  const header = new Uint8Array(TRANSACTION_HEADER);
  file.read(header, target.transaction);
  const owner = readTransactionHeader(header, 0, target.transaction);
  if (owner.tid !== target.tid || back < recordsStart(owner) || recordFault(target, owner) !== undefined) {
    return "where no record of a transaction begins";
  }
  const end = back + recordLength(target.size);
  if (end === recordsEnd(owner)) return undefined;
  const next = recordHeaderAt(file, end);
  if (next.tid !== owner.tid && next.transaction !== owner.position) {
    return `where a record of ${target.size} bytes begins that nothing follows`;
  }
}

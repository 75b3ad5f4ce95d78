/**
 * Walking a Data.fs that may be damaged: the transactions that can be made out, and what lies between them.
 *
 * A transaction's length stands at both ends of it, and its records say where it begins. So one damaged length is found
 * out by the other, or by the records; and where nothing fits any more, the next transaction is looked for byte by
 * byte: it must have a length with its copy in the right place, a known status, and a first record that names it.
 *
 * @module
 */

import { readPosition } from "../../values/mod.ts";
import type { FindingKind } from "./check_findings.ts";
import type { Pace } from "./check_pace.ts";
import {
  FIRST_TRANSACTION,
  headerLength,
  isKnownStatus,
  readRecordHeader,
  readTransactionHeader,
  RECORD_HEADER,
  recordFault,
  recordLength,
  recordsEnd,
  recordsStart,
  STATUS_OFFSET,
  TRANSACTION_HEADER,
  TRANSACTION_TRAILER,
  transactionEnd,
  transactionFault,
  type TransactionHeader,
  TransactionStatus,
} from "./format.ts";
import { lengthFault } from "./scan.ts";
import { FileWindow } from "./scan_window.ts";

/** What is wrong with a transaction's header or its length. */
export interface Fault {
  readonly kind: FindingKind;
  readonly message: string;
}

/** A transaction whose start and end are known. */
export interface FoundTransaction {
  readonly kind: "transaction";
  /** Its header, with the length that it really has. */
  readonly header: TransactionHeader;
  /** What is wrong with it; its records are not looked at here. */
  readonly faults: readonly Fault[];
}

/** Bytes in which no finished transaction can be made out: in the middle of the file, or at its end. */
export interface LostBytes {
  readonly kind: "lost" | "tail";
  /** Byte offset in the file. */
  readonly position: number;
  readonly end: number;
  /** What is wrong with what should begin here. */
  readonly fault: string;
}

/** Bytes that are searched at once. */
const CHUNK = 1 << 20;

/** Bytes that are read to look at one place where a transaction may begin. */
const PROBE = 4096;

/** Transactions longer than this are not looked for: their length's first bytes are not zero. */
const LONGEST_BYTES = 3;

/** What the file has from its first transaction to `size`, in order and without holes. */
export async function* survey(
  window: FileWindow,
  size: number,
  pace: Pace,
): AsyncGenerator<FoundTransaction | LostBytes, void> {
  for (let position = FIRST_TRANSACTION; position < size;) {
    if (pace.due()) await pace.rest(position);
    const header = headerAt(window, position, size);
    const found = header && transactionFrom(window, header, size);
    const piece = found ?? await lostFrom(window, position, header, size, pace);
    yield piece;
    position = piece.kind === "transaction" ? transactionEnd(piece.header) : piece.end;
  }
}

/** The transaction that a header is of, if there is a way to tell where it ends. */
function transactionFrom(
  window: FileWindow,
  header: TransactionHeader,
  size: number,
): FoundTransaction | LostBytes | undefined {
  const fault = transactionFault(header, size);
  const copyFault = transactionEnd(header) > size ? fault : lengthFault(window, header);
  if (copyFault === undefined && header.length >= TRANSACTION_HEADER) {
    const end = transactionEnd(header);
    // Only the last one can be unfinished: where others follow, the status is what is damaged.
    if (header.status === TransactionStatus.voted && (end === size || !isPlausible(window, end, size))) {
      return { kind: "tail", position: header.position, end: size, fault: "was voted and not finished" };
    }
    const faults: Fault[] = fault === undefined ? [] : [{ kind: "length", message: fault }];
    return { kind: "transaction", header, faults: [...faults, ...statusFaults(header)] };
  }
  const message = fault ?? copyFault!;
  const length = lengthByRecords(window, header, size);
  if (length === undefined && !(fault === undefined && isPlausible(window, transactionEnd(header), size))) {
    return undefined;
  }
  return {
    kind: "transaction",
    header: length === undefined ? header : { ...header, length },
    faults: [{ kind: "length", message }, ...statusFaults(header)],
  };
}

function statusFaults({ status }: TransactionHeader): Fault[] {
  if (status === TransactionStatus.complete || status === TransactionStatus.packed) return [];
  const meaning = status === TransactionStatus.voted
    ? "which says that it was never finished, although others follow: opening the file cuts it off with all of them"
    : status === TransactionStatus.undone
    ? "which says that it was undone by a storage of long ago: its records don't count"
    : "which means nothing: taken for complete";
  return [{ kind: "status", message: `has status ${JSON.stringify(status)}, ${meaning}` }];
}

/** The length that a transaction's records add up to, when the copy of that length follows them. */
function lengthByRecords(window: FileWindow, header: TransactionHeader, size: number): number | undefined {
  const last = size - TRANSACTION_TRAILER;
  // The length in the header is not believed, so a record may go on to the end of the file.
  const any = { ...header, length: last - header.position };
  for (let position = recordsStart(header); position <= last;) {
    const copy = window.find(position, TRANSACTION_TRAILER);
    if (copy < 0) return undefined;
    const length = position - header.position;
    if (readPosition(window.bytes, copy) === length) return length;
    const offset = window.find(position, RECORD_HEADER);
    if (offset < 0) return undefined;
    const record = readRecordHeader(window.bytes, offset, position);
    if (recordFault(record, any) !== undefined) return undefined;
    position += recordLength(record.size);
  }
}

async function lostFrom(
  window: FileWindow,
  position: number,
  header: TransactionHeader | undefined,
  size: number,
  pace: Pace,
): Promise<LostBytes> {
  const fault = header === undefined
    ? `should have a header of ${TRANSACTION_HEADER} bytes, the file ends after ${size - position}`
    : transactionFault(header, size) ?? lengthFault(window, header) ?? "is no transaction";
  const next = await findTransaction(new FileWindow(window.file, PROBE), position + 1, size, pace);
  return { kind: next === undefined ? "tail" : "lost", position, end: next ?? size, fault };
}

/** Where the next transaction begins that leaves no doubt. */
async function findTransaction(
  window: FileWindow,
  from: number,
  size: number,
  pace: Pace,
): Promise<number | undefined> {
  const chunk = new Uint8Array(CHUNK);
  for (let start = from; start + TRANSACTION_HEADER <= size;) {
    if (pace.due()) await pace.rest(start);
    const filled = Math.min(window.file.read(chunk, start), size - start);
    const last = filled - TRANSACTION_HEADER;
    if (last < 0) return undefined;
    for (let at = 0; at <= last; at++) {
      if (!mayBeHeader(chunk, at)) continue;
      if (isPlausible(window, start + at, size)) return start + at;
      if (pace.due()) await pace.rest(start + at);
    }
    start += last + 1;
  }
}

/** A quick look that sorts out nearly all places where no transaction begins. */
function mayBeHeader(bytes: Uint8Array, at: number): boolean {
  for (let place = 0; place < LONGEST_BYTES; place++) if (bytes[at + 8 + place] !== 0) return false;
  const status = bytes[at + STATUS_OFFSET];
  return status === 0x20 || status === 0x70 || status === 0x63 || status === 0x75;
}

/** Whether a transaction begins here, or the file ends. */
function isPlausible(window: FileWindow, position: number, size: number): boolean {
  for (;;) {
    if (position === size) return true;
    const header = headerAt(window, position, size);
    if (
      header === undefined || header.tid === 0n || !isKnownStatus(header.status) ||
      transactionFault(header, size) !== undefined || lengthFault(window, header) !== undefined
    ) return false;
    if (headerLength(header) < header.length) return namedByRecord(window, header);
    // One without records has little that could be wrong: what follows has to speak for it.
    position = transactionEnd(header);
  }
}

function namedByRecord(window: FileWindow, header: TransactionHeader): boolean {
  const start = recordsStart(header);
  const offset = start + RECORD_HEADER >= recordsEnd(header) ? -1 : window.find(start, RECORD_HEADER);
  return offset >= 0 && recordFault(readRecordHeader(window.bytes, offset, start), header) === undefined;
}

function headerAt(window: FileWindow, position: number, size: number): TransactionHeader | undefined {
  const offset = size - position < TRANSACTION_HEADER ? -1 : window.find(position, TRANSACTION_HEADER);
  return offset < 0 ? undefined : readTransactionHeader(window.bytes, offset, position);
}

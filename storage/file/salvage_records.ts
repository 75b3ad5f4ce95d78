/**
 * The records of a transaction that may be damaged: those that are whole, and what lies between them.
 *
 * A record says twice where it belongs, by its transaction's id and by its transaction's position, so that one that
 * follows a damaged stretch can be told from data.
 *
 * @module
 */

import {
  readRecordHeader,
  RECORD_HEADER,
  recordFault,
  type RecordHeader,
  recordLength,
  recordsEnd,
  recordsStart,
  TRANSACTION_HEADER,
  type TransactionHeader,
} from "./format.ts";
import type { FileWindow } from "./scan_window.ts";

/** A stretch of a transaction: a record, or bytes in which none can be made out. */
export interface RecordPiece {
  /** Byte offset in the file. */
  readonly position: number;
  /** Where the stretch ends. */
  readonly end: number;
  /** The record that it is; undefined for bytes that are none. */
  readonly record?: RecordHeader;
  /** What is wrong with it, if something is. */
  readonly fault?: string;
}

/** What a transaction has between its header and the copy of its length, in order and without holes. */
export function* surveyRecords(
  window: FileWindow,
  transaction: TransactionHeader,
): Generator<RecordPiece, void> {
  const end = recordsEnd(transaction), texts = transaction.position + TRANSACTION_HEADER;
  let position = recordsStart(transaction);
  const hidden = findRecord(window, transaction, texts, Math.min(position, end));
  if (hidden < position) {
    // A text never has the marks of a record: one of its lengths is wrong.
    const fault = `begins within the texts of its transaction, which say that they end at ${position}`;
    yield { position: hidden, end: hidden, fault };
    position = hidden;
  }
  while (position < end) {
    const piece = pieceAt(window, transaction, position, end);
    yield piece;
    position = piece.end;
  }
}

function pieceAt(
  window: FileWindow,
  transaction: TransactionHeader,
  position: number,
  end: number,
): RecordPiece {
  const record = recordAt(window, position, end);
  if (!record) {
    return {
      position,
      end,
      fault: `should have a header of ${RECORD_HEADER} bytes, its transaction ends after ${end - position}`,
    };
  }
  const fault = recordFault(record, transaction);
  const next = position + recordLength(record.size);
  if (next <= end && seemsRecord(window, transaction, next, end)) {
    return { position, end: next, record, fault };
  }
  return {
    position,
    end: findRecord(window, transaction, position + 1),
    fault: fault ?? `has ${record.size} bytes of data, and no record begins behind them`,
  };
}

function recordAt(window: FileWindow, position: number, end: number): RecordHeader | undefined {
  const offset = position + RECORD_HEADER >= end ? -1 : window.find(position, RECORD_HEADER);
  return offset < 0 ? undefined : readRecordHeader(window.bytes, offset, position);
}

/** Whether a record may begin here, or the transaction end. One of the two marks is enough: the other may be damaged. */
function seemsRecord(
  window: FileWindow,
  transaction: TransactionHeader,
  position: number,
  end: number,
): boolean {
  if (position === end) return true;
  const record = recordAt(window, position, end);
  return record !== undefined &&
    (record.tid === transaction.tid || record.transaction === transaction.position);
}

/** Where the next record begins, from `from` on and before `limit`; `limit` where there is none. */
function findRecord(
  window: FileWindow,
  transaction: TransactionHeader,
  from: number,
  limit: number = recordsEnd(transaction),
): number {
  const end = recordsEnd(transaction);
  const low = transaction.position & 0xff;
  for (let position = from; position < limit && position + RECORD_HEADER < end; position++) {
    const offset = window.find(position, RECORD_HEADER);
    if (offset < 0) break;
    const { bytes } = window;
    if (bytes[offset + 31] !== low || bytes[offset + 32] !== 0 || bytes[offset + 33] !== 0) continue;
    const record = readRecordHeader(bytes, offset, position);
    if (record.tid === transaction.tid && recordFault(record, transaction) === undefined) return position;
  }
  return limit;
}

/**
 * Checking the records of a data file, one transaction after the other, against those before them.
 *
 * What was seen is kept as two indexes, so that memory is a few bytes an object: the newest record of each object, and
 * the objects that are gone.
 *
 * @module
 */

import { Dict, PickleReader, readRecord } from "../../pickle/mod.ts";
import { formatOid, formatTid, readPosition, type Tid } from "../../values/mod.ts";
import { decompressRecord } from "../zlib/compressed_record.ts";
import { backFault, recordHeaderAt } from "./check_back.ts";
import type { Findings } from "./check_findings.ts";
import type { Pace } from "./check_pace.ts";
import {
  BACK_POINTER,
  headerLength,
  RECORD_HEADER,
  type RecordHeader,
  TRANSACTION_HEADER,
  type TransactionHeader,
  TransactionStatus,
} from "./format.ts";
import { OidIndex } from "./oid_index.ts";
import { surveyRecords } from "./salvage_records.ts";
import type { FileWindow } from "./scan_window.ts";

/** See the module. */
export class RecordCheck {
  /** Where the newest record of each object is. */
  readonly index: OidIndex = new OidIndex();
  /** The objects that are gone, with the records that say so. */
  readonly gone: OidIndex = new OidIndex();
  /** Records seen. */
  records = 0;
  readonly #window: FileWindow;
  readonly #findings: Findings;
  readonly #pickles: boolean;

  /** @param pickles Whether to read what is stored, too. */
  constructor(window: FileWindow, findings: Findings, pickles: boolean) {
    this.#window = window;
    this.#findings = findings;
    this.#pickles = pickles;
  }

  /** Checks a transaction's user, description and extension. */
  metadata(transaction: TransactionHeader): void {
    const { position, userLength, descriptionLength, extensionLength } = transaction;
    const length = headerLength(transaction);
    if (length === TRANSACTION_HEADER || length > transaction.length) return;
    const offset = this.#window.find(position, length);
    if (offset < 0) return;
    const texts = this.#window.bytes.subarray(offset + TRANSACTION_HEADER, offset + length);
    const fault = textFault("user", texts.subarray(0, userLength)) ??
      textFault("description", texts.subarray(userLength, userLength + descriptionLength)) ??
      (extensionLength === 0 ? undefined : extensionFault(texts.subarray(-extensionLength)));
    if (fault !== undefined) this.#findings.add(position, "metadata", `transaction ${fault}`);
  }

  /** Checks a transaction's records and takes them into the indexes. */
  async transaction(transaction: TransactionHeader, pace: Pace): Promise<void> {
    const counts = transaction.status !== TransactionStatus.undone;
    const otherTids = new OtherTids();
    for (const { position, record, fault } of surveyRecords(this.#window, transaction)) {
      if (pace.due()) await pace.rest(position);
      if (fault !== undefined) this.#findings.add(position, record ? "record" : "lost", `record ${fault}`);
      if (!record) continue;
      this.records++;
      otherTids.see(record, transaction);
      if (!counts) continue;
      const target = this.#pointers(record, transaction);
      if (record.size > 0 && this.#pickles) this.#data(record);
      this.index.set(record.oid, position);
      if (record.size === 0 && target === 0) this.gone.set(record.oid, position);
      else if (this.gone.size > 0) this.gone.delete(record.oid);
    }
    otherTids.report(transaction, this.#findings);
  }

  /** Checks where a record points; answers its back pointer. */
  #pointers(record: RecordHeader, transaction: TransactionHeader): number {
    const { oid, position, previous } = record;
    const expected = this.#expectedPrevious(record, transaction);
    // A pack cuts the records that it keeps off from those that it drops.
    const cut = previous === 0 && transaction.status === TransactionStatus.packed;
    if (previous !== expected && !cut) {
      this.#findings.add(
        position,
        "previous",
        `record of ${formatOid(oid)} says that its previous is at ${previous}, expected ${expected}`,
      );
    }
    if (record.size > 0) return 0;
    const offset = this.#window.find(position + RECORD_HEADER, BACK_POINTER);
    const back = readPosition(this.#window.bytes, offset);
    const fault = back === 0 ? undefined : backFault(this.#window.file, record, back);
    if (fault !== undefined) {
      this.#findings.add(
        position,
        "back",
        `record of ${formatOid(oid)} shares the data at ${back}, ${fault}`,
      );
    }
    return back;
  }

  #expectedPrevious({ oid }: RecordHeader, transaction: TransactionHeader): number {
    const newest = this.index.get(oid) ?? 0;
    // Of two records for one object in one transaction, both name the one in the transaction before.
    return newest > transaction.position ? recordHeaderAt(this.#window.file, newest).previous : newest;
  }

  #data({ oid, position, size }: RecordHeader): void {
    const offset = this.#window.find(position + RECORD_HEADER, size);
    const data = this.#window.bytes.subarray(offset, offset + size);
    try {
      readRecord(decompressRecord(data), { nonAscii: "latin1" });
    } catch (error) {
      this.#findings.add(
        position,
        "data",
        `record of ${formatOid(oid)} can't be read: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

/** Records whose id differs from their transaction's: one of them is damaged, or the transaction is. */
class OtherTids {
  #records = 0;
  #others = 0;
  #first?: RecordHeader;
  #agree = true;

  see(record: RecordHeader, transaction: TransactionHeader): void {
    this.#records++;
    if (record.tid === transaction.tid) return;
    this.#others++;
    this.#first ??= record;
    this.#agree &&= record.tid === this.#first.tid;
  }

  report({ tid, position }: TransactionHeader, findings: Findings): void {
    if (this.#first === undefined) return;
    const found: Tid = this.#first.tid;
    if (this.#others === this.#records && this.#agree) {
      findings.add(
        position,
        "tid",
        `transaction has tid ${formatTid(tid)}, its records have ${formatTid(found)}`,
      );
      return;
    }
    const more = this.#others === 1 ? "" : `, and ${this.#others - 1} more of the transaction have another`;
    findings.add(
      this.#first.position,
      "tid",
      `record of ${formatOid(this.#first.oid)} has tid ${formatTid(found)}, expected its transaction's, ` +
        `${formatTid(tid)}${more}`,
    );
  }
}

function textFault(what: string, bytes: Uint8Array): string | undefined {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return `has a ${what} of ${bytes.length} bytes that is no UTF-8`;
  }
}

function extensionFault(bytes: Uint8Array): string | undefined {
  try {
    const reader = new PickleReader(bytes, { nonAscii: "latin1" });
    const value = reader.read();
    if (!(value instanceof Dict)) return "has an extension that is no dict";
    if (!reader.atEnd) return `has an extension with bytes after its pickle, from ${reader.position} on`;
  } catch (error) {
    return `has an extension that can't be read: ${error instanceof Error ? error.message : error}`;
  }
}

/**
 * Copying the transactions of a damaged file into a new one, one by one.
 *
 * A transaction is first looked through, which decides whether it is copied and how long it becomes, and then written.
 * Data is copied as it is; what says where other records are is made anew.
 *
 * @module
 */

import { formatOid, formatTid, type Oid, readPosition, type Tid, writePosition } from "../../values/mod.ts";
import { backFault } from "./check_back.ts";
import type { Findings } from "./check_findings.ts";
import type { Pace } from "./check_pace.ts";
import {
  BACK_POINTER,
  headerLength,
  isKnownStatus,
  RECORD_HEADER,
  type RecordHeader,
  recordLength,
  recordsEnd,
  TRANSACTION_TRAILER,
  type TransactionHeader,
  TransactionStatus,
  writeRecordHeader,
  writeTransactionHeader,
} from "./format.ts";
import { OidIndex } from "./oid_index.ts";
import type { RecordReader } from "./record_reader.ts";
import type { SalvageOutput } from "./salvage_output.ts";
import { surveyRecords } from "./salvage_records.ts";
import type { FoundTransaction } from "./salvage_survey.ts";
import { Relocation } from "./salvage_relocation.ts";
import type { FileWindow } from "./scan_window.ts";

const COPY = 1 << 20;

const NO_STRINGS = { userLength: 0, descriptionLength: 0, extensionLength: 0 };

/** A record that is copied. */
interface Copied {
  readonly record: RecordHeader;
  /** Where the record whose data it shares is in the copy; 0 for one that says that its object is gone. */
  readonly back?: number;
  /** Data that it shared with a record that is lost. */
  readonly data?: Uint8Array;
}

/** What is to be done with a transaction. */
interface Plan {
  readonly header: TransactionHeader;
  readonly records: readonly Copied[];
  /** Whether something of it is missing. */
  readonly partial: boolean;
}

/** What was done so far. */
export interface CopyCounts {
  /** Transactions that were copied, those in part included. */
  transactions: number;
  /** Transactions of which only a part was copied. */
  partial: number;
  /** Transactions that were found and left out. */
  skipped: number;
  /** Records that were copied. */
  records: number;
}

/** See the module. */
export class SalvageCopy {
  readonly counts: CopyCounts = { transactions: 0, partial: 0, skipped: 0, records: 0 };
  readonly #window: FileWindow;
  readonly #reader: RecordReader;
  readonly #output: SalvageOutput;
  readonly #findings: Findings;
  readonly #allowPartial: boolean;
  readonly #index = new OidIndex();
  readonly #relocation = new Relocation();
  #lastTid?: Tid;

  /**
   * @param window On the damaged file.
   * @param reader Of the damaged file.
   * @param allowPartial Whether the whole records of damaged transactions are copied.
   */
  constructor(
    window: FileWindow,
    reader: RecordReader,
    output: SalvageOutput,
    findings: Findings,
    allowPartial: boolean,
  ) {
    this.#window = window;
    this.#reader = reader;
    this.#output = output;
    this.#findings = findings;
    this.#allowPartial = allowPartial;
  }

  /** Copies a transaction, or as much of it as may be. */
  async transaction(found: FoundTransaction, pace: Pace): Promise<void> {
    const plan = await this.#plan(found, pace);
    const { position } = found.header;
    if (plan.partial && (!this.#allowPartial || plan.records.length === 0)) {
      this.counts.skipped++;
      this.#findings.add(position, "lost", `transaction ${formatTid(plan.header.tid)} is damaged: left out`);
      return;
    }
    if (this.#lastTid !== undefined && plan.header.tid <= this.#lastTid) {
      const expected = `expected one after ${formatTid(this.#lastTid)}: copied as it is`;
      this.#findings.add(position, "tid", `transaction has tid ${formatTid(plan.header.tid)}, ${expected}`);
    }
    this.#lastTid = plan.header.tid;
    this.counts.transactions++;
    if (plan.partial) this.counts.partial++;
    this.counts.records += plan.records.length;
    await this.#write(plan, pace);
  }

  /** Looks a transaction through. */
  async #plan({ header: found, faults }: FoundTransaction, pace: Pace): Promise<Plan> {
    let header = found, partial = false;
    for (const { kind, message } of faults) {
      this.#findings.add(found.position, kind, `transaction ${message}`);
    }
    // Others follow it, so it was finished; and a status that means nothing is taken for complete.
    if (found.status === TransactionStatus.voted || !isKnownStatus(found.status)) {
      header = { ...header, status: TransactionStatus.complete };
    }
    const records: Copied[] = [];
    let others = 0;
    for (const { position, record, fault } of surveyRecords(this.#window, found)) {
      if (pace.due()) await pace.rest(position);
      if (fault !== undefined || !record) {
        this.#findings.add(position, record ? "record" : "lost", `record ${fault}`);
        // Where the first record isn't where it should be, the strings before it may go on into it.
        if (!record && records.length === 0) header = { ...header, ...NO_STRINGS };
        partial = true;
        continue;
      }
      if (record.tid !== found.tid) others++;
      const copied = this.#copied(record);
      if (copied === undefined) partial = true;
      else records.push(copied);
    }
    if (others === 0) return { header, records, partial };
    return { ...this.#oneTid(header, records, others), records, partial: true };
  }

  /** When all records agree on another id than their transaction's header, that is the one that is damaged. */
  #oneTid(header: TransactionHeader, records: Copied[], others: number): { header: TransactionHeader } {
    const { position, tid } = header;
    const theirs = records[0]?.record.tid ?? tid;
    const agree = records.every(({ record }) => record.tid === theirs);
    if (agree && theirs !== tid) {
      const message = `transaction has tid ${formatTid(tid)}, its records have ${formatTid(theirs)}`;
      this.#findings.add(position, "tid", message);
      return { header: { ...header, tid: theirs } };
    }
    this.#findings.add(
      position,
      "tid",
      `transaction has ${others} records with another tid than ${formatTid(tid)}`,
    );
    // Whose ids differ may be any object's: they are left out.
    records.splice(0, records.length, ...records.filter(({ record }) => record.tid === tid));
    return { header };
  }

  #copied(record: RecordHeader): Copied | undefined {
    if (record.size > 0) return { record };
    const offset = this.#window.find(record.position + RECORD_HEADER, BACK_POINTER);
    const back = readPosition(this.#window.bytes, offset);
    if (back === 0) return { record, back };
    const fault = backFault(this.#window.file, record, back);
    const target = fault === undefined ? this.#relocation.find(back) : undefined;
    if (target !== undefined) return { record, back: target };
    const data = this.#dataAt(record, back);
    if (data === undefined) {
      this.#findings.add(
        record.position,
        "back",
        `record of ${formatOid(record.oid)} shares the data at ${back}, which is lost: left out`,
      );
      return undefined;
    }
    return data === null ? { record, back: 0 } : { record, data };
  }

  /** Data that is not in the copy, from where it is shared; null when the object is gone, undefined when it is lost. */
  #dataAt({ oid, position }: RecordHeader, back: number): Uint8Array | null | undefined {
    for (let from = position, to = back; to !== 0;) {
      if (backFault(this.#window.file, { oid, position: from }, to) !== undefined) return undefined;
      const record = this.#reader.record(to);
      if (record.data !== null) return record.data;
      from = to;
      to = record.back;
    }
    return null;
  }

  async #write({ header, records }: Plan, pace: Pace): Promise<void> {
    const output = this.#output, start = output.position;
    let length = headerLength(header);
    for (const { record, data } of records) length += recordLength(data?.length ?? record.size);
    const strings = headerLength(header);
    const head = new Uint8Array(strings);
    this.#window.file.read(head, header.position);
    writeTransactionHeader(head, 0, { ...header, length });
    output.add(head);
    this.#relocation.add(header.position, header.position + strings, start);
    const places: [Oid, number][] = [];
    for (const copied of records) {
      if (pace.due()) await pace.rest(copied.record.position);
      places.push([copied.record.oid, output.position]);
      await this.#writeRecord(copied, header, start, pace);
    }
    // Only now: of two records for one object in one transaction both name the one in the transaction before.
    if (header.status !== TransactionStatus.undone) {
      for (const [oid, position] of places) this.#index.set(oid, position);
    }
    const trailer = new Uint8Array(TRANSACTION_TRAILER);
    writePosition(trailer, 0, length);
    this.#relocation.add(recordsEnd(header), recordsEnd(header) + TRANSACTION_TRAILER, output.position);
    output.add(trailer);
  }

  async #writeRecord(
    { record, back, data }: Copied,
    header: TransactionHeader,
    start: number,
    pace: Pace,
  ): Promise<void> {
    const output = this.#output, bytes = new Uint8Array(RECORD_HEADER + BACK_POINTER);
    // A pack cuts records off from those before on purpose.
    const cut = record.previous === 0 && header.status === TransactionStatus.packed;
    writeRecordHeader(bytes, 0, {
      oid: record.oid,
      tid: record.tid,
      previous: cut ? 0 : this.#index.get(record.oid) ?? 0,
      transaction: start,
      size: data?.length ?? record.size,
    });
    const end = record.position + recordLength(record.size);
    // Inlined data makes what follows move by another distance; within the record there is nothing to be found.
    this.#relocation.add(record.position, data ? record.position + RECORD_HEADER : end, output.position);
    if (back !== undefined) writePosition(bytes, RECORD_HEADER, back);
    output.add(back === undefined ? bytes.subarray(0, RECORD_HEADER) : bytes);
    if (data !== undefined) output.add(data);
    if (data !== undefined || back !== undefined) return;
    for (let position = record.position + RECORD_HEADER; position < end; position += COPY) {
      if (pace.due()) await pace.rest(position);
      const length = Math.min(COPY, end - position), offset = this.#window.find(position, length);
      output.add(this.#window.bytes.subarray(offset, offset + length));
    }
  }
}

/**
 * Looking for references to objects that aren't there: those that a current record makes, and that loading would
 * follow.
 *
 * @module
 */

import { PickleError, recordReferences } from "../../pickle/mod.ts";
import { formatOid, type Oid, ROOT_OID, StorageError } from "../../values/mod.ts";
import type { DiskFile } from "../disk.ts";
import { decompressRecord } from "../zlib/compressed_record.ts";
import type { Findings } from "./check_findings.ts";
import type { Pace } from "./check_pace.ts";
import type { RecordCheck } from "./check_records.ts";
import { recordsEnd, type TransactionHeader } from "./format.ts";
import { RecordReader } from "./record_reader.ts";
import { surveyRecords } from "./salvage_records.ts";
import { survey } from "./salvage_survey.ts";
import { FileWindow } from "./scan_window.ts";

/**
 * Goes through a file a second time and checks what the current records refer to.
 *
 * @param seen What the first time found.
 * @returns How many references there are.
 */
export async function checkReferences(
  file: DiskFile,
  size: number,
  seen: RecordCheck,
  findings: Findings,
  pace: Pace,
): Promise<number> {
  const window = new FileWindow(file), reader = new RecordReader(file, 0);
  let count = 0;
  if (seen.index.size > 0 && (!seen.index.has(ROOT_OID) || seen.gone.has(ROOT_OID))) {
    findings.add(0, "reference", `there is no ${formatOid(ROOT_OID)}, the root of everything`);
  }
  for await (const piece of survey(window, size, pace)) {
    if (piece.kind !== "transaction") continue;
    for (const { position, oid } of currentRecords(window, piece.header, seen)) {
      if (pace.due()) await pace.rest(position);
      for (const reference of referencesAt(reader, position)) {
        count++;
        const fault = referenceFault(reference, seen);
        if (fault !== undefined) {
          findings.add(
            position,
            "reference",
            `${formatOid(oid)} refers to ${formatOid(reference)}, ${fault}`,
          );
        }
      }
    }
  }
  return count;
}

function* currentRecords(
  window: FileWindow,
  transaction: TransactionHeader,
  { index }: RecordCheck,
): Generator<{ position: number; oid: Oid }, void> {
  if (recordsEnd(transaction) <= transaction.position) return;
  for (const { position, record } of surveyRecords(window, transaction)) {
    if (record && index.get(record.oid) === position) yield { position, oid: record.oid };
  }
}

/** What a record refers to; nothing when it can't be read, which was found the first time. */
function referencesAt(reader: RecordReader, position: number): readonly Oid[] {
  try {
    const data = reader.data(reader.record(position));
    return data === null ? [] : recordReferences(decompressRecord(data));
  } catch (error) {
    if (error instanceof PickleError || error instanceof StorageError) return [];
    throw error;
  }
}

function referenceFault(oid: Oid, { index, gone }: RecordCheck): string | undefined {
  if (!index.has(oid)) return "which isn't there";
  if (gone.has(oid)) return "which was deleted";
}

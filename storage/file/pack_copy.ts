/**
 * The third part of a pack: writing what is kept of the transactions up to the pack time.
 *
 * Each kept record gets its data in full and no previous record; a transaction of which nothing is kept vanishes,
 * and the others can't be undone any more.
 *
 * @module
 */

import { type Oid, oidBytes, type Tid, tidBytes, writePosition } from "../../values/mod.ts";
import { isBlobRecord } from "../blob/blob_record.ts";
import {
  FIRST_TRANSACTION,
  headerLength,
  MAGIC,
  RECORD_HEADER,
  STATUS_OFFSET,
  TransactionStatus,
} from "./format.ts";
import type { OidIndex } from "./oid_index.ts";
import type { PackCursor } from "./pack_cursor.ts";
import type { PackOutput } from "./pack_output.ts";
import type { Pace } from "./pack_pace.ts";
import type { Reachable } from "./pack_reach.ts";
import type { PackReader } from "./pack_reader.ts";

/** What a copy reads from and writes to. */
export interface PackCopy {
  /** A walk through the old file. */
  readonly cursor: PackCursor;
  /** Single records of the old file. */
  readonly reader: PackReader;
  /** The new file. */
  readonly output: PackOutput;
  /** The new file's index. */
  readonly index: OidIndex;
  /** What is kept. */
  readonly reachable: Reachable;
  /** New positions of records that are kept for a later one that shares their data, by their old ones. */
  readonly moved: Map<number, number>;
  /** Where the lines about dropped revisions of blobs go, if anywhere. */
  readonly removed?: PackOutput;
  readonly pace: Pace;
}

/** Copies what is kept of the transactions before `to`. @param kept The records to keep, ascending. */
export async function copyPacked(copy: PackCopy, kept: Float64Array, to: number): Promise<void> {
  const { cursor, output, pace } = copy;
  pace.begin("copy", to);
  output.append(MAGIC);
  let next = 0;
  for (let position = FIRST_TRANSACTION; position < to; position = cursor.end) {
    cursor.enter(position, to);
    const end = cursor.end, first = next;
    while (next < kept.length && kept[next] < end) next++;
    if (copy.removed) {
      await noteRemoved(copy, kept.subarray(first, next));
      cursor.enter(position, to);
    }
    if (next > first) {
      const start = copyHeader(cursor, output, TransactionStatus.packed);
      for (let place = first; place < next; place++) {
        copyRecord(copy, kept[place], start);
        const pause = pace.step(RECORD_HEADER + cursor.size, 1);
        if (pause) await pause;
      }
      endTransaction(output, start);
    }
    cursor.leave();
    const pause = pace.step(headerLength(cursor.transaction), 0);
    if (pause) await pause;
  }
}

/** Copies the header of a transaction; answers where the copy starts. Its length comes with its end. */
export function copyHeader(cursor: PackCursor, output: PackOutput, status: string): number {
  const start = output.position;
  const length = headerLength(cursor.transaction);
  const offset = cursor.window.find(cursor.transaction.position, length);
  const header = cursor.window.bytes.slice(offset, offset + length);
  header[STATUS_OFFSET] = status.charCodeAt(0);
  output.append(header);
  return start;
}

/** Ends the transaction that starts at a position. */
export function endTransaction(output: PackOutput, start: number): void {
  const length = output.position - start;
  output.appendPosition(length);
  output.patchPosition(start + 8, length);
}

/**
 * Writes the header of a record with the object and the revision of the one that the cursor is at.
 * @returns its position.
 */
export function writeHeader(
  { cursor, output }: PackCopy,
  fields: { readonly previous: number; readonly transaction: number; readonly size: number },
): number {
  const at = output.room(RECORD_HEADER);
  const { window: { bytes: from }, offset } = cursor, to = output.bytes;
  for (let i = 0; i < 16; i++) to[at + i] = from[offset + i];
  writePosition(to, at + 16, fields.previous);
  writePosition(to, at + 24, fields.transaction);
  to[at + 32] = to[at + 33] = 0;
  writePosition(to, at + 34, fields.size);
  return output.position - RECORD_HEADER;
}

function copyRecord(copy: PackCopy, position: number, transaction: number): void {
  const { cursor, output, index, reader, reachable } = copy;
  cursor.seek(position);
  const { oid, size } = cursor;
  // Its own data goes from window to buffer; shared data is read from elsewhere.
  const shared = size === 0 ? reader.data(position) : undefined;
  const place = writeHeader(copy, { previous: 0, transaction, size: shared?.length ?? size });
  if (size > 0) output.copy(cursor.window, position + RECORD_HEADER, size);
  else if (shared) output.append(shared);
  else output.appendPosition(0);
  index.set(oid, place);
  if (reachable.isExtra(position)) copy.moved.set(position, place);
}

/** Says which revisions of blobs are not kept of the transaction that the cursor has entered. */
async function noteRemoved(copy: PackCopy, kept: Float64Array): Promise<void> {
  const { cursor, reader, reachable, pace, removed } = copy;
  let next = 0;
  while (cursor.next()) {
    if (cursor.position === kept[next]) {
      next++;
      continue;
    }
    const { oid, tid, position } = cursor;
    const data = reader.data(position);
    if (data !== null && isBlobRecord(data)) {
      // A server stores a blob's record twice: the revision stays as long as one of them does.
      const stays = reachable.hasExtra(oid) && kept.some((other) => reader.oid(other) === oid);
      const line = stays ? undefined : removedLine(reachable, reader, oid, tid);
      if (line !== undefined) removed!.append(new TextEncoder().encode(`${line}\n`));
    }
    const pause = pace.step(0, 1);
    if (pause) await pause;
  }
}

function removedLine(reachable: Reachable, reader: PackReader, oid: Oid, tid: Tid): string | undefined {
  if (!reachable.has(oid)) return oidBytes(oid).toHex();
  const current = reachable.currentOf(oid);
  // The same for the record that was current.
  if (current !== undefined && reader.tid(current) === tid) return undefined;
  return oidBytes(oid).toHex() + tidBytes(tid).toHex();
}

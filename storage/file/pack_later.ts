/**
 * The last part of a pack: copying the transactions after the pack time, those that are committed meanwhile included.
 *
 * They stay what they are; only what they say about positions is put right. A record whose data was to be found in
 * another that is no longer there gets a copy of it.
 *
 * @module
 */

import { equalBytes, type Oid, readPosition, type Tid, tidFromBytes } from "../../values/mod.ts";
import { BACK_POINTER, RECORD_HEADER, TransactionStatus } from "./format.ts";
import { copyHeader, endTransaction, type PackCopy, writeHeader } from "./pack_copy.ts";
import type { References } from "./pack_reach.ts";

/** What is looked at on the way. */
export interface LaterWatch {
  /** Told where each object is now. */
  moved?(oid: Oid, position: number): void;
  /** Finds references, so that {@linkcode LaterWatch.misses} can be told of those to objects that were dropped. */
  readonly references?: References;
  /** Told of an object that the pack has dropped and that a transaction refers to. */
  misses?(oid: Oid): void;
}

/** Copies the transactions from position `from` to position `to`, all of them after the pack time. */
export async function copyLater(copy: PackCopy, from: number, to: number, watch: LaterWatch): Promise<void> {
  const { cursor, output, pace } = copy;
  for (let position = from; position < to; position = cursor.end) {
    cursor.enter(position, to);
    const start = copyHeader(cursor, output, cursor.transaction.status);
    while (cursor.next()) {
      const bytes = copyRecord(copy, start, watch);
      const pause = pace.step(RECORD_HEADER + bytes, 1);
      if (pause) await pause;
    }
    endTransaction(output, start);
  }
}

/** Copies the record that the cursor is at; answers how many bytes of data that took. */
function copyRecord(copy: PackCopy, transaction: number, watch: LaterWatch): number {
  const { cursor, output, index, reader } = copy;
  const { oid, position, size, back } = cursor;
  const newest = index.get(oid) ?? 0;
  // The second record of an object in one transaction has the same previous one as the first.
  const previous = newest >= transaction ? header(copy, newest).previous : newest;
  const target = back === 0 ? 0 : newPosition(copy, back, previous);
  const data = size === 0 && back !== 0 && target === 0 ? reader.data(position) : null;
  const place = writeHeader(copy, { previous, transaction, size: size || (data?.length ?? 0) });
  if (size > 0) output.copy(cursor.window, position + RECORD_HEADER, size);
  else if (data !== null) output.append(data);
  else output.appendPosition(target);
  if (cursor.transaction.status !== TransactionStatus.undone) {
    index.set(oid, place);
    watch.moved?.(oid, place);
  }
  if (watch.references && (size > 0 || data !== null)) {
    for (const referred of watch.references(data ?? reader.data(position)!)) {
      if (copy.reachable.drops(referred) && !index.has(referred)) watch.misses?.(referred);
    }
  }
  return size;
}

/** Where the record that a back pointer leads to is now; 0 when it is not there. */
function newPosition(copy: PackCopy, back: number, previous: number): number {
  const moved = copy.moved.get(back);
  if (moved !== undefined) return moved;
  const tid = copy.reader.tid(back);
  for (let position = previous; position !== 0;) {
    const found = header(copy, position);
    if (found.tid === tid) return sameData(copy, back, position) ? position : 0;
    position = found.previous;
  }
  return 0;
}

interface NewHeader {
  readonly tid: Tid;
  readonly previous: number;
  readonly size: number;
  readonly back: number;
}

function header({ output }: PackCopy, position: number): NewHeader {
  const bytes = new Uint8Array(RECORD_HEADER + BACK_POINTER);
  output.read(bytes, position);
  const size = readPosition(bytes, 34);
  return {
    tid: tidFromBytes(bytes, 8),
    previous: readPosition(bytes, 16),
    size,
    back: size === 0 ? readPosition(bytes, RECORD_HEADER) : 0,
  };
}

/** Whether a record of the old file and one of the new have the same data: two of one transaction may differ. */
function sameData(copy: PackCopy, oldPosition: number, newPosition: number): boolean {
  const old = copy.reader.data(oldPosition);
  let position = newPosition, found = header(copy, position);
  while (found.size === 0) {
    if (found.back === 0) return old === null;
    position = found.back;
    found = header(copy, position);
  }
  if (old === null || old.length !== found.size) return false;
  const data = new Uint8Array(found.size);
  copy.output.read(data, position + RECORD_HEADER);
  return equalBytes(data, old);
}

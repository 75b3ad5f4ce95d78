/**
 * Undo: finding the transactions that can be undone, and making the records that take one back.
 *
 * A record is taken back by one that shares the data of the record before it: nothing is copied, and the history
 * keeps both.
 *
 * @module
 */

import { equalBytes, MultipleUndoErrors, type Oid, type Tid, UndoError } from "../../values/mod.ts";
import type { UndoEntry } from "../storage.ts";
import type { FileTransaction } from "./file_transaction.ts";
import { type TransactionHeader, TransactionStatus } from "./format.ts";
import type { Merge } from "./merge.ts";
import { previousTransaction, recordsOf } from "./scan.ts";
import type { VisibleFile } from "./visible_file.ts";

/** Time that the log may take before others are served, in milliseconds. */
const SLICE = 5;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The transactions that can be undone, newest first; see {@linkcode UndoableStorage.undoLog}. */
export async function undoLog(
  visible: VisibleFile,
  first: number,
  last: number,
  filter: (entry: UndoEntry) => boolean,
): Promise<UndoEntry[]> {
  const stop = last < 0 ? first - last : last;
  const found: UndoEntry[] = [];
  // What is visible now; a pack that puts another file in place ends the log early rather than mixing two files.
  const { file, reader } = visible;
  let passed = 0, sliceEnd = performance.now() + SLICE;
  for (let end = visible.end; passed < stop;) {
    const transaction = previousTransaction(file, end);
    if (!transaction || transaction.status === TransactionStatus.packed) break;
    end = transaction.position;
    if (transaction.status === TransactionStatus.complete) {
      const entry = { tid: transaction.tid, size: transaction.length, ...reader.metadata(transaction) };
      if (filter(entry) && ++passed > first) found.push(entry);
    }
    if (performance.now() > sliceEnd) {
      await pause();
      if (visible.file !== file) break;
      sliceEnd = performance.now() + SLICE;
    }
  }
  return found;
}

/**
 * Adds the records that undo a transaction to another one.
 *
 * @returns The objects that were changed.
 * @throws {UndoError} when there is no such transaction, or it is too old.
 * @throws {MultipleUndoErrors} when later changes stand in the way.
 */
export function undoInto(
  undoing: FileTransaction,
  tid: Tid,
  visible: VisibleFile,
  merge: Merge,
): readonly Oid[] {
  const transaction = findUndoable(visible, tid);
  const failures = new Map<Oid, UndoError>();
  const undone = new Set<Oid>();
  for (const { oid, position } of recordsOf(visible.file, transaction)) {
    const failure = undoRecord(undoing, oid, position, visible, merge);
    if (failure) failures.set(oid, failure);
    else {
      failures.delete(oid);
      undone.add(oid);
    }
  }
  if (failures.size > 0) throw new MultipleUndoErrors([...failures]);
  return [...undone];
}

function findUndoable(visible: VisibleFile, tid: Tid): TransactionHeader {
  for (let end = visible.end;;) {
    const transaction = previousTransaction(visible.file, end);
    if (transaction && transaction.tid === tid) {
      if (transaction.status === TransactionStatus.complete) return transaction;
      throw new UndoError("non-undoable transaction");
    }
    if (!transaction || transaction.status === TransactionStatus.packed) {
      throw new UndoError("Invalid transaction id");
    }
    end = transaction.position;
  }
}

/** An object's newest state, from this transaction or from the file. */
interface Current {
  /** The record in the file that it is, or whose data it shares; undefined where its data is the transaction's own. */
  readonly source?: number;
  readonly data: Uint8Array | null;
}

function currentOf(oid: Oid, undoing: FileTransaction, { reader, index }: VisibleFile): Current {
  const own = undoing.body.newest(oid);
  if (own === undefined) {
    const newest = index.get(oid)!;
    const stored = reader.record(newest);
    return { source: stored.data === null ? stored.back : newest, data: reader.data(stored) };
  }
  const { back } = undoing.body.records[own];
  if (back === undefined) return { data: undoing.body.dataOf(own) };
  return { source: back, data: back === 0 ? null : reader.data(reader.record(back)) };
}

function undoRecord(
  undoing: FileTransaction,
  oid: Oid,
  position: number,
  visible: VisibleFile,
  merge: Merge,
): UndoError | undefined {
  const { reader, index } = visible;
  const record = reader.record(position);
  const data = reader.data(record);
  const current = currentOf(oid, undoing, visible);
  const untouched = index.get(oid) === position && undoing.body.newest(oid) === undefined;
  if (untouched || current.source === position || sameData(current.data, data)) {
    undoing.addUndone(oid, record.previous);
    return;
  }
  if (record.previous === 0) {
    return new UndoError("Can't undo an add transaction followed by conflicting transactions.", oid);
  }
  const before = reader.data(reader.record(record.previous));
  const merged = before && data && current.data
    ? merge({ oid, old: data, committed: current.data, changed: before })
    : undefined;
  if (merged === undefined) return new UndoError("Some data were modified by a later transaction", oid);
  undoing.addUndone(oid, merged);
}

function sameData(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

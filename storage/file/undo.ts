/**
 * Undo: finding the transactions that can be undone, and making the records that take one back.
 *
 * A record is taken back by one that shares the data of the record before it: nothing is copied, and the history
 * keeps both.
 *
 * @module
 */

import { equalBytes, MultipleUndoErrors, type Oid, type Tid, UndoError } from "../../values/mod.ts";
import { Slice } from "../slice.ts";
import type { UndoEntry } from "../storage.ts";
import type { FileTransaction } from "./file_transaction.ts";
import { type TransactionHeader, TransactionStatus } from "./format.ts";
import type { Merge } from "./merge.ts";
import { backwardWindow, previousTransaction, recordsOf } from "./scan.ts";
import type { VisibleFile } from "./visible_file.ts";

/** Time that the log may take before others are served, in milliseconds. */
const SLICE = 5;

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
  const window = backwardWindow(file), slice = new Slice(SLICE);
  let passed = 0;
  for (let end = visible.end; passed < stop;) {
    const transaction = previousTransaction(window, end);
    if (!transaction || transaction.status === TransactionStatus.packed) break;
    end = transaction.position;
    if (transaction.status === TransactionStatus.complete) {
      const entry = { tid: transaction.tid, size: transaction.length, ...reader.metadata(transaction) };
      if (filter(entry) && ++passed > first) found.push(entry);
    }
    const resting = slice.rest();
    if (resting) {
      await resting;
      if (visible.file !== file) break;
    }
  }
  return found;
}

/**
 * Finds a transaction that is to be undone. The way back to an old one is long: others are served meanwhile.
 *
 * @returns Where it is; or why it can't be undone, when there is no such transaction or it is too old.
 */
export async function findUndoable(visible: VisibleFile, tid: Tid): Promise<TransactionHeader | UndoError> {
  const slice = new Slice(SLICE);
  let { file, end } = visible, window = backwardWindow(file);
  for (;;) {
    const transaction = previousTransaction(window, end);
    if (transaction && transaction.tid === tid) {
      if (transaction.status === TransactionStatus.complete) return transaction;
      return new UndoError("non-undoable transaction");
    }
    if (!transaction || transaction.status === TransactionStatus.packed) {
      return new UndoError("Invalid transaction id");
    }
    end = transaction.position;
    const resting = slice.rest();
    if (resting) {
      await resting;
      // A pack has put another file in its place.
      if (visible.file !== file) ({ file, end } = visible), window = backwardWindow(file);
    }
  }
}

/**
 * Adds the records that undo a transaction to another one.
 *
 * @param transaction The one to undo; see {@linkcode findUndoable}.
 * @returns The objects that were changed.
 * @throws {UndoError} when that one can't be undone.
 * @throws {MultipleUndoErrors} when later changes stand in the way.
 */
export function undoInto(
  undoing: FileTransaction,
  transaction: TransactionHeader | UndoError,
  visible: VisibleFile,
  merge: Merge,
): readonly Oid[] {
  if (transaction instanceof UndoError) throw transaction;
  const failures = new Map<Oid, UndoError>();
  const states: [Oid, number | Uint8Array][] = [];
  for (const { oid, position } of recordsOf(visible.file, transaction)) {
    // What failed may be redeemed by a later record of the same object.
    failures.delete(oid);
    const state = undoneState(undoing, oid, position, visible, merge);
    if (state instanceof UndoError) failures.set(oid, state);
    else states.push([oid, state]);
  }
  if (failures.size > 0) throw new MultipleUndoErrors([...failures]);
  // Only now: an object's second record in the undone transaction is judged as its first one was.
  for (const [oid, state] of states) undoing.addUndone(oid, state);
  return [...new Set(states.map(([oid]) => oid))];
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
    const stored = reader.record(newest, oid);
    return { source: stored.data === null ? stored.back : newest, data: reader.data(stored) };
  }
  const { back } = undoing.body.records[own];
  if (back === undefined) return { data: undoing.body.dataOf(own) };
  return { source: back, data: back === 0 ? null : reader.data(reader.record(back)) };
}

/**
 * The state that an object has when the record at `position` is taken back: the position of a record that has it, 0 for
 * none, or merged data.
 */
function undoneState(
  undoing: FileTransaction,
  oid: Oid,
  position: number,
  visible: VisibleFile,
  merge: Merge,
): number | Uint8Array | UndoError {
  const { reader, index } = visible;
  const record = reader.record(position);
  if (index.get(oid) === position && undoing.body.newest(oid) === undefined) return record.previous;
  const current = currentOf(oid, undoing, visible);
  if (current.source === position) return record.previous;
  const data = reader.data(record);
  if (!data || !current.data) return new UndoError("_loadBack() failed", oid);
  if (equalBytes(current.data, data)) return record.previous;
  if (record.previous === 0) {
    return new UndoError("Can't undo an add transaction followed by conflicting transactions.", oid);
  }
  const before = reader.data(reader.record(record.previous, oid));
  if (!before) return new UndoError("_loadBack() failed", oid);
  // Where the transaction wrote the object twice, its last record is what others started from.
  const last = reader.find(oid, index.get(oid)!, record.tid) ?? position;
  const old = reader.data(reader.record(last));
  return old && merge({ oid, old, committed: current.data, changed: before }) ||
    new UndoError("Some data were modified by a later transaction", oid);
}

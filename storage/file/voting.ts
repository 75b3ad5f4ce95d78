/**
 * The vote: checking a transaction against the database, and keeping others away from its objects until it is
 * published or given up.
 *
 * Whoever calls has made sure that transactions that vote side by side touch different objects; here that is only
 * checked.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";
import {
  ConflictError,
  FileStorageQuotaError,
  formatOid,
  formatTid,
  MAX_TID,
  type Oid,
  POSKeyError,
  ReadConflictError,
  StorageTransactionError,
  type Tid,
  type UnresolvedConflict,
  UnresolvedConflicts,
} from "../../values/mod.ts";
import type { FileTransaction, Step } from "./file_transaction.ts";
import { type Merge, mergeNothing } from "./merge.ts";
import { undoInto } from "./undo.ts";
import type { VisibleFile } from "./visible_file.ts";

/** See the module. */
export class Voting {
  readonly #visible: VisibleFile;
  readonly #quota: number;
  readonly #merge: Merge;
  /** Which voted, unpublished transaction has an object. */
  readonly #taken = new Map<Oid, FileTransaction>();
  /** Transactions that are voted and not written, and the bytes that they will take. */
  readonly #reserved = new Map<FileTransaction, number>();
  #reservedBytes = 0;
  /** Transactions that are voted and neither published nor given up. */
  readonly #voted = new Set<FileTransaction>();

  /** @param quota Bytes of the file beyond which no record may start. */
  constructor(visible: VisibleFile, quota: number, merge: Merge) {
    this.#visible = visible;
    this.#quota = quota;
    this.#merge = merge;
  }

  /**
   * Checks a transaction's steps, in their order, and takes its objects for it.
   * @param last What has been written so far, visible or not.
   * @returns The objects whose conflicts were resolved.
   */
  vote(transaction: FileTransaction, last: { readonly tid: Tid; readonly end: number }): readonly Oid[] {
    if (transaction.tid !== undefined && transaction.tid <= last.tid) {
      throw new StorageTransactionError(
        `transaction id ${formatTid(transaction.tid)} is not later than the last one, ${formatTid(last.tid)}`,
      );
    }
    if (transaction.tid !== undefined && transaction.tid >= MAX_TID) {
      throw new StorageTransactionError(
        `transaction id ${formatTid(transaction.tid)}: expected one before ${
          formatTid(MAX_TID)
        }, as nobody would see it`,
      );
    }
    this.#checkAlone(transaction);
    if (transaction.generation !== undefined && transaction.generation !== this.#visible.generation) {
      throw new StorageTransactionError(
        `${this.#visible.file.path} was packed after the transaction had found its place in it; try it again`,
      );
    }
    const resolved = new Set<Oid>(), conflicts: UnresolvedConflict[] = [];
    for (const step of transaction.steps) this.#take(step, transaction, resolved, conflicts);
    if (conflicts.length > 0) throw new UnresolvedConflicts(conflicts);
    this.#checkQuota(transaction, last.end);
    for (const oid of transaction.changes) this.#taken.set(oid, transaction);
    this.#reserved.set(transaction, transaction.body.length);
    this.#reservedBytes += transaction.body.length;
    this.#voted.add(transaction);
    return [...resolved];
  }

  /** Bytes of all that was voted and is not being written yet. */
  get reserved(): number {
    return this.#reservedBytes;
  }

  /** Whether a transaction is voted that relies on positions in the file. */
  get exclusive(): boolean {
    for (const transaction of this.#voted) if (transaction.exclusive) return true;
    return false;
  }

  /** Its bytes are being written: they count as part of the file now. */
  written(transaction: FileTransaction): void {
    this.#reservedBytes -= this.#reserved.get(transaction) ?? 0;
    this.#reserved.delete(transaction);
  }

  /** Frees the transaction's objects. */
  forget(transaction: FileTransaction): void {
    if (!this.#voted.delete(transaction)) return;
    this.written(transaction);
    for (const oid of transaction.changes) {
      if (this.#taken.get(oid) === transaction) this.#taken.delete(oid);
    }
  }

  #checkAlone(transaction: FileTransaction): void {
    for (const other of this.#voted) {
      if (transaction.exclusive || other.exclusive) {
        throw new StorageTransactionError(
          "a transaction that needs the storage for itself votes beside another",
        );
      }
    }
    for (const oid of transaction.changes) {
      if (this.#taken.has(oid)) {
        throw new StorageTransactionError(`${formatOid(oid)}: another transaction has voted to change it`);
      }
    }
  }

  #take(
    step: Step,
    transaction: FileTransaction,
    resolved: Set<Oid>,
    conflicts: UnresolvedConflict[],
  ): void {
    if (step.kind === "undo") {
      const merge = transaction.callerResolves ? mergeNothing : this.#merge;
      for (const oid of undoInto(transaction, step.found!, this.#visible, merge)) resolved.add(oid);
      return;
    }
    const own = transaction.settle(step);
    if (step.kind === "restore") return;
    const { index, reader } = this.#visible;
    const position = index.get(step.oid);
    if (position === undefined) {
      // An object that nobody has seen can have any serial; one that is relied on or deleted must be there.
      if (step.kind === "store") return;
      throw new POSKeyError(step.oid);
    }
    const record = reader.record(position, step.oid), committed = record.tid;
    // An object that is gone can be stored again, and deleted again, but nobody can rely on it.
    if (step.kind === "check" && record.data === null && record.back === 0) throw new POSKeyError(step.oid);
    if (committed === step.serial) return;
    const conflict = { oid: step.oid, committed, read: step.serial };
    if (step.kind === "check") throw new ReadConflictError(conflict);
    if (step.kind === "delete") throw new ConflictError(conflict);
    const changed = transaction.body.dataOf(own);
    // With an undo in it the records' order counts, and can't be gone through twice.
    if (transaction.callerResolves && !transaction.undoes) {
      conflicts.push({ ...conflict, data: changed });
      return;
    }
    const merged = this.#mergeStore(step.oid, step.serial, position, changed);
    if (!merged) throw new ConflictError({ ...conflict, className: classOf(changed) });
    transaction.body.replace(own, merged);
    resolved.add(step.oid);
  }

  #mergeStore(oid: Oid, serial: Tid, newest: number, changed: Uint8Array): Uint8Array | undefined {
    const { reader } = this.#visible;
    const started = reader.find(oid, newest, serial);
    const old = started === undefined ? null : reader.data(reader.record(started));
    const committed = reader.data(reader.record(newest));
    return old && committed ? this.#merge({ oid, old, committed, changed }) : undefined;
  }

  #checkQuota(transaction: FileTransaction, end: number): void {
    if (this.#quota === Infinity) return;
    const start = end + this.#reservedBytes;
    const last = transaction.body.records.at(-1);
    if (last && start + last.offset > this.#quota) {
      throw new FileStorageQuotaError(
        `${this.#visible.file.path}: the storage quota of ${this.#quota} bytes has been exceeded`,
      );
    }
  }
}

/** The class that a conflict is told with; as Python has it, a lone dot for a record that can't be read. */
function classOf(record: Uint8Array): string {
  const { module, name } = recordClass(record) ?? { module: "", name: "" };
  return `${module}.${name}`;
}

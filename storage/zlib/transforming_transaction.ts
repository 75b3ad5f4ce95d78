/**
 * A transaction that changes records on their way into a storage.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";
import {
  type Awaitable,
  ConflictError,
  isPromise,
  type Oid,
  ReadConflictError,
  type Tid,
} from "../../values/mod.ts";
import type { BlobRestoringTransaction, DeletingTransaction, UndoingTransaction } from "../storage.ts";

/** What the transaction inside may be able to do. */
type Inner = BlobRestoringTransaction & DeletingTransaction & UndoingTransaction;

/** See the module. */
export class TransformingTransaction implements Inner {
  readonly #inner: Inner;
  readonly #into: (record: Uint8Array) => Uint8Array;
  /** The classes of records that were changed. */
  readonly #classNames = new Map<Oid, string>();

  /** @param into What becomes of a record that is stored. */
  constructor(inner: Inner, into: (record: Uint8Array) => Uint8Array) {
    this.#inner = inner;
    this.#into = into;
  }

  get changes(): readonly Oid[] {
    return this.#inner.changes;
  }

  get checks(): readonly Oid[] {
    return this.#inner.checks;
  }

  get exclusive(): boolean {
    return this.#inner.exclusive;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#inner.store(oid, serial, this.#changed(oid, data));
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#inner.checkCurrent(oid, serial);
  }

  restore(oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null): void {
    this.#inner.restore(oid, serial, data && this.#into(data), previous);
  }

  deleteObject(oid: Oid, serial: Tid): void {
    this.#inner.deleteObject(oid, serial);
  }

  undo(tid: Tid): void {
    this.#inner.undo(tid);
  }

  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void {
    this.#inner.storeBlob(oid, serial, this.#changed(oid, data), temporaryFile);
  }

  restoreBlob(oid: Oid, serial: Tid, data: Uint8Array, previous: Tid | null, temporaryFile: string): void {
    this.#inner.restoreBlob(oid, serial, this.#into(data), previous, temporaryFile);
  }

  vote(): Awaitable<readonly Oid[]> {
    try {
      const resolved = this.#inner.vote();
      return isPromise(resolved) ? resolved.catch((error) => this.#refused(error)) : resolved;
    } catch (error) {
      this.#refused(error);
    }
  }

  #changed(oid: Oid, data: Uint8Array): Uint8Array {
    const changed = this.#into(data);
    if (changed !== data) {
      const found = recordClass(data);
      if (found) this.#classNames.set(oid, `${found.module}.${found.name}`);
    }
    return changed;
  }

  /** The storage inside can't tell the class of a record that was changed on its way. */
  #refused(error: unknown): never {
    if (error instanceof ConflictError && !(error instanceof ReadConflictError)) {
      const { conflict } = error, className = this.#classNames.get(conflict.oid);
      if (className !== undefined) throw new ConflictError({ ...conflict, className }, error.message);
    }
    throw error;
  }

  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Awaitable<Tid> {
    return this.#inner.finish(published, decided);
  }

  abort(): void {
    this.#inner.abort();
  }
}

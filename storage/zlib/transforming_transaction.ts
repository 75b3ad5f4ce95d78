/**
 * A transaction that changes records on their way into a storage.
 *
 * @module
 */

import type { Awaitable, Oid, Tid } from "../../values/mod.ts";
import type { BlobRestoringTransaction, DeletingTransaction, UndoingTransaction } from "../storage.ts";

/** What the transaction inside may be able to do. */
type Inner = BlobRestoringTransaction & DeletingTransaction & UndoingTransaction;

/** See the module. */
export class TransformingTransaction implements Inner {
  readonly #inner: Inner;
  readonly #into: (record: Uint8Array) => Uint8Array;

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
    this.#inner.store(oid, serial, this.#into(data));
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
    this.#inner.storeBlob(oid, serial, this.#into(data), temporaryFile);
  }

  restoreBlob(oid: Oid, serial: Tid, data: Uint8Array, previous: Tid | null, temporaryFile: string): void {
    this.#inner.restoreBlob(oid, serial, this.#into(data), previous, temporaryFile);
  }

  vote(): Awaitable<readonly Oid[]> {
    return this.#inner.vote();
  }

  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Awaitable<Tid> {
    return this.#inner.finish(published, decided);
  }

  abort(): void {
    this.#inner.abort();
  }
}

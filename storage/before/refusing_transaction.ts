/**
 * The transaction of a storage that takes no changes.
 *
 * @module
 */

import { type Oid, ReadOnlyError, StorageTransactionError } from "../../values/mod.ts";
import type { BlobTransaction } from "../storage.ts";

/** A transaction that fails when it is voted. */
export class RefusingTransaction implements BlobTransaction {
  readonly changes: readonly Oid[] = [];
  readonly checks: readonly Oid[] = [];
  readonly exclusive = false;
  #aborted = false;

  store(): void {
    this.#requireOpen();
  }

  storeBlob(): void {
    this.#requireOpen();
  }

  checkCurrent(): void {
    this.#requireOpen();
  }

  vote(): never {
    this.#requireOpen();
    this.#aborted = true;
    throw new ReadOnlyError();
  }

  finish(): never {
    throw new StorageTransactionError("transaction is not voted, must be");
  }

  abort(): void {
    this.#aborted = true;
  }

  #requireOpen(): void {
    if (this.#aborted) throw new StorageTransactionError("transaction is aborted, must be open");
  }
}

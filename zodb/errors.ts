/**
 * What goes wrong in programs that use objects; what goes wrong in storages is in `values/errors.ts`.
 *
 * @module
 */

import { formatOid, type Oid, StorageError } from "../values/mod.ts";

/** An object that is not loaded was touched, where loading would take waiting. */
export class GhostError extends StorageError {
  /** The object. */
  readonly oid: Oid;
  /** Its class. */
  readonly className: string;

  /** Tells what to do about it. */
  constructor(className: string, oid: Oid) {
    super(
      `${className} ${formatOid(oid)} is not loaded: ` +
        "`await load(object)` (or `await object._p_activate()`) first",
    );
    this.className = className;
    this.oid = oid;
  }
}

/** Something is wrong with how transactions are used. */
export class TransactionError extends StorageError {}

/** An earlier error has ended the transaction: abort it, or begin another. */
export class TransactionFailedError extends TransactionError {
  /** Tells of it. @param cause What went wrong before. */
  constructor(cause?: unknown) {
    super("the transaction has failed before: abort it, or begin another", { cause });
  }
}

/** The transaction was doomed: it can only be aborted. */
export class DoomedTransaction extends TransactionError {
  /** Tells that it can't be committed. */
  constructor() {
    super("the transaction is doomed, it can't be committed");
  }
}

/** The manager wants every transaction to be begun, and none was. */
export class NoTransaction extends TransactionError {
  /** Tells what to do. */
  constructor() {
    super("no transaction: begin one first, as the manager is explicit");
  }
}

/** There is a transaction already, and the manager is explicit. */
export class AlreadyInTransaction extends TransactionError {
  /** Tells what to do. */
  constructor() {
    super("there is a transaction already: commit or abort it first, as the manager is explicit");
  }
}

/** A savepoint is no longer there to be gone back to. */
export class InvalidSavepointRollbackError extends TransactionError {
  /** Tells why. */
  constructor(reason = "invalidated by a later savepoint") {
    super(reason);
  }
}

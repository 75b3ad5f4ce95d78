/**
 * What can go wrong with a database, with the names that ZODB's users know.
 *
 * `protocol/errors.ts` has the table that maps these to names on the wire.
 *
 * @module
 */

import { formatOid, type Oid } from "./oid.ts";
import { formatTid, type Tid } from "./tid.ts";

/** Everything that a storage or a client of one throws on purpose. */
export class StorageError extends Error {
  override name = "StorageError";
}

/** There is no such object, or no such revision of it. */
export class POSKeyError extends StorageError {
  override name = "POSKeyError";
  /** The object asked for. */
  readonly oid: Oid;
  /** The revision asked for, where one was. */
  readonly serial?: Tid;

  /** @param reason What was missing, where it was not the object itself. */
  constructor(oid: Oid, serial?: Tid, reason?: string) {
    super(
      `${reason ?? "no such object"}: ${formatOid(oid)}${
        serial === undefined ? "" : ` at ${formatTid(serial)}`
      }`,
    );
    this.oid = oid;
    this.serial = serial;
  }
}

/** What a conflict was about. */
export interface Conflict {
  /** The object in conflict. */
  readonly oid: Oid;
  /** The revision that is committed now. */
  readonly committed: Tid;
  /** The revision that the transaction started from. */
  readonly read: Tid;
  /** Dotted name of the object's class, where the record said. */
  readonly className?: string;
}

/** Another transaction changed an object that this one changed too. Trying again may help. */
export class ConflictError extends StorageError {
  override name = "ConflictError";
  /** The object, and the revisions that disagree. */
  readonly conflict: Conflict;

  constructor(conflict: Conflict, message = "database conflict error") {
    super(message);
    this.conflict = conflict;
  }
}

/** Another transaction changed an object that this one relied on without changing it. */
export class ReadConflictError extends ConflictError {
  override name = "ReadConflictError";

  constructor(conflict: Conflict, message = "database read conflict error") {
    super(conflict, message);
  }
}

/** The storage, the server or this connection to it takes no changes. */
export class ReadOnlyError extends StorageError {
  override name = "ReadOnlyError";

  constructor(message = "read-only") {
    super(message);
  }
}

/** A call of the two-phase commit that doesn't fit the transaction's state. */
export class StorageTransactionError extends StorageError {
  override name = "StorageTransactionError";
}

/** A transaction can't be undone. */
export class UndoError extends StorageError {
  override name = "UndoError";
  /** The object that stands in the way, where there is one. */
  readonly oid?: Oid;

  constructor(reason: string, oid?: Oid) {
    super(reason);
    this.oid = oid;
  }
}

/** Several objects can't be undone. */
export class MultipleUndoErrors extends UndoError {
  override name = "MultipleUndoErrors";
  /** The objects and why, in the order of the transaction's records. */
  readonly errors: readonly (readonly [Oid, UndoError])[];

  constructor(errors: readonly (readonly [Oid, UndoError])[]) {
    super(errors.map(([oid, error]) => `${formatOid(oid)}: ${error.message}`).join("; "), errors[0]?.[0]);
    this.errors = errors;
  }
}

/** A database file is not what it should be, or an operation on it was refused. */
export class FileStorageError extends StorageError {
  override name = "FileStorageError";
}

/** The file is not a Data.fs of a kind that can be read. */
export class FileStorageFormatError extends FileStorageError {
  override name = "FileStorageFormatError";
}

/** The bytes of a transaction contradict each other. Nothing was changed. */
export class CorruptedTransactionError extends FileStorageError {
  override name = "CorruptedTransactionError";
}

/** The file has grown past its quota. */
export class FileStorageQuotaError extends FileStorageError {
  override name = "FileStorageQuotaError";
}

/** Another process has the file. */
export class LockError extends StorageError {
  override name = "LockError";
}

/** The peer broke the protocol, or one side's limits. */
export class ProtocolError extends StorageError {
  override name = "ProtocolError";
}

/** The connection to the server is gone. */
export class ClientDisconnected extends StorageError {
  override name = "ClientDisconnected";
}

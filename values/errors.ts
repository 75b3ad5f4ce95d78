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
  /** Tells what went wrong. @param options The error that caused this one, if there is one. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** There is no such object, or no such revision of it. */
export class POSKeyError extends StorageError {
  /** The object asked for. */
  readonly oid: Oid;
  /** The revision asked for, where one was. */
  readonly serial?: Tid;
  /** What was missing, where it was not the object itself. */
  readonly reason?: string;

  /** Tells of a missing object, or revision. @param reason What was missing, where it was not the object itself. */
  constructor(oid: Oid, serial?: Tid, reason?: string) {
    super(
      `${reason ?? "no such object"}: ${formatOid(oid)}${
        serial === undefined ? "" : ` at ${formatTid(serial)}`
      }`,
    );
    this.oid = oid;
    this.serial = serial;
    this.reason = reason;
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
  /** The object, and the revisions that disagree. */
  readonly conflict: Conflict;

  /** Tells of a conflict. */
  constructor(conflict: Conflict, message = "database conflict error") {
    super(message);
    this.conflict = conflict;
  }
}

/** A conflict that the caller wants to resolve: what it is about, and the record that was to be stored. */
export interface UnresolvedConflict extends Conflict {
  /** The record as it was handed in. */
  readonly data: Uint8Array;
}

/** Conflicts that the caller of a vote resolves: it stores merged records and votes again. */
export class UnresolvedConflicts extends StorageError {
  /** The conflicts, one an object. */
  readonly conflicts: readonly UnresolvedConflict[];

  /** Tells of conflicts that are left to the caller. */
  constructor(conflicts: readonly UnresolvedConflict[]) {
    super(`conflicts to resolve: ${conflicts.map(({ oid }) => formatOid(oid)).join(", ")}`);
    this.conflicts = conflicts;
  }
}

/** Another transaction changed an object that this one relied on without changing it. */
export class ReadConflictError extends ConflictError {
  /** Tells of a conflict. */
  constructor(conflict: Conflict, message = "database read conflict error") {
    super(conflict, message);
  }
}

/** The storage, the server or this connection to it takes no changes. */
export class ReadOnlyError extends StorageError {
  /** Tells that no changes are taken. */
  constructor(message = "read-only") {
    super(message);
  }
}

/** A call of the two-phase commit that doesn't fit the transaction's state. */
export class StorageTransactionError extends StorageError {}

/** A transaction can't be undone. */
export class UndoError extends StorageError {
  /** The object that stands in the way, where there is one. */
  readonly oid?: Oid;

  /** Tells why a transaction can't be undone. */
  constructor(reason: string, oid?: Oid) {
    super(reason);
    this.oid = oid;
  }
}

/** Several objects can't be undone. */
export class MultipleUndoErrors extends UndoError {
  /** The objects and why, in the order of the transaction's records. */
  readonly errors: readonly (readonly [Oid, UndoError])[];

  /** Tells which objects can't be undone, and why. */
  constructor(errors: readonly (readonly [Oid, UndoError])[]) {
    super(errors.map(([oid, error]) => `${formatOid(oid)}: ${error.message}`).join("; "), errors[0]?.[0]);
    this.errors = errors;
  }
}

/** A database file is not what it should be, or an operation on it was refused. */
export class FileStorageError extends StorageError {}

/** The file is not a Data.fs of a kind that can be read. */
export class FileStorageFormatError extends FileStorageError {}

/** The bytes of a transaction contradict each other. Nothing was changed. */
export class CorruptedTransactionError extends FileStorageError {}

/** The file has grown past its quota. */
export class FileStorageQuotaError extends FileStorageError {}

/** Another process has the file. */
export class LockError extends StorageError {}

/** The peer broke the protocol, or one side's limits. */
export class ProtocolError extends StorageError {}

/** The connection to the server is gone. */
export class ClientDisconnected extends StorageError {}

/** An operation that an object's connection, or a storage, doesn't have. */
export class Unsupported extends StorageError {}

/** A connection is not in a state for what was asked: closed, or still in a transaction. */
export class ConnectionStateError extends StorageError {}

/** An object refers to one that it can't refer to: of another connection, or of a database that it must not know. */
export class InvalidObjectReference extends StorageError {}

/** A change was made in a view of the past. */
export class ReadOnlyHistoryError extends StorageError {
  /** Tells that the past can't be changed. */
  constructor(message = "a historical connection takes no changes") {
    super(message);
  }
}

/** An export file is not what it should be. */
export class ExportError extends StorageError {}

/** A blob is not in a state for what was asked. */
export class BlobError extends StorageError {}

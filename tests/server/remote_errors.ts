/**
 * Errors as a server tells them, made the errors that a storage throws.
 *
 * @module
 */

import { type Dict, Instance, type Value } from "../../pickle/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  FileStorageError,
  FileStorageQuotaError,
  MultipleUndoErrors,
  type Oid,
  oidFromBytes,
  POSKeyError,
  ReadConflictError,
  ReadOnlyError,
  StorageTransactionError,
  tidFromBytes,
  UndoError,
} from "../../values/mod.ts";
import { Gone, itemsOf, RemoteError } from "./wire_client.ts";

/** The error that was meant; one that stands for no class of ours stays a {@linkcode RemoteError}. */
export function storageError(error: unknown): unknown {
  if (error instanceof Gone) return new ClientDisconnected(error.message);
  if (!(error instanceof RemoteError)) return error;
  const { pythonName, detail } = error;
  switch (pythonName.slice(pythonName.lastIndexOf(".") + 1)) {
    case "POSKeyError":
      return missing(itemsOf(detail)!);
    case "ConflictError":
      return new ConflictError(...conflict(detail));
    case "ReadConflictError":
      return new ReadConflictError(...conflict(detail));
    case "ReadOnlyError":
      return new ReadOnlyError();
    case "StorageTransactionError":
      return new StorageTransactionError(error.message);
    case "FileStorageError":
      return new FileStorageError(error.message);
    case "FileStorageQuotaError":
      return new FileStorageQuotaError(error.message);
    case "UndoError":
      return undo(detail as Dict);
    case "MultipleUndoErrors":
      return new MultipleUndoErrors(
        itemsOf((detail as Dict).get("_errs")!)!.map((pair) => {
          const [oid, inner] = itemsOf(pair)!;
          return [oidFromBytes(oid as Uint8Array), undo(nested(inner))];
        }),
      );
    case "TypeError":
      return new TypeError(error.message);
  }
  return error;
}

/** `(oid,)`, `(oid, serial)` or `(reason, oid, serial)`. */
function missing(parts: readonly Value[]): POSKeyError {
  const reason = typeof parts[0] === "string" ? parts[0] : undefined;
  const [oid, serial] = reason === undefined ? parts : parts.slice(1);
  return new POSKeyError(
    oidFromBytes(oid as Uint8Array),
    serial === undefined ? undefined : tidFromBytes(serial as Uint8Array),
    reason,
  );
}

function conflict(detail: Value): ConstructorParameters<typeof ConflictError> {
  const attributes = detail as Dict;
  const [committed, read] = itemsOf(attributes.get("serials")!)!.map((tid) =>
    tidFromBytes(tid as Uint8Array)
  );
  const className = attributes.get("class_name") as string | null;
  const oid: Oid = oidFromBytes(attributes.get("oid") as Uint8Array);
  return [
    { oid, committed, read, ...className === null ? {} : { className } },
    attributes.get("message") as string,
  ];
}

function undo(attributes: Dict): UndoError {
  const oid = attributes.get("_oid") as Uint8Array | null;
  return new UndoError(attributes.get("_reason") as string, oid === null ? undefined : oidFromBytes(oid));
}

/** An error's attributes: beside its name in msgpack, within the exception in a pickle. */
function nested(error: Value): Dict {
  const parts = error instanceof Instance ? itemsOf(error.args as Value)! : itemsOf(error)!;
  return parts[1] as Dict;
}

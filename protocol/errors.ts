/**
 * Errors on the wire: `(dotted class name, attributes or arguments)`.
 *
 * The one table that knows both sides' names. What is not in it travels as a `ValueError`, `TypeError` … that the
 * peer shows as a server exception with its text.
 *
 * @module
 */

import { Dict, Global, Instance, Tuple, type Value } from "../pickle/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  FileStorageError,
  FileStorageQuotaError,
  MultipleUndoErrors,
  oidBytes,
  POSKeyError,
  ReadConflictError,
  ReadOnlyError,
  StorageTransactionError,
  tidBytes,
  UndoError,
} from "../values/mod.ts";

import type { Encoding } from "./codec.ts";
import { ServerException } from "./remote_errors.ts";

/** An error as the wire has it: a name, and a dict of attributes or a tuple of arguments. */
export interface WireError {
  /** Dotted name of a Python exception. */
  readonly name: string;
  /** What the peer makes the exception from. */
  readonly detail: Value;
}

/** A Python exception of a kind that has no counterpart here; `pythonName` is sent as it is. */
export class PythonError extends Error {
  /** Dotted name of the exception's class: `builtins.KeyError`. */
  readonly pythonName: string;
  /** Its arguments. */
  readonly args: readonly Value[];

  /** An exception of that name, with those arguments. */
  constructor(pythonName: string, ...args: Value[]) {
    super(`${pythonName}: ${args.join(", ")}`);
    this.name = "PythonError";
    this.pythonName = pythonName;
    this.args = args;
  }
}

/** How an error is told to a peer that is spoken to in an encoding. */
export function toWireError(error: unknown, encoding: Encoding): WireError {
  if (error instanceof POSKeyError) {
    const detail: Value[] = [oidBytes(error.oid)];
    if (error.reason !== undefined) detail.unshift(error.reason);
    if (error.serial !== undefined) detail.push(tidBytes(error.serial));
    return { name: "ZODB.POSException.POSKeyError", detail: new Tuple(detail) };
  }
  if (error instanceof ConflictError) return conflict(error);
  if (error instanceof ReadOnlyError) {
    return { name: "ZODB.POSException.ReadOnlyError", detail: new Tuple([]) };
  }
  if (error instanceof MultipleUndoErrors) return multipleUndo(error, encoding);
  if (error instanceof UndoError) return undo(error);
  if (error instanceof PythonError) return { name: error.pythonName, detail: new Tuple([...error.args]) };
  if (error instanceof ServerException) return { name: error.pythonName, detail: error.detail };
  const message = error instanceof Error ? error.message : String(error);
  return { name: nameOf(error), detail: new Tuple([message]) };
}

function nameOf(error: unknown): string {
  if (error instanceof StorageTransactionError) return "ZODB.POSException.StorageTransactionError";
  if (error instanceof FileStorageQuotaError) return "ZODB.FileStorage.FileStorage.FileStorageQuotaError";
  if (error instanceof FileStorageError) return "ZODB.FileStorage.FileStorage.FileStorageError";
  // Of a server that is a client itself.
  if (error instanceof ClientDisconnected) return "ZEO.Exceptions.ClientDisconnected";
  if (error instanceof TypeError) return "builtins.TypeError";
  return "builtins.ValueError";
}

function conflict(error: ConflictError): WireError {
  const { oid, committed, read, className } = error.conflict;
  return {
    name: `ZODB.POSException.${error instanceof ReadConflictError ? "Read" : ""}ConflictError`,
    detail: Dict.from([
      ["message", error.message],
      ["oid", oidBytes(oid)],
      ["class_name", className ?? null],
      ["serials", new Tuple([tidBytes(committed), tidBytes(read)])],
    ]),
  };
}

const UNDO_ERROR = "ZODB.POSException.UndoError";

function undo(error: UndoError): WireError {
  return { name: UNDO_ERROR, detail: undoDetail(error) };
}

function undoDetail(error: UndoError): Dict {
  return Dict.from([["_reason", error.message], [
    "_oid",
    error.oid === undefined ? null : oidBytes(error.oid),
  ]]);
}

/** An error within another: a name and what it is made from; in a pickle, the exception itself. */
function nestedUndo(error: UndoError, encoding: Encoding): Value {
  const detail = undoDetail(error);
  if (encoding === "M") return new Tuple([UNDO_ERROR, detail]);
  detail.set("args", new Tuple([error.message, detail.get("_oid") ?? null]));
  const [module, name] = ["ZODB.POSException", "UndoError"];
  const args = new Tuple([new Global(module, name), detail]);
  return new Instance("REDUCE", new Global(module, "_recon"), args);
}

/** As the original has it: the first pair stands in for reason and oid. */
function multipleUndo(error: MultipleUndoErrors, encoding: Encoding): WireError {
  const pairs = error.errors.map(([oid, inner]) => new Tuple([oidBytes(oid), nestedUndo(inner, encoding)]));
  return {
    name: "ZODB.POSException.MultipleUndoErrors",
    detail: Dict.from([
      ["_reason", pairs[0]?.items[0] ?? null],
      ["_oid", pairs[0]?.items[1] ?? null],
      ["_errs", pairs],
    ]),
  };
}

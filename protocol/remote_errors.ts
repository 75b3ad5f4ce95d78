/**
 * Errors that a server tells, made the errors that were meant.
 *
 * @module
 */

import { Dict, Instance, Tuple, type Value } from "../pickle/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  FileStorageError,
  FileStorageQuotaError,
  MultipleUndoErrors,
  type Oid,
  oidFromBytes,
  POSKeyError,
  ProtocolError,
  ReadConflictError,
  ReadOnlyError,
  StorageError,
  StorageTransactionError,
  type Tid,
  tidFromBytes,
  UndoError,
} from "../values/mod.ts";
import { describe } from "./msgpack.ts";

/** An exception of the server that has no class of its own here. */
export class ServerException extends StorageError {
  /** Dotted name of the exception's class: `builtins.ValueError`. */
  readonly pythonName: string;
  /** What the server told of it: a dict of attributes, or a tuple of arguments. */
  readonly detail: Value;

  /** Tells of an exception of that name. */
  constructor(pythonName: string, detail: Value) {
    super(`${pythonName}: ${text(detail)}`);
    this.pythonName = pythonName;
    this.detail = detail;
  }
}

/**
 * The error that an error reply tells of. Bytes in it are copies.
 *
 * @returns An error of the class that was meant; {@linkcode ServerException} for one that stands for no class of ours, and
 * for one that doesn't have what its class has.
 * @throws {ProtocolError} when the value is not a name with attributes or arguments.
 */
export function fromWireError(value: Value): Error {
  const parts = sequence(value);
  if (parts?.length !== 2 || typeof parts[0] !== "string") {
    throw new ProtocolError(`error reply is ${describe(value)}, expected a name and what goes with it`);
  }
  const [name, detail] = [parts[0], kept(parts[1])];
  try {
    return makers.get(name)?.(detail) ?? new ServerException(name, detail);
  } catch (error) {
    if (error instanceof Unexpected) return new ServerException(name, detail);
    throw error;
  }
}

/** An error has not what its class has. */
class Unexpected extends Error {}

const makers: ReadonlyMap<string, (detail: Value) => Error> = new Map(Object.entries({
  "ZODB.POSException.POSKeyError": missing,
  "ZODB.POSException.ConflictError": (detail: Value) => new ConflictError(...conflict(detail)),
  "ZODB.POSException.ReadConflictError": (detail: Value) => new ReadConflictError(...conflict(detail)),
  "ZODB.POSException.ReadOnlyError": () => new ReadOnlyError(),
  // Of a server that is a client itself.
  "ZEO.Exceptions.ClientDisconnected": (detail: Value) => new ClientDisconnected(text(detail)),
  "ZODB.POSException.StorageTransactionError": (detail: Value) => new StorageTransactionError(text(detail)),
  "ZODB.POSException.UndoError": undo,
  "ZODB.POSException.MultipleUndoErrors": (detail: Value) =>
    new MultipleUndoErrors(
      must(sequence(must(attribute(detail, "_errs")))).map((pair) => {
        const [oid, inner] = must(sequence(pair));
        return [oidOf(oid), undo(nested(inner))] as const;
      }),
    ),
  "ZODB.FileStorage.FileStorage.FileStorageError": (detail: Value) => new FileStorageError(text(detail)),
  "ZODB.FileStorage.FileStorage.FileStorageQuotaError": (detail: Value) =>
    new FileStorageQuotaError(text(detail)),
  "builtins.TypeError": (detail: Value) => new TypeError(text(detail)),
}));

/** `(oid,)`, `(oid, serial)` or `(reason, oid, serial)`. */
function missing(detail: Value): POSKeyError {
  const parts = must(sequence(detail));
  const reason = typeof parts[0] === "string" ? parts[0] : undefined;
  const [oid, serial] = reason === undefined ? parts : parts.slice(1);
  return new POSKeyError(oidOf(oid), serial instanceof Uint8Array ? tidOf(serial) : undefined, reason);
}

function conflict(detail: Value): ConstructorParameters<typeof ConflictError> {
  const [committed, read] = must(sequence(must(attribute(detail, "serials"))));
  const className = attribute(detail, "class_name"), message = attribute(detail, "message");
  return [
    {
      oid: oidOf(attribute(detail, "oid")),
      committed: tidOf(committed),
      read: tidOf(read),
      ...typeof className === "string" ? { className } : {},
    },
    typeof message === "string" ? message : undefined,
  ];
}

function undo(detail: Value): UndoError {
  const oid = attribute(detail, "_oid"), reason = attribute(detail, "_reason");
  return new UndoError(
    typeof reason === "string" ? reason : text(detail),
    oid instanceof Uint8Array ? oidOf(oid) : undefined,
  );
}

/** An error's attributes: beside its name in msgpack, within the exception in a pickle. */
function nested(error: Value): Value {
  const parts = error instanceof Instance ? error.args.items : must(sequence(error));
  return must(parts[1]);
}

function must<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Unexpected();
  return value;
}

function attribute(detail: Value, name: string): Value | undefined {
  return detail instanceof Dict ? detail.get(name) : undefined;
}

function sequence(value: Value): readonly Value[] | undefined {
  return value instanceof Tuple ? value.items : Array.isArray(value) ? value : undefined;
}

function oidOf(value: Value | undefined): Oid {
  if (value instanceof Uint8Array && value.length === 8) return oidFromBytes(value);
  throw new Unexpected();
}

function tidOf(value: Value | undefined): Tid {
  if (value instanceof Uint8Array && value.length === 8) return tidFromBytes(value);
  throw new Unexpected();
}

/** Arguments or attributes as a text for people. */
function text(detail: Value): string {
  if (detail instanceof Dict) {
    return [...detail].map(([key, value]) => `${word(key)}=${word(value)}`).join(", ");
  }
  return sequence(detail)?.map(word).join(", ") ?? word(detail);
}

function word(value: Value): string {
  if (value instanceof Uint8Array) return `0x${value.subarray(0, 64).toHex()}`;
  return typeof value === "object" && value !== null ? describe(value) : String(value);
}

/** Deeper values are left out: a server's error has no reason to be. */
const DEEPEST = 20;

/** The value without views of the input, for what outlives it. */
function kept(value: Value, depth = 0): Value {
  const inner = (item: Value) => kept(item, depth + 1);
  if (depth > DEEPEST) return describe(value);
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Tuple) return new Tuple(value.items.map(inner));
  if (value instanceof Dict) return Dict.from([...value].map(([key, item]) => [inner(key), inner(item)]));
  if (value instanceof Instance) {
    return new Instance(value.by, value.class, new Tuple(value.args.items.map(inner)));
  }
  return value;
}

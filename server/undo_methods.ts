/**
 * Undo for clients: what can be undone, and undoing it.
 *
 * @module
 */

import { Dict, pythonFloat, type Value } from "../pickle/mod.ts";
import type { Message } from "../protocol/mod.ts";
import { supportsUndo, type UndoEntry, type UndoingTransaction } from "../storage/mod.ts";
import { type Awaitable, tidBytes, tidFromBytes, tidSeconds, UndoError } from "../values/mod.ts";
import { bytesArgument, extensionDict, transactionIdArgument } from "./arguments.ts";
import { missingMethod } from "./missing_method.ts";
import type { Session } from "./session.ts";
import { sameValue } from "./undo_filter.ts";

/** The most that an undo log is asked for: a bound for numbers that make no sense. */
const FARTHEST = 2 ** 31;

/** `undoLog(first, last)`: the transactions that can be undone, newest first. */
export function undoLog(session: Session, [first, last]: readonly Value[]): Awaitable<Value> {
  return entries(session, first, last, () => true);
}

/** `undoInfo(first, last, specification)`: those of which all that the specification says is true. */
export function undoInfo(session: Session, [first, last, specification]: readonly Value[]): Awaitable<Value> {
  if (specification === undefined || specification === null) return entries(session, first, last, () => true);
  if (!(specification instanceof Dict)) throw new TypeError("specification: expected a dict or None");
  const wanted = [...specification];
  return entries(session, first, last, (entry) =>
    wanted.every(([key, value]) => {
      const found = entry.get(key);
      return found !== undefined && sameValue(value, found);
    }));
}

function entries(
  session: Session,
  first: Value,
  last: Value,
  filter: (entry: Dict) => boolean,
): Awaitable<Value> {
  const { storage } = session.served;
  if (!supportsUndo(storage)) return [];
  const from = bound(first, "first"), to = bound(last, "last");
  return session.inLine(async () => {
    if (session.channel.closed) return null;
    return (await storage.undoLog(from, to, (entry) => filter(description(entry)))).map(description);
  });
}

function bound(value: Value | undefined, what: string): number {
  if (typeof value === "number" && Number.isInteger(value)) {
    return Math.max(-FARTHEST, Math.min(FARTHEST, value));
  }
  throw new TypeError(`${what}: expected an integer`);
}

/** An entry as clients get it. What the application said of the transaction comes last, and wins. */
function description({ tid, size, user, description, extension }: UndoEntry): Dict {
  const entry = Dict.from([
    ["id", new TextEncoder().encode(tidBytes(tid).toBase64())],
    ["time", pythonFloat(tidSeconds(tid))],
    ["user_name", user],
    ["size", size],
    ["description", description],
  ]);
  for (const [key, value] of extensionDict(extension)) entry.set(key, value);
  return entry;
}

/** `undoa(id, transaction)`: takes a transaction back, as a part of another one. */
export function undoa(session: Session, [id, transaction]: readonly Value[], call: Message): Value {
  const commit = session.commit(transactionIdArgument(transaction), call.name);
  const { storage } = session.served;
  const tid = undoneTid(bytesArgument(id, "id"));
  if (!supportsUndo(storage)) commit.refuse(missingMethod(storage, "undo"));
  else if (tid === undefined) commit.refuse(new UndoError("Invalid transaction id"));
  else (commit.transaction as UndoingTransaction).undo(tid);
  return null;
}

/** The transaction that an id from the undo log stands for: base64 of its eight bytes. */
function undoneTid(id: Uint8Array) {
  try {
    const bytes = Uint8Array.fromBase64(new TextDecoder().decode(id).trim());
    return bytes.length === 8 ? tidFromBytes(bytes) : undefined;
  } catch {
    return undefined;
  }
}

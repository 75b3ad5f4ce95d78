/**
 * What servers answer, taken apart: everything is checked, and bytes that are kept are copied.
 *
 * @module
 */

import { Dict, dumpPickle, toNumber, Tuple, type Value } from "../pickle/mod.ts";
import { describe } from "../protocol/mod.ts";
import type { Loaded, Revision, TransactionMetadata, UndoEntry } from "../storage/mod.ts";
import { NO_TID, type Oid, oidFromBytes, ProtocolError, type Tid, tidFromBytes } from "../values/mod.ts";

/** What a value should have been. */
function expected(what: string, found: Value | undefined): ProtocolError {
  return new ProtocolError(`the server answered ${describe(found ?? null)}, expected ${what}`);
}

/** The items of a list or tuple. */
export function itemsOf(value: Value | undefined, what = "a sequence"): readonly Value[] {
  if (value instanceof Tuple) return value.items;
  if (Array.isArray(value)) return value;
  throw expected(what, value);
}

/** An object id. */
export function oidOf(value: Value | undefined): Oid {
  if (value instanceof Uint8Array && value.length === 8) return oidFromBytes(value);
  throw expected("an oid of 8 bytes", value);
}

/** A transaction id. */
export function tidOf(value: Value | undefined): Tid {
  if (value instanceof Uint8Array && value.length === 8) return tidFromBytes(value);
  throw expected("a transaction id of 8 bytes", value);
}

/** A transaction id, or null. */
export function tidOrNull(value: Value | undefined): Tid | null {
  return value === null ? null : tidOf(value);
}

/** Object ids. */
export function oidsOf(value: Value | undefined): Oid[] {
  return itemsOf(value, "oids").map(oidOf);
}

/** A copy of bytes. */
export function bytesOf(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value.slice();
  throw expected("bytes", value);
}

/** A number. */
export function numberOf(value: Value | undefined): number {
  if (typeof value === "number") return value;
  throw expected("a number", value);
}

/** A dict. */
export function dictOf(value: Value | undefined): Dict {
  if (value instanceof Dict) return value;
  throw expected("a dict", value);
}

/** The answer to `loadBefore` where it isn't a plain one. */
export function loadedOf(value: Value): Loaded | null {
  if (value === null) return null;
  const [data, serial, end] = itemsOf(value, "a record, a serial and an end");
  return { data: bytesOf(data), serial: tidOf(serial), end: tidOrNull(end) };
}

const encoder = new TextEncoder(), decoder = new TextDecoder();

/** Bytes, or text as UTF-8. An application's extension may have put anything in its place: that says nothing. */
function saidOf(value: Value | undefined): Uint8Array {
  if (typeof value === "string") return encoder.encode(value);
  return value instanceof Uint8Array ? value.slice() : new Uint8Array(0);
}

/** A transaction's extension as it is stored. */
export function extensionOf(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value.slice();
  const extension = dictOf(value);
  return extension.size === 0 ? new Uint8Array(0) : dumpPickle(extension, { memo: true });
}

/** Keys of an entry that are the server's, whatever the application says: one with such a name is not told apart. */
const OWN = new Set<Value>(["id", "time", "user_name", "size", "description", "tid", "serial", "extension"]);

function metadataOf(entry: Dict): TransactionMetadata {
  const extension = new Dict();
  for (const [key, value] of entry) if (!OWN.has(key)) extension.set(key, value);
  return {
    user: saidOf(entry.get("user_name")),
    description: saidOf(entry.get("description")),
    extension: extensionOf(extension),
  };
}

/** The answer to `history`. */
export function revisionsOf(value: Value): Revision[] {
  return itemsOf(value, "revisions").map((item) => {
    const entry = dictOf(item);
    return { tid: tidOf(entry.get("tid")), size: numberOf(entry.get("size")), ...metadataOf(entry) };
  });
}

/** The answer to `undoLog` and `undoInfo`. */
export function undoEntriesOf(value: Value): UndoEntry[] {
  return itemsOf(value, "undo entries").map((item) => {
    const entry = dictOf(item);
    return { tid: undoneTid(entry.get("id")), size: sizeOf(entry), ...metadataOf(entry) };
  });
}

/** An application's extension may have put anything in place of the size. */
function sizeOf(entry: Dict): number {
  const size = entry.get("size");
  return typeof size === "number" || typeof size === "bigint" ? toNumber(size) : 0;
}

/** The id of an undo entry is the transaction id in base64; `NO_TID` where an extension has put something else there. */
function undoneTid(value: Value | undefined): Tid {
  try {
    return tidOf(Uint8Array.fromBase64(decoder.decode(saidOf(value)).trim()));
  } catch {
    return NO_TID;
  }
}

/** The size and the number of objects, as `get_info` and `info` tell them. */
export function sizesOf(info: Dict): { readonly length?: number; readonly size?: number } {
  const number = (key: string) => {
    const value = info.get(key);
    return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
  };
  return { length: number("length"), size: number("size") };
}

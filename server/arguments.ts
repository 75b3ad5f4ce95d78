/**
 * Taking the arguments of a call apart. What is wrong is told as a `TypeError`, with the value.
 *
 * @module
 */

import { Dict, dumpPickle, loadPickle, Tuple, type Value } from "../pickle/mod.ts";
import { describe } from "../protocol/mod.ts";
import { type Oid, oidFromBytes, type Tid, tidFromBytes } from "../values/mod.ts";

/** Bytes that an extension may unfold to. */
const LONGEST_EXTENSION = 1 << 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The items of a list or tuple; undefined when the value is neither. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** An argument that is eight bytes. */
function eightBytes(value: Value | undefined, what: string): Uint8Array {
  if (value instanceof Uint8Array && value.length === 8) return value;
  throw new TypeError(`${what} is ${describe(value ?? null)}, expected 8 bytes`);
}

/** An argument that is an object id. */
export function oidArgument(value: Value | undefined): Oid {
  return oidFromBytes(eightBytes(value, "oid"));
}

/** An argument that is a transaction id. */
export function tidArgument(value: Value | undefined): Tid {
  return tidFromBytes(eightBytes(value, "transaction id"));
}

/** An argument that is text. */
export function textArgument(value: Value | undefined, what: string): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return decoder.decode(value);
  throw new TypeError(`${what} is ${describe(value ?? null)}, expected text`);
}

/** The beginning of a text as it may stand in the log: no line of its own, nothing that a terminal obeys. */
export function oneLine(text: string, most: number): string {
  return text.slice(0, most).replace(/\p{C}/gu, "?");
}

/** An argument that is bytes, or text to be taken as UTF-8; a copy. */
export function bytesArgument(value: Value | undefined, what: string): Uint8Array {
  if (typeof value === "string") return encoder.encode(value);
  if (value instanceof Uint8Array) return value.slice();
  throw new TypeError(`${what} is ${describe(value ?? null)}, expected bytes`);
}

/** An argument that is a record; a view of the input. */
export function recordArgument(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`record is ${describe(value ?? null)}, expected bytes`);
}

/** An argument that is a whole number within bounds. */
export function countArgument(value: Value | undefined, what: string, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value)) return Math.min(Math.max(value, least), most);
  if (typeof value === "bigint") return value > 0n ? most : least;
  throw new TypeError(`${what} is ${describe(value ?? null)}, expected an integer`);
}

/** A transaction's extension, a dict or a dict's pickle, as the pickle that is stored: empty for an empty dict. */
export function extensionArgument(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Dict) return value.size === 0 ? new Uint8Array(0) : dumpPickle(value, { memo: true });
  throw new TypeError(`extension is ${describe(value ?? null)}, expected a dict`);
}

/**
 * A stored extension as the dict that it is. One that can't be read counts as empty, as in the original, and so does one
 * that unfolds into more than a message should have: shared parts of a pickle are repeated on the wire.
 */
export function extensionDict(bytes: Uint8Array): Dict {
  if (bytes.length === 0) return new Dict();
  try {
    const value = loadPickle(bytes, { nonAscii: "bytes" });
    if (!(value instanceof Dict)) return new Dict();
    dumpPickle(value, { memo: false, maxBytes: LONGEST_EXTENSION });
    return value;
  } catch {
    return new Dict();
  }
}

/** A transaction's own id, which its client chose: a number, or for other clients bytes or text. */
export type ClientTransactionId = number | bigint | string;

/** The id that a client gave its transaction, as something that can be compared. */
export function transactionIdArgument(value: Value | undefined): ClientTransactionId {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "string" && value.length <= 64) return `s${value}`;
  if (value instanceof Uint8Array && value.length <= 64) return `b${value.toHex()}`;
  throw new TypeError(`transaction is ${describe(value ?? null)}, expected a number`);
}

/**
 * Values as text that is the same for equal values, and Python's values out of the fixtures.
 *
 * @module
 */

import { Dict, Float, Tuple, type Value } from "../../pickle/mod.ts";
import type { Tagged } from "../fixtures/mod.ts";

/** A value as text; with `sequences` false lists and tuples look alike, as they do in msgpack. */
export function show(value: Value, sequences = true): string {
  const inner = (item: Value) => show(item, sequences);
  if (value instanceof Uint8Array) return `b${value.toHex()}`;
  if (value instanceof Float) return `${value.value}f`;
  if (value instanceof Tuple) {
    return sequences ? `(${value.items.map(inner).join()})` : `[${value.items.map(inner).join()}]`;
  }
  if (Array.isArray(value)) return `[${value.map(inner).join()}]`;
  if (value instanceof Dict) {
    return `{${[...value].map(([key, item]) => `${inner(key)}:${inner(item)}`).join()}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Object.is(value, -0)) return "-0f";
  return String(value);
}

/** The value that a fixture describes. Exceptions are on the wire as a name and their attributes. */
export function untag(tagged: Tagged): Value {
  if (typeof tagged !== "object" || tagged === null) return tagged;
  if ("int" in tagged) return BigInt(tagged.int);
  if ("float" in tagged) return Number.isInteger(tagged.float) ? new Float(tagged.float) : tagged.float;
  if ("bytes" in tagged) return Uint8Array.fromHex(tagged.bytes);
  if ("tuple" in tagged) return new Tuple(tagged.tuple.map(untag));
  if ("list" in tagged) return tagged.list.map(untag);
  if ("dict" in tagged) {
    return Dict.from(tagged.dict.map(([key, item]): [Value, Value] => [untag(key), untag(item)]));
  }
  return new Tuple([tagged.exception[0], untag(tagged.exception[1])]);
}

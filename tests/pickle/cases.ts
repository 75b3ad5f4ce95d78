/**
 * The pickles in tests/fixtures/pickle_cases.json, which Python wrote (`make_cases.py`), and the description
 * of values that they are compared by.
 *
 * @module
 */

import {
  Dict,
  Float,
  Global,
  type Instance,
  PersistentReference,
  Tuple,
  type Value,
} from "../../pickle/mod.ts";

interface Reading {
  hex: string;
  value?: unknown;
}

/** A value: its pickles in several protocols, without a memo (the wire's way) and with one. */
interface ValueCase {
  name: string;
  pickles: Reading[];
  fast: string | null;
  memo: string | null;
}

interface RecordCase {
  name: string;
  hex: string;
  class: unknown;
  state: unknown;
  className: [string, string];
  references: string[];
}

const path = new URL("../fixtures/pickle_cases.json", import.meta.url);

export const cases: { values: ValueCase[]; records: RecordCase[] } = JSON.parse(Deno.readTextFileSync(path));

/** All pickles of values, with what each means. */
export function* readings(): Generator<{ name: string; bytes: Uint8Array; value: unknown }> {
  for (const { name, pickles } of cases.values) {
    let meaning: unknown;
    for (const { hex, value } of pickles) {
      if (value !== undefined) meaning = value;
      yield { name: `${name}: ${hex.slice(0, 60)}`, bytes: Uint8Array.fromHex(hex), value: meaning };
    }
  }
}

/**
 * Describes values as `make_cases.py` does. Several values described by one share the count of their objects.
 */
export function describer(): (value: Value) => unknown {
  const seen = new Map<object, number>();
  const pairs = (dict: Dict) => [...dict.entries()].map(([key, value]) => [inner(key), inner(value)]);
  const inner = (value: Value): unknown => {
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "bigint") return { int: String(value) };
    if (typeof value === "number" && Number.isInteger(value)) return { int: String(value) };
    if (typeof value === "number") return { float: doubleHex(value) };
    if (value instanceof Float) return { float: doubleHex(value.value) };
    if (typeof value === "string") return { str: value };
    if (value instanceof Uint8Array) return { bytes: value.toHex() };
    if (value instanceof Tuple) return { tuple: value.items.map(inner) };
    if (value instanceof Global) return { global: [value.module, value.name] };
    if (value instanceof PersistentReference) return { reference: inner(value.pid) };
    const same = seen.get(value);
    if (same !== undefined) return { same };
    seen.set(value, seen.size);
    if (Array.isArray(value)) return { list: value.map(inner) };
    if (value instanceof Dict) return { dict: pairs(value) };
    return describeInstance(value, inner, pairs);
  };
  return inner;
}

function describeInstance(value: Instance, inner: (value: Value) => unknown, pairs: (dict: Dict) => unknown) {
  const made: Record<string, unknown> = {
    by: value.by,
    class: inner(value.class),
    args: inner(value.args),
  };
  if (value.keywords) made.keywords = inner(value.keywords);
  if (value.listItems?.length) made.items = value.listItems.map(inner);
  if (value.dictItems?.size) made.pairs = pairs(value.dictItems);
  if (value.state !== undefined) made.state = inner(value.state);
  return made;
}

function doubleHex(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer).toHex();
}

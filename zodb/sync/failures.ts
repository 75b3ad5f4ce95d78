/**
 * Errors on their way between threads: taken apart there, and put together here as what they were.
 *
 * @module
 */

import * as clients from "../../client/mod.ts";
import { PickleError } from "../../pickle/mod.ts";
import * as wire from "../../protocol/mod.ts";
import * as values from "../../values/mod.ts";

/** An error in parts. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  /** What its class adds. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: Failure;
}

/** Stands for an error within another one's fields. */
class Inner {
  constructor(readonly failure: Failure) {}
}

const prototypes = new Map<string, Error>();
for (
  const known of [
    ...Object.values(values),
    ...Object.values(wire),
    ...Object.values(clients),
    ...Object.values(Deno.errors),
    PickleError,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
  ] as unknown[]
) {
  if (typeof known !== "function") continue;
  if (known.prototype instanceof Error) prototypes.set(known.name, known.prototype);
}

/** Takes an error apart. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), fields: {} };
  const { name, message, cause } = error, fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(error)) {
    if (key !== "name" && key !== "message" && key !== "cause") fields[key] = packed(value);
  }
  return { name, message, fields, ...(cause === undefined ? {} : { cause: failureOf(cause) }) };
}

/** The error that a failure was; its stack shows who asked. */
export function errorOf({ name, message, fields, cause }: Failure): Error {
  const error = new Error(message, cause && { cause: errorOf(cause) });
  Object.setPrototypeOf(error, prototypes.get(name) ?? Error.prototype);
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(error, key, { ...OPEN, value: unpacked(value) });
  }
  Object.defineProperty(error, "name", { ...OPEN, enumerable: false, value: name });
  error.stack = error.stack?.replace(/^\w+/, name);
  return error;
}

const OPEN = { writable: true, enumerable: true, configurable: true };

function packed(value: unknown): unknown {
  if (value instanceof Error) return { ...new Inner(failureOf(value)) };
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, packed(item)]));
  }
  const isPlain = value === null || value instanceof Uint8Array || typeof value !== "object";
  return isPlain && typeof value !== "function" && typeof value !== "symbol" ? value : String(value);
}

function unpacked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpacked);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if ("failure" in value) return errorOf(value.failure as Failure);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item)]));
}

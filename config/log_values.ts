/**
 * The values that a format can ask a log record for, and how each prints.
 *
 * Format strings tell text, integers and floating point numbers apart (`%(created)f`, `%(lineno)05d`), JavaScript
 * doesn't, so a value says what it is.
 *
 * @module
 */

import { formatMagnitude, isNegative } from "./log_numbers.ts";

/** Text, an integer or a floating point number. */
export type FieldValue =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "integer"; readonly integer: bigint }
  | { readonly kind: "float"; readonly float: number };

/** What kind of value a field holds; `any` where only the record knows. */
export type FieldKind = FieldValue["kind"] | "any";

/** A field's value as text, as `str()` prints it. */
export function valueText(value: FieldValue): string {
  switch (value.kind) {
    case "text":
      return value.text;
    case "integer":
      return value.integer.toString();
    case "float":
      return (isNegative(value.float) ? "-" : "") + formatMagnitude(value.float, { type: "r" });
  }
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

/**
 * A field's value as `repr()` prints it: text in quotes with the unprintable escaped.
 *
 * @param ascii Also escape everything outside ASCII.
 */
export function valueRepr(value: FieldValue, ascii = false): string {
  if (value.kind !== "text") return valueText(value);
  const quote = value.text.includes("'") && !value.text.includes('"') ? '"' : "'";
  let out = quote;
  for (const character of value.text) {
    const code = character.codePointAt(0)!;
    if (character === quote) out += `\\${quote}`;
    else if (character in ESCAPES) out += ESCAPES[character];
    else if (code < 0x20 || code === 0x7f) out += `\\x${hex(code, 2)}`;
    else if (code < 0x7f) out += character;
    else if (!ascii && /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) out += character;
    else if (code <= 0xff) out += `\\x${hex(code, 2)}`;
    else out += code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  }
  return out + quote;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}

/** Wraps a property that a caller logged, whatever it is. */
export function fieldValue(value: unknown): FieldValue {
  switch (typeof value) {
    case "bigint":
      return { kind: "integer", integer: value };
    case "number":
      return Number.isSafeInteger(value)
        ? { kind: "integer", integer: BigInt(value) }
        : { kind: "float", float: value };
    case "string":
      return { kind: "text", text: value };
    default:
      return { kind: "text", text: displayText(value) };
  }
}

/** A value inside a message: text as it is, everything else readable on one line. */
export function displayText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return Deno.inspect(value, { compact: true, breakLength: Infinity, depth: 4, colors: false });
  } catch {
    return "[unprintable]";
  }
}

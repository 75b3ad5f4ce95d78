/**
 * The `classic` style: `%(levelname)-8s %(message)s`, with C's flags, widths and precisions.
 *
 *   %(field)  flags: # 0 - + space   width   .precision   h l L (ignored)   conversion: d i u o x X e E f F g G c r s a
 *
 * @module
 */

import { formatMagnitude, isNegative } from "./log_numbers.ts";
import { FormatSyntaxError, type Placeholder, type Segment } from "./log_segments.ts";
import { type FieldKind, type FieldValue, valueRepr, valueText } from "./log_values.ts";

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly conversion: string;
}

/** Widths and precisions beyond this are mistakes, and would make every line that long. */
const LONGEST_FIELD = 10_000;

/**
 * Takes a classic format apart.
 *
 * @throws {FormatSyntaxError} where it isn't one.
 */
export function parsePrintf(format: string): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  while (from < format.length) {
    const percent = format.indexOf("%", from);
    if (percent < 0) break;
    if (percent > from) segments.push(format.slice(from, percent));
    if (format[percent + 1] === "%") {
      segments.push("%");
      from = percent + 2;
      continue;
    }
    const rest = format.slice(percent);
    const match = /^%\(([^()]*)\)([#0+ -]*)(\d*)(?:\.(\d*))?[hlL]?([\s\S]?)/.exec(rest);
    if (match === null) {
      throw new FormatSyntaxError(
        `"${rest.slice(0, 20)}" at column ${percent + 1}`,
        "%(field)s, or %% for a %",
      );
    }
    segments.push(placeholder(match, percent + 1));
    from = percent + match[0].length;
  }
  if (from < format.length) segments.push(format.slice(from));
  return segments;
}

function placeholder(match: RegExpExecArray, column: number): Placeholder {
  const [text, field, flags, width, precision, conversion] = match;
  if (!/^[diuoxXeEfFgGcrsa]$/.test(conversion)) {
    throw new FormatSyntaxError(
      `"${text}" at column ${column}`,
      "one of d i o u x X e E f F g G c r s a after the field",
    );
  }
  const directive: Directive = {
    flags,
    width: bounded(width, text),
    precision: precision === undefined ? undefined : bounded(precision, text),
    conversion,
  };
  return {
    field,
    text,
    accepts: (kind) => accepts(conversion, kind),
    render: (value) => render(value, directive),
  };
}

function bounded(digits: string, text: string): number {
  const number = digits === "" ? 0 : Number(digits);
  if (number > LONGEST_FIELD) throw new FormatSyntaxError(`"${text}"`, `a width of at most ${LONGEST_FIELD}`);
  return number;
}

function accepts(conversion: string, kind: FieldKind): boolean {
  if (kind === "any" || "rsa".includes(conversion)) return true;
  if ("oxXc".includes(conversion)) return kind === "integer";
  return kind === "integer" || kind === "float";
}

function render(value: FieldValue, directive: Directive): string {
  const { conversion, precision, flags } = directive;
  if (!accepts(conversion, value.kind)) return padded("", valueText(value), directive, false);
  if (value.kind === "integer" || value.kind === "float") {
    if ("diu".includes(conversion)) return renderInteger(toInteger(value), 10, "", directive);
    if (conversion === "o") return renderInteger(toInteger(value), 8, "0o", directive);
    if (conversion === "x" || conversion === "X") {
      const text = renderInteger(toInteger(value), 16, "0x", directive);
      return conversion === "X" ? text.toUpperCase() : text;
    }
    if (/[eEfFgG]/.test(conversion)) return renderFloat(value, directive);
    if (conversion === "c" && value.kind === "integer") {
      return padded("", String.fromCodePoint(Number(value.integer) & 0xffff), directive, false);
    }
  }
  const text = conversion === "s" ? valueText(value) : valueRepr(value, conversion === "a");
  const cut = precision === undefined ? text : Array.from(text).slice(0, precision).join("");
  return padded("", cut, { ...directive, flags: flags.replaceAll("0", "") }, false);
}

function toInteger(value: FieldValue): bigint {
  if (value.kind === "integer") return value.integer;
  return value.kind === "float" && Number.isFinite(value.float) ? BigInt(Math.trunc(value.float)) : 0n;
}

function renderInteger(integer: bigint, radix: number, prefix: string, directive: Directive): string {
  const negative = integer < 0n;
  const digits = (negative ? -integer : integer).toString(radix).padStart(directive.precision ?? 1, "0");
  const marked = directive.flags.includes("#") ? prefix : "";
  return padded(sign(negative, directive.flags) + marked, digits, directive, true);
}

function renderFloat(value: FieldValue, directive: Directive): string {
  const number = value.kind === "integer" ? Number(value.integer) : value.kind === "float" ? value.float : 0;
  const type = directive.conversion.toLowerCase() as "e" | "f" | "g";
  const digits = formatMagnitude(number, {
    type,
    precision: directive.precision ?? 6,
    alternate: directive.flags.includes("#"),
  });
  const text = padded(sign(isNegative(number), directive.flags), digits, directive, true);
  return directive.conversion === type ? text : text.toUpperCase();
}

function sign(negative: boolean, flags: string): string {
  if (negative) return "-";
  return flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
}

function padded(head: string, body: string, directive: Directive, numeric: boolean): string {
  const missing = directive.width - head.length - Array.from(body).length;
  if (missing <= 0) return head + body;
  if (directive.flags.includes("-")) return head + body + " ".repeat(missing);
  if (numeric && directive.flags.includes("0")) return head + "0".repeat(missing) + body;
  return " ".repeat(missing) + head + body;
}

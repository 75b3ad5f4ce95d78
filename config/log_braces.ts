/**
 * The `format` style: `{levelname:<8} {created:.3f} {message!r}`.
 *
 *   {field!conversion:specification}      conversion: s r a
 *   specification: [[fill]align][sign][#][0][width][grouping][.precision][type]
 *
 * Attribute and item access (`{message.upper}`, `{message[0]}`), positional and nested fields are refused: a format
 * chooses fields of a record, it does not compute.
 *
 * @module
 */

import { formatMagnitude, isNegative } from "./log_numbers.ts";
import { FormatSyntaxError, type Placeholder, type Segment } from "./log_segments.ts";
import { type FieldKind, type FieldValue, valueRepr, valueText } from "./log_values.ts";

interface Specification {
  readonly fill: string;
  /** `<` left, `>` right, `^` centre, `=` between sign and digits; empty: by kind. */
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

/** Widths and precisions beyond this are mistakes, and would make every line that long. */
const LONGEST_FIELD = 10_000;

/**
 * Takes a brace format apart.
 *
 * @throws {FormatSyntaxError} where it isn't one.
 */
export function parseBraces(format: string): Segment[] {
  const segments: Segment[] = [];
  const pattern = /\{\{|\}\}|\{([^{}!:]*)(?:!([^{}:]*))?(?::([^{}]*))?\}|[{}]/g;
  let from = 0;
  for (const match of format.matchAll(pattern)) {
    if (match.index > from) segments.push(format.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[0] === "{{" || match[0] === "}}") {
      segments.push(match[0][0]);
    } else if (match[1] === undefined) {
      throw new FormatSyntaxError(`"${match[0]}" at column ${match.index + 1}`, "{field}, {{ or }}");
    } else {
      segments.push(placeholder(match));
    }
  }
  if (from < format.length) segments.push(format.slice(from));
  return segments;
}

function placeholder(match: RegExpMatchArray): Placeholder {
  const [text, field, conversion, written = ""] = match;
  if (!/^[A-Za-z_]\w*$/.test(field)) {
    throw new FormatSyntaxError(`"${text}"`, "the name of a field in the braces");
  }
  if (conversion !== undefined && !/^[sra]$/.test(conversion)) {
    throw new FormatSyntaxError(`"${text}"`, "s, r or a after the !");
  }
  const specification = parseSpecification(written, text);
  const convert = (value: FieldValue): FieldValue =>
    conversion === undefined ? value : {
      kind: "text",
      text: conversion === "s" ? valueText(value) : valueRepr(value, conversion === "a"),
    };
  return {
    field,
    text,
    accepts: (kind) => accepts(specification, conversion === undefined ? kind : "text"),
    render: (value) => render(convert(value), specification),
  };
}

function parseSpecification(written: string, text: string): Specification {
  const match = /^(?:(.)?([<>=^]))?([-+ ])?z?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su
    .exec(written);
  if (match === null) {
    throw new FormatSyntaxError(
      `"${text}"`,
      "[[fill]align][sign][#][0][width][,][.precision][type] after the colon",
    );
  }
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = match;
  const longest = Math.max(Number(width ?? 0), Number(precision ?? 0));
  if (longest > LONGEST_FIELD) {
    throw new FormatSyntaxError(`"${text}"`, `a width of at most ${LONGEST_FIELD}`);
  }
  return {
    fill: fill ?? (zero !== undefined ? "0" : " "),
    align: align ?? "",
    sign: sign ?? "-",
    alternate: alternate !== undefined,
    zero: zero !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: type ?? "",
  };
}

const FLOAT_TYPES = "eEfFgGn%";

function accepts(specification: Specification, kind: FieldKind): boolean {
  const { type, sign, grouping, align, precision, alternate } = specification;
  switch (kind) {
    case "any":
      return true;
    case "text":
      return (type === "" || type === "s") && sign === "-" && grouping === "" && align !== "=" && !alternate;
    case "float":
      return type === "" || FLOAT_TYPES.includes(type);
    case "integer":
      if (type !== "" && FLOAT_TYPES.includes(type) && type !== "n") return true;
      if (type === "s" || precision !== undefined) return false;
      return grouping !== "," || type === "" || type === "d";
  }
}

function render(value: FieldValue, specification: Specification): string {
  if (!accepts(specification, value.kind)) return pad("", valueText(value), specification, "<");
  switch (value.kind) {
    case "text": {
      const { precision } = specification;
      const text = precision === undefined ? value.text : Array.from(value.text).slice(0, precision).join("");
      return pad("", text, specification, "<");
    }
    case "integer":
      if (
        specification.type !== "" && FLOAT_TYPES.includes(specification.type) && specification.type !== "n"
      ) {
        return renderFloat(Number(value.integer), specification);
      }
      return renderInteger(value.integer, specification);
    case "float":
      return renderFloat(value.float, specification);
  }
}

const RADIX: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16 };

function renderInteger(integer: bigint, specification: Specification): string {
  const { type } = specification;
  if (type === "c") return pad("", String.fromCodePoint(Number(integer) & 0xffff), specification, "<");
  const negative = integer < 0n;
  const radix = RADIX[type] ?? 10;
  const digits = (negative ? -integer : integer).toString(radix);
  const prefix = specification.alternate && radix !== 10 ? `0${type}` : "";
  const head = sign(negative, specification.sign) + prefix;
  const body = type === "X" ? digits.toUpperCase() : digits;
  return padNumber(head, body, "", radix === 10 ? 3 : 4, specification);
}

function renderFloat(number: number, specification: Specification): string {
  const { type, precision, alternate } = specification;
  const percent = type === "%";
  const lower = percent
    ? "f"
    : type === ""
    ? "r"
    : type === "n"
    ? "g"
    : type.toLowerCase() as "e" | "f" | "g";
  const style = { type: lower, precision: lower === "r" ? precision : precision ?? 6, alternate } as const;
  const written = formatMagnitude(percent ? number * 100 : number, style) + (percent ? "%" : "");
  const text = type !== "" && "EFG".includes(type) ? written.toUpperCase() : written;
  const whole = /^\d*/.exec(text)![0];
  const head = sign(isNegative(number), specification.sign);
  return padNumber(head, whole, text.slice(whole.length), 3, specification);
}

function sign(negative: boolean, wanted: string): string {
  return negative ? "-" : wanted === "-" ? "" : wanted;
}

/** Groups the digits of the whole part; padding with zeros goes inside the groups. */
function padNumber(head: string, whole: string, tail: string, group: number, spec: Specification): string {
  const between = spec.fill === "0" && (spec.align === "=" || (spec.zero && spec.align === ""));
  let digits = grouped(whole, spec.grouping, group);
  if (between && spec.grouping !== "") {
    let padding = whole;
    while (head.length + digits.length + tail.length < spec.width) {
      padding = `0${padding}`;
      digits = grouped(padding, spec.grouping, group);
    }
  }
  return pad(head, digits + tail, spec, between ? "=" : ">");
}

function grouped(digits: string, separator: string, size: number): string {
  if (separator === "") return digits;
  const groups: string[] = [];
  for (let end = digits.length; end > 0; end -= size) {
    groups.unshift(digits.slice(Math.max(0, end - size), end));
  }
  return groups.join(separator);
}

function pad(head: string, body: string, spec: Specification, usual: string): string {
  const missing = spec.width - head.length - Array.from(body).length;
  if (missing <= 0) return head + body;
  switch (spec.align || usual) {
    case "<":
      return head + body + spec.fill.repeat(missing);
    case "^": {
      const left = Math.floor(missing / 2);
      return spec.fill.repeat(left) + head + body + spec.fill.repeat(missing - left);
    }
    case "=":
      return head + spec.fill.repeat(missing) + body;
    default:
      return spec.fill.repeat(missing) + head + body;
  }
}

/**
 * From a handler's `format`, `style` and `dateformat` to a function that writes lines.
 *
 * Everything that can be wrong with a format is found when it is compiled; formatting a record never throws.
 *
 * @module
 */

import { parseBraces } from "./log_braces.ts";
import { levelName } from "./log_levels.ts";
import { parsePrintf } from "./log_printf.ts";
import { type EventRecord, FIELD_NAMES, fieldKind, hasField, readField } from "./log_record.ts";
import { FormatSyntaxError, type Segment } from "./log_segments.ts";
import { parseTemplate } from "./log_template.ts";
import { formatTime } from "./log_time.ts";
import { formatTraceback } from "./log_traceback.ts";
import { displayText, type FieldValue } from "./log_values.ts";

/** How a format string marks its fields. */
export type FormatStyle = "classic" | "format" | "template" | "safe-template";

/** What a handler says about its lines. */
export interface FormatOptions {
  /** The format; `json` (exactly) for one JSON object a line. Empty: the message alone. */
  readonly format: string;
  /** How the format marks its fields. */
  readonly style: FormatStyle;
  /** strftime directives for `asctime`; empty: `2026-01-31 09:05:00,123`. */
  readonly dateformat: string;
  /** Whether fields may be named that records don't always have; they print what was logged along, or nothing. */
  readonly arbitraryFields: boolean;
}

/** Writes records as lines. */
export interface LineFormatter {
  /** The fields that the format uses. */
  readonly fields: ReadonlySet<string>;
  /** One record, with its error's traceback on the lines that follow; no line end. */
  format(record: EventRecord): string;
}

/**
 * Reads a format.
 *
 * @throws {FormatSyntaxError} for a format that can't be read, names an unknown field, or names none.
 */
export function compileFormat(options: FormatOptions): LineFormatter {
  if (options.format === "json") return { fields: new Set(), format: formatJson };
  const segments = parse(options);
  const fields = new Set<string>();
  for (const segment of segments) {
    if (typeof segment === "string") continue;
    const kind = segment.field === "asctime" ? "text" : fieldKind(segment.field);
    if (kind === undefined && !options.arbitraryFields) {
      throw new FormatSyntaxError(
        `unknown field "${segment.field}"`,
        `one of asctime, ${FIELD_NAMES.join(", ")}; or arbitrary-fields true`,
      );
    }
    if (!segment.accepts(kind ?? "any")) {
      throw new FormatSyntaxError(
        `"${segment.text}"`,
        `a way to print ${kind === "text" ? "text" : "a number"}`,
      );
    }
    fields.add(segment.field);
  }
  if (fields.size === 0 && options.style !== "safe-template") {
    throw new FormatSyntaxError("no field in it", "at least one, for example message");
  }
  return {
    fields,
    format: (record) => withTraceback(render(segments, record, options.dateformat), record),
  };
}

function parse(options: FormatOptions): Segment[] {
  const format = options.format.replace(/\\([ntbfr])/g, (_, letter: string) => CONTROLS[letter]);
  switch (options.style) {
    case "classic":
      return parsePrintf(format === "" ? "%(message)s" : format);
    case "format":
      return parseBraces(format === "" ? "{message}" : format);
    case "template":
    case "safe-template":
      return parseTemplate(
        format === "" ? "${message}" : format,
        options.style === "safe-template",
        (field) => field === "asctime" || fieldKind(field) !== undefined || options.arbitraryFields,
      );
  }
}

const CONTROLS: Readonly<Record<string, string>> = { n: "\n", t: "\t", b: "\b", f: "\f", r: "\r" };

function render(segments: readonly Segment[], record: EventRecord, dateformat: string): string {
  let line = "";
  for (const segment of segments) {
    if (typeof segment === "string") line += segment;
    else if (segment.field === "asctime") line += segment.render(asctime(record, dateformat));
    else if (segment.optional && !hasField(record, segment.field)) line += segment.text;
    else line += segment.render(readField(record, segment.field));
  }
  return line;
}

function asctime(record: EventRecord, dateformat: string): FieldValue {
  const date = new Date(record.created);
  if (dateformat !== "") return { kind: "text", text: formatTime(date, dateformat) };
  const milliseconds = date.getMilliseconds().toString().padStart(3, "0");
  return { kind: "text", text: `${formatTime(date, "%Y-%m-%d %H:%M:%S")},${milliseconds}` };
}

function withTraceback(line: string, record: EventRecord): string {
  if (record.error === undefined) return line;
  return `${line}${line.endsWith("\n") ? "" : "\n"}${formatTraceback(record.error)}`;
}

/** One JSON object: time (UTC), level, logger, message, process; properties and error where there are any. */
function formatJson(record: EventRecord): string {
  const { error: _error, ...rest } = record.properties;
  const properties = record.error === undefined ? record.properties : rest;
  const line = {
    time: new Date(record.created).toISOString(),
    level: levelName(record.level),
    logger: record.name,
    message: record.message,
    process: record.process,
    properties: Object.keys(properties).length === 0 ? undefined : properties,
    error: record.error && {
      name: record.error.name,
      message: record.error.message,
      traceback: formatTraceback(record.error),
    },
  };
  try {
    return JSON.stringify(line, jsonValue);
  } catch {
    // A property that refers to itself, or whose toJSON() throws.
    return JSON.stringify({ ...line, properties: displayText(properties) });
  }
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? `${value.name}: ${value.message}` : value;
}

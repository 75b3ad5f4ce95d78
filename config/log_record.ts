/**
 * A log record as the original's format strings see one, made from a LogTape record.
 *
 * @module
 */

import type { LogRecord } from "@logtape/logtape";
import { basename, fromFileUrl } from "@std/path";
import { levelName, levelNumber } from "./log_levels.ts";
import { pythonLoggerName } from "./log_names.ts";
import { displayText, type FieldKind, type FieldValue, fieldValue } from "./log_values.ts";

/** One event, with everything that a format can ask for. */
export interface EventRecord {
  /** Logger name, for example `ZEO.StorageServer`. */
  readonly name: string;
  /** 0 to 50. */
  readonly level: number;
  /** The message with its values filled in. */
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Milliseconds since the process started. */
  readonly sinceStart: number;
  /** Where the call was made, where that is known. */
  readonly location?: { readonly path: string; readonly line: number };
  /** Function that made the call. */
  readonly functionName: string;
  /** Process id. */
  readonly process: number;
  /** Thread id. */
  readonly thread: number;
  /** What went wrong, where something did. */
  readonly error?: Error;
  /** Everything else that was logged along. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Makes an event of what LogTape hands to a sink. */
export function eventRecord(record: LogRecord): EventRecord {
  const source = record.sourceLocation;
  const error = record.properties.error;
  return {
    name: pythonLoggerName(record.category),
    level: levelNumber(record),
    message: record.message.map(displayText).join(""),
    created: record.timestamp,
    sinceStart: record.timestamp - performance.timeOrigin,
    location: source && { path: sourcePath(source.file), line: source.line },
    functionName: "(unknown function)",
    process: Deno.pid,
    // JavaScript runs on the main thread, whose id is the process's.
    thread: Deno.pid,
    error: error instanceof Error ? error : undefined,
    properties: record.properties,
  };
}

/** A source file's path, from the URL that a stack trace gives. */
export function sourcePath(file: string): string {
  try {
    return file.startsWith("file:") ? fromFileUrl(file) : file;
  } catch {
    return file;
  }
}

const UNKNOWN_FILE = "(unknown file)";

function text(text: string): FieldValue {
  return { kind: "text", text };
}

function integer(value: number): FieldValue {
  return { kind: "integer", integer: BigInt(value) };
}

function float(float: number): FieldValue {
  return { kind: "float", float };
}

function fileName(record: EventRecord): string {
  return record.location === undefined ? UNKNOWN_FILE : basename(record.location.path);
}

interface Field {
  readonly kind: FieldKind;
  readonly read: (record: EventRecord) => FieldValue;
}

/** The fields of every record, but for `asctime`, which depends on the handler's dateformat. */
const FIELDS: Readonly<Record<string, Field>> = {
  name: { kind: "text", read: (record) => text(record.name) },
  msg: { kind: "text", read: (record) => text(record.message) },
  args: { kind: "text", read: () => text("()") },
  levelname: { kind: "text", read: (record) => text(levelName(record.level)) },
  levelno: { kind: "integer", read: (record) => integer(record.level) },
  pathname: { kind: "text", read: (record) => text(record.location?.path ?? UNKNOWN_FILE) },
  filename: { kind: "text", read: (record) => text(fileName(record)) },
  module: { kind: "text", read: (record) => text(fileName(record).replace(/(?<=.)\.[^.]*$/, "")) },
  exc_info: { kind: "text", read: () => text("None") },
  exc_text: { kind: "text", read: () => text("None") },
  stack_info: { kind: "text", read: () => text("None") },
  lineno: { kind: "integer", read: (record) => integer(record.location?.line ?? 0) },
  funcName: { kind: "text", read: (record) => text(record.functionName) },
  created: { kind: "float", read: (record) => float(record.created / 1000) },
  msecs: { kind: "float", read: (record) => float(Math.floor(record.created) % 1000) },
  relativeCreated: { kind: "float", read: (record) => float(record.sinceStart) },
  thread: { kind: "integer", read: (record) => integer(record.thread) },
  threadName: { kind: "text", read: () => text("MainThread") },
  processName: { kind: "text", read: () => text("MainProcess") },
  process: { kind: "integer", read: (record) => integer(record.process) },
  message: { kind: "text", read: (record) => text(record.message) },
};

/** Names of the fields that every record has, in the order in which the original sends them; no `asctime`. */
export const FIELD_NAMES: readonly string[] = Object.keys(FIELDS);

/** Fields whose values need the place of the call to be captured. */
export const LOCATION_FIELDS: readonly string[] = ["pathname", "filename", "module", "lineno"];

/** What kind of value a field holds; `undefined` for a name that isn't a standard field's. */
export function fieldKind(field: string): FieldKind | undefined {
  return Object.hasOwn(FIELDS, field) ? FIELDS[field].kind : undefined;
}

/** Whether a record has a field, of its own or because all have it. */
export function hasField(record: EventRecord, field: string): boolean {
  return Object.hasOwn(FIELDS, field) || Object.hasOwn(record.properties, field);
}

/** A field of a record; of a name that isn't standard, the property logged under it, or empty text. */
export function readField(record: EventRecord, field: string): FieldValue {
  if (Object.hasOwn(FIELDS, field)) return FIELDS[field].read(record);
  return Object.hasOwn(record.properties, field) ? fieldValue(record.properties[field]) : text("");
}

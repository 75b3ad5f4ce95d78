/**
 * A configured handler, ready to take records.
 *
 * @module
 */

import { EventlogError } from "./eventlog_error.ts";
import type {
  EmailHandler,
  HttpHandler,
  LogfileHandler,
  LogHandler,
  SyslogHandler,
} from "./eventlog_section.ts";
import { ENCODINGS, lineEncoder } from "./log_encoding.ts";
import { LogFile, StreamWriter } from "./log_file.ts";
import { compileFormat, type LineFormatter } from "./log_formatter.ts";
import { HttpLogger } from "./log_http.ts";
import { EmailNotifier } from "./log_email.ts";
import { type EventRecord, LOCATION_FIELDS } from "./log_record.ts";
import { isRotationPeriod, type Rotation, SizeRotation, TimeRotation } from "./log_rotation.ts";
import { FormatSyntaxError } from "./log_segments.ts";
import { FACILITY_NAMES, Syslog } from "./log_syslog.ts";

/** Somewhere that records go. */
export interface RecordHandler {
  /** Lowest level that is taken. */
  readonly level: number;
  /** Whether a record's place in the source has to be known. */
  readonly needsLocation: boolean;
  /** Takes a record; the level has been looked at. */
  emit(record: EventRecord): void;
  /** Opens files again. */
  reopen(): void;
  /** Resolves when everything taken so far is out. */
  flush(): Promise<void>;
  /** Lets go of files and sockets. */
  close(): void;
  /** Tells the operator, on standard error, that records can't be handled. */
  complain(error: unknown): void;
}

/**
 * Sets up a handler, and opens its file.
 *
 * @throws {EventlogError} for a handler that can't be set up as configured.
 */
export function openHandler(handler: LogHandler): RecordHandler {
  requireInteger(handler, "level", handler.level, 50);
  switch (handler.type) {
    case "logfile":
      return openLogfile(handler, formatter(handler));
    case "syslog":
      return openSyslog(handler, formatter(handler));
    case "http-logger":
      return openHttp(handler, formatter(handler));
    case "email-notifier":
      return openEmail(handler, formatter(handler));
    case "win32-eventlog":
      throw refusal(handler, "is not supported: it is the event log of Windows; use <logfile> or <syslog>");
  }
}

function refusal(handler: LogHandler, reason: string, cause?: unknown): EventlogError {
  return new EventlogError(handler.position, `<${handler.type}> ${reason}`, { cause });
}

function requireInteger(handler: LogHandler, key: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  const bound = most === Number.MAX_SAFE_INTEGER ? "of at least 0" : `from 0 to ${most}`;
  throw refusal(handler, `${key} "${value}": expected an integer ${bound}`);
}

function formatter(handler: LogHandler): LineFormatter {
  try {
    return compileFormat(handler);
  } catch (error) {
    if (!(error instanceof FormatSyntaxError)) throw error;
    throw refusal(handler, `format ${JSON.stringify(handler.format)}: ${error.message}`, error);
  }
}

function complainer(handler: LogHandler): (error: unknown) => void {
  const { file, line } = handler.position;
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`${file}:${line}: <${handler.type}>: lines can't be logged: ${reason}`);
  };
}

function needsLocation(lines: LineFormatter): boolean {
  return LOCATION_FIELDS.some((field) => lines.fields.has(field));
}

function openLogfile(handler: LogfileHandler, lines: LineFormatter): RecordHandler {
  const stream = handler.path === "STDOUT"
    ? Deno.stdout
    : handler.path === "STDERR"
    ? Deno.stderr
    : undefined;
  const rotation = chooseRotation(handler, stream !== undefined);
  if (stream !== undefined && handler.delay) throw refusal(handler, `cannot delay opening ${handler.path}`);
  if (stream !== undefined && handler.encoding) {
    throw refusal(handler, `cannot specify encoding for ${handler.path}`);
  }
  const encode = lineEncoder(handler.encoding || undefined);
  if (encode === undefined) throw refusal(handler, `encoding "${handler.encoding}": expected ${ENCODINGS}`);
  const writer = stream === undefined
    ? new LogFile({ path: handler.path, encode, rotation })
    : new StreamWriter(stream);
  if (writer instanceof LogFile && !handler.delay) {
    try {
      writer.open(Date.now());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw refusal(handler, `path "${handler.path}" can't be opened for appending: ${reason}`, error);
    }
  }
  return {
    level: handler.level,
    needsLocation: needsLocation(lines),
    emit: (record) => writer.write(lines.format(record), record.created),
    reopen: () => writer.reopen(Date.now()),
    flush: () => Promise.resolve(),
    close: () => writer.close(),
    complain: complainer(handler),
  };
}

function chooseRotation(handler: LogfileHandler, stream: boolean): Rotation | undefined {
  const { oldFiles, maxSize, when, interval } = handler;
  requireInteger(handler, "old-files", oldFiles, 1_000_000);
  requireInteger(handler, "max-size", maxSize, Number.MAX_SAFE_INTEGER);
  requireInteger(handler, "interval", interval, 1_000_000_000);
  if (oldFiles === 0 && maxSize === 0 && when === "" && interval === 0) return undefined;
  if (stream) throw refusal(handler, `cannot rotate ${handler.path}`);
  if (maxSize > 0 && when !== "") throw refusal(handler, "can't have both max-size and when");
  if (maxSize === 0 && when === "") {
    throw refusal(handler, "old-files or interval without rotation: expected max-size or when, too");
  }
  if (oldFiles === 0) throw refusal(handler, "old-files must be set for log rotation");
  if (when === "") return new SizeRotation(maxSize, oldFiles);
  if (!isRotationPeriod(when)) {
    throw refusal(handler, `when "${when}": expected S, M, H, D, midnight or W0 (Monday) to W6`);
  }
  return new TimeRotation(when, interval, oldFiles);
}

function openSyslog(handler: SyslogHandler, lines: LineFormatter): RecordHandler {
  const { facility, address } = handler;
  if (!FACILITY_NAMES.includes(facility)) {
    throw refusal(handler, `facility "${facility}": expected one of ${FACILITY_NAMES.join(", ")}`);
  }
  if (!("path" in address)) requireInteger(handler, "address: port", address.port, 65535);
  const complain = complainer(handler);
  const syslog = new Syslog(facility, address, complain);
  return {
    level: handler.level,
    needsLocation: needsLocation(lines),
    emit: (record) => syslog.put(record.level, lines.format(record)),
    reopen: () => {},
    flush: () => syslog.flush(),
    close: () => syslog.close(),
    complain,
  };
}

function openEmail(handler: EmailHandler, lines: LineFormatter): RecordHandler {
  const complain = complainer(handler);
  const email = new EmailNotifier(handler, complain);
  return {
    level: handler.level,
    needsLocation: needsLocation(lines),
    emit: (record) => email.put(lines.format(record)),
    reopen: () => {},
    flush: () => email.flush(),
    close: () => email.close(),
    complain,
  };
}

function openHttp(handler: HttpHandler, lines: LineFormatter): RecordHandler {
  const { url, method } = handler;
  if (!/^http:\/\/[^/?#\s]/.test(url) || !URL.canParse(url)) {
    throw refusal(
      handler,
      `url "${url}": expected an http address with a host, for example http://localhost/log`,
    );
  }
  if (method !== "GET" && method !== "POST") {
    throw refusal(handler, `method "${method}": expected GET or POST`);
  }
  const complain = complainer(handler);
  const http = new HttpLogger(url, method, complain);
  return {
    level: handler.level,
    needsLocation: needsLocation(lines),
    emit: (record) => http.put(record),
    reopen: () => {},
    flush: () => http.flush(),
    close: () => http.close(),
    complain,
  };
}

/**
 * What an `<eventlog>` or `<logger>` section says, once it is parsed: plain data, key names in camelCase.
 *
 * @module
 */

import type { FormatStyle } from "./log_formatter.ts";

export type { FormatStyle } from "./log_formatter.ts";

/** Where in a configuration file something stands. */
export interface EventlogPosition {
  /** Path of the file. */
  readonly file: string;
  /** Line, counted from 1. */
  readonly line: number;
}

/** Keys that all handler sections have. */
export interface HandlerOptions {
  /** Where the section starts. */
  readonly position: EventlogPosition;
  /** How a line looks; `json` for one JSON object a line. */
  readonly format: string;
  /** strftime directives for `asctime`. */
  readonly dateformat: string;
  /** Lowest level that the handler takes, 0 to 50. */
  readonly level: number;
  /** How `format` marks its fields. */
  readonly style: FormatStyle;
  /** Whether `format` may name fields that records don't always have. */
  readonly arbitraryFields: boolean;
}

/** `<logfile>`: a file or a standard stream. */
export interface LogfileHandler extends HandlerOptions {
  /** Which handler this is. */
  readonly type: "logfile";
  /** `STDOUT`, `STDERR` or a path. */
  readonly path: string;
  /** Rotated files to keep; 0: no rotation. */
  readonly oldFiles: number;
  /** Bytes after which the file is rotated; 0: never for its size. */
  readonly maxSize: number;
  /** `S`, `M`, `H`, `D`, `midnight` or `W0` (Monday) to `W6`; empty: never for its age. */
  readonly when: string;
  /** How many of `when` lie between rotations; 0: one. */
  readonly interval: number;
  /** Python's name of a character encoding; none: UTF-8. */
  readonly encoding?: string;
  /** Whether the file is opened by the first line that goes to it. */
  readonly delay: boolean;
}

/** Where a syslog daemon listens: UDP, or a Unix socket. */
export type SyslogAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** `<syslog>`: a syslog daemon. */
export interface SyslogHandler extends HandlerOptions {
  /** Which handler this is. */
  readonly type: "syslog";
  /** `user`, `daemon`, `local0` … */
  readonly facility: string;
  /** Where the daemon listens. */
  readonly address: SyslogAddress;
}

/** `<http-logger>`: a web server. */
export interface HttpHandler extends HandlerOptions {
  /** Which handler this is. */
  readonly type: "http-logger";
  /** Starts with `http://`. */
  readonly url: string;
  /** Whether records go in the query or in the body. */
  readonly method: "GET" | "POST";
}

/** `<email-notifier>`: a mail for each record. */
export interface EmailHandler extends HandlerOptions {
  /** Which handler this is. */
  readonly type: "email-notifier";
  /** The sender. */
  readonly from: string;
  /** Who gets the messages. */
  readonly to: readonly string[];
  /** The subject of the messages. */
  readonly subject: string;
  /** The mail server; port 25 unless told otherwise. */
  readonly smtpServer: { readonly host: string; readonly port?: number };
  /** User name for the mail server; empty for none. */
  readonly smtpUsername: string;
  /** Password for it; empty for none. */
  readonly smtpPassword: string;
}

/** `<win32-eventlog>`: understood by the parser, not honoured. */
export interface WindowsHandler extends HandlerOptions {
  /** Which handler this is. */
  readonly type: "win32-eventlog";
}

/** One place that log lines go to. */
export type LogHandler = LogfileHandler | SyslogHandler | HttpHandler | EmailHandler | WindowsHandler;

/** `<eventlog>`: the root logger. */
export interface EventlogSection {
  /** Lowest level that is logged, 0 to 50. */
  readonly level: number;
  /** Where lines go; none: nowhere. */
  readonly handlers: readonly LogHandler[];
}

/** `<logger>`: a logger below the root, with its own level and handlers. */
export interface LoggerSection extends EventlogSection {
  /** Logger name as it is printed, for example `ZEO.StorageServer`; loggers below it are included. */
  readonly name: string;
  /** Whether records go to the handlers of the loggers above, too. */
  readonly propagate: boolean;
}

/** The default format of `<logfile>`, and of the log when nothing is configured. */
export const LOGFILE_FORMAT = "------\n%(asctime)s %(levelname)s %(name)s %(message)s";

/** The default `dateformat`. */
export const DATE_FORMAT = "%Y-%m-%dT%H:%M:%S";

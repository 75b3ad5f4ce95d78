/**
 * `<eventlog>` and `<logger>`, and the handlers in them.
 *
 * @module
 */

import {
  boolean,
  byteSize,
  type Datatype,
  DatatypeError,
  dottedName,
  escapedString,
  integer,
  internetAddress,
  logLevel,
  oneOf,
  string,
} from "./datatypes.ts";
import type { ConfigurationError, Position } from "./errors.ts";
import {
  DATE_FORMAT,
  type EmailHandler,
  type EventlogSection,
  type HttpHandler,
  LOGFILE_FORMAT,
  type LogfileHandler,
  type LoggerSection,
  type SyslogAddress,
  type SyslogHandler,
  type WindowsHandler,
} from "./eventlog_section.ts";
import type { ConfigurationHost } from "./host.ts";
import { ENCODINGS, lineEncoder } from "./log_encoding.ts";
import { compileFormat } from "./log_formatter.ts";
import { isRotationPeriod } from "./log_rotation.ts";
import { FormatSyntaxError } from "./log_segments.ts";
import {
  keyError,
  type KeyTable,
  optional,
  readKeys,
  readSections,
  required,
  sectionError,
  type SectionSlot,
  several,
  withDefault,
} from "./schema.ts";
import type { TcpAddress } from "./socket_address.ts";
import type { ParsedSection } from "./syntax.ts";

/** What handler sections have besides what a handler needs. */
export interface HandlerExtras {
  /** Name of the section. */
  readonly name?: string;
  /** Dotted name of a Python formatter; nothing of that name is ever loaded. */
  readonly formatter?: string;
}

/** `<email-notifier>` with all its keys. */
export interface EmailNotifierSection extends EmailHandler, HandlerExtras {}

/** `<win32-eventlog>` with all its keys. */
export interface WindowsEventlogSection extends WindowsHandler, HandlerExtras {
  /** The source that the messages name. */
  readonly appname: string;
}

/** `<logfile>` */
export interface LogfileSection extends LogfileHandler, HandlerExtras {}

/** `<syslog>` */
export interface SyslogSection extends SyslogHandler, HandlerExtras {}

/** `<http-logger>` */
export interface HttpLoggerSection extends HttpHandler, HandlerExtras {}

/** One place that log lines go to, with all its keys. */
export type HandlerSection =
  | LogfileSection
  | SyslogSection
  | HttpLoggerSection
  | EmailNotifierSection
  | WindowsEventlogSection;

/** `<eventlog>` as the file has it. */
export interface PlacedEventlog extends EventlogSection {
  /** The type of the section. */
  readonly type: "eventlog";
  /** Where the section starts. */
  readonly position: Position;
  /** Where lines go, with all their keys. */
  readonly handlers: readonly HandlerSection[];
}

/** `<logger>` as the file has it. */
export interface PlacedLogger extends LoggerSection {
  /** The type of the section. */
  readonly type: "logger";
  /** Where the section starts. */
  readonly position: Position;
  /** Where lines go, with all their keys. */
  readonly handlers: readonly HandlerSection[];
}

const COMMON_KEYS = {
  "dateformat": withDefault(string, DATE_FORMAT),
  "level": withDefault(logLevel, "notset"),
  "style": withDefault(oneOf("classic", "format", "template", "safe-template"), "classic"),
  "formatter": optional(dottedName),
  "arbitrary-fields": withDefault(boolean, "false"),
} satisfies KeyTable;

const LINE_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s";

const encoding: Datatype<string> = {
  expected: `a character encoding: ${ENCODINGS}`,
  convert(text) {
    if (lineEncoder(text) === undefined) throw new DatatypeError();
    return text;
  },
};

const LOGFILE_KEYS = {
  ...COMMON_KEYS,
  "format": withDefault(escapedString, LOGFILE_FORMAT),
  "path": required(string),
  "old-files": withDefault(integer, "0"),
  "max-size": withDefault(byteSize, "0"),
  "when": withDefault<string>({
    expected: "S, M, H, D, midnight or W0 (Monday) to W6",
    convert(text) {
      if (text !== "" && !isRotationPeriod(text)) throw new DatatypeError();
      return text;
    },
  }, ""),
  "interval": withDefault(integer, "0"),
  "encoding": optional(encoding),
  "delay": withDefault(boolean, "false"),
} satisfies KeyTable;

const FACILITIES = [
  ..."auth authpriv cron daemon kern lpr mail news security syslog user uucp".split(" "),
  ..."01234567".split("").map((digit) => `local${digit}`),
];

const syslogAddress: Datatype<SyslogAddress> = {
  expected: "host:port, port or the path of a socket (with a / in it)",
  convert(text, host) {
    if (text.includes("/")) return { path: text };
    const address = internetAddress.convert(text, host);
    return { host: address.host, port: address.port ?? 514 };
  },
};

const SYSLOG_KEYS = {
  ...COMMON_KEYS,
  "format": withDefault(escapedString, "%(name)s %(message)s"),
  "facility": withDefault(oneOf(...FACILITIES), "user"),
  "address": withDefault(syslogAddress, "localhost:514"),
} satisfies KeyTable;

const httpUrl: Datatype<string> = {
  expected: "an http:// URL with a host and a path, for example http://localhost/log",
  convert(text) {
    if (!/^http:\/\/[^/?#]+\/[^?#]*/i.test(text)) throw new DatatypeError();
    return `http${text.slice(4)}`;
  },
};

const httpMethod: Datatype<"GET" | "POST"> = {
  expected: "GET or POST",
  convert(text) {
    const method = text.toUpperCase();
    if (method !== "GET" && method !== "POST") throw new DatatypeError();
    return method;
  },
};

const HTTP_KEYS = {
  ...COMMON_KEYS,
  "format": withDefault(escapedString, LINE_FORMAT),
  "url": withDefault(httpUrl, "http://localhost/"),
  "method": withDefault(httpMethod, "GET"),
} satisfies KeyTable;

const mailServer: Datatype<TcpAddress> = {
  expected: "host:port or host",
  convert: internetAddress.convert,
};

const EMAIL_KEYS = {
  ...COMMON_KEYS,
  "format": withDefault(escapedString, LINE_FORMAT),
  "from": required(string),
  "to": several(string),
  "subject": withDefault(string, "Message from Zope"),
  "smtp-server": withDefault(mailServer, "localhost"),
  "smtp-username": withDefault(string, ""),
  "smtp-password": withDefault(string, ""),
} satisfies KeyTable;

const WINDOWS_KEYS = {
  ...COMMON_KEYS,
  "format": withDefault(escapedString, "%(levelname)s %(name)s %(message)s"),
  "appname": withDefault(string, "Zope"),
} satisfies KeyTable;

function readLogfile(section: ParsedSection, host: ConfigurationHost): LogfileSection {
  const values = readKeys(section, LOGFILE_KEYS, host);
  const { path, oldFiles, maxSize, when, interval } = values;
  if (path === "STDOUT" || path === "STDERR") {
    if (oldFiles !== 0 || maxSize !== 0 || when !== "") {
      throw sectionError(section, `${path} can't be rotated: expected no old-files, max-size or when`);
    }
    if (values.delay) throw sectionError(section, `${path} is always open: expected no delay`);
    if (values.encoding !== undefined) throw sectionError(section, `${path} is UTF-8: expected no encoding`);
  } else if (when !== "" || maxSize !== 0 || oldFiles !== 0 || interval !== 0) {
    if (oldFiles === 0) {
      throw sectionError(section, "a log file that is rotated needs old-files: expected a number above 0");
    }
    if (when !== "" && maxSize !== 0) {
      throw sectionError(section, "expected either max-size or when, not both");
    }
    if (when === "" && maxSize === 0) {
      throw sectionError(section, "old-files needs max-size or when: expected one of them");
    }
  }
  return { type: "logfile", name: section.name, position: section.position, ...values };
}

function readSyslog(section: ParsedSection, host: ConfigurationHost): SyslogSection {
  const values = readKeys(section, SYSLOG_KEYS, host);
  return { type: "syslog", name: section.name, position: section.position, ...values };
}

function readHttpLogger(section: ParsedSection, host: ConfigurationHost): HttpLoggerSection {
  const values = readKeys(section, HTTP_KEYS, host);
  return { type: "http-logger", name: section.name, position: section.position, ...values };
}

function readEmailNotifier(section: ParsedSection, host: ConfigurationHost): EmailNotifierSection {
  const values = readKeys(section, EMAIL_KEYS, host);
  if ((values.smtpUsername === "") !== (values.smtpPassword === "")) {
    throw sectionError(section, "expected smtp-username and smtp-password, or neither");
  }
  return { type: "email-notifier", name: section.name, position: section.position, ...values };
}

function readWindowsEventlog(section: ParsedSection, host: ConfigurationHost): WindowsEventlogSection {
  const values = readKeys(section, WINDOWS_KEYS, host);
  return { type: "win32-eventlog", name: section.name, position: section.position, ...values };
}

const READERS: Readonly<
  Record<string, (section: ParsedSection, host: ConfigurationHost) => HandlerSection>
> = {
  "logfile": readLogfile,
  "syslog": readSyslog,
  "http-logger": readHttpLogger,
  "email-notifier": readEmailNotifier,
  "win32-eventlog": readWindowsEventlog,
};

const HANDLERS: SectionSlot = {
  noun: "a handler",
  types: Object.keys(READERS),
  least: 0,
  most: Infinity,
};

function formatError(section: ParsedSection, handler: HandlerSection, problem: string): ConfigurationError {
  const key = section.keys.find(({ name }) => name === "format");
  return key === undefined
    ? sectionError(
      section,
      `format ${JSON.stringify(handler.format)} doesn't fit style ${handler.style}: ${problem}`,
    )
    : keyError(section, key, problem);
}

function readHandler(section: ParsedSection, host: ConfigurationHost): HandlerSection {
  readSections(section, {});
  const handler = READERS[section.type](section, host);
  try {
    compileFormat(handler);
  } catch (error) {
    throw error instanceof FormatSyntaxError ? formatError(section, handler, error.message) : error;
  }
  return handler;
}

function readHandlers(section: ParsedSection, host: ConfigurationHost): HandlerSection[] {
  return readSections(section, { handlers: HANDLERS }).handlers.map((handler) => readHandler(handler, host));
}

const EVENTLOG_KEYS = { "level": withDefault(logLevel, "info") } satisfies KeyTable;

const LOGGER_KEYS = {
  ...EVENTLOG_KEYS,
  "propagate": withDefault(boolean, "true"),
  "name": optional(dottedName),
} satisfies KeyTable;

/** What an `<eventlog>` section says. Throws {@link ConfigurationError}. */
export function readEventlog(section: ParsedSection, host: ConfigurationHost): PlacedEventlog {
  const { level } = readKeys(section, EVENTLOG_KEYS, host);
  return { type: "eventlog", position: section.position, level, handlers: readHandlers(section, host) };
}

/** What a `<logger>` section says. Throws {@link ConfigurationError}. */
export function readLogger(section: ParsedSection, host: ConfigurationHost): PlacedLogger {
  const values = readKeys(section, LOGGER_KEYS, host);
  return {
    type: "logger",
    position: section.position,
    ...values,
    name: values.name ?? "",
    handlers: readHandlers(section, host),
  };
}

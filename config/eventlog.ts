/**
 * The event log: what `<eventlog>` and `<logger>` say, put into effect for this process.
 *
 * Everything that the program logs goes through LogTape, under categories such as `["zeo", "server"]`. This module
 * gives LogTape one sink, which turns a category into the logger name that existing log parsers know and then does
 * what the original's logging does: a record is taken if its level reaches the nearest configured logger's, and goes
 * to the handlers of that logger and of those above it. Only the program calls it; a library that brings its own
 * logging is left alone.
 *
 * A `blather` record (15) is a LogTape `debug` record with the property `blather: true`; an error's traceback is
 * printed for the property `error`.
 *
 * @module
 */

import { configureSync, getConfig, type LogRecord, resetSync } from "@logtape/logtape";
import { DATE_FORMAT, type EventlogSection, LOGFILE_FORMAT, type LoggerSection } from "./eventlog_section.ts";
import { openHandler, type RecordHandler } from "./log_handler.ts";
import { lowestLogTapeLevel } from "./log_levels.ts";
import { type EventRecord, eventRecord } from "./log_record.ts";

export { EventlogError } from "./eventlog_error.ts";
export {
  DATE_FORMAT,
  type EmailHandler,
  type EventlogPosition,
  type EventlogSection,
  type FormatStyle,
  type HandlerOptions,
  type HttpHandler,
  LOGFILE_FORMAT,
  type LogfileHandler,
  type LoggerSection,
  type LogHandler,
  type SyslogAddress,
  type SyslogHandler,
  type WindowsHandler,
} from "./eventlog_section.ts";
export { pythonLoggerName } from "./log_names.ts";

/** The event log while it is in effect. */
export interface EventlogControl extends AsyncDisposable {
  /**
   * Closes log files and opens them again, as SIGUSR2 asks for; files that are rotated are rotated.
   *
   * @throws {AggregateError} if a file can't be opened; the others have been, and every line tries it again.
   */
  reopen(): void;
  /** Waits until what goes over the network is out, but no longer than `milliseconds` (2000). */
  flush(milliseconds?: number): Promise<void>;
  /** Ends logging and lets go of files and sockets; what has not been sent is dropped. */
  close(): void;
}

/** The log when the configuration has no `<eventlog>`: everything from INFO on to standard error. */
const DEFAULT_SECTION: EventlogSection = {
  level: 20,
  handlers: [{
    type: "logfile",
    position: { file: "default event log", line: 0 },
    path: "STDERR",
    format: LOGFILE_FORMAT,
    dateformat: DATE_FORMAT,
    level: 0,
    style: "classic",
    arbitraryFields: false,
    oldFiles: 0,
    maxSize: 0,
    when: "",
    interval: 0,
    delay: false,
  }],
};

/**
 * Puts an event log into effect, instead of whatever LogTape was configured for.
 *
 * @param section The parsed `<eventlog>`; without one, lines from INFO on go to standard error.
 * @param loggers Parsed `<logger>` sections, with their own levels and handlers.
 * @throws {EventlogError} for a format, a file or a handler that can't be used; nothing has changed then.
 *
 * @example
 * ```ts
 * import { configureEventlog } from "./eventlog.ts";
 *
 * await using eventlog = configureEventlog(undefined);
 * const reopen = () => eventlog.reopen();
 * Deno.addSignalListener("SIGUSR2", reopen);
 * // …
 * Deno.removeSignalListener("SIGUSR2", reopen);
 * ```
 */
export function configureEventlog(
  section: EventlogSection | undefined,
  loggers: readonly LoggerSection[] = [],
): EventlogControl {
  const handlers: RecordHandler[] = [];
  const open = (section: EventlogSection): Target[] =>
    section.handlers.map((handler) => {
      const opened = openHandler(handler);
      handlers.push(opened);
      return { handler: opened, failing: false };
    });
  let root: Logger;
  const named = new Map<string, Logger>();
  try {
    const { level, ...rest } = section ?? DEFAULT_SECTION;
    root = { level, propagate: false, targets: open({ level, ...rest }) };
    for (const logger of loggers) {
      named.set(logger.name, { level: logger.level, propagate: logger.propagate, targets: open(logger) });
    }
  } catch (error) {
    for (const handler of handlers) handler.close();
    throw error;
  }
  const sink = (record: LogRecord): void => dispatch(eventRecord(record), root, named);
  // A logger without a level of its own (notset) takes the root's.
  const levels = [root, ...named.values()].map((logger) => logger.level || root.level);
  configureSync({
    sinks: { eventlog: sink },
    loggers: [
      {
        category: [],
        sinks: ["eventlog"],
        lowestLevel: lowestLogTapeLevel(Math.min(...levels)),
        captureSourceLocation: handlers.some((handler) => handler.needsLocation),
      },
      // LogTape's own troubles, without its notice that it has been configured.
      { category: ["logtape", "meta"], sinks: ["eventlog"], lowestLevel: "warning", parentSinks: "override" },
    ],
    reset: true,
  });
  return control(handlers, () => {
    if (getConfig()?.sinks.eventlog === sink) resetSync();
  });
}

/** A handler in use. */
interface Target {
  readonly handler: RecordHandler;
  /** Whether the last record failed: the operator has been told then. */
  failing: boolean;
}

interface Logger {
  readonly level: number;
  readonly propagate: boolean;
  readonly targets: readonly Target[];
}

/** The configured loggers that a name belongs to, nearest first. */
function chain(name: string, root: Logger, named: ReadonlyMap<string, Logger>): Logger[] {
  const found: Logger[] = [];
  for (let prefix = name; prefix !== "" && named.size > 0;) {
    const logger = named.get(prefix);
    if (logger !== undefined) found.push(logger);
    const dot = prefix.lastIndexOf(".");
    prefix = dot < 0 ? "" : prefix.slice(0, dot);
  }
  found.push(root);
  return found;
}

function dispatch(record: EventRecord, root: Logger, named: ReadonlyMap<string, Logger>): void {
  const loggers = chain(record.name, root, named);
  const threshold = loggers.find((logger) => logger.level > 0)?.level ?? 0;
  if (record.level < threshold) return;
  for (const logger of loggers) {
    for (const target of logger.targets) {
      if (record.level >= target.handler.level) emit(target, record);
    }
    if (!logger.propagate) break;
  }
}

/** A log that fails must not stop the database: the operator is told once, and every record tries again. */
function emit(target: Target, record: EventRecord): void {
  try {
    target.handler.emit(record);
    target.failing = false;
  } catch (error) {
    if (!target.failing) target.handler.complain(error);
    target.failing = true;
  }
}

function control(handlers: readonly RecordHandler[], reset: () => void): EventlogControl {
  const close = (): void => {
    reset();
    for (const handler of handlers) handler.close();
  };
  const flush = async (milliseconds = 2000): Promise<void> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    await Promise.race([late, Promise.all(handlers.map((handler) => handler.flush()))]);
    clearTimeout(timer);
  };
  return {
    reopen: () => {
      const errors: unknown[] = [];
      for (const handler of handlers) {
        try {
          handler.reopen();
        } catch (error) {
          handler.complain(error);
          errors.push(error);
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, "log files could not be reopened");
    },
    flush,
    close,
    [Symbol.asyncDispose]: async () => {
      await flush();
      close();
    },
  };
}

/**
 * Log levels: the numbers and names of the configuration file, and LogTape's six.
 *
 *   notset 0 | all 1 | trace 5 | debug 10 | blather 15 | info 20 | warning 30 | error 40 | critical 50
 *
 * LogTape has trace, debug, info, warning, error and fatal (here: critical), and nothing between debug and info.
 * A record at `blather`, the chatty level of the original, is a LogTape `debug` record with the property
 * `blather: true`:
 *
 *   logger.debug("Preparing to commit transaction: {objects} objects", { objects, blather: true });
 *
 * @module
 */

import type { LogLevel, LogRecord } from "@logtape/logtape";

const NUMBERS: Readonly<Record<LogLevel, number>> = {
  trace: 5,
  debug: 10,
  info: 20,
  warning: 30,
  error: 40,
  fatal: 50,
};

const NAMES: ReadonlyMap<number, string> = new Map([
  [5, "TRACE"],
  [10, "DEBUG"],
  [15, "BLATHER"],
  [20, "INFO"],
  [30, "WARNING"],
  [40, "ERROR"],
  [50, "CRITICAL"],
]);

/** The number of a record's level, as the configuration file counts levels. */
export function levelNumber(record: Pick<LogRecord, "level" | "properties">): number {
  return record.level === "debug" && record.properties.blather === true ? 15 : NUMBERS[record.level];
}

/** The name that the event log prints for a level. */
export function levelName(level: number): string {
  return NAMES.get(level) ?? `Level ${level}`;
}

/**
 * The lowest LogTape level that can carry a record of at least `level`; `null` where none can.
 *
 * Blather travels as debug, so a threshold of 11 to 15 has to let debug through; the event log then looks at the
 * number itself.
 */
export function lowestLogTapeLevel(level: number): LogLevel | null {
  if (level <= 5) return "trace";
  if (level <= 15) return "debug";
  if (level <= 20) return "info";
  if (level <= 30) return "warning";
  if (level <= 40) return "error";
  return level <= 50 ? "fatal" : null;
}

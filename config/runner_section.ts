/**
 * `<runner>`: how a supervisor runs the server. `daemon/runner.ts` says what the server itself does with it.
 *
 * @module
 */

import {
  boolean,
  creatableDirectory,
  creatableDirpath,
  existingDirpath,
  existingPath,
  integer,
  integerList,
  octal,
  string,
  stringList,
  wholeSeconds,
} from "./datatypes.ts";
import type { Position } from "./errors.ts";
import { type PlacedEventlog, type PlacedLogger, readEventlog, readLogger } from "./handler_sections.ts";
import type { ConfigurationHost } from "./host.ts";
import { type KeyTable, optional, readKeys, readSections, required, withDefault } from "./schema.ts";
import type { ParsedSection } from "./syntax.ts";

/** `<runner>`: how a supervisor runs the server. */
export interface RunnerSection {
  /** Where the section starts. */
  readonly position: Position;
  /** The keys that the file has, and the log's section if there is one; all others have their defaults. */
  readonly given: readonly string[];
  /** The program and its arguments. */
  readonly program: readonly string[];
  /** Path of the Python that runs it. */
  readonly python?: string;
  /** Path of the supervisor's own script. */
  readonly zdrun?: string;
  /** Socket for commands to the supervisor. */
  readonly socketName: string;
  /** Whether to run in the background. */
  readonly daemon: boolean;
  /** Directory to run in. */
  readonly directory?: string;
  /** Seconds that waiting between restarts may grow to. */
  readonly backoffLimit: number;
  /** Whether to go on restarting when the program keeps failing. */
  readonly forever: boolean;
  /** Exit codes after which the program isn't restarted. */
  readonly exitCodes: readonly number[];
  /** A program that tells whether the start succeeded, and its arguments. */
  readonly startTestProgram?: readonly string[];
  /** Seconds that a start may take. */
  readonly startTimeout: number;
  /** Seconds that a stop may take. */
  readonly stopTimeout: number;
  /** User to run as. */
  readonly user?: string;
  /** Mode bits that new files don't get. */
  readonly umask: number;
  /** Whether to stay when the program exits. */
  readonly hangAround: boolean;
  /** Whether commands are read from the terminal where none is given. */
  readonly defaultToInteractive: boolean;
  /** File for the program's output. */
  readonly logfile?: string;
  /** File for the program's output, too. */
  readonly transcript?: string;
  /** What the terminal shows before each command. */
  readonly prompt?: string;
  /** The supervisor's own log. */
  readonly eventlog?: PlacedEventlog | PlacedLogger;
}

const RUNNER_KEYS = {
  "program": required(stringList),
  "python": optional(existingPath),
  "zdrun": optional(existingPath),
  "socket-name": withDefault(creatableDirpath, "zdsock"),
  "daemon": withDefault(boolean, "on"),
  "directory": optional(creatableDirectory),
  "backoff-limit": withDefault(wholeSeconds, "10"),
  "forever": withDefault(boolean, "false"),
  "exit-codes": withDefault(integerList, "0,2"),
  "start-test-program": optional(stringList),
  "start-timeout": withDefault(integer, "300"),
  "stop-timeout": withDefault(integer, "300"),
  "user": optional(string),
  "umask": withDefault(octal, "022"),
  "hang-around": withDefault(boolean, "false"),
  "default-to-interactive": withDefault(boolean, "true"),
  "logfile": optional(existingDirpath),
  "transcript": optional(existingDirpath),
  "prompt": optional(string),
} satisfies KeyTable;

/** What a `<runner>` section says. Throws {@link ConfigurationError}. */
export function readRunnerSection(section: ParsedSection, host: ConfigurationHost): RunnerSection {
  const { logs: [log] } = readSections(section, {
    logs: { noun: "a log", types: ["eventlog", "logger"], least: 0, most: 1 },
  });
  const read = log?.type === "logger" ? readLogger : readEventlog;
  return {
    position: section.position,
    given: [...section.keys.map(({ name }) => name), ...log === undefined ? [] : [`<${log.type}>`]],
    ...readKeys(section, RUNNER_KEYS, host),
    eventlog: log === undefined ? undefined : read(log, host),
  };
}

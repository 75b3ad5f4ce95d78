/**
 * The server's command line.
 *
 * @module
 */

import { DatatypeError, seconds } from "./datatypes.ts";
import { quote } from "./errors.ts";
import { AddressError, parseSocketAddress, type SocketAddress } from "./socket_address.ts";

/** A command line that can't be understood. The message is one line that says what was expected. */
export class UsageError extends Error {
  /** Tells it from other errors. */
  override name = "UsageError";
}

/** What a command line asks for. */
export interface ServerOptions {
  /** Path or `file:` URL of the configuration. */
  readonly configuration?: string;
  /** Where to listen, instead of where the configuration says. */
  readonly address?: SocketAddress;
  /** Files to serve as storages `1`, `2` …, instead of the configuration's storages. */
  readonly filenames: readonly string[];
  /** Seconds that a transaction may take, instead of what the configuration says. */
  readonly timeout?: number;
  /** File for the process id, instead of the configuration's. */
  readonly pidFile?: string;
  /** `path/to/key=value`, to take the place of values in the configuration. */
  readonly overrides: readonly string[];
  /** Whether to stop once everything has started. */
  readonly test: boolean;
  /** Whether to print the help text, and nothing else. */
  readonly help: boolean;
  /** Whether to print the version, and nothing else. */
  readonly version: boolean;
}

interface Option {
  readonly names: readonly string[];
  readonly argument: boolean;
  /** Whether it may be given again. */
  readonly repeatable: boolean;
}

const OPTIONS = {
  configuration: { names: ["-C", "--configure", "--configuration"], argument: true, repeatable: false },
  address: { names: ["-a", "--address"], argument: true, repeatable: true },
  filename: { names: ["-f", "--filename"], argument: true, repeatable: true },
  timeout: { names: ["-t", "--timeout"], argument: true, repeatable: false },
  override: { names: ["-X"], argument: true, repeatable: true },
  pidFile: { names: ["--pid-file"], argument: true, repeatable: false },
  test: { names: ["--test"], argument: false, repeatable: true },
  help: { names: ["-h", "--help"], argument: false, repeatable: true },
  version: { names: ["-v", "--version"], argument: false, repeatable: true },
} satisfies Record<string, Option>;

type OptionName = keyof typeof OPTIONS;
const NAMES = Object.keys(OPTIONS) as OptionName[];

/** The option of a name; long names may be cut short where only one begins so. */
function findOption(name: string): OptionName {
  const exact = NAMES.find((option) => OPTIONS[option].names.includes(name));
  if (exact !== undefined) return exact;
  const candidates = name.startsWith("--")
    ? NAMES.filter((option) => OPTIONS[option].names.some((full) => full.startsWith(name)))
    : [];
  if (candidates.length === 1) return candidates[0];
  if (candidates.length === 0) throw new UsageError(`unknown option ${name}`);
  const full = candidates.map((option) => OPTIONS[option].names.at(-1)).join(" or ");
  throw new UsageError(`${name} could be ${full}`);
}

interface Given {
  /** The option as it was written. */
  readonly written: string;
  readonly value: string;
}

type GivenOptions = Readonly<Record<OptionName, readonly Given[]>>;

/** Sorts arguments by option: `-a 1`, `-a1`, `-hC file`, `--address 1`, `--address=1`; `--` ends them. */
function sortArguments(args: readonly string[]): GivenOptions {
  const given: Record<OptionName, Given[]> = {
    configuration: [],
    address: [],
    filename: [],
    timeout: [],
    override: [],
    pidFile: [],
    test: [],
    help: [],
    version: [],
  };
  const rest = [...args];
  const add = (written: string, attached: string | undefined) => {
    const name = findOption(written);
    const { argument }: Option = OPTIONS[name];
    if (!argument && attached !== undefined) throw new UsageError(`${written} takes no value`);
    const value = argument ? attached ?? rest.shift() : "";
    if (value === undefined) throw new UsageError(`${written} needs a value`);
    given[name].push({ written, value });
  };
  for (;;) {
    const argument = rest.shift();
    if (argument === undefined) return given;
    if (argument === "--" || !argument.startsWith("-") || argument === "-") {
      const positional = argument === "--" ? rest.shift() : argument;
      if (positional === undefined) return given;
      throw new UsageError(
        `unexpected ${quote(positional)}: name a configuration with -C, a Data.fs with -f`,
      );
    }
    if (argument.startsWith("--")) {
      const equals = argument.indexOf("=");
      if (equals < 0) add(argument, undefined);
      else add(argument.slice(0, equals), argument.slice(equals + 1));
      continue;
    }
    for (let index = 1; index < argument.length; index++) {
      const written = `-${argument[index]}`;
      const takesValue = OPTIONS[findOption(written)].argument;
      add(written, takesValue ? argument.slice(index + 1) || undefined : undefined);
      if (takesValue) break;
    }
  }
}

function parseTimeout({ written, value }: Given): number {
  try {
    return seconds.convert(value, { read: String, environment: () => undefined, kind: () => undefined });
  } catch (error) {
    if (!(error instanceof DatatypeError)) throw error;
    throw new UsageError(`${written} ${quote(value)}: expected ${seconds.expected}`);
  }
}

function parseAddress({ written, value }: Given): SocketAddress {
  try {
    return parseSocketAddress(value, "");
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(
      `${written} ${quote(value)}: expected host:port, port or the path of a socket; ${error.message}`,
    );
  }
}

/**
 * What a command line asks for, without the program's name.
 *
 * Throws {@link UsageError}.
 *
 * @example
 * ```ts
 * import { parseServerCommandLine } from "./mod.ts";
 *
 * parseServerCommandLine(["-a", "localhost:8100", "-f", "Data.fs"]).filenames; // ["Data.fs"]
 * ```
 */
export function parseServerCommandLine(args: readonly string[]): ServerOptions {
  const given = sortArguments(args);
  const help = given.help.length > 0;
  const version = given.version.length > 0;
  // Somebody who asks for help gets it, whatever else is wrong.
  if (help || version) return { filenames: [], overrides: [], test: false, help, version };
  for (const name of NAMES) {
    const again = OPTIONS[name].repeatable ? undefined : given[name][1];
    if (again !== undefined) throw new UsageError(`${again.written} is given twice`);
  }
  const options: ServerOptions = {
    configuration: given.configuration[0]?.value,
    address: given.address.map(parseAddress).at(-1),
    filenames: given.filename.map(({ value }) => value),
    timeout: given.timeout.map(parseTimeout)[0],
    pidFile: given.pidFile[0]?.value,
    overrides: given.override.map(({ value }) => value),
    test: given.test.length > 0,
    help,
    version,
  };
  checkCombination(options);
  return options;
}

function checkCombination(options: ServerOptions): void {
  if (options.filenames.includes("")) throw new UsageError("-f needs the name of a file");
  if (options.configuration !== undefined) return;
  if (options.overrides.length > 0) throw new UsageError("-X changes a configuration file: name it with -C");
  if (options.address === undefined) throw new UsageError("no address to listen on: expected -a or -C");
  if (options.filenames.length === 0) throw new UsageError("no storage to serve: expected -f or -C");
}

/** The help text. */
export function usage(): string {
  return `Serves ZODB databases to clients.

Usage: server.ts [-C FILE] [-a ADDRESS] [-f FILENAME]... [options]

  -C, --configure FILE     configuration file (path or file: URL)
  -a, --address ADDRESS    where to listen: HOST:PORT, PORT, [IPV6]:PORT or
                           the path of a socket (with a / in it)
  -f, --filename FILENAME  a Data.fs to serve; give it again for more: their
                           names are 1, 2 ...
  -t, --timeout SECONDS    how long a transaction may take
  -X PATH/TO/KEY=VALUE     a value in place of the configuration file's
      --pid-file FILE      file for the process id
      --test               start, then stop at once
  -h, --help               print this
  -v, --version            print the version

-a, -f, -t and --pid-file win over the configuration file.

Example:

  deno run --allow-net --allow-read --allow-write server.ts -C zeo.conf

with zeo.conf:

  <zeo>
    address localhost:8100
  </zeo>
  <filestorage>
    path Data.fs
  </filestorage>
`;
}

/**
 * What the values of keys may be, and what they become.
 *
 * @module
 */

import type { ConfigurationHost } from "./host.ts";
import { parseFloating, parseInteger, parseOctal } from "./numbers.ts";
import { directoryOf, expandHome } from "./paths.ts";
import {
  AddressError,
  parseInternetAddress,
  parseSocketAddress,
  type SocketAddress,
  type TcpAddress,
} from "./socket_address.ts";
import { strip, words } from "./whitespace.ts";

/** A value that its datatype doesn't take. The message adds to what was expected; it may be empty. */
export class DatatypeError extends Error {
  /** Tells it from other errors. */
  override name = "DatatypeError";
}

/** One kind of value. */
export interface Datatype<T> {
  /** What is expected, as it follows "expected" in a message. */
  readonly expected: string;
  /** The value of a text. Throws {@link DatatypeError}. */
  readonly convert: (text: string, host: ConfigurationHost) => T;
}

/** The datatype under a description that fits a key better. */
export function described<T>(datatype: Datatype<T>, expected: string): Datatype<T> {
  return { expected, convert: datatype.convert };
}

/** The datatype for a part of its values. */
export function restricted<T>(
  datatype: Datatype<T>,
  expected: string,
  allows: (value: T) => boolean,
): Datatype<T> {
  return {
    expected,
    convert(text, host) {
      const value = datatype.convert(text, host);
      if (!allows(value)) throw new DatatypeError();
      return value;
    },
  };
}

function parsed<T>(expected: string, parse: (text: string) => T | undefined): Datatype<T> {
  return {
    expected,
    convert(text) {
      const value = parse(text);
      if (value === undefined) throw new DatatypeError();
      return value;
    },
  };
}

/** One of some words, in any case. */
export function oneOf<T extends string>(...choices: readonly T[]): Datatype<T> {
  return parsed(
    `one of ${choices.join(", ")}`,
    (text) => choices.find((word) => word === text.toLowerCase()),
  );
}

/** Any text. */
export const string: Datatype<string> = { expected: "text", convert: (text) => text };

/** Words between white space. */
export const stringList: Datatype<readonly string[]> = { expected: "words", convert: words };

const BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  on: true,
  no: false,
  false: false,
  off: false,
};

/** `yes`, `true`, `on`, `no`, `false`, `off`; never 1 or 0. */
export const boolean: Datatype<boolean> = parsed(
  "yes, true, on, no, false or off",
  (text) => Object.hasOwn(BOOLEANS, text.toLowerCase()) ? BOOLEANS[text.toLowerCase()] : undefined,
);

/** An integer. */
export const integer: Datatype<number> = parsed("an integer, for example 30", parseInteger);

/** An integer that counts seconds. */
export const wholeSeconds: Datatype<number> = described(integer, "seconds as an integer, for example 30");

/** A number of seconds. */
export const seconds: Datatype<number> = parsed("seconds as a number, for example 30 or 0.5", parseFloating);

/** An integer in octal digits. */
export const octal: Datatype<number> = parsed("an octal integer, for example 022", parseOctal);

/** Integers between commas. */
export const integerList: Datatype<readonly number[]> = parsed(
  "integers between commas, for example 0,2",
  (text) => {
    if (strip(text) === "") return [];
    const numbers = text.split(",").map(parseInteger);
    return numbers.every((number) => number !== undefined) ? numbers : undefined;
  },
);

function suffixed(expected: string, factors: Readonly<Record<string, number>>): Datatype<number> {
  return parsed(expected, (text) => {
    const lower = text.toLowerCase();
    const suffix = Object.keys(factors).find((suffix) => lower.endsWith(suffix));
    if (suffix === undefined) return parseInteger(lower);
    const number = parseInteger(lower.slice(0, -suffix.length));
    return number === undefined ? undefined : number * factors[suffix];
  });
}

/** Bytes: an integer, with or without `kb`, `mb` or `gb` (of 1024). */
export const byteSize: Datatype<number> = suffixed(
  "bytes as an integer, with or without KB, MB or GB, for example 20MB",
  { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 },
);

/** Seconds: an integer, with or without `s`, `m`, `h` or `d`. */
export const timeInterval: Datatype<number> = suffixed(
  "an integer, with or without s, m, h or d, for example 5m",
  { s: 1, m: 60, h: 3600, d: 86400 },
);

/** A Python dotted name. */
export const dottedName: Datatype<string> = parsed(
  "a dotted name, for example package.module.name",
  (text) => /^[_a-zA-Z]\w*(?:\.[_a-zA-Z]\w*)*$/.test(text) ? text : undefined,
);

function address<T>(expected: string, parse: (text: string) => T): Datatype<T> {
  return {
    expected,
    convert(text) {
      try {
        return parse(text);
      } catch (error) {
        throw error instanceof AddressError ? new DatatypeError(error.message) : error;
      }
    },
  };
}

const ADDRESS = "host:port, port, [v6 address]:port or the path of a socket (with a / in it)";

/** An address to listen on; without a host, all interfaces. */
export const bindingAddress: Datatype<SocketAddress> = address(
  ADDRESS,
  (text) => parseSocketAddress(text, ""),
);

/** An address to connect to; without a host, this machine. */
export const connectionAddress: Datatype<SocketAddress> = address(
  ADDRESS,
  (text) => parseSocketAddress(text, "127.0.0.1"),
);

/** A host and a port; never a path. */
export const internetAddress: Datatype<TcpAddress> = address(
  "host:port, host or port",
  (text) => parseInternetAddress(text, ""),
);

const LEVELS: Readonly<Record<string, number>> = {
  critical: 50,
  fatal: 50,
  error: 40,
  warn: 30,
  warning: 30,
  info: 20,
  blather: 15,
  debug: 10,
  trace: 5,
  all: 1,
  notset: 0,
};

/** The level of a log record, from 0 to 50. */
export const logLevel: Datatype<number> = parsed(
  `0 to 50, or one of ${Object.keys(LEVELS).join(", ")}`,
  (text) => {
    const name = text.toLowerCase();
    const level = Object.hasOwn(LEVELS, name) ? LEVELS[name] : parseInteger(text);
    return level !== undefined && level >= 0 && level <= 50 ? level : undefined;
  },
);

/** Text in which `\n`, `\t`, `\b`, `\f` and `\r` (two characters each) stand for control characters. */
export const escapedString: Datatype<string> = {
  expected: "text",
  convert: (text) => text.replace(/\\([ntbfr])/g, (_, letter: keyof typeof CONTROLS) => CONTROLS[letter]),
};

const CONTROLS = { n: "\n", t: "\t", b: "\b", f: "\f", r: "\r" } as const;

function kindOf(path: string, host: ConfigurationHost): string | undefined {
  try {
    return host.kind(path);
  } catch (error) {
    throw new DatatypeError(
      `can't look at ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** A path whose directory exists; what it leads to may be missing. `~` stands for the home directory. */
export const existingDirpath: Datatype<string> = {
  expected: "a path in a directory that exists",
  convert(text, host) {
    const path = expandHome(text, host);
    const directory = directoryOf(path);
    if (directory !== "" && kindOf(directory, host) !== "directory") {
      throw new DatatypeError(`there is no directory ${directory}`);
    }
    return path;
  },
};

/** A path that exists. */
export const existingPath: Datatype<string> = {
  expected: "a path that exists",
  convert(text, host) {
    const path = expandHome(text, host);
    if (kindOf(path, host) === undefined) throw new DatatypeError(`there is no ${path}`);
    return path;
  },
};

/** A directory, or a path in one. */
export const creatableDirectory: Datatype<string> = {
  expected: "a directory, or a path in a directory that exists",
  convert(text, host) {
    const path = expandHome(text, host);
    const parent = directoryOf(path);
    if (kindOf(path, host) !== "directory" && (parent === "" || kindOf(parent, host) !== "directory")) {
      throw new DatatypeError(`there is no directory ${path}`);
    }
    return path;
  },
};

/** A path whose directory exists or could be made. */
export const creatableDirpath: Datatype<string> = {
  expected: "a path in a directory that exists or could be made",
  convert(text, host) {
    const path = expandHome(text, host);
    const directory = directoryOf(path);
    const parent = directoryOf(directory);
    if (
      directory !== "" && parent !== "" && kindOf(directory, host) !== "directory" &&
      kindOf(parent, host) !== "directory"
    ) {
      throw new DatatypeError(`there is no directory ${parent}`);
    }
    return path;
  },
};

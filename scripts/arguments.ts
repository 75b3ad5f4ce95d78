/**
 * Taking a command line apart, by what the command says that it understands.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { type Command, EVERYWHERE, type Option, UsageError } from "./command.ts";

/** A command line taken apart. */
export interface ParsedArguments {
  /** What is not an option. */
  readonly operands: readonly string[];
  /** Values by long name, in the order given; an empty text for options without value. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/**
 * Takes the arguments of a command apart.
 *
 * @throws {UsageError} on an option that it doesn't have, a value too many or missing, and the wrong number of operands.
 */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const options = [...command.options, ...EVERYWHERE];
  const flags = options.filter(({ value }) => value === undefined).map(({ name }) => name);
  for (const argument of args) {
    if (argument === "--") break;
    const equals = argument.indexOf("=");
    if (argument.startsWith("--") && equals > 0 && flags.includes(argument.slice(2, equals))) {
      throw new UsageError(`${argument.slice(0, equals)} takes no value`);
    }
  }
  const parsed: Record<string, unknown> = parseArgs([...args], {
    boolean: flags,
    string: ["_", ...options.filter(({ value }) => value !== undefined).map(({ name }) => name)],
    collect: options.map(({ name }) => name),
    alias: Object.fromEntries(options.flatMap(({ name, short }) => short ? [[name, short]] : [])),
    unknown: (argument: string, key?: string) => {
      if (key !== undefined) throw new UsageError(`${command.name} has no option ${argument}`);
      return true;
    },
  });
  const found = new Map(options.map((option) => [option.name, valuesOf(option, parsed[option.name])]));
  const operands = (parsed._ as unknown[]).map(String);
  // Somebody who asks for help gets it, whatever else is wrong.
  if (found.get("help")!.length === 0) checkOperands(command, operands);
  return { operands, options: found };
}

function valuesOf({ name, value, repeatable }: Option, parsed: unknown): string[] {
  const given = (Array.isArray(parsed) ? parsed : parsed === undefined ? [] : [parsed])
    .filter((each) => each !== false);
  if (value === undefined) return given.map(() => "");
  if (given.includes("")) throw new UsageError(`--${name} needs a value: ${value}`);
  if (given.length > 1 && !repeatable) throw new UsageError(`--${name} is given twice`);
  return given.map(String);
}

function checkOperands(
  { name, operands, operandCount: [least, most] }: Command,
  given: readonly string[],
): void {
  if (given.length < least) throw new UsageError(`${name} needs ${operands}`);
  if (given.length > most) {
    throw new UsageError(`${name} ${operands}: ${JSON.stringify(given[most])} is too much`);
  }
  if (given.includes("")) throw new UsageError(`${name} ${operands}: one of them is empty`);
}

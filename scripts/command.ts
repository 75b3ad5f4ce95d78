/**
 * What a command of `zeo` is: its name, its options, what it does.
 *
 * @module
 */

import type { Output } from "./output.ts";
import type { ProgressDisplay } from "./progress.ts";

/** An option of a command. */
export interface Option {
  /** Its long name, without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is called in the help text; an option without one is given or not. */
  readonly value?: string;
  /** Whether giving it more than once means more. */
  readonly repeatable?: boolean;
  /** What it is for, one line. */
  readonly help: string;
}

/** How a command was called. */
export interface Invocation {
  /** What is not an option: file names and the like. */
  readonly operands: readonly string[];
  /** Everything after the command's name, as it was given. */
  readonly given: readonly string[];
  /** The value of an option; undefined when it was not given. */
  value(name: string): string | undefined;
  /** All values of an option that may be given again. */
  values(name: string): readonly string[];
  /** How often an option was given. */
  count(name: string): number;
  /** Whether the answer is to be JSON. */
  readonly json: boolean;
  /** Where the answer goes. */
  readonly output: Output;
  /** Tells something beside the answer. */
  note(message: string): void;
  /** Shows how far something is. @param what What is being done, a word. */
  progress(what: string): ProgressDisplay;
  /** Aborted when somebody wants the command to end early, for commands that are {@linkcode Command.interruptible}. */
  readonly signal: AbortSignal;
}

/** One command. */
export interface Command {
  /** What it is called by. */
  readonly name: string;
  /** What it does, one line. */
  readonly summary: string;
  /** What follows the name in its usage line, besides options. */
  readonly operands: string;
  /** How many operands there have to be, and may be; any number where they are its own business. */
  readonly operandCount: readonly [least: number, most: number];
  /** What its first operand may be, where it is one of some words. */
  readonly words?: readonly string[];
  /** Its own options; `--json` and `--help` are everybody's. */
  readonly options: readonly Option[];
  /** More about it for its help, in lines of 80. */
  readonly details: string;
  /** How it is called, for its help. */
  readonly example: string;
  /** Whether it watches the signal and tidies up; others are simply ended. */
  readonly interruptible?: boolean;
  /** Whether all that follows its name is its own business, help included. */
  readonly passesArguments?: boolean;
  /**
   * Does it.
   * @returns The exit code: 0 when all is well.
   */
  run(invocation: Invocation): number | Promise<number>;
}

/** Options that every command has. */
export const EVERYWHERE: readonly Option[] = [
  { name: "json", help: "answer as JSON" },
  { name: "help", short: "h", help: "print this" },
];

/** A call that can't be understood: exit code 2. */
export class UsageError extends Error {
  /** Tells it from other errors. */
  override name = "UsageError";
}

/** An expected failure: its message says all, exit code 1. */
export class Failure extends Error {
  /** Tells it from other errors. */
  override name = "Failure";
}

/** The value of an option that is a whole number. @throws {UsageError} when it is none. */
export function wholeNumber(
  invocation: Pick<Invocation, "value">,
  name: string,
  least: number,
): number | undefined {
  const value = invocation.value(name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${name} ${JSON.stringify(value)}: expected a whole number from ${least} on`);
}

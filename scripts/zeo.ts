/**
 * `zeo`: the operator's command line.
 *
 * Exit codes: 0 when all is well; 1 when something failed, or was found to be wrong; 2 for a call that can't be
 * understood; 130 when it was interrupted.
 *
 * @module
 */

import { configureSync, getConfig } from "@logtape/logtape";
import deno from "../deno.json" with { type: "json" };
import { ConfigurationError } from "../config/mod.ts";
import { StorageError } from "../values/mod.ts";
import { parseArguments } from "./arguments.ts";
import { type Command, Failure, type Invocation, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, overview } from "./help.ts";
import { Output, ReaderGone, standardSink, type TextSink } from "./output.ts";
import { Progress } from "./progress.ts";

export type { TextSink };

/** Where a run of the command line writes, and what ends it early. */
export interface Surroundings {
  /** For answers. */
  readonly output: TextSink;
  /** For messages and progress. */
  readonly messages: TextSink;
  /** Ends commands that can tidy up. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a command.
 *
 * @param args The command line, without the program's name.
 * @returns The exit code.
 */
export async function main(
  args: readonly string[],
  surroundings: Surroundings = standard(),
): Promise<number> {
  const output = new Output(surroundings.output);
  try {
    const code = await runNamed(args, output, surroundings);
    output.flush();
    return code;
  } catch (error) {
    return failed(error, output, surroundings);
  }
}

async function runNamed(
  args: readonly string[],
  output: Output,
  surroundings: Surroundings,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "-h" || name === "--help" || name === "help" && rest.length === 0) {
    output.line(overview(commands));
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    output.line(deno.version);
    return 0;
  }
  const wanted = name === "help" ? rest[0] : name;
  const command = commands.find((each) => each.name === wanted);
  if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(wanted)}`);
  return await runCommand(command, name === "help" ? ["--help"] : rest, output, surroundings);
}

async function runCommand(
  command: Command,
  given: readonly string[],
  output: Output,
  { messages, signal }: Surroundings,
): Promise<number> {
  const { operands, options } = command.passesArguments
    ? { operands: given, options: new Map<string, readonly string[]>() }
    : parseArguments(command, given);
  const count = (name: string) => options.get(name)?.length ?? 0;
  if (count("help") > 0) {
    output.line(commandHelp(command));
    return 0;
  }
  using interruption = command.interruptible ? new Interruption(signal) : undefined;
  const invocation: Invocation = {
    operands,
    given,
    value: (name) => options.get(name)?.at(-1),
    values: (name) => options.get(name) ?? [],
    count,
    json: count("json") > 0,
    output,
    note: (message) => messages.write(`zeo: ${message}\n`),
    progress: (what) => new Progress(what, messages),
    signal: interruption?.signal ?? signal ?? new AbortController().signal,
  };
  return await command.run(invocation);
}

function failed(error: unknown, output: Output, { messages }: Surroundings): number {
  try {
    output.flush();
  } catch (second) {
    error = second;
  }
  // Whoever read it has seen enough.
  if (error instanceof ReaderGone) return 0;
  const message = error instanceof Error ? error.message : String(error);
  messages.write(`zeo: ${message}\n`);
  if (error instanceof UsageError) {
    messages.write("For help, use zeo --help, or zeo COMMAND --help\n");
    return 2;
  }
  if (error instanceof ConfigurationError) return 2;
  if (error instanceof Interrupted) return 130;
  const expected = error instanceof Failure || error instanceof StorageError || isSystemError(error);
  if (!expected && error instanceof Error && error.stack) messages.write(`${error.stack}\n`);
  return 1;
}

/** Whether an error is about a file that isn't there, can't be written, and so on: nothing that a stack explains. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && ("code" in error || Object.hasOwn(Deno.errors, error.name));
}

class Interrupted extends Error {}

/** Hears Ctrl-C and SIGTERM while a command runs that can tidy up. */
class Interruption implements Disposable {
  readonly signal: AbortSignal;
  readonly #interrupt: () => void;

  constructor(outer: AbortSignal | undefined) {
    const controller = new AbortController();
    this.signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
    this.#interrupt = () => controller.abort(new Interrupted("interrupted"));
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, this.#interrupt);
  }

  [Symbol.dispose](): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, this.#interrupt);
  }
}

function standard(): Surroundings {
  return { output: standardSink(Deno.stdout), messages: standardSink(Deno.stderr) };
}

/** What storages have to say goes to standard error; the server says itself where its log goes. */
function showWarnings(sink: TextSink): void {
  if (getConfig() !== null) return;
  configureSync({
    sinks: {
      messages: (record) => sink.write(`zeo: ${record.level}: ${record.message.map(String).join("")}\n`),
    },
    loggers: [
      { category: ["zeo"], lowestLevel: "warning", sinks: ["messages"] },
      { category: ["logtape"], lowestLevel: "error", sinks: ["messages"] },
    ],
  });
}

if (import.meta.main) {
  if (Deno.args[0] !== "serve") showWarnings(standardSink(Deno.stderr));
  Deno.exit(await main(Deno.args));
}

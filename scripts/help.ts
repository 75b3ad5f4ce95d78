/**
 * The help texts.
 *
 * @module
 */

import { type Command, EVERYWHERE, type Option } from "./command.ts";

/** What there is. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    "Serves ZODB databases, looks after them and repairs them.",
    "",
    "Usage: zeo COMMAND [options] …",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "zeo COMMAND --help says more about one, zeo --version which version this is.",
    "",
    "Example:",
    "",
    "  zeo verify Data.fs",
    "",
    "Exit codes: 0 all is well, 1 something failed or is wrong, 2 the call can't be",
    "understood, 130 interrupted.",
  ].join("\n");
}

/** How one command is used. */
export function commandHelp(command: Command): string {
  if (command.passesArguments) return command.details;
  const options = [...command.options, ...EVERYWHERE];
  const names = options.map(optionText), width = Math.max(...names.map((name) => name.length));
  return [
    `${command.summary}.`,
    "",
    `Usage: zeo ${command.name} [options] ${command.operands}`.trimEnd(),
    "",
    ...options.map(({ help }, index) => `  ${names[index].padEnd(width)}  ${help}`),
    "",
    ...(command.details === "" ? [] : [command.details, ""]),
    "Example:",
    "",
    ...command.example.split("\n").map((line) => `  ${line}`.trimEnd()),
  ].join("\n");
}

function optionText({ name, short, value }: Option): string {
  return `${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`;
}

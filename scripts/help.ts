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
    "zeo COMMAND [options] … serves ZODB databases, looks after them, repairs them.",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "zeo COMMAND --help says more, with an example; --version which this is.",
    "Exit codes: 0 well, 1 failed or wrong, 2 bad call, 130 interrupted.",
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

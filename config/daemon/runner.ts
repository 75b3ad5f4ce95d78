/**
 * What `<runner>` asks of a program that runs without the supervisor that the section is for.
 *
 * `directory` and `umask` are put into effect, where they are written in the file. All else is the supervisor's, and
 * the log says so.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { isAbsolute } from "@std/path";
import { ConfigurationError } from "../errors.ts";
import type { RunnerSection } from "../runner_section.ts";

const log = getLogger(["zeo", "runzeo"]);

/**
 * Goes to the directory and sets the file mode mask that the section asks for.
 *
 * @returns What is to be said in the log, once there is one; whether the working directory is another one now.
 * @throws {ConfigurationError} when that can't be done
 */
export function enterRunner(runner: RunnerSection): { readonly moved: boolean; report(): void } {
  const ignored = runner.given.filter((key) => !["program", "directory", "umask", "user"].includes(key));
  const warnings: string[] = [], notes: string[] = [];
  let moved = false;
  if (runner.given.includes("directory") && runner.directory !== undefined) {
    // A supervisor that is there has gone to a relative one already.
    if (isAbsolute(runner.directory)) moved = enter(runner, runner.directory);
    else warnings.push("<runner> directory is relative: only the supervisor goes there");
  }
  if (runner.given.includes("umask")) {
    try {
      Deno.umask(runner.umask);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      warnings.push("<runner> umask has no effect without --allow-sys");
    }
  }
  if (runner.given.includes("user")) {
    warnings.push(
      "<runner> user has no effect here: a program can't become another user by itself in this runtime",
    );
  }
  if (ignored.length > 0) {
    notes.push(
      `<runner> is for the supervisor that runs the server; no effect here: ${ignored.join(", ")}`,
    );
  }
  return {
    moved,
    report: () => {
      for (const line of notes) log.info`${line}`;
      for (const line of warnings) log.warn`${line}`;
    },
  };
}

function enter(runner: RunnerSection, directory: string): boolean {
  const refuse = (error: unknown) =>
    new ConfigurationError(runner.position, `can't go there: ${String(error)}`, {
      section: "runner",
      key: "directory",
      value: directory,
    });
  try {
    if (Deno.realPathSync(directory) === Deno.realPathSync(".")) return false;
    Deno.chdir(directory);
    return true;
  } catch (error) {
    throw refuse(error);
  }
}

/**
 * Running the command line within a test.
 *
 * @module
 */

import { main } from "../../scripts/zeo.ts";

/** What came of a command. */
export interface Run {
  readonly code: number;
  /** What it wrote to standard output. */
  readonly output: string;
  /** What it wrote to standard error. */
  readonly messages: string;
}

/** Runs `zeo` with arguments. */
export async function zeo(...args: string[]): Promise<Run> {
  let output = "", messages = "";
  const code = await main(args, {
    output: { terminal: false, write: (text) => void (output += text) },
    messages: { terminal: false, write: (text) => void (messages += text) },
  });
  return { code, output, messages };
}

/** Runs `zeo` with arguments and `--json`; throws when it doesn't end with 0. */
export async function zeoJson<T>(...args: string[]): Promise<T> {
  const { code, output, messages } = await zeo(...args, "--json");
  if (code !== 0) throw new Error(`zeo ${args.join(" ")}: exit code ${code}: ${messages}`);
  return JSON.parse(output);
}

/** Gives a test a folder that is gone afterwards. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "zeo-scripts-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names in a folder. */
export function names(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

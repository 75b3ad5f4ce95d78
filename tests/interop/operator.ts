/**
 * The operator's command line, run as a program.
 *
 * @module
 */

const program = new URL("../../scripts/zeo.ts", import.meta.url).pathname;

/** What came of a command. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly messages: string;
}

/** Runs `zeo`. */
export async function zeo(...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-net", program, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout), messages: text.decode(stderr) };
}

/** Runs `zeo` and returns what it printed; throws when it doesn't end with 0. */
export async function zeoOutput(...args: string[]): Promise<string> {
  const { code, output, messages } = await zeo(...args);
  if (code !== 0) throw new Error(`zeo ${args.join(" ")}: exit code ${code}: ${messages}`);
  return output;
}

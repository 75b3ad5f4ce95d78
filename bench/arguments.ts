/**
 * The command line that benchmarks share.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** A number above 0 from the command line. */
function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    console.error(`--${name} ${JSON.stringify(text)}: expected a number above 0, for example 3`);
    Deno.exit(2);
  }
  return value;
}

/** What the command line says; ends the program where it is wrong, or asks for help. */
export function readArguments(help: string): { seconds: number; rounds: number; json: boolean } {
  try {
    const { values } = parseArgs({
      args: Deno.args,
      options: {
        seconds: { type: "string", default: "3" },
        rounds: { type: "string", default: "3" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      Deno.exit(0);
    }
    const seconds = positive("seconds", values.seconds);
    return { seconds, rounds: Math.ceil(positive("rounds", values.rounds)), json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`);
    Deno.exit(2);
  }
}

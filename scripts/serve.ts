/**
 * `zeo serve`: the server, with all of its options.
 *
 * @module
 */

import { usage } from "../config/mod.ts";
import { main } from "../server.ts";
import type { Command } from "./command.ts";

/** The command. */
export const serve: Command = {
  name: "serve",
  summary: "Serves databases to clients",
  operands: "[-C FILE] [-a ADDRESS] [-f FILENAME]… [options]",
  operandCount: [0, Infinity],
  options: [],
  details: usage().replaceAll("server.ts [", "zeo serve [").replace(/deno run .*server\.ts/, "zeo serve"),
  example: "zeo serve -C zeo.conf",
  passesArguments: true,
  async run({ given, output }) {
    if (given.includes("-h") || given.includes("--help")) {
      output.line(serve.details);
      return 0;
    }
    return await main(given);
  },
};

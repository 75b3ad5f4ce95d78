/**
 * `zeo status`: what a server says about itself.
 *
 * @module
 */

import { type Command, Failure, type Invocation, wholeNumber } from "./command.ts";
import { askServer, connectionFault, parseServerAddress, type ServerReport } from "./server_report.ts";
import { TLS_OPTIONS, tlsOf } from "./tls.ts";

/** The command. */
export const status: Command = {
  name: "status",
  summary: "Shows a server's counts and state, for each of its storages",
  operands: "ADDRESS",
  operandCount: [1, 1],
  options: [
    { name: "timeout", value: "SECONDS", help: "how long it may take; 10 unless told otherwise" },
    ...TLS_OPTIONS,
  ],
  details: `ADDRESS is HOST:PORT, [IPV6]:PORT, PORT or the path of a Unix socket. Nothing needs to
be allowed for it on the server, and it doesn't count as a client.`,
  example: `$ zeo status localhost:8100
storage 1
  connections              2
  commits                  31337
  last-transaction         040d3098012bedbb`,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { output, json, operands: [address] } = invocation;
  const place = parseServerAddress(address), seconds = wholeNumber(invocation, "timeout", 1) ?? 10;
  const tls = tlsOf(invocation);
  let report: ServerReport;
  try {
    report = await askServer(place, seconds, tls);
  } catch (error) {
    throw new Failure(`${address}: ${connectionFault(error)}`);
  }
  if (json) output.json(report);
  else {
    for (const [storage, values] of Object.entries(report)) {
      output.line(`storage ${storage}`);
      for (const [key, value] of Object.entries(values)) output.line(`  ${key.padEnd(24)} ${value ?? "-"}`);
    }
  }
  return 0;
}

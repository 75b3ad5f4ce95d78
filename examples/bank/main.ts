/**
 * A bank: many processes transfer money between the same accounts at once, and none is made or lost.
 *
 * ```sh
 * deno run -A examples/bank/main.ts                     # a server, 4 tellers for 5 seconds, and the check
 * deno run -A examples/bank/main.ts --tellers 8 --seconds 60
 *
 * deno run -A examples/bank/main.ts teller HOST:PORT 5  # one teller on a server of yours
 * deno run -A examples/bank/main.ts check HOST:PORT     # the check alone
 * ```
 *
 * - `models.ts`  the objects; `models.py` are the same for Python programs, which can take part at any time
 * - `bank.ts`    what one does with them: each transfer is a transaction that is tried again after a conflict
 * - `main.ts`    the processes
 *
 * It ends with exit code 1 when the sum of all accounts is not what it was at the start.
 *
 * @module
 */

import { parseArgs } from "node:util";
import * as ZEO from "../../mod.ts";
import { check, setUp, transferFor } from "./bank.ts";

const program = new URL(import.meta.url).pathname;

/** One teller in this process. Prints how many transfers it has made. */
async function teller(address: string, seconds: number): Promise<number> {
  await using db = await ZEO.DB(address);
  console.log(await transferFor(db, seconds));
  return 0;
}

/** Prints what is in the accounts. */
async function report(db: ZEO.DB): Promise<number> {
  const { sum, expected, moves, balances } = await check(db);
  console.log(`${moves / 2} transfers between ${balances.length} accounts: ${balances.join(" ")}`);
  console.log(sum === expected ? `the sum is ${sum}, as ever` : `the sum is ${sum}: expected ${expected}`);
  return sum === expected ? 0 : 1;
}

/** A server, tellers in processes of their own, and the check. */
async function all(tellers: number, seconds: number, accounts: number): Promise<number> {
  await using server = await ZEO.server();
  await using db = await ZEO.DB(server.address);
  await setUp(db, accounts);
  const address = ZEO.formatAddress(server.address);
  const running = Array.from({ length: tellers }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "-A", program, "teller", address, String(seconds)],
      stdin: "null",
    }).output());
  let failed = false;
  for (const [number, { success, stdout, stderr }] of (await Promise.all(running)).entries()) {
    const text = new TextDecoder().decode(success ? stdout : stderr).trim();
    console.log(`teller ${number + 1}: ${text}${success ? " transfers" : ""}`);
    failed ||= !success;
  }
  return await report(db) || Number(failed);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      tellers: { type: "string", default: "4" },
      seconds: { type: "string", default: "5" },
      accounts: { type: "string", default: "10" },
    },
  });
  const [command, address, seconds] = positionals;
  if (command === "teller") return await teller(address, Number(seconds));
  if (command === "check") {
    await using db = await ZEO.DB(address);
    return await report(db);
  }
  return await all(Number(values.tellers), Number(values.seconds), Number(values.accounts));
}

if (import.meta.main) Deno.exit(await main());

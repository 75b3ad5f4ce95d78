/**
 * The example bank, with tellers of both languages at once: `ZEO_BANK_SECONDS` says for how long, 8 unless told otherwise.
 */

import { assert, assertEquals } from "@std/assert";
import { check, setUp } from "../../examples/bank/bank.ts";
import { DB } from "../../mod.ts";
import { interopTest } from "./peers.ts";

const seconds = Number(Deno.env.get("ZEO_BANK_SECONDS") ?? 8);
const main = new URL("../../examples/bank/main.ts", import.meta.url).pathname;
const TELLERS = 4;

/** A teller of ours, in a process of its own. @returns How many transfers it has made. */
async function teller(address: string): Promise<number> {
  const args = ["run", "--no-prompt", "--no-check", "-A", main, "teller", address, String(seconds)];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}

await interopTest(
  "tellers in TypeScript and Python transfer money at once, and none is made or lost",
  async (peers) => {
    const { address } = await peers.start();
    const [hostname, port] = address as [string, number];
    await using db = await DB({ hostname, port });
    await setUp(db, 8);
    const sessions = Array.from({ length: TELLERS }, () => peers.session());
    const theirs = sessions.map((session) =>
      session.call<[number, number]>("bank_tellers.transfer_for", { address, seconds }, (seconds + 60) * 1000)
    );
    const ours = Array.from({ length: TELLERS }, () => teller(`${hostname}:${port}`));
    const transfers = [...await Promise.all(ours), ...(await Promise.all(theirs)).map(([count]) => count)];
    // Everything was committed before this connects, so Python sees all of it.
    const seen = await sessions[0].call<Awaited<ReturnType<typeof check>>>("bank_tellers.check", { address });
    assertEquals(seen.sum, seen.expected);
    assertEquals(seen.moves, 2 * transfers.reduce((sum, count) => sum + count));
    assert(transfers.every((count) => count > 0), `transfers: ${transfers}`);
    // The server has told this client by now: it is asked, and tells in order.
    await db.transaction(({ root }) => root.set("closed", true));
    assertEquals(await check(db), seen);
    console.log(
      `    transfers: ${transfers.slice(0, TELLERS)} in TypeScript, ${transfers.slice(TELLERS)} in Python`,
    );
  },
);

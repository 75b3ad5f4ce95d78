/**
 * A teller in a process of its own: `teller_program.ts OPTIONS SECONDS`, the options as JSON.
 *
 * It works, prints one line, waits for a line with the last transaction, and prints its statement as JSON.
 *
 * @module
 */

import { oid, tid } from "../../values/mod.ts";
import { Teller, type TellerOptions } from "./teller.ts";

const options = JSON.parse(Deno.args[0]) as Omit<TellerOptions, "accounts"> & { readonly accounts: number[] };
await using teller = new Teller({ ...options, accounts: options.accounts.map(oid) });
await teller.work(performance.now() + Number(Deno.args[1]) * 1000);
console.log("done");

const buffer = new Uint8Array(100);
const count = await Deno.stdin.read(buffer);
const last = tid(BigInt(new TextDecoder().decode(buffer.subarray(0, count ?? 0)).trim()));
await teller.settle(last);
const { seen, kept, cached } = await teller.view();
const { reads, acknowledged, uncertain, refused, changes, counts } = teller.statement;
console.log(JSON.stringify(
  {
    ...{ reads, acknowledged: [...acknowledged], uncertain: [...uncertain], refused: [...refused] },
    ...{ changes, counts, seen: [...seen], kept: [...kept], cached: [...cached] },
  },
  (_, value) => typeof value === "bigint" ? String(value) : value,
));

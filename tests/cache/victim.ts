/**
 * A client that lives on its cache until it is killed.
 *
 * Arguments: path, size, seed, branches of the history as JSON.
 *
 * @module
 */

import { FileRecordCache } from "../../cache/mod.ts";
import { History, seeded, SimulatedClient } from "./history.ts";

const [path, size, seed, branches] = Deno.args;
const cache = FileRecordCache.open(path, { size: Number(size), memory: 5000, syncInterval: 10 });
const client = new SimulatedClient(cache, new History(JSON.parse(branches)), seeded(Number(seed)));
client.connect(2);
console.log("ready");
for (;;) {
  for (let step = 0; step < 20; step++) client.step();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

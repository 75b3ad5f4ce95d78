/**
 * `kill -9` of the server at random moments while four Python clients commit: what was acknowledged is there, what was
 * not is there as a whole or not at all.
 *
 * `ZEO_CRASHES` says how often (default 10), `ZEO_CRASH_SEED` repeats the moments of an earlier run.
 */

import { assert, assertEquals } from "@std/assert";
import { chances } from "./chances.ts";
import { interopTest, type PythonSession } from "./peers.ts";

const crashes = Number(Deno.env.get("ZEO_CRASHES") ?? 10);
const seed = Number(Deno.env.get("ZEO_CRASH_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
/** A new file now and then, so that looking at it stays quick. */
const CRASHES_PER_FILE = 10;

interface Run {
  readonly acknowledged?: number;
  readonly error?: string;
}

interface Verdict {
  readonly wrong: string[];
  readonly last: string;
  readonly transactions: number;
}

await interopTest(`kill -9 loses nothing that was acknowledged, ${crashes} times`, async (peers) => {
  console.log(`ZEO_CRASH_SEED=${seed}`);
  const chance = chances(seed);
  const judge = peers.session();
  const clients: PythonSession[] = [peers.session(), peers.session(), peers.session(), peers.session()];
  let acknowledged = 0;
  for (let crash = 0; crash < crashes; crash++) {
    const file = Math.floor(crash / CRASHES_PER_FILE);
    const folder = `${peers.folder}/${file}`;
    const logs = Object.fromEntries(
      clients.map((_, client) => [`${client}`, `${folder}/client${client}.log`]),
    );
    let owners: Record<string, string[]> = {}, after = "";
    if (crash % CRASHES_PER_FILE === 0) {
      await Deno.mkdir(folder);
    } else {
      ({ owners, after } = JSON.parse(await Deno.readTextFile(`${folder}/state.json`)));
    }
    const server = await peers.start({ msgpack: crash % 2 === 0 }, folder);
    const { address } = server;
    if (!after) owners = await judge.call("crashes.prepare", { address, clients: clients.length });
    const runs = clients.map((session, client) =>
      session.call<Run>("crashes.commit_until_lost", {
        ...{ address, client, log: logs[client], seed: Math.floor(chance.next().value * 2 ** 32) },
      })
    );
    await new Promise((resolve) => setTimeout(resolve, 150 + chance.next().value * 700));
    await server.kill();
    for (const run of await Promise.all(runs)) {
      assertEquals(run.error, undefined);
      acknowledged += run.acknowledged ?? 0;
    }
    const path = `${folder}/Data.fs`;
    const verdict = await judge.call<Verdict>("crashes.judge", { path, logs, owners, after });
    assertEquals(verdict.wrong, [], `crash ${crash} of seed ${seed}`);
    await Deno.writeTextFile(`${folder}/state.json`, JSON.stringify({ owners, after: verdict.last }));
  }
  assert(acknowledged > crashes, `only ${acknowledged} commits were acknowledged before ${crashes} crashes`);
  console.log(`${crashes} crashes, ${acknowledged} acknowledged commits`);
});

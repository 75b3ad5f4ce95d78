/**
 * Random histories on Python's server and on ours, through real Python clients: the same answers at every step, and the
 * same database afterwards.
 *
 * `ZEO_DIFFERENTIAL_HISTORIES` says how many (default 200), `ZEO_DIFFERENTIAL_SEED` the first one's seed (default 1).
 * A difference is told with its seed, the step, both answers, and the fewest steps that still show it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { encodings, interopTest, type Peers, type PythonSession } from "./peers.ts";

/** Histories that one pair of servers gets: each has a storage of its own. */
const BATCH = 40;

/** What histories contain beyond records, conflicts and undo. */
const FEATURES = ["blobs", "pack"];

interface Difference {
  readonly seed: number;
  readonly level: string;
  readonly steps: number;
  readonly told: readonly [what: string, path: string, ours: string, theirs: string];
}

function numberFrom(name: string, otherwise: number): number {
  const text = Deno.env.get(name) ?? String(otherwise);
  if (!/^\d+$/.test(text)) throw new Error(`${name} ${JSON.stringify(text)}: expected a number`);
  return Number(text);
}

/** Two servers on new folders, ours and Python's, with the same storages. */
async function pair(peers: Peers, name: string, count: number, msgpack: boolean) {
  const names = Array.from({ length: count }, (_, number) => `s${number}`);
  const folders = ["ours", "theirs", "clients"].map((end) => `${peers.folder}/${name}-${end}`);
  for (const folder of folders) await Deno.mkdir(folder);
  const start = async (kind: "ours" | "runzeo", folder: string) => {
    const sections = names.map((name) => {
      const keys = [`path ${folder}/${name}.fs`, `blob-dir ${folder}/${name}.blobs`];
      return `<filestorage ${name}>\n  ${keys.join("\n  ")}\n</filestorage>`;
    });
    return await peers.start({ kind, msgpack, storages: sections.join("\n") }, folder);
  };
  const ours = await start("ours", folders[0]), theirs = await start("runzeo", folders[1]);
  return {
    ours,
    theirs,
    names,
    folders: folders.slice(0, 2),
    folder: folders[2],
    addresses: [ours.address, theirs.address],
  };
}

async function shrunk(peers: Peers, python: PythonSession, seed: number, msgpack: boolean): Promise<unknown> {
  const { ours, theirs, names, folder, addresses } = await pair(peers, `shrink-${seed}`, 30, msgpack);
  try {
    return await python.call("differential.shrink", { addresses, names, folder, seed, features: FEATURES });
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
  }
}

function report({ seed, level, steps, told: [what, path, ours, theirs] }: Difference): string {
  const cut = (text: string) => text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
  return [
    `seed ${seed} (${level}, ${steps} steps)`,
    `  ${cut(what)}`,
    `  at ${path || "its answer"}`,
    `  ours:   ${cut(ours)}`,
    `  runzeo: ${cut(theirs)}`,
  ].join("\n");
}

await interopTest(
  "random histories leave the same database behind as with Python's server",
  async (peers) => {
    const histories = numberFrom("ZEO_DIFFERENTIAL_HISTORIES", 200);
    const seed = numberFrom("ZEO_DIFFERENTIAL_SEED", 1);
    console.log(`${histories} histories, seeds from ${seed} (ZEO_DIFFERENTIAL_SEED)`);
    const python = peers.session();
    for (let done = 0; done < histories; done += BATCH) {
      const { name, msgpack } = encodings[(done / BATCH) % encodings.length];
      const count = Math.min(BATCH, histories - done);
      const { ours, theirs, names, folders, folder, addresses } = await pair(
        peers,
        `${done}`,
        count,
        msgpack,
      );
      const differences = await python.call<Difference[]>("differential.run", {
        ...{ addresses, names, folder, seed: seed + done, features: FEATURES },
      }, 600_000);
      for (const difference of differences) console.error(report(difference));
      if (differences.length > 0) {
        const least = await shrunk(peers, python, differences[0].seed, msgpack);
        console.error(`least steps (${name}): ${JSON.stringify(least, null, 1)}`);
      }
      assertEquals(differences.map(({ seed }) => seed), [], "seeds of histories that differ");
      assertEquals((await ours.stop()).code, 0);
      await theirs.stop();
      const pairs = names.map((name) => folders.map((folder) => `${folder}/${name}.fs`));
      assertEquals(await python.call("differential_files.compare", { pairs }), [], "files that differ");
    }
  },
);

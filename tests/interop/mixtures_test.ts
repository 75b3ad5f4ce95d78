/**
 * `kill -9` of the server at random moments while three Python clients commit, undo and store blobs, and a fourth packs
 * in a loop: what was acknowledged is there, or is what a pack takes away; what was not is there as a whole or not at
 * all; each pack has taken place or has not. Python's own FileStorage looks at what is left.
 *
 * `ZEO_CRASHES` says how often (default 6), `ZEO_CRASH_SEED` repeats the moments of an earlier run.
 */

import { assert, assertEquals } from "@std/assert";
import { interopTest, type Peers, type Server } from "./peers.ts";
import { chances } from "./chances.ts";

const crashes = Number(Deno.env.get("ZEO_CRASHES") ?? 6);
const seed = Number(Deno.env.get("ZEO_CRASH_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
/** New files now and then, so that looking at them stays quick. */
const CRASHES_PER_FOLDER = 10;
const WORKERS = ["one", "two", "three"];
/** What the server may be doing when it is killed, by a file that it has then; the empty one is anything. */
const MOMENTS = ["", "", "Data.fs.pack", "blobs/.removed", ".placing"];

interface Verdict {
  readonly wrong: string[];
  /** How many transactions are there that were never acknowledged. */
  readonly found: number;
  /** Whether a pack was interrupted, and whether it has taken place all the same. */
  readonly interrupted: boolean;
  readonly packed: boolean;
  /** Whether the last pack has not seen all transactions with ids before its moment. */
  readonly unseen: boolean;
}

/** The database and the notes of one folder. */
class Files {
  readonly folder: string;
  readonly logs: Record<string, string>;
  readonly packer: string;
  readonly #keepOld: boolean;

  constructor(folder: string, keepOld: boolean) {
    this.folder = folder;
    this.logs = Object.fromEntries(WORKERS.map((client) => [client, `${folder}/${client}.log`]));
    this.packer = `${folder}/packer.log`;
    this.#keepOld = keepOld;
  }

  get notes() {
    return { folder: this.folder, logs: this.logs, packer: this.packer };
  }

  serve(peers: Peers, msgpack: boolean): Promise<Server> {
    const { folder } = this;
    const keys = [`path ${folder}/Data.fs`, `blob-dir ${folder}/blobs`, `pack-keep-old ${this.#keepOld}`];
    const storages = `<filestorage>\n  ${keys.join("\n  ")}\n</filestorage>`;
    return peers.start({ msgpack, storages }, folder);
  }

  /** Waits until the server does something, a second at most. */
  async until(moment: string): Promise<void> {
    const end = performance.now() + 1000;
    while (!this.#shows(moment) && performance.now() < end) await pause(1);
  }

  #shows(moment: string): boolean {
    if (moment === ".placing") {
      return [...Deno.readDirSync(`${this.folder}/blobs/tmp`)].some(({ name }) => name.endsWith(moment));
    }
    try {
      Deno.statSync(`${this.folder}/${moment}`);
      return true;
    } catch {
      return moment === "";
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

await interopTest(
  `kill -9 of commits, undos, blobs and packs loses nothing that was acknowledged, ${crashes} times`,
  async (peers) => {
    console.log(`ZEO_CRASH_SEED=${seed}`);
    const chance = chances(seed);
    const judge = peers.session(), packer = peers.session();
    const workers = WORKERS.map((client) => ({ client, session: peers.session() }));
    const totals: Record<string, number> = { upload: 0, undo: 0, pack: 0, numbers: 0 };
    let files!: Files, server: Server | undefined;
    for (let crash = 0; crash < crashes; crash++) {
      const context = `crash ${crash} of seed ${seed}`;
      const count = (what: string, by: number) => totals[what] = (totals[what] ?? 0) + by;
      const msgpack = crash % 2 === 0;
      if (crash % CRASHES_PER_FOLDER === 0) {
        await server?.kill();
        const number = crash / CRASHES_PER_FOLDER;
        files = new Files(`${peers.folder}/${number}`, number % 2 === 0);
        await Deno.mkdir(files.folder);
        server = await files.serve(peers, msgpack);
        await judge.call("mixtures.prepare", { address: server.address, logs: files.logs });
      }
      const { address } = server!;
      const clients = [{ client: null, session: packer }, ...workers];
      const differences = clients.map(({ client, session }) => {
        const log = client === null ? files.packer : files.logs[client];
        const cache = client && `${files.folder}/cache-${client}-${crash}`;
        return session.call("mixtures.connect", { address, client, log, cache });
      });
      for (const found of await Promise.all(differences)) assertEquals(found, {}, context);
      let killed = false;
      const runs = clients.map(async ({ client, session }) => {
        const work = client === null ? "pack" : "work";
        const seed = Math.floor(chance.next().value * 2 ** 32);
        const acknowledged = await session.call<Record<string, number>>(`mixtures.${work}_until_lost`, {
          seed,
        });
        assert(killed, `a client has ended before the server was killed, ${context}`);
        return acknowledged;
      });
      const all = Promise.all(runs);
      const moment = MOMENTS[Math.floor(chance.next().value * MOMENTS.length)];
      await Promise.race([all, pause(50 + chance.next().value * 700)]);
      await files.until(moment);
      await pause(chance.next().value * 20);
      killed = true;
      await server!.kill();
      for (const acknowledged of await all) {
        for (const [kind, times] of Object.entries(acknowledged)) count(kind, times);
      }
      const verdict = await judge.call<Verdict>("mixtures_judge.judge", files.notes);
      assertEquals(verdict.wrong, [], context);
      count("found without an answer", verdict.found);
      count("packs interrupted", Number(verdict.interrupted));
      count("of these packed", Number(verdict.packed));
      count("packs that came between an id and its transaction", Number(verdict.unseen));
      server = await files.serve(peers, msgpack);
      assertEquals(await judge.call("mixtures_judge.swept", { folder: files.folder }), [], context);
    }
    const [{ client, session }] = workers, { address } = server!;
    const last = { address, client, log: files.logs[client], cache: `${files.folder}/cache` };
    assertEquals(await session.call("mixtures.connect", last), {});
    await session.call("mixtures.some_of_each", { packer: files.packer });
    assertEquals((await server!.stop()).code, 0);
    const { truth, ...faults } = await judge.call<Record<string, number>>(
      "mixtures_judge.falsified",
      files.notes,
    );
    assertEquals(truth, 0);
    for (const [fault, found] of Object.entries(faults)) assert(found > 0, `${fault}: nothing was noticed`);
    for (const kind of ["numbers", "upload", "undo", "pack"]) assert(totals[kind] > 0, `no ${kind}`);
    console.log(`${crashes} crashes, acknowledged: ${JSON.stringify(totals)}`);
  },
);

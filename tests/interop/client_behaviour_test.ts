/**
 * What every storage has to do, done by our client on Python's server: one server, with a storage of its own for each
 * test.
 */

import { client, type ClientStorage } from "../../client.ts";
import { type Kind, kinds } from "../storage/behaviour/kinds.ts";
import { type Environment, prepareEnvironment } from "./peers.ts";

/** Storages that the server has: as many as there are folders in all tests together, and then some. */
const STORAGES = 120;

/** Python's server with all its storages, and which test has which. Nothing of it is read: tests would be blamed for that. */
class Storages {
  readonly #given = new Map<string, string>();
  #folder = "";
  #port = 0;
  #server?: Deno.ChildProcess;

  async start({ programs }: Environment): Promise<void> {
    this.#folder = await Deno.makeTempDir({ prefix: "zeo-" });
    this.#port = freePort();
    const zeo = `<zeo>\n  address 127.0.0.1:${this.#port}\n  msgpack true\n</zeo>`;
    const sections = Array.from(
      { length: STORAGES },
      (_, i) => `<filestorage s${i}>\n  path ${this.#folder}/${i}.fs\n</filestorage>`,
    );
    const path = `${this.#folder}/zeo.conf`;
    await Deno.writeTextFile(path, [zeo, ...sections, ""].join("\n"));
    const [stdin, stdout, stderr] = ["null", "null", "null"] as const;
    this.#server = new Deno.Command(`${programs}/runzeo`, { args: ["-C", path], stdin, stdout, stderr })
      .spawn();
    await (await client(this.#port, { storage: "s0", disconnectPoll: 0.05 })).close();
  }

  async stop(): Promise<void> {
    this.#server?.kill("SIGTERM");
    await this.#server?.status;
    if (this.#folder) await Deno.remove(this.#folder, { recursive: true });
  }

  /** Connects to the storage that stands for a folder. */
  async open(folder: string, readOnly: boolean): Promise<ClientStorage> {
    if (!this.#given.has(folder)) {
      if (this.#given.size === STORAGES) throw new Error(`more than ${STORAGES} storages`);
      this.#given.set(folder, `s${this.#given.size}`);
    }
    return await client(this.#port, { storage: this.#given.get(folder), readOnly });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function findEnvironment(): Promise<Environment | null> {
  try {
    return await prepareEnvironment();
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    console.warn(`tests/interop: not run here, for want of Python and its packages: ${error}`);
    return null;
  }
}

const environment = await findEnvironment();
if (environment) {
  const storages = new Storages();
  const runzeo: Kind = {
    name: "FileStorage of Python's server, through a client",
    deletes: true,
    restores: true,
    undoes: true,
    iterates: true,
    collects: true,
    durable: true,
    remote: true,
    oneAtATime: true,
    ownClock: true,
    open: (folder, { readOnly = false }) => storages.open(folder, readOnly),
  };
  kinds.splice(0, kinds.length, runzeo);
  Deno.test.beforeAll(() => storages.start(environment));
  Deno.test.afterAll(() => storages.stop());
  for (const name of ["commit", "conflict", "concurrency", "iteration", "load", "recovery", "undo"]) {
    await import(`../storage/behaviour/${name}_test.ts`);
  }
}

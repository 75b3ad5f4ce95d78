/**
 * A crowd: a thousand clients are connected to one server, some read, some commit, the others only hear of it.
 *
 * ```sh
 * deno task crowd [--seconds N] [--clients N] [--readers N] [--committers N] [--json]
 * ```
 *
 * Ends with exit code 1 when a call failed, a client missed a transaction, or the server's memory grew after the first
 * half by more than a tenth.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ClientStorage } from "../client.ts";
import { MAX_TID, NO_TID, type Oid, type Tid } from "../values/mod.ts";

const OBJECTS = 10_000;
const RECORD = new Uint8Array(500).fill(120);
const METADATA = { user: new Uint8Array(), description: new Uint8Array(), extension: new Uint8Array() };

const help =
  `Connects many clients to one server, lets some read and some commit, and looks at the server's memory.

deno task crowd [--seconds N] [--clients N] [--readers N] [--committers N] [--json]

  --seconds N     how long; default 60
  --clients N     how many are connected; default 1000
  --readers N     how many of them read all the time; default 100
  --committers N  how many of them commit all the time; default 16
  --json          print the numbers as JSON
  --help          print this`;

/** A server in a process of its own, with a new database. */
class ServerProcess implements AsyncDisposable {
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(process: Deno.ChildProcess, folder: string, port: number) {
    this.#process = process;
    this.#folder = folder;
    this.port = port;
  }

  static async start(): Promise<ServerProcess> {
    const folder = await Deno.makeTempDir({ prefix: "zeo-crowd-" });
    const conf = `${folder}/zeo.conf`;
    // The record cache is full before the end of the warm-up: what grows after that is not the cache.
    await Deno.writeTextFile(
      conf,
      `<zeo>\naddress 127.0.0.1:0\nmsgpack true\n</zeo>\n` +
        `<filestorage>\npath ${folder}/Data.fs\nrecord-cache-size 8MB\n</filestorage>\n` +
        `<eventlog>\nlevel error\n<logfile>\npath STDERR\n</logfile>\n</eventlog>\n`,
    );
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net", "--allow-read", "--allow-write", "server.ts", "-C", conf],
      cwd: new URL("../", import.meta.url).pathname,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let told = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      told += text;
      const found = /^listening on .*:(\d+)$/m.exec(told);
      if (found) return new ServerProcess(process, folder, Number(found[1]));
    }
    throw new Error(`the server ended: ${told}`);
  }

  /** Resident memory in MiB. */
  memory(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#process.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function commit(storage: ClientStorage, changes: readonly (readonly [Oid, Tid])[]): Promise<Tid> {
  const transaction = storage.begin(METADATA);
  for (const [oid, serial] of changes) transaction.store(oid, serial, RECORD);
  await transaction.vote();
  return await transaction.finish();
}

function percentile(times: number[], part: number): number {
  times.sort((a, b) => a - b);
  return times[Math.min(Math.floor(times.length * part), times.length - 1)];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      clients: { type: "string", default: "1000" },
      readers: { type: "string", default: "100" },
      committers: { type: "string", default: "16" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [seconds, clients, readers, committers] = [
    values.seconds,
    values.clients,
    values.readers,
    values.committers,
  ]
    .map(Number);
  await using server = await ServerProcess.start();
  const crowd: ClientStorage[] = [];
  for (let number = 0; number < clients; number++) {
    crowd.push(new ClientStorage(server.port, { cacheSize: 1 << 16, clientLabel: `crowd-${number}` }));
    // A few at a time, as the queue of connections that nobody has accepted yet is short.
    if (number % 50 === 49) await Promise.all(crowd.slice(-50).map(({ ready }) => ready));
  }
  await Promise.all(crowd.map(({ ready }) => ready));
  const oids = Array.from({ length: OBJECTS }, (_, number) => BigInt(number + 1) as Oid);
  await commit(crowd[0], oids.map((oid) => [oid, NO_TID]));
  const loads: number[] = [], commits: number[] = [], failures: unknown[] = [];
  const end = performance.now() + seconds * 1000;
  const repeat = async (times: number[], work: () => Promise<unknown>) => {
    while (performance.now() < end) {
      const start = performance.now();
      try {
        await work();
        times.push(performance.now() - start);
      } catch (error) {
        failures.push(error);
        return;
      }
    }
  };
  const work = [
    ...crowd.slice(0, readers).map((storage) =>
      repeat(loads, async () => await storage.loadBefore(oids[Math.floor(Math.random() * OBJECTS)], MAX_TID))
    ),
    ...crowd.slice(readers, readers + committers).map(async (storage, number) => {
      const oid = oids[number];
      let serial = await storage.getTid(oid);
      await repeat(commits, async () => serial = await commit(storage, [[oid, serial]]));
    }),
  ];
  const memory: number[] = [];
  const sampler = setInterval(() => memory.push(server.memory()), 500);
  await Promise.all(work);
  clearInterval(sampler);
  const last = crowd.map((storage) => storage.lastTransaction()).reduce((a, b) => a > b ? a : b);
  const patience = performance.now() + 10_000;
  const late = () => crowd.filter((storage) => storage.lastTransaction() !== last).length;
  while (late() > 0 && performance.now() < patience) await new Promise((resolve) => setTimeout(resolve, 10));
  const half = memory.slice(Math.floor(memory.length / 2));
  const grown = Math.max(...half.slice(-4)) / Math.max(...half.slice(0, 4)) - 1;
  const result = {
    clients,
    readers,
    committers,
    seconds,
    failures: failures.length,
    late: late(),
    loadsPerSecond: Math.round(loads.length / seconds),
    loadP50: percentile(loads, 0.5),
    loadP99: percentile(loads, 0.99),
    commitsPerSecond: Math.round(commits.length / seconds),
    commitP50: percentile(commits, 0.5),
    commitP99: percentile(commits, 0.99),
    serverMemory: { warm: half[0], end: memory.at(-1), most: Math.max(...memory), grown },
  };
  await Promise.all(crowd.map((storage) => storage.close()));
  if (values.json) console.log(JSON.stringify(result));
  else console.log(result);
  for (const failure of failures.slice(0, 5)) console.error(failure);
  return failures.length > 0 || result.late > 0 || grown > 0.1 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());

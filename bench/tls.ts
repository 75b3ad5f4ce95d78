/**
 * What TLS costs: loads a second of 100,000 objects of 0.5 KB, in random order, on 4 connections with 64 loads
 * outstanding each, plain and with TLS, in turns.
 *
 * deno task bench:tls [--seconds N] [--rounds N] [--json]
 *
 * The server is a process of its own with both kinds of listener. What it burns of its processor is told, too: that
 * comparison holds where the generator, here, is what is saturated.
 *
 * @module
 */

import { type Address, connect, Framer, msgpackCodec, Output, type Transport } from "../protocol/mod.ts";
import { StorageServer } from "../server/mod.ts";
import { FileStorage } from "../storage/mod.ts";
import { MAX_TID, NO_TID, oid, oidBytes, tidBytes } from "../values/mod.ts";
import { readArguments } from "./arguments.ts";
import { median } from "./main.ts";

const HELP = `What TLS costs the server: loads a second, plain and with TLS, in turns.

deno task bench:tls [--seconds N] [--rounds N] [--json]

  --seconds N  how long each measurement takes; default 3
  --rounds N   how often all of them are taken, the numbers shown are medians, those of ratios too; default 3
  --json       print the numbers as JSON
  --help       print this`;

const CONNECTIONS = 4;
const OUTSTANDING = 64;
const OBJECTS = 100_000;
const SIZE = 512;

const fixtures = new URL("../tests/fixtures/tls/", import.meta.url);
const pem = (name: string) => Deno.readTextFileSync(new URL(name, fixtures));

const options = {
  certificate: pem("webserver.pem"),
  key: pem("webserver.key"),
  authenticate: pem("client.pem"),
};

async function storage(path: string): Promise<FileStorage> {
  const storage = FileStorage.open(path);
  const nothing = new Uint8Array();
  const transaction = storage.begin({ user: nothing, description: nothing, extension: nothing });
  for (let id = 0; id < OBJECTS; id++) {
    transaction.store(oid(id), NO_TID, crypto.getRandomValues(new Uint8Array(SIZE)));
  }
  await transaction.vote();
  await transaction.finish();
  return storage;
}

/** The server's process: says where it listens, and ends with its standard input. */
async function serve(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  const plain = await StorageServer.start({
    address,
    msgpack: true,
    storages: new Map([["1", await storage(`${folder}/plain.fs`)]]),
  });
  const secure = await StorageServer.start({
    ...{ address, msgpack: true, tls: options },
    storages: new Map([["1", await storage(`${folder}/secure.fs`)]]),
  });
  console.log(JSON.stringify([plain.address, secure.address]));
  await Deno.stdin.read(new Uint8Array(1));
  await plain.close();
  await secure.close();
  await Deno.remove(folder, { recursive: true });
}

/** A connection that always has the same number of loads under way. */
class Loader {
  loads = 0;
  readonly #transport: Transport;
  readonly #framer = new Framer(64 << 20);
  readonly #request: Uint8Array;

  constructor(transport: Transport) {
    this.#transport = transport;
    const out = new Output();
    const start = out.beginFrame();
    msgpackCodec.encode(out, 1, false, "loadBefore", [oidBytes(oid(0)), tidBytes(MAX_TID)]);
    out.endFrame(start);
    this.#request = out.bytes.slice(0, out.length);
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#transport.write(bytes.subarray(sent));
  }

  /** Waits for `least` messages or more, and says how many. */
  async receive(least: number): Promise<number> {
    for (let count = 0;;) {
      while (this.#framer.next()) count++;
      if (count >= least) return count;
      const read = await this.#transport.read(this.#framer.space());
      if (read === null) throw new Error("the server has closed the connection");
      this.#framer.filled(read);
    }
  }

  /**
   * Loads until a moment. The next requests are sent when all that were outstanding are answered: a read returns one
   * TLS record at most, and whoever answers each of them with requests of its own compares small batches with large
   * ones instead of TLS with plain text.
   */
  async run(until: number): Promise<void> {
    const length = this.#request.length;
    while (performance.now() < until) {
      const requests = new Uint8Array(OUTSTANDING * length);
      for (let i = 0; i < OUTSTANDING; i++) {
        requests.set(this.#request, i * length);
        const id = Math.floor(Math.random() * OBJECTS);
        requests[i * length + this.#oidAt + 5] = id >> 16;
        requests[i * length + this.#oidAt + 6] = id >> 8;
        requests[i * length + this.#oidAt + 7] = id;
      }
      await this.send(requests);
      this.loads += await this.receive(OUTSTANDING);
    }
    this.#transport.close();
  }

  /** The oid and the transaction id are the last of a request, each behind two bytes. */
  get #oidAt(): number {
    return this.#request.length - 18;
  }
}

/** Not `connect`: the runtime's own is cheaper, and it is the server that is to be measured. */
async function connectSecurely(address: Address): Promise<Transport> {
  if (address.transport === "unix") throw new TypeError("expected a TCP port");
  return await Deno.connectTls({
    ...{ hostname: "localhost", port: address.port, caCerts: [pem("authority.pem")] },
    ...{ cert: pem("client.pem"), key: pem("client.key") },
  });
}

async function loader(address: Address, secure: boolean): Promise<Loader> {
  const loader = new Loader(secure ? await connectSecurely(address) : await connect(address));
  await loader.receive(1);
  const out = new Output();
  const hello = out.beginFrame();
  out.append(new TextEncoder().encode("M5"));
  out.endFrame(hello);
  const register = out.beginFrame();
  msgpackCodec.encode(out, 1, false, "register", ["1", false]);
  out.endFrame(register);
  await loader.send(out.bytes.slice(0, out.length));
  await loader.receive(1);
  return loader;
}

/** Processor time that a process has used, in seconds; on Linux. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(
  address: Address,
  secure: boolean,
  seconds: number,
  pid: number,
): Promise<[number, number]> {
  const loaders: Loader[] = [];
  for (let i = 0; i < CONNECTIONS; i++) loaders.push(await loader(address, secure));
  const [begin, before] = [performance.now(), await processorTime(pid)];
  await Promise.all(loaders.map((loader) => loader.run(begin + seconds * 1000)));
  const loads = loaders.reduce((sum, loader) => sum + loader.loads, 0);
  const elapsed = (performance.now() - begin) / 1000;
  return [loads / elapsed, (await processorTime(pid) - before) / loads * 1e6];
}

const KINDS = ["plain", "TLS"] as const;

/** What was measured: loads a second, and microseconds of the server's processor for each. */
interface Round {
  readonly perSecond: number;
  readonly cost: number;
}

async function main(): Promise<void> {
  const { seconds, rounds, json } = readArguments(HELP);
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.url, "serve"],
    ...{ stdin: "piped", stdout: "piped" },
  }).spawn();
  const reader = server.stdout.getReader();
  const said = new TextDecoder().decode((await reader.read()).value);
  const [plain, secure]: Address[] = JSON.parse(said);
  const run = async (kind: typeof KINDS[number], time: number): Promise<Round> => {
    const [perSecond, cost] = kind === "TLS"
      ? await measure(secure, true, time, server.pid)
      : await measure(plain, false, time, server.pid);
    return { perSecond, cost };
  };
  for (const kind of KINDS) await run(kind, 0.5);
  const results: Record<typeof KINDS[number], Round[]> = { plain: [], TLS: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) results[kind].push(await run(kind, seconds));
  }
  await server.stdin.close();
  await server.status;
  await reader.cancel();
  const ratio = median(results.TLS.map(({ perSecond }, i) => perSecond / results.plain[i].perSecond));
  if (json) return console.log(JSON.stringify({ ...results, ratio }));
  for (const kind of KINDS) {
    const loads = median(results[kind].map(({ perSecond }) => perSecond)).toFixed(0);
    const cost = median(results[kind].map(({ cost }) => cost)).toFixed(2);
    console.log(`${kind.padEnd(5)} ${loads.padStart(8)} loads/s  ${cost} µs of the server each`);
  }
  console.log(`TLS/plain ${ratio.toFixed(2)}`);
}

await (Deno.args[0] === "serve" ? serve() : main());

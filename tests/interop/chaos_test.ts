/**
 * Clients are killed, stopped and cut off in the middle of messages, some don't read, and the server is restarted, gently
 * and not. In the end every client that is left sees what the database has, and nobody holds on to anything.
 *
 * `ZEO_CHAOS_SECONDS` says how long (default 10), `ZEO_CHAOS_SEED` repeats the chances of an earlier run.
 */

import { assert, assertEquals } from "@std/assert";
import { encodeMsgpack, Output } from "../../protocol/mod.ts";
import { chances } from "./chances.ts";
import { Network } from "./network.ts";
import { type Address, interopTest, type Peers, type PythonSession, type Server } from "./peers.ts";

const seconds = Number(Deno.env.get("ZEO_CHAOS_SECONDS") ?? 10);
const seed = Number(Deno.env.get("ZEO_CHAOS_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const ACCOUNTS = 12;
const CLIENTS = 5;

interface Client {
  readonly session: PythonSession;
  readonly run: Promise<Record<string, number> | undefined>;
  killed: boolean;
}

/** A client that has connected and said who it is, and then never reads; or that stops within a message. */
class Rude implements Disposable {
  readonly #conn: Deno.Conn;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async connect([hostname, port]: readonly [string, number], last: Uint8Array): Promise<Rude> {
    const conn = await Deno.connect({ hostname, port });
    const register = new Output(64);
    encodeMsgpack(register, [0, false, "register", ["1", false]]);
    await conn.write(frame(new TextEncoder().encode("M5")));
    await conn.write(frame(register.bytes.slice(0, register.length)));
    await conn.write(last);
    return new Rude(conn);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + message.length);
  new DataView(bytes.buffer).setUint32(0, message.length);
  bytes.set(message, 4);
  return bytes;
}

/** The start of a message that never goes on. */
const HALF = frame(new Uint8Array(1000)).slice(0, 100);

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Everything that can go wrong, and does. */
class Chaos implements AsyncDisposable {
  readonly happened: Record<string, number> = {};
  readonly clients: Client[] = [];
  server!: Server;
  readonly #peers: Peers;
  readonly #chance = chances(seed);
  readonly #network: Network;
  readonly #end = performance.now() + seconds * 1000;
  readonly #rude: Rude[] = [];
  #address!: Address;

  constructor(peers: Peers) {
    this.#peers = peers;
    this.#network = new Network(() => this.#address, chances(seed + 1), { splits: true, delay: 2 });
  }

  async serve(): Promise<void> {
    const options = { address: this.#address, zeo: { "transaction-timeout": 2 } };
    this.server = await this.#peers.start(options);
    this.#address = this.server.address;
  }

  /** Starts a client; every other one is behind the network. */
  start(number: number): void {
    const session = this.#peers.session();
    const address = number % 2 === 0 ? this.#address : this.#network.address;
    const run = session.call<Record<string, number>>("chaos.run", {
      address,
      seed: Math.floor(this.#next() * 2 ** 32),
      seconds: Math.max((this.#end - performance.now()) / 1000, 1),
    }, seconds * 1000 + 120_000);
    const client: Client = {
      session,
      killed: false,
      run: run.catch((error) => {
        if (client.killed) return undefined;
        throw error;
      }),
    };
    this.clients[number] = client;
  }

  async rage(): Promise<void> {
    const events = {
      kill: () => this.#kill(),
      freeze: () => this.#freeze(),
      cut: () => this.#network.cut(),
      stall: () => this.#stall(),
      deaf: () => this.#beRude(new Uint8Array(0)),
      half: () => this.#beRude(HALF),
      crash: () => this.#restart(() => this.server.kill()),
      restart: () => this.#restart(() => this.server.stop()),
    };
    const names = Object.keys(events) as (keyof typeof events)[];
    while (performance.now() < this.#end) {
      await pause(100 + this.#next() * 500);
      const name = names[Math.floor(this.#next() * names.length)];
      this.happened[name] = (this.happened[name] ?? 0) + 1;
      await events[name]();
    }
    this.#network.weather = {};
  }

  #kill(): void {
    const number = Math.floor(this.#next() * CLIENTS);
    const client = this.clients[number];
    client.killed = true;
    client.session.kill();
    this.start(number);
  }

  async #freeze(): Promise<void> {
    const { session } = this.clients[Math.floor(this.#next() * CLIENTS)];
    session.signal("SIGSTOP");
    // Longer than a transaction may take, now and then.
    await pause(this.#next() ** 3 * 3000);
    session.signal("SIGCONT");
  }

  async #stall(): Promise<void> {
    this.#network.stop();
    await pause(this.#next() * 1000);
    this.#network.resume();
  }

  async #beRude(last: Uint8Array): Promise<void> {
    this.#rude.push(await Rude.connect(this.#address as readonly [string, number], last));
  }

  async #restart(end: () => Promise<unknown>): Promise<void> {
    await end();
    await this.serve();
  }

  #next(): number {
    return this.#chance.next().value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rude of this.#rude) rude[Symbol.dispose]();
    await this.#network[Symbol.asyncDispose]();
  }
}

await interopTest(`after ${seconds} s of chaos every client sees what the database has`, async (peers) => {
  console.log(`ZEO_CHAOS_SEED=${seed}`);
  const judge = peers.session();
  await using chaos = new Chaos(peers);
  await chaos.serve();
  await judge.call("chaos.prepare", { address: chaos.server.address, accounts: ACCOUNTS });
  for (let number = 0; number < CLIENTS; number++) chaos.start(number);
  await chaos.rage();
  const done: Record<string, number> = {};
  for (const { run } of chaos.clients) {
    for (const [what, times] of Object.entries(await run ?? {})) done[what] = (done[what] ?? 0) + times;
  }
  const { address } = chaos.server;
  const truth = await judge.call<{ accounts: Record<string, [number, string]>; last: string }>(
    "chaos.truth",
    { address },
  );
  for (const { session } of chaos.clients) {
    assertEquals(await session.call("chaos.view", { last: truth.last }), truth.accounts);
  }
  const sum = Object.values(truth.accounts).reduce((sum, [amount]) => sum + amount, 0);
  assertEquals(sum, ACCOUNTS * 1000, "money was made or lost");
  assertEquals(await judge.call("chaos.claim", { address }), [0, 0, null], "somebody holds on to something");
  assert(done.transfers > 0 && done.audits > 0, JSON.stringify(done));
  console.log(`${JSON.stringify(chaos.happened)}, ${JSON.stringify(done)}`);
});

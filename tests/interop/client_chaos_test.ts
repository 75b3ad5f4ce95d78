/**
 * Our client over a network that cuts, delays, splits, duplicates, refuses and forgets, to servers of both makes that are
 * killed and restarted: nothing stale, nothing torn, nothing lost, nothing that hangs.
 *
 * `ZEO_CLIENT_CHAOS_SECONDS` says how long in all (default 16), `ZEO_CLIENT_CHAOS_SEED` repeats the chances of an earlier run;
 * `ZEO_INTEROP_SERVER` picks one make of server.
 */

import { assert, assertEquals } from "@std/assert";
import { NO_TID } from "../../values/mod.ts";
import { accounts, closeBank, History, openBank, type ToldHistory } from "./bank.ts";
import { chances } from "./chances.ts";
import { Network, type Weather } from "./network.ts";
import { type Address, encodings, interopTest, type Peers, type Server, type ServerKind } from "./peers.ts";
import { type Branch, Teller } from "./teller.ts";

const ACCOUNTS = accounts(12);
const chosen = Deno.env.get("ZEO_INTEROP_SERVER");
const kinds = (["ours", "runzeo"] satisfies ServerKind[]).filter((kind) => !chosen || kind === chosen);
const seconds = Number(Deno.env.get("ZEO_CLIENT_CHAOS_SECONDS") ?? 16) / (2 * kinds.length);
const seed = Number(Deno.env.get("ZEO_CLIENT_CHAOS_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

const BAD_WEATHER: Weather = { splits: true, delay: 1, cut: 0.002, refuse: 0.1, twin: 0.2 };

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Everything that happens to the network and the server. */
class Trouble implements AsyncDisposable {
  readonly happened: Record<string, number> = {};
  readonly network: Network;
  server!: Server;
  #address?: Address;
  readonly #chance = chances(seed);

  constructor(readonly peers: Peers, readonly kind: ServerKind, readonly msgpack: boolean) {
    this.network = new Network(() => this.#address!, chances(seed + 1), {});
  }

  async serve(): Promise<void> {
    const { kind, msgpack } = this;
    // A client that was away for some time has missed more than the server remembers.
    const zeo = { "transaction-timeout": 2, "invalidation-queue-size": 10 };
    this.server = await this.peers.start({ kind, msgpack, zeo, address: this.#address });
    this.#address = this.server.address;
  }

  async rage(end: number): Promise<void> {
    const { network } = this;
    const events = {
      cut: () => network.cut(),
      "cut some": () => network.cut(0.5),
      deaden: () => network.deaden(0.5),
      stall: async () => {
        network.stop();
        await pause(this.#next() * 800);
        network.resume();
      },
      crash: async () => {
        await this.server.kill();
        await this.serve();
      },
      restart: async () => {
        await this.server.end();
        await this.serve();
      },
      calm: () => pause(this.#next() * 300),
    };
    let deck: (keyof typeof events)[] = [];
    while (performance.now() < end) {
      network.weather = this.#next() < 0.7 ? BAD_WEATHER : {};
      await pause(50 + this.#next() * 450);
      if (deck.length === 0) deck = Object.keys(events) as (keyof typeof events)[];
      const [name] = deck.splice(Math.floor(this.#next() * deck.length), 1);
      this.happened[name] = (this.happened[name] ?? 0) + 1;
      await events[name]();
    }
    network.weather = {};
  }

  #next(): number {
    return this.#chance.next().value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
  }
}

for (const kind of kinds) {
  for (const { name, msgpack } of encodings) {
    await interopTest(
      `after ${seconds} s of a bad network and ${kind} restarting, all that clients saw and did is true, ${name}`,
      async (peers) => {
        console.log(`ZEO_CLIENT_CHAOS_SEED=${seed}`);
        await using trouble = new Trouble(peers, kind, msgpack);
        const { network } = trouble;
        await trouble.serve();
        await openBank(trouble.server.address as readonly [string, number], ACCOUNTS);
        const branch: Branch = { acknowledged: NO_TID };
        const common = {
          address: network.address as readonly [string, number],
          accounts: ACCOUNTS,
          branch,
        };
        const storage = { disconnectPoll: 0.05, waitTimeout: 3, heartbeat: 0.4 };
        const file = { ...storage, cache: `${peers.folder}/client.zec`, cacheSize: 1 << 18 };
        await using one = new Teller({ ...common, name: "one", seed: seed + 2, storage });
        await using tiny = new Teller({
          ...common,
          name: "tiny",
          seed: seed + 3,
          storage: { ...storage, cacheSize: 2000 },
        });
        await using kept = new Teller({
          ...common,
          name: "kept",
          seed: seed + 4,
          storage: file,
          reopens: 0.03,
        });
        const tellers = [one, tiny, kept];
        const end = performance.now() + seconds * 1000;
        await Promise.all([trouble.rage(end), ...tellers.map((teller) => teller.work(end))]);

        const last = await closeBank(trouble.server.address as readonly [string, number], ACCOUNTS);
        await Promise.all(tellers.map((teller) => teller.settle(last)));
        const views = await Promise.all(tellers.map((teller) => teller.view()));
        await trouble.server.end();
        const path = `${peers.folder}/Data.fs`;
        const history = History.of(await peers.session().call<ToldHistory>("bank.history", { path }));
        history.checkSum();
        const done: Record<string, number> = {};
        for (const [index, { name, statement }] of tellers.entries()) {
          history.check(name, statement);
          history.checkFollowed(name, statement);
          const { seen, kept, cached } = views[index];
          for (const [account, { tid }] of history.current) {
            assertEquals(seen.get(account), tid, `${name} sees ${account}`);
            assertEquals(cached.get(account) ?? tid, tid, `${name} has ${account} in its cache`);
            assertEquals(kept.get(account) ?? tid, tid, `${name} was not told that ${account} has changed`);
          }
          for (const [what, times] of Object.entries(statement.counts)) {
            done[what] = (done[what] ?? 0) + times;
          }
          done.reads = (done.reads ?? 0) + statement.reads.length;
          done.uncertain = (done.uncertain ?? 0) + statement.uncertain.size;
        }
        if (kind === "ours") assertEquals(done["went back"], undefined);
        assert(done.transfers > 0 && done.audits > 0, JSON.stringify(done));
        console.log(`${JSON.stringify(trouble.happened)}, ${JSON.stringify(done)}`);
      },
    );
  }
}

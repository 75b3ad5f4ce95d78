/**
 * Clients behind a network that breaks, and what has to be so all the same: nothing stale, nothing lost, nobody waits for ever.
 *
 * `ZEO_NETWORK_SECONDS` says for how long (default 2), `ZEO_NETWORK_SEED` repeats the chances of an earlier run.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { client, type ClientStorage } from "../../client.ts";
import {
  ClientDisconnected,
  ConflictError,
  NO_TID,
  oid,
  StorageTransactionError,
  type Tid,
  tid,
} from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { commit, nobody, randomNumbers, record, textAt, textOf } from "../storage/samples.ts";
import { within } from "./fake_server.ts";
import { pause, Proxy } from "./proxy.ts";

/** Pairs of objects; the numbers in the two of a pair are always the same. */
const PAIRS = [[1, 2], [3, 4]] as const;

/** One client, what it has done and what it has seen. */
class Worker {
  /** For each pair, how often it was counted up for sure. */
  readonly done = PAIRS.map(() => 0);
  /** The same where the connection was lost in the finish. */
  readonly unknown = PAIRS.map(() => 0);
  readonly changes: Tid[] = [];
  #seen: Tid = NO_TID;

  constructor(readonly storage: ClientStorage, readonly random: () => number) {}

  async work(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const pair = Math.floor(this.random() * PAIRS.length);
      try {
        if (this.random() < 0.5) await this.#look(pair);
        else await this.#count(pair);
      } catch (error) {
        const expected = error instanceof ClientDisconnected || error instanceof ConflictError ||
          error instanceof StorageTransactionError;
        if (!expected) throw error;
        await pause(this.random() * 3);
      }
    }
  }

  /** Hears of every transaction. */
  async follow(since: Tid, signal: AbortSignal): Promise<void> {
    try {
      for await (const { tid } of this.storage.changes(since, { signal })) this.changes.push(tid);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #look(pair: number): Promise<[number, Tid, Tid]> {
    const last = this.storage.lastTransaction();
    assert(last >= this.#seen, "the last transaction goes back");
    this.#seen = last;
    const moment = tid(last + 1n);
    const [one, two] = await Promise.all(
      PAIRS[pair].map(async (id) => (await this.storage.loadBefore(oid(id), moment))!),
    );
    assertEquals(textOf(one.data), textOf(two.data), "a transaction is seen whole");
    return [Number(textOf(one.data)), one.serial, two.serial];
  }

  async #count(pair: number): Promise<void> {
    const [number, ...serials] = await this.#look(pair);
    const transaction = this.storage.begin(nobody);
    PAIRS[pair].forEach((id, i) => transaction.store(oid(id), serials[i], record(`${number + 1}`)));
    try {
      await transaction.vote();
    } catch (error) {
      transaction.abort();
      throw error;
    }
    try {
      await transaction.finish();
      this.done[pair]++;
    } catch (error) {
      this.unknown[pair]++;
      throw error;
    }
  }
}

const milliseconds = 1000 * Number(Deno.env.get("ZEO_NETWORK_SECONDS") ?? 2);
const seed = Number(Deno.env.get("ZEO_NETWORK_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);

/** Works on an empty database of a server on this port, through a network that breaks, and looks at what came of it. */
export async function breakNetwork(port: number, folder: string): Promise<void> {
  console.log(`ZEO_NETWORK_SEED=${seed}`);
  const random = randomNumbers(seed);
  await using direct = await client(port);
  const first = await commit(direct, PAIRS.flat().map((id) => [id, NO_TID, "0"] as const));
  const told: Tid[] = [];
  using _watching = direct.on("invalidated", ({ tid }) => told.push(tid));
  await using proxy = new Proxy({ port, random, cut: 0.004 });
  const options = { disconnectPoll: 0.005, waitTimeout: 5 };
  const storages = await Promise.all(
    [1, 2, 3].map((number) =>
      client(proxy.port, number === 1 ? { ...options, cache: `${folder}/client.zec` } : options)
    ),
  );
  const workers = storages.map((storage) => new Worker(storage, random));
  const stopping = new AbortController();
  const following = workers.map((worker) => worker.follow(first, stopping.signal));
  const end = performance.now() + milliseconds;
  await Promise.all(workers.map((worker) => worker.work(() => performance.now() > end)));

  proxy.calm = true;
  await direct.ping();
  for (const [pair, [id]] of PAIRS.entries()) {
    const number = Number(await textAt(direct, id));
    const done = workers.reduce((sum, worker) => sum + worker.done[pair], 0);
    const unknown = workers.reduce((sum, worker) => sum + worker.unknown[pair], 0);
    assert(
      number >= done && number <= done + unknown,
      `${number}, for sure ${done}, perhaps ${unknown} more`,
    );
  }
  for (const { storage, changes } of workers) {
    await within(storage.ping(), "an answer");
    assertEquals(storage.lastTransaction(), direct.lastTransaction());
    for (const id of PAIRS.flat()) {
      assertEquals(await textAt(storage, id), await textAt(direct, id));
      assertEquals(await storage.getTid(oid(id)), await direct.getTid(oid(id)));
    }
    await until(() => changes.at(-1) === told.at(-1), "all changes");
    assertEquals(changes, told);
  }
  assert(proxy.cuts > 0, "no connection was broken");
  stopping.abort();
  await within(Promise.all(following), "the end of the changes");
  for (const storage of storages) await storage.close();
}

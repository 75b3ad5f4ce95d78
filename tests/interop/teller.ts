/**
 * A client of the bank: some tasks that share a `ClientStorage`, move money, look at all accounts at one moment, and
 * follow what is committed. It says what it has seen and done; what can't be right at once is an error at once.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type ClientOptions, ClientStorage } from "../../client.ts";
import type { Loaded } from "../../storage/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  NO_TID,
  type Oid,
  StorageTransactionError,
  type Tid,
  tid as asTid,
} from "../../values/mod.ts";
import { accountRecord, amountOf, START, Statement } from "./bank.ts";
import { chances } from "./chances.ts";
import { KeptObjects } from "./kept_objects.ts";

/** No call may take longer than this, ms. */
const PATIENCE = 30_000;

/** What several tellers in one process know of each other. */
export interface Branch {
  /** The last transaction whose `finish` has answered, whoever's it was. */
  acknowledged: Tid;
}

/** How a teller works. */
export interface TellerOptions {
  readonly name: string;
  readonly address: readonly [hostname: string, port: number];
  readonly accounts: readonly Oid[];
  readonly seed: number;
  /** How its storage is opened, again and again. */
  readonly storage: ClientOptions;
  /** How likely it closes its storage and opens it again, after a step. */
  readonly reopens?: number;
  readonly branch?: Branch;
}

/** Waits for something, which must not take for ever. */
export async function within<T>(what: string, promise: PromiseLike<T> | T, patience = PATIENCE): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what}: hangs for ${patience} ms`)), patience);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** See the module. */
export class Teller implements AsyncDisposable {
  readonly statement: Statement = new Statement();
  readonly name: string;
  readonly #options: TellerOptions;
  readonly #chance: Generator<number, never>;
  #storage!: ClientStorage;
  #kept!: KeptObjects;
  #followed: Tid = NO_TID;
  #following!: Promise<void>;
  #reopening?: Promise<void>;
  #transfers = 0;
  #last: Tid = NO_TID;
  #resets = 0;
  #over = false;

  constructor(options: TellerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#chance = chances(options.seed);
    this.#open();
  }

  #open(): void {
    const { address: [hostname, port], storage } = this.#options;
    this.#storage = new ClientStorage({ hostname, port }, storage);
    this.#kept = new KeptObjects(this.#storage, this.statement);
    this.#storage.observe(this.#kept);
    this.#following = this.#follow(this.#storage);
    // It is awaited when the storage is closed.
    this.#following.catch(() => {});
  }

  /** Works until a moment of `performance.now()`. */
  async work(end: number): Promise<void> {
    const task = async (step: () => Promise<void>) => {
      while (performance.now() < end && !this.#over) {
        try {
          await this.#reopening;
          if (this.#storage.lastTransaction() === NO_TID) {
            await within("the first connection", this.#storage.ready);
          }
          await step();
        } catch (error) {
          const what = error instanceof ClientDisconnected ||
              // Python's server may close its storage while it still answers.
              error instanceof Error && /^builtins.ValueError: .*closed/.test(error.message)
            ? "lost"
            : error instanceof ConflictError
            ? "conflicts"
            : error instanceof StorageTransactionError
            ? `given up: ${error.message}`
            : undefined;
          if (!what) {
            this.#over = true;
            throw error;
          }
          this.statement.count(what);
        }
        assertEquals(this.#kept.wrong, [], this.name);
        await pause(this.#next() * 4);
      }
    };
    await Promise.all([
      task(() => this.#transfer()),
      task(() => this.#transfer()),
      task(() => this.#audit()),
      task(() => this.#look()),
    ]);
  }

  async #transfer(): Promise<void> {
    const storage = this.#storage, kept = this.#kept, before = this.#moment(storage);
    const [giver, taker, other] = this.#shuffled();
    const [from, to, third] = await within(
      "loads before a transfer",
      Promise.all([giver, taker, other].map((oid) => this.#load(storage, oid, before))),
    );
    const sum = 1 + Math.floor(this.#next() * 9), note = `${this.name}-${++this.#transfers}`;
    const changes = new Map([[giver, amountOf(from.data) - sum], [taker, amountOf(to.data) + sum]]);
    const description = new TextEncoder().encode(note);
    const transaction = storage.begin({
      user: new Uint8Array(),
      description,
      extension: new Uint8Array(),
    });
    let finishing = false;
    try {
      for (const [oid, serial] of [[giver, from.serial], [taker, to.serial]] as const) {
        transaction.store(oid, serial, accountRecord(changes.get(oid)!, this.#padding()));
      }
      if (this.#next() < 0.2) transaction.checkCurrent(other, third.serial);
      if (this.#next() < 0.1) await pause(this.#next() * 20);
      await within("vote", transaction.vote());
      if (this.#next() < 0.05) {
        transaction.abort();
        this.statement.refused.add(note);
        this.statement.count("aborts");
        return;
      }
      finishing = true;
      const tid = await within("finish", transaction.finish((tid) => kept.committed(tid, changes)));
      this.statement.acknowledged.set(note, tid);
      this.statement.count("transfers");
      assert(storage.lastTransaction() >= tid, "a transaction that is finished can't be seen");
      const { branch } = this.#options;
      if (branch && branch.acknowledged < tid) branch.acknowledged = tid;
    } catch (error) {
      if (finishing && error instanceof ClientDisconnected) this.statement.uncertain.add(note);
      else {
        transaction.abort();
        this.statement.refused.add(note);
      }
      throw error;
    }
  }

  /** All accounts as they were at one moment, which may be over when they are asked for. */
  async #audit(): Promise<void> {
    const storage = this.#storage, before = this.#moment(storage);
    const way = this.#next(), oids = this.#shuffled();
    if (this.#next() < 0.2) await pause(this.#next() * 50);
    if (way < 0.3) await within("prefetch", storage.prefetch(oids, before));
    const found = new Map<Oid, Loaded>();
    if (way < 0.6) {
      const all = Promise.all(oids.map((oid) => this.#load(storage, oid, before)));
      for (const [index, loaded] of (await within("loads at once", all)).entries()) {
        found.set(oids[index], loaded);
      }
    } else {
      for (const oid of oids) {
        found.set(oid, await within("load", this.#load(storage, oid, before)));
        if (this.#next() < 0.1) await pause(this.#next() * 5);
      }
    }
    const amounts = [...found].map(([, { data }]) => amountOf(data));
    assertEquals(
      amounts.reduce((sum, amount) => sum + amount, 0),
      START * oids.length,
      `${this.name}: a torn view before ${before}: ${
        [...found].map(([oid, { serial }]) => `${oid}@${serial}`)
      }`,
    );
    this.statement.count("audits");
  }

  /** What was acknowledged anywhere before a round trip is known after it; old revisions, and server calls. */
  async #look(): Promise<void> {
    const storage = this.#storage, known = this.#options.branch?.acknowledged ?? NO_TID;
    await within("ping", storage.ping());
    assert(
      storage.lastTransaction() >= known,
      `${this.name} knows ${storage.lastTransaction()} after a round trip, ${known} was acknowledged before it`,
    );
    const [oid] = this.#shuffled();
    if (this.#next() < 0.3) {
      const revisions = await within("history", storage.history(oid, 3));
      const { tid } = revisions[Math.floor(this.#next() * revisions.length)];
      // The original may answer with a transaction that it has not told of yet: the cache knows nothing of that moment.
      if (tid <= storage.lastTransaction()) {
        await within("load of an old revision", this.#load(storage, oid, asTid(tid + 1n)));
      }
    }
    if (this.#next() < (this.#options.reopens ?? 0)) await this.#reopen();
    else await pause(this.#next() * 50);
  }

  #reopen(): Promise<void> {
    return this.#reopening ??= (async () => {
      try {
        await this.#close();
        this.#open();
        this.statement.count("reopened");
      } finally {
        this.#reopening = undefined;
      }
    })();
  }

  /** Loads, says so, and keeps what is current as long as nobody says that it has changed. */
  async #load(storage: ClientStorage, oid: Oid, before: Tid): Promise<Loaded> {
    const kept = this.#kept, state = kept.state(oid);
    const found = await storage.loadBefore(oid, before);
    if (!found) throw new Error(`${this.name}: ${oid} was not there before ${before}`);
    const { serial, end, data } = found, amount = amountOf(data);
    assert(
      serial < before && (end === null || end >= before),
      `${oid} before ${before}: from ${serial} to ${end}`,
    );
    this.statement.reads.push({ oid, before, serial, end, amount });
    if (end === null && kept.storage === storage && kept.state(oid) === state) {
      kept.amounts.set(oid, { amount, serial });
    }
    return found;
  }

  /** Just after the last transaction that is known, which never goes back. */
  #moment(storage: ClientStorage): Tid {
    const last = storage.lastTransaction();
    if (storage === this.#storage && last !== NO_TID) {
      if (last < this.#last) {
        // After a crash the original has transactions for its last one that it has never finished.
        const resets = this.statement.counts.resets ?? 0;
        assert(resets > this.#resets, `${this.name} knew ${this.#last}, and now ${last}`);
        this.#resets = resets;
        this.statement.count("went back");
      }
      this.#last = last;
    }
    return asTid(last + 1n);
  }

  async #follow(storage: ClientStorage): Promise<void> {
    for await (const { tid, oids, records } of storage.changes(this.#followed)) {
      this.statement.changes.push({ tid, oids });
      this.#followed = tid;
      if (this.#next() < 0.02) await this.#readRecords(oids, records);
    }
  }

  async #readRecords(
    oids: readonly Oid[],
    records: () => AsyncIterable<{ readonly oid: Oid }>,
  ): Promise<void> {
    try {
      const found = new Set<Oid>();
      for await (const { oid } of records()) found.add(oid);
      assertEquals(found, new Set(oids), "the records of a transaction");
      this.statement.count("transactions read");
    } catch (error) {
      if (!(error instanceof ClientDisconnected)) throw error;
    }
  }

  /** Waits until it knows of a transaction. */
  async settle(last: Tid): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (this.#storage.lastTransaction() < last || this.#followed < last) {
      assert(
        performance.now() < end,
        `${this.name} knows ${this.#storage.lastTransaction()} and was told ${this.#followed} of ${last}`,
      );
      await pause(10);
    }
    // The connection may be one where nothing comes through any more.
    await within(`${this.name}: an answer`, this.#answered());
  }

  async #answered(): Promise<void> {
    try {
      await this.#storage.ping();
    } catch (error) {
      if (!(error instanceof ClientDisconnected)) throw error;
      await this.#answered();
    }
  }

  /** What it sees at last: of all accounts, and in what it has kept of them. */
  async view(): Promise<
    { readonly seen: Map<Oid, Tid>; readonly kept: Map<Oid, Tid>; readonly cached: Map<Oid, Tid> }
  > {
    const storage = this.#storage, before = this.#moment(storage);
    const kept = new Map([...this.#kept.amounts].map(([oid, { serial }]) => [oid, serial]));
    const cached = new Map<Oid, Tid>(), seen = new Map<Oid, Tid>();
    for (const oid of this.#options.accounts) {
      const found = storage.cached(oid, before);
      if (found) cached.set(oid, found.serial);
    }
    for (const oid of this.#options.accounts) {
      seen.set(oid, (await within("the last look", this.#load(storage, oid, before))).serial);
    }
    return { seen, kept, cached };
  }

  #padding(): number {
    const size = this.#next();
    return Math.floor(size < 0.02 ? this.#next() * 100_000 : size * 300);
  }

  #shuffled(): Oid[] {
    const oids = [...this.#options.accounts];
    for (let at = oids.length - 1; at > 0; at--) {
      const other = Math.floor(this.#next() * (at + 1));
      [oids[at], oids[other]] = [oids[other], oids[at]];
    }
    return oids;
  }

  #next(): number {
    return this.#chance.next().value;
  }

  async #close(): Promise<void> {
    await within(`${this.name}: close`, this.#storage.close());
    await within(`${this.name}: the end of its changes`, this.#following);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#reopening?.catch(() => {});
    await this.#close();
  }
}

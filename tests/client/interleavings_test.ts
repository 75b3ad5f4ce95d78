/** Loads, commits, invalidations and answers in every order that a server can have them, against a model. */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { ClientStorage } from "../../client.ts";
import type { StorageTransaction } from "../../storage/mod.ts";
import {
  isPromise,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  oidFromBytes,
  type Tid,
  tid,
  tidBytes,
  tidFromBytes,
} from "../../values/mod.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { CredulousCache } from "./credulous_cache.ts";
import { type FakeConnection, FakeServer, type HeardCall } from "./fake_server.ts";

const OBJECTS = [oid(1), oid(2), oid(3)];

/** What happens next; numbers choose among what there is. */
type Step =
  | { readonly do: "load"; readonly which: number; readonly before: "now" | "ever" | "past" }
  | { readonly do: "commit"; readonly objects: number }
  | { readonly do: "own commit"; readonly which: number }
  | { readonly do: "look"; readonly which: number }
  | { readonly do: "swap"; readonly which: number }
  | { readonly do: "deliver"; readonly count: number };

interface Outgoing {
  readonly answers: boolean;
  readonly send: () => void;
}

/** The database, and the server in front of it. */
class Model {
  readonly versions = new Map<Oid, Tid[]>(OBJECTS.map((id) => [id, [tid(10)]]));
  readonly calls: HeardCall[] = [];
  readonly outbox: Outgoing[] = [];
  last: Tid = tid(10);

  constructor(readonly connection: FakeConnection) {}

  /** The revision before a transaction. */
  before(id: Oid, before: Tid): { readonly serial: Tid; readonly end: Tid | null } | undefined {
    const versions = this.versions.get(id)!;
    const serial = versions.findLast((each) => each < before);
    if (serial === undefined) return undefined;
    return { serial, end: versions.find((each) => each > serial) ?? null };
  }

  commit(ids: readonly Oid[]): Tid {
    this.last = tid(this.last + 10n);
    for (const id of ids) this.versions.get(id)!.push(this.last);
    return this.last;
  }

  /** Answers a load as things are now; the answer leaves later. */
  look(call: HeardCall): void {
    const id = oidFromBytes(call.args[0] as Uint8Array), before = tidFromBytes(call.args[1] as Uint8Array);
    const found = this.before(id, before);
    this.outbox.push({
      answers: true,
      send: () => {
        if (found) this.connection.found(call, dataOf(id, found.serial), found.serial, found.end);
        else this.connection.reply(call, null);
      },
    });
  }

  /** Has an answer leave after the invalidation behind it: servers should not, and some do. */
  swap(which: number): void {
    const at = this.outbox.findIndex((each, i) =>
      i >= which % (this.outbox.length || 1) && each.answers && this.outbox[i + 1]?.answers === false
    );
    if (at >= 0) this.outbox.splice(at, 2, this.outbox[at + 1], this.outbox[at]);
  }
}

const dataOf = (id: Oid, serial: Tid) => bytes(`${id} at ${serial}`);

/** One run of a history. */
class Run {
  readonly #model: Model;
  readonly #loads: Promise<void>[] = [];

  constructor(readonly storage: ClientStorage, readonly connection: FakeConnection) {
    this.#model = new Model(connection);
  }

  async step(step: Step): Promise<void> {
    const model = this.#model;
    switch (step.do) {
      case "load":
        this.#load(OBJECTS[step.which % OBJECTS.length], step.before);
        break;
      case "commit": {
        const ids = OBJECTS.filter((_, i) => step.objects >> i & 1);
        const at = model.commit(ids);
        model.outbox.push({ answers: false, send: () => this.connection.invalidate(at, ...ids) });
        break;
      }
      case "own commit":
        await this.#ownCommit(OBJECTS[step.which % OBJECTS.length]);
        break;
      case "look":
        if (model.calls.length > 0) model.look(model.calls.splice(step.which % model.calls.length, 1)[0]);
        break;
      case "swap":
        model.swap(step.which);
        break;
      case "deliver":
        await this.#deliver(step.count);
    }
    await this.#settle();
    this.#check();
  }

  /** Answers everything that is open. */
  async finish(): Promise<void> {
    await this.#settle();
    while (this.#model.calls.length > 0 || this.#model.outbox.length > 0) {
      for (const call of this.#model.calls.splice(0)) this.#model.look(call);
      await this.#deliver(this.#model.outbox.length);
      await this.#settle();
      this.#check();
    }
    await Promise.all(this.#loads);
    assertEquals(this.storage.lastTransaction(), this.#model.last);
  }

  #load(id: Oid, when: "now" | "ever" | "past"): void {
    const known = this.storage.lastTransaction();
    const before = when === "now" ? tid(known + 1n) : when === "ever" ? MAX_TID : known;
    const answer = this.storage.loadBefore(id, before);
    const check = (found: Awaited<typeof answer>) => {
      if (when !== "ever") {
        assertEquals(found?.serial, this.#model.before(id, before)?.serial, "the revision asked for");
      } else {assert(
          found!.serial >= this.#model.before(id, tid(known + 1n))!.serial,
          "not older than what was known",
        );}
      if (found) assertEquals(found.data, dataOf(id, found.serial));
    };
    if (!isPromise(answer)) {
      check(answer);
      return;
    }
    const checked = answer.then(check);
    // When something else is wrong the connection ends first.
    checked.catch(() => {});
    this.#loads.push(checked);
  }

  /** A transaction of the client's own, from its beginning to its end; what was to leave before it does. */
  async #ownCommit(id: Oid): Promise<void> {
    const transaction: StorageTransaction = this.storage.begin(nobody);
    transaction.store(id, NO_TID, bytes("not known yet"));
    const voting = transaction.vote();
    this.connection.reply(await this.#hear("vote"), [tidBytes(tid(id))]);
    await voting;
    const finishing = transaction.finish();
    const finish = await this.#hear("tpc_finish");
    const at = this.#model.commit([id]);
    this.#model.outbox.push({
      answers: false,
      send: () => this.connection.reply(finish, tidBytes(at)),
    });
    await this.#deliver(this.#model.outbox.length);
    assertEquals(await finishing, at);
  }

  async #deliver(count: number): Promise<void> {
    const sent = this.#model.outbox.splice(0, count);
    if (sent.length > 0) this.connection.together(() => sent.forEach(({ send }) => send()));
    await this.#settle();
  }

  /** Waits until the client has handled everything, and takes its calls. */
  async #settle(): Promise<void> {
    const ping = this.storage.ping();
    this.connection.reply(await this.#hear("ping"), null);
    await ping;
  }

  /** Waits for a call; loads before it are kept for later. */
  async #hear(name: string): Promise<HeardCall> {
    while (true) {
      const call = await this.connection.next();
      if (call.name === name) return call;
      if (call.name === "loadBefore") this.#model.calls.push(call);
    }
  }

  /** Whatever the cache answers must be so. */
  #check(): void {
    const last = this.storage.lastTransaction();
    for (const id of OBJECTS) {
      for (let before = 10n; before <= last + 1n; before += before === last ? 1n : 10n) {
        this.#checkCached(id, tid(before), last);
        this.#checkCached(id, tid(before + 1n), last);
      }
    }
  }

  #checkCached(id: Oid, before: Tid, last: Tid): void {
    if (before > last + 1n) return;
    const found = this.storage.cached(id, before);
    if (!found) return;
    const truth = this.#model.before(id, before)!;
    assertEquals(found.serial, truth.serial, `object ${id} before ${before}`);
    assertEquals(found.data.length > 0, true);
    if (found.end === null) {
      assert(truth.end === null || truth.end > last, `object ${id} is not current any more`);
    } else assertEquals(found.end, truth.end);
  }
}

/** Loads and what may go wrong with them happen more often than the rest. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("load" as const),
      which: fc.nat({ max: 2 }),
      before: fc.constantFrom("now" as const, "ever" as const, "past" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("commit" as const), objects: fc.integer({ min: 1, max: 7 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("own commit" as const), which: fc.nat({ max: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("look" as const), which: fc.nat({ max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("swap" as const), which: fc.nat({ max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
);

for (
  const [name, cache] of [["its cache", () => undefined], [
    "a cache that believes everything",
    () => new CredulousCache(),
  ]] as const
) {
  Deno.test(`R13 no order of loads, commits, invalidations and answers shows what isn't so, with ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        await using server = new FakeServer();
        await using storage = new ClientStorage(server.port, { cache: cache() });
        const run = new Run(storage, await server.welcome(tid(10)));
        await storage.ready;
        for (const each of steps) await run.step(each);
        await run.finish();
      }),
      { numRuns: 100 },
    );
  });
}

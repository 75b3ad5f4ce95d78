import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Dict } from "../../pickle/mod.ts";
import { MAX_TID, NO_TID, type Oid, oid, oidBytes, type Tid, tidBytes } from "../../values/mod.ts";
import { Model, type Outcome, type Wanted } from "./model.ts";
import { Serving, until, VARIANTS } from "./serving.ts";
import { itemsOf, RemoteError, type WireClient, type WireTransaction } from "./wire_client.ts";

const CLIENTS = 4, OBJECTS = 4;
const text = new TextEncoder();

/** One thing that one client does; where it makes no sense, the client does what comes next in its transaction. */
interface Step {
  readonly client: number;
  readonly kind: "advance" | "store" | "check" | "abort" | "load" | "vanish" | "ping";
  readonly object: number;
  /** Whether it is mistaken about the object's revision. */
  readonly stale: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  client: fc.nat(CLIENTS - 1),
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant("advance" as const) },
    { weight: 5, arbitrary: fc.constant("store" as const) },
    { weight: 2, arbitrary: fc.constant("check" as const) },
    { weight: 1, arbitrary: fc.constantFrom("abort" as const, "vanish" as const, "ping" as const) },
    { weight: 2, arbitrary: fc.constant("load" as const) },
  ),
  object: fc.nat(OBJECTS - 1),
  stale: fc.nat(9).map((number) => number === 0),
});

interface Player {
  client: WireClient;
  phase: "idle" | "collecting" | "waiting" | "voted";
  wanted: Wanted;
  transaction?: WireTransaction;
  vote?: Promise<Outcome>;
  /** How many transactions had been finished when it registered. */
  since: number;
}

/** Plays the steps on a real server and on the model, side by side. */
class Game {
  readonly #model = new Model();
  readonly #players: Player[] = [];
  #observer!: WireClient;
  #stores = 0;

  constructor(readonly serving: Serving) {}

  async play(steps: readonly Step[]): Promise<void> {
    this.#observer = await this.serving.connect();
    for (let i = 0; i < CLIENTS; i++) this.#players.push(await this.#player());
    for (const step of steps) {
      await this.#step(step);
      const status = await this.#observer.call("server_status") as Dict;
      assertEquals(status.get("waiting"), this.#model.waiting);
      assertEquals(status.get("active_txns"), this.#players.filter(({ phase }) => phase !== "idle").length);
      assertEquals(status.get("lock_time") !== null, this.#model.isLocked);
    }
    await this.#end();
  }

  async #player(): Promise<Player> {
    const client = await this.serving.connect();
    return { client, phase: "idle", wanted: { stores: [], checks: [] }, since: this.#model.finished.length };
  }

  async #step({ client: number, kind, object, stale }: Step): Promise<void> {
    const player = this.#players[number];
    const id = oid(object);
    if (kind === "ping") await player.client.call("ping");
    else if (kind === "load") await this.#load(player.client, id);
    else if (kind === "vanish") await this.#vanish(number);
    else if (kind === "abort") await this.#abort(number);
    else if (player.phase === "waiting") return;
    else if (player.phase === "voted") await this.#finish(number);
    else if (kind === "advance" && player.phase === "collecting") await this.#vote(number);
    else await this.#add(player, kind === "check" ? "checks" : "stores", id, stale);
  }

  async #add(player: Player, what: "stores" | "checks", id: Oid, stale: boolean): Promise<void> {
    player.transaction ??= player.client.begin();
    player.phase = "collecting";
    const older = this.#model.revisions.get(id)?.at(-2)?.tid ?? NO_TID;
    const serial = stale ? older : this.#model.current(id);
    const data = `${this.#stores++}`;
    player.wanted[what].push({ oid: id, serial, data });
    if (what === "checks") await player.transaction.check(id, serial).sent;
    else await player.transaction.store(id, serial, data).sent;
    await player.client.call("ping");
  }

  async #vote(number: number): Promise<void> {
    const player = this.#players[number];
    player.phase = "waiting";
    player.vote = player.transaction!.vote().then((resolved): Outcome => {
      assertEquals(resolved, []);
      return "voted";
    }, (error): Outcome => {
      if (error instanceof RemoteError) return error.pythonName.replace("ZODB.POSException.", "") as Outcome;
      throw error;
    });
    // When the ping is answered the vote was heard: it has ended, or it waits.
    await player.client.call("ping");
    await this.#votesEnd(this.#model.vote(number, player.wanted));
  }

  async #finish(number: number): Promise<void> {
    const tid = await this.#players[number].transaction!.finish();
    assert(this.#model.finished.every((before) => before.tid < tid), "tids must increase");
    this.#over(number);
    await this.#votesEnd(this.#model.finish(number, tid));
  }

  async #abort(number: number): Promise<void> {
    const { transaction, vote, phase } = this.#players[number];
    if (!transaction) return;
    await transaction.abort();
    if (phase === "waiting") assertEquals(await vote, "StorageTransactionError" as Outcome);
    this.#over(number);
    await this.#votesEnd(this.#model.leave(number));
  }

  async #vanish(number: number): Promise<void> {
    const { client, vote } = this.#players[number];
    vote?.catch(() => {});
    this.#checkInvalidations(number, await this.#lastWords(number));
    client.vanish();
    await until(async () => {
      const status = await this.#observer.call("server_status") as Dict;
      return status.get("connections") === CLIENTS;
    }, "the server has noticed");
    this.#over(number);
    await this.#votesEnd(this.#model.leave(number));
    this.#players[number] = await this.#player();
  }

  #over(number: number): void {
    Object.assign(this.#players[number], {
      phase: "idle",
      wanted: { stores: [], checks: [] },
      transaction: undefined,
      vote: undefined,
    });
  }

  async #votesEnd(ended: [number, Outcome[]][]): Promise<void> {
    for (const [number, outcomes] of ended) {
      const player = this.#players[number];
      const outcome = await player.vote!;
      assert(outcomes.includes(outcome), `the vote answered ${outcome}, expected ${outcomes}`);
      if (outcome === "voted") player.phase = "voted";
      else this.#over(number);
    }
  }

  async #load(client: WireClient, id: Oid): Promise<void> {
    const revisions = this.#model.revisions.get(id) ?? [];
    if (revisions.length === 0) {
      const error = await client.call("loadBefore", oidBytes(id), tidBytes(MAX_TID)).catch((error) => error);
      assertEquals(error.pythonName, "ZODB.POSException.POSKeyError");
      return;
    }
    for (const [i, { tid, data }] of revisions.entries()) {
      const answer = await client.call("loadBefore", oidBytes(id), tidBytes((tid + 1n) as Tid));
      const end = revisions[i + 1]?.tid;
      assertEquals(itemsOf(answer), [
        text.encode(data),
        tidBytes(tid),
        end === undefined ? null : tidBytes(end),
      ]);
    }
  }

  /** How many transactions a client must have heard of, once it has. */
  async #lastWords(number: number): Promise<number> {
    await this.#players[number].client.call("ping");
    return this.#model.finished.length;
  }

  /** A client has heard of each transaction of the others, once, in order. What was its own before it vanished counts. */
  #checkInvalidations(number: number, finished: number): void {
    const { client, since } = this.#players[number];
    const expected = this.#model.finished.slice(since, finished).filter((entry) => entry.client !== number);
    assertEquals(
      client.invalidations.map(([tid, oids]) => [tid, [...new Set(oids)].sort()]),
      expected.map(({ tid, oids }) => [tid, [...oids].sort()]),
    );
  }

  async #end(): Promise<void> {
    for (let number = 0; number < CLIENTS; number++) {
      this.#checkInvalidations(number, await this.#lastWords(number));
      await this.#abort(number);
    }
    await this.#observer.call("ping");
    assertEquals(
      this.#observer.invalidations.map(([tid]) => tid),
      this.#model.finished.map(({ tid }) => tid),
    );
    for (let i = 0; i < OBJECTS; i++) await this.#load(this.#observer, oid(i));
    const { lock_time, waiting, active_txns } = await this.serving.status();
    assertEquals({ lock_time, waiting, active_txns }, { lock_time: null, waiting: 0, active_txns: 0 });
    // Nothing is locked: somebody can change everything at once.
    const transaction = this.#observer.begin();
    for (let i = 0; i < OBJECTS; i++) transaction.store(oid(i), this.#model.current(oid(i)), "last");
    await transaction.commit();
  }
}

for (const { storage, encoding } of VARIANTS) {
  Deno.test(`${storage} ${encoding}: whatever several clients do, server and model agree, and nothing stays locked`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
        await using serving = await Serving.start({ storage, encoding });
        await new Game(serving).play(steps);
      }),
      { numRuns: 25 },
    );
  });
}

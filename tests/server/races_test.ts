import { assert, assertEquals } from "@std/assert";
import { NO_TID, type Oid, oid, oidBytes, type Tid, tidFromBytes } from "../../values/mod.ts";
import { type Kind, Serving } from "./serving.ts";
import { type Heard, itemsOf, RemoteError, type WireClient } from "./wire_client.ts";

/** Numbers that are the same for the same seed. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const text = new TextEncoder();

/** What one client knows: the objects' revisions as its invalidations and its own commits told it. */
interface Racer {
  readonly client: WireClient;
  /** Tids of its own commits, in order. */
  readonly own: Tid[];
}

/** Commits `count` times, on objects that the others want too; a conflict is tried again with what is current then. */
async function race(
  racer: Racer,
  count: number,
  objects: number,
  next: (below: number) => number,
): Promise<void> {
  const { client, own } = racer;
  while (own.length < count) {
    const wanted = [...new Set(Array.from({ length: 1 + next(3) }, () => next(objects)))].map((n) => oid(n));
    const serials: Tid[] = [];
    for (const id of wanted) {
      serials.push(tidFromBytes(await client.call("getTid", oidBytes(id)) as Uint8Array));
    }
    const transaction = client.begin();
    wanted.forEach((id, i) => {
      if (i > 0 && next(3) === 0) transaction.check(id, serials[i]);
      else transaction.store(id, serials[i], text.encode(`${own.length}`));
    });
    try {
      await transaction.vote();
      if (next(10) === 0) await transaction.abort();
      else own.push(await transaction.finish());
    } catch (error) {
      if (!(error instanceof RemoteError) || !error.pythonName.endsWith("ConflictError")) throw error;
      await transaction.abort();
    }
  }
}

/** The tids that a connection was told as those of finished transactions, in the order of telling. */
function toldTids(heard: readonly Heard[], own: readonly Tid[]): Tid[] {
  const mine = new Set(own);
  return heard.flatMap(({ name, args }) => {
    if (name === "invalidateTransaction") return [tidFromBytes(itemsOf(args)![0] as Uint8Array)];
    if (name !== ".reply" || !(args instanceof Uint8Array) || args.length !== 8) return [];
    // Replies to getTid are tids too; those of tpc_finish come right after `info`.
    const tid = tidFromBytes(args);
    return mine.has(tid) ? [tid] : [];
  });
}

function scenario(storage: Kind, clients: number, commits: number, seed: number): void {
  Deno.test(
    `${storage}: ${clients} committing clients see strictly increasing tids, each transaction once (seed ${seed})`,
    async () => {
      await using serving = await Serving.start({ storage });
      const objects = 6;
      const first = await serving.connect();
      const setup = first.begin();
      for (let i = 0; i < objects; i++) setup.store(oid(i), NO_TID, "start");
      await setup.commit();

      const racers: Racer[] = [];
      for (let i = 0; i < clients; i++) {
        racers.push({ client: await serving.connect({ encoding: i % 2 ? "M" : "Z" }), own: [] });
      }
      await Promise.all(racers.map((racer, i) => race(racer, commits, objects, random(seed + i))));

      await first.call("ping");
      const all = first.invalidations;
      assertEquals(all.length, clients * commits);
      for (const { client, own } of racers) {
        await client.call("ping");
        // Each transaction of others exactly once, in order, complete.
        const mine = new Set(own);
        assertEquals(client.invalidations, all.filter(([tid]) => !mine.has(tid)));
        assertEquals(own.filter((tid) => all.some(([other]) => other === tid)).length, commits);
        // Never something older than what it was told already: its own finishes and the others' together.
        const finishes = client.heard.filter((_, i) => client.heard[i - 1]?.name === "info");
        assertEquals(finishes.length, commits);
        const told = toldTids(
          client.heard.filter((message, i) =>
            message.name === "invalidateTransaction" || client.heard[i - 1]?.name === "info"
          ),
          own,
        );
        assertEquals(told.length, all.length);
        assert(told.every((tid, i) => i === 0 || tid > told[i - 1]), "tids must strictly increase");
        assertNothingBeforeItsInvalidation(client);
      }
      // The same for those whom only reading concerns.
      assert(all.every(([tid], i) => i === 0 || tid > all[i - 1][0]));
      const { lock_time, waiting, active_txns } = await serving.status();
      assertEquals({ lock_time, waiting, active_txns }, { lock_time: null, waiting: 0, active_txns: 0 });
    },
  );
}

/** No reply may hold a tid of which the connection was not told before. */
function assertNothingBeforeItsInvalidation(client: WireClient): void {
  let known: Tid = client.registeredAt;
  client.heard.forEach(({ name, args }, i) => {
    if (name === "invalidateTransaction") known = tidFromBytes(itemsOf(args)![0] as Uint8Array);
    else if (name === ".reply" && args instanceof Uint8Array && args.length === 8) {
      const tid = tidFromBytes(args);
      if (client.heard[i - 1]?.name === "info") known = tid;
      else assert(tid <= known, `a reply has ${tid}, the last transaction that was told is ${known}`);
    }
  });
}

scenario("mapping", 4, 60, 1);
scenario("mapping", 16, 20, 2);
scenario("file", 4, 40, 3);
scenario("file", 16, 15, 4);

Deno.test("R01: R13: every load's answer fits what the connection had been told when it was sent", async () => {
  await using serving = await Serving.start();
  const writer = await serving.connect(), reader = await serving.connect();
  const id: Oid = oid(1);
  let serial = await writer.begin().store(id, NO_TID, "0").commit();
  await reader.call("ping");
  let stop = false;
  const writing = (async () => {
    for (let i = 1; !stop; i++) serial = await writer.begin().store(id, serial, `${i}`).commit();
  })();
  for (let i = 0; i < 200; i++) {
    await Promise.all(
      Array.from({ length: 5 }, () => reader.call("loadBefore", oidBytes(id), new Uint8Array(8).fill(0x7f))),
    );
  }
  stop = true;
  await writing;
  let told = reader.registeredAt;
  let loads = 0;
  for (const { name, args } of reader.heard) {
    if (name === "invalidateTransaction") told = tidFromBytes(itemsOf(args)![0] as Uint8Array);
    const parts = itemsOf(args);
    if (name !== ".reply" || parts?.length !== 3) continue;
    loads++;
    // Current when it was sent: exactly the last one told, not older and not one still to be told.
    assertEquals(tidFromBytes(parts[1] as Uint8Array), told);
    assertEquals(parts[2], null);
  }
  assertEquals(loads, 1000);
});

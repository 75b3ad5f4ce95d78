import { assert, assertEquals } from "@std/assert";
import { FileStorage, MappingStorage } from "../../storage/mod.ts";
import {
  NO_TID,
  type Oid,
  oid,
  oidBytes,
  oidFromBytes,
  type Tid,
  tidBytes,
  tidFromBytes,
} from "../../values/mod.ts";
import { CapturedLog, type Kind, Serving } from "./serving.ts";
import { itemsOf, RemoteError, type WireClient } from "./wire_client.ts";

/** What `getInvalidations` answers. */
async function missed(client: WireClient, tid: Tid): Promise<[Tid, Oid[]] | null> {
  const answer = await client.call("getInvalidations", tidBytes(tid));
  if (answer === null) return null;
  const [last, oids] = itemsOf(answer)!;
  return [
    tidFromBytes(last as Uint8Array),
    itemsOf(oids)!.map((oid) => oidFromBytes(oid as Uint8Array)).sort(),
  ];
}

async function history(client: WireClient, count: number): Promise<Tid[]> {
  const tids: Tid[] = [];
  for (let i = 0; i < count; i++) tids.push(await client.begin().store(oid(i), NO_TID, `${i}`).commit());
  return tids;
}

const upFrom = (first: number, count: number) =>
  Array.from({ length: count - first }, (_, i) => oid(first + i));

for (const kind of ["mapping", "file"] as const) {
  Deno.test(`${kind}: a client that was away for longer than the queue remembers is told what it missed, if it is young enough`, async () => {
    await using log = await CapturedLog.start();
    await using serving = await Serving.start({
      storage: kind,
      invalidationQueueSize: 3,
      invalidationAge: 3600,
    });
    const client = await serving.connect();
    const tids = await history(client, 10);
    const last = tids.at(-1)!;
    for (let i = 0; i < tids.length; i++) {
      assertEquals(await missed(client, tids[i]), [last, upFrom(i + 1, 10)]);
    }
    // Between two transactions, and after the last.
    const between = tids[2] + 1n as Tid;
    assertEquals(await missed(client, between), [last, upFrom(between === tids[3] ? 4 : 3, 10)]);
    assertEquals(await missed(client, last + 1n as Tid), [last, []]);
    assertEquals(await missed(client, NO_TID), null);
    const { label } = {
      label: `127.0.0.1:${serving.address.transport === "tcp" ? serving.address.port : 0}`,
    };
    assertEquals(log.matching(/Return 9 invalidations/), [
      `zeo.server info (${label}) Return 9 invalidations up to tid ${last}`,
    ]);
    assertEquals(log.matching(/tid to old/), [`zeo.server info tid to old for invq 0 < ${tids[7]}`]);
  });
}

Deno.test("a client that is too old is told nothing, as without an age", async () => {
  for (const invalidationAge of [undefined, 0]) {
    await using serving = await Serving.start({ invalidationQueueSize: 3, invalidationAge });
    const client = await serving.connect();
    const tids = await history(client, 10);
    assertEquals(await missed(client, tids[0]), null);
    assertEquals(await missed(client, tids[7]), [tids[9], upFrom(8, 10)]);
  }
});

Deno.test("after a restart clients are told what they missed: from the queue, and further back by the storage", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const open = () => FileStorage.open(`${folder}/Data.fs`);
    let tids: Tid[];
    {
      await using serving = await Serving.start({ storage: open() });
      tids = await history(await serving.connect(), 10);
    }
    for (const [invalidationAge, oldest] of [[undefined, 7], [3600, 0]] as const) {
      await using serving = await Serving.start({
        storage: open(),
        invalidationQueueSize: 3,
        invalidationAge,
      });
      const client = await serving.connect();
      for (let i = 0; i < 10; i++) {
        assertEquals(await missed(client, tids[i]), i < oldest ? null : [tids[9], upFrom(i + 1, 10)]);
      }
      if (invalidationAge === undefined) continue;
      const next = await client.begin().store(oid(3), tids[3], "again").commit();
      assertEquals(await missed(client, tids[8]), [next, [oid(3), oid(9)]]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a storage that fails while it is gone through costs a client its cache, and no more", async () => {
  await using log = await CapturedLog.start();
  const storage = new MappingStorage();
  await using serving = await Serving.start({ storage, invalidationQueueSize: 2, invalidationAge: 3600 });
  const client = await serving.connect();
  const tids = await history(client, 5);
  storage.transactions = () => {
    throw new Error("the disk is gone");
  };
  assertEquals(await missed(client, tids[0]), null);
  assertEquals(log.matching(/can't be gone through.*the disk is gone/).length, 1);
  assertEquals(await missed(client, tids[3]), [tids[4], [oid(4)]]);
});

/** Numbers that are the same for the same seed. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const OBJECTS = 8;

/** What a client with a cache knows: for each object the revision that it takes for the current one. */
class Cache {
  readonly revisions = new Map<Oid, Tid>();
  /** Up to which transaction all is known. */
  last: Tid = NO_TID;

  drop(tid: Tid, oids: readonly Oid[]): void {
    for (const oid of oids) this.revisions.delete(oid);
    if (tid > this.last) this.last = tid;
  }
}

/** Connects with what a cache knows from before, as clients do: `register`, then what was missed, then what is told. */
async function verify(serving: Serving, cache: Cache, next: (below: number) => number): Promise<WireClient> {
  const client = await serving.connect({ encoding: next(2) ? "M" : "Z" });
  const known = cache.last;
  if (client.registeredAt !== known) {
    const found = await missed(client, known);
    if (!found) cache.revisions.clear();
    else {
      assert(found[0] >= client.registeredAt, "a replay reaches as far as the registration");
      cache.drop(found[0], found[1]);
    }
    if (client.registeredAt > cache.last) cache.last = client.registeredAt;
  }
  return client;
}

/** Reads an object; what is said by messages before the answer counts first, whichever order they are looked at in. */
async function read(client: WireClient, cache: Cache, id: Oid, seen: { messages: number }): Promise<void> {
  const answer = await client.call("loadBefore", oidBytes(id), new Uint8Array(8).fill(0x7f)).catch(
    (error) => {
      if (error instanceof RemoteError) return null;
      throw error;
    },
  );
  // Everything up to this answer, in order; an invalidation after it is seen by the next one.
  const at = client.heard.findLastIndex(({ args }) => args === answer);
  hear(client, cache, seen, answer === null ? client.heard.length : at);
  const parts = answer === null ? undefined : itemsOf(answer);
  if (parts) cache.revisions.set(id, tidFromBytes(parts[1] as Uint8Array));
}

function hear(
  client: WireClient,
  cache: Cache,
  seen: { messages: number },
  until = client.heard.length,
): void {
  for (; seen.messages < until; seen.messages++) {
    const { name, args } = client.heard[seen.messages];
    if (name !== "invalidateTransaction") continue;
    const [tid, oids] = itemsOf(args)!;
    const id = tidFromBytes(tid as Uint8Array);
    cache.drop(id, itemsOf(oids)!.map((oid) => oidFromBytes(oid as Uint8Array)));
  }
}

async function write(client: WireClient, rounds: number, next: (below: number) => number): Promise<void> {
  for (let done = 0; done < rounds;) {
    const id = oid(next(OBJECTS));
    const serial = await client.call("getTid", oidBytes(id));
    const transaction = client.begin().store(id, tidFromBytes(serial as Uint8Array), `${done}`);
    try {
      await transaction.commit();
      done++;
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      await transaction.abort();
    }
  }
}

/** A storage that is slow to tell what it did last: others commit meanwhile. */
class SlowStorage extends MappingStorage {
  override lastInvalidations(count: number): never {
    const known = super.lastInvalidations(count);
    return new Promise((resolve) => setTimeout(() => resolve(known), 3)) as never;
  }
}

function race(kind: Kind | "slow", age: number | undefined, seed: number): void {
  const how = age === undefined ? "the queue alone" : "going through the storage";
  Deno.test(`${kind}: clients that come and go while others commit know what is current, with ${how} (seed ${seed})`, async () => {
    await using serving = await Serving.start({
      storage: kind === "slow" ? new SlowStorage() : kind,
      invalidationQueueSize: 6,
      invalidationAge: age,
    });
    const first = await serving.connect();
    const setup = first.begin();
    for (let i = 0; i < OBJECTS; i++) setup.store(oid(i), NO_TID, "start");
    await setup.commit();

    let writing = true;
    const writers = Promise.all(
      [1, 2, 3].map(async (n) => write(await serving.connect(), 60, random(seed + n))),
    )
      .finally(() => writing = false);
    const visitors = Promise.all([1, 2, 3, 4].map(async (n) => {
      const next = random(seed + 100 * n);
      const cache = new Cache();
      let visits = 0;
      for (; writing || visits < 3; visits++) {
        const client = await verify(serving, cache, next);
        const seen = { messages: client.heard.findIndex(({ name }) => name === "invalidateTransaction") };
        if (seen.messages < 0) seen.messages = client.heard.length;
        for (let reads = next(6); reads > 0; reads--) await read(client, cache, oid(next(OBJECTS)), seen);
        await client.call("ping");
        hear(client, cache, seen);
        await client[Symbol.asyncDispose]();
        // Away for a while.
        for (let turns = next(10); turns > 0; turns--) await new Promise((resolve) => setTimeout(resolve));
      }
      // Once more, when nobody writes: what the cache still knows has to be what is there.
      await writers;
      const client = await verify(serving, cache, next);
      for (const [id, revision] of cache.revisions) {
        const current = tidFromBytes(await client.call("getTid", oidBytes(id)) as Uint8Array);
        assertEquals(revision, current, `object ${id} of visitor ${n}, seed ${seed}`);
      }
      return visits;
    }));
    await writers;
    assert((await visitors).every((visits) => visits >= 3));
  });
}

race("mapping", undefined, 11);
race("mapping", 3600, 12);
race("file", undefined, 13);
race("file", 3600, 14);
race("slow", 3600, 15);

Deno.test("clients that come back at once after a long time are told one after the other, and nobody waits for them", async () => {
  class Watched extends SlowStorage {
    running = 0;
    most = 0;
    override lastInvalidations(count: number): never {
      this.most = Math.max(this.most, ++this.running);
      const known: Promise<unknown> = super.lastInvalidations(count);
      return known.finally(() => this.running--) as never;
    }
  }
  const storage = new Watched();
  await using serving = await Serving.start({ storage, invalidationQueueSize: 1, invalidationAge: 3600 });
  const client = await serving.connect();
  const tids = await history(client, 4);
  const others = await Promise.all(Array.from({ length: 5 }, () => serving.connect()));
  const answers = others.map((other) => missed(other, tids[0]));
  assertEquals(await client.call("ping"), null);
  for (const answer of await Promise.all(answers)) assertEquals(answer, [tids[3], upFrom(1, 4)]);
  assertEquals(storage.most, 1);
});

Deno.test("what was committed right after a client's last transaction, within one tick of the clock, is not left out", async () => {
  const storage = new MappingStorage("at noon", () => Date.UTC(2026, 0, 1, 12));
  await using serving = await Serving.start({ storage, invalidationQueueSize: 1, invalidationAge: 1e9 });
  const client = await serving.connect();
  const tids = await history(client, 5);
  assertEquals(tids[4] - tids[0], 4n);
  for (let i = 0; i < 5; i++) assertEquals(await missed(client, tids[i]), [tids[4], upFrom(i + 1, 5)]);
});

Deno.test("what is committed while the storage is gone through is told too", async () => {
  const looking = Promise.withResolvers<void>(), goOn = Promise.withResolvers<void>();
  const storage = new MappingStorage();
  const all = storage.transactions.bind(storage);
  storage.transactions = ((start?: Tid, stop?: Tid) =>
    (async function* () {
      const found = [...all(start, stop)];
      looking.resolve();
      await goOn.promise;
      yield* found;
    })()) as never;
  await using serving = await Serving.start({ storage, invalidationQueueSize: 2, invalidationAge: 3600 });
  const client = await serving.connect(), late = await serving.connect();
  const tids = await history(client, 5);
  const answer = missed(late, tids[0]);
  await looking.promise;
  const meanwhile: Tid[] = [];
  // More than the queue remembers.
  for (let i = 5; i < 9; i++) meanwhile.push(await client.begin().store(oid(i), NO_TID, `${i}`).commit());
  goOn.resolve();
  assertEquals(await answer, [meanwhile[3], upFrom(1, 9)]);
});

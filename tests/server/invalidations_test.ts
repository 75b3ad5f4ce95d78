import { assert, assertEquals } from "@std/assert";
import { Tuple } from "../../pickle/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { NO_TID, type Oid, oid, oidFromBytes, type Tid, tidBytes, tidFromBytes } from "../../values/mod.ts";
import { GatedDisk } from "./gated_disk.ts";
import { Serving, until, VARIANTS } from "./serving.ts";
import { type Invalidation, itemsOf, type WireClient } from "./wire_client.ts";

const x = oid(1), y = oid(2), z = oid(3);

/** What `getInvalidations` answers: the last tid covered and the oids, sorted; null when it is too long ago. */
async function missed(client: WireClient, since: Tid): Promise<Invalidation | null> {
  const answer = await client.call("getInvalidations", tidBytes(since));
  if (answer === null) return null;
  const [tid, oids] = itemsOf(answer)!;
  return [
    tidFromBytes(tid as Uint8Array),
    itemsOf(oids)!.map((bytes) => oidFromBytes(bytes as Uint8Array)).sort(),
  ];
}

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  Deno.test(`R10: R14: ${variant}: everybody else hears of a transaction once, in one message, with created objects too`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect();
    const others = [
      await serving.connect(),
      await serving.connect({ encoding: "M" }),
      await serving.connect({ encoding: "Z" }),
    ];
    const t1 = await one.begin().store(x, NO_TID, "new").store(y, NO_TID, "new").commit();
    const t2 = await one.begin().store(y, t1, "changed").check(x, t1).store(z, NO_TID, "new").commit();
    for (const other of others) {
      await other.call("ping");
      assertEquals(other.invalidations, [[t1, [x, y]], [t2, [y, z]]]);
      // As the original pickles it: a tuple of bytes and a list.
      for (const { name, args } of other.heard) {
        if (name === "invalidateTransaction") assert(args instanceof Tuple);
      }
      assertEquals(other.heard.filter(({ name }) => name === "info"), []);
    }
    // The committer knows it by its reply.
    await one.call("ping");
    assertEquals(one.invalidations, []);
  });

  Deno.test(`${variant}: a ping's reply comes after the invalidations of everything that was finished before it`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    for (let i = 0; i < 20; i++) {
      const tid = await one.begin().store(oid(i), NO_TID, "x").commit();
      await two.call("ping");
      assertEquals(two.invalidations.at(-1), [tid, [oid(i)]]);
    }
  });

  Deno.test(`R12: ${variant}: getInvalidations tells what changed since, or that it is too long ago`, async () => {
    await using serving = await Serving.start({ storage, encoding, invalidationQueueSize: 3 });
    const client = await serving.connect();
    assertEquals(await missed(client, NO_TID), [NO_TID, []]);
    const tids = [NO_TID];
    let serial = NO_TID;
    for (let i = 1; i <= 5; i++) {
      serial = await client.begin().store(x, serial, `${i}`).store(oid(10 + i), NO_TID, "new").commit();
      tids.push(serial);
      if (i === 1) assertEquals(await missed(client, NO_TID), [serial, [x, oid(11)]]);
    }
    const [, t1, t2, t3, t4, t5] = tids;
    assertEquals(await missed(client, NO_TID), null);
    assertEquals(await missed(client, t1), null);
    assertEquals(await missed(client, t2), null);
    assertEquals(await missed(client, t3), [t5, [x, oid(14), oid(15)]]);
    assertEquals(await missed(client, t4), [t5, [x, oid(15)]]);
    assertEquals(await missed(client, t5), [t5, []]);
    assertEquals(await missed(client, (t5 + 1n) as Tid), [t5, []]);
    // Between two transactions is as good as at the first of them.
    if (t4 + 1n < t5) assertEquals(await missed(client, (t4 + 1n) as Tid), [t5, [x, oid(15)]]);
  });

  Deno.test(`R08: ${variant}: register's tid and the invalidations after it leave no gap while others commit`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const writer = await serving.connect(), watcher = await serving.connect();
    let stop = false;
    const writing = (async () => {
      for (let i = 0; !stop; i++) await writer.begin().store(oid(1000 + i), NO_TID, "x").commit();
    })();
    const late: WireClient[] = [];
    for (let i = 0; i < 40; i++) late.push(await serving.connect());
    stop = true;
    await writing;
    await watcher.call("ping");
    const all = watcher.invalidations;
    assert(all.length > 0);
    for (const client of late) {
      await client.call("ping");
      assertEquals(client.invalidations, all.filter(([tid]) => tid > client.registeredAt));
    }
  });
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`${encoding}: after a restart the queue holds the file's last transactions`, async () => {
    const folder = await Deno.makeTempDir();
    const tids: Tid[] = [];
    {
      await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`), encoding });
      const client = await serving.connect();
      for (let i = 0; i < 5; i++) {
        const transaction = client.begin().store(oid(i), NO_TID, "x").store(oid(i + 1000), NO_TID, "x");
        tids.push(await transaction.commit());
      }
    }
    {
      const storage = FileStorage.open(`${folder}/Data.fs`);
      await using serving = await Serving.start({ storage, encoding, invalidationQueueSize: 3 });
      const client = await serving.connect();
      assertEquals(client.registeredAt, tids[4]);
      const both = (...numbers: number[]): Oid[] =>
        [...numbers, ...numbers.map((number) => number + 1000)].map(oid).sort();
      assertEquals(await missed(client, tids[1]), null);
      assertEquals(await missed(client, tids[2]), [tids[4], both(3, 4)]);
      assertEquals(await missed(client, tids[4]), [tids[4], []]);
      const t6 = await client.begin().store(oid(7), NO_TID, "x").commit();
      assertEquals(await missed(client, tids[2]), null);
      assertEquals(await missed(client, tids[3]), [t6, [oid(4), oid(7), oid(1004)].sort()]);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("R02: R08: who registers while a transaction is made durable hears of it, and sees nothing of it before", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const one = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, "first").commit();
    // With one client alone the sync doesn't leave the thread, and there is no meanwhile.
    await serving.connect();
    disk.shut();
    const transaction = one.begin().store(x, t1, "second");
    await transaction.vote();
    const finishing = transaction.finish();
    await until(() => disk.waiting === 1, "the transaction is being made durable");
    const late = await serving.connect();
    assertEquals(late.registeredAt, t1);
    assertEquals(await late.call("lastTransaction"), tidBytes(t1));
    assertEquals(await late.call("getTid", new Uint8Array(8).with(7, 1)), tidBytes(t1));
    assertEquals(await missed(late, t1), [t1, []]);
    assertEquals(late.invalidations, []);
    disk.release();
    const t2 = await finishing;
    assertEquals(await late.invalidation(), [t2, [x]]);
    assertEquals(await missed(late, t1), [t2, [x]]);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("R05: clients that come and go while others finish take nothing away from those who stay", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const writers = [await serving.connect(), await serving.connect()];
    const expected: Tid[] = [];
    const stays: WireClient[] = [];
    for (let round = 0; round < 8; round++) {
      const before = await serving.connect(), goes = await serving.connect();
      stays.push(await serving.connect());
      disk.shut();
      const waiting = disk.waiting;
      const tids = writers.map(async (writer, i) => {
        const transaction = writer.begin().store(oid(2 * round + i), NO_TID, "x");
        await transaction.vote();
        return await transaction.finish();
      });
      await until(() => disk.waiting > waiting, "the transactions are being made durable");
      before.vanish();
      goes.vanish();
      if (round % 2) await serving.connect();
      disk.release();
      expected.push(...(await Promise.all(tids)).sort());
    }
    for (const [round, client] of stays.entries()) {
      await client.call("ping");
      assertEquals(client.invalidations.map(([tid]) => tid), expected.slice(2 * round));
    }
    assertEquals((await serving.status()).active_txns, 0);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what was finished while one sync ran becomes visible in the order of the tids", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const watcher = await serving.connect();
    const transactions = [];
    for (let i = 0; i < 8; i++) {
      const transaction = (await serving.connect()).begin().store(oid(i), NO_TID, "x");
      await transaction.vote();
      transactions.push(transaction);
    }
    disk.shut();
    const finishing = transactions.map((transaction) => transaction.finish());
    await until(() => disk.waiting > 0, "the transactions are being made durable");
    assertEquals(await watcher.call("lastTransaction"), tidBytes(NO_TID));
    disk.release();
    const tids = await Promise.all(finishing);
    await watcher.call("ping");
    assertEquals(watcher.invalidations.map(([tid]) => tid), [...tids].sort());
  }
  await Deno.remove(folder, { recursive: true });
});

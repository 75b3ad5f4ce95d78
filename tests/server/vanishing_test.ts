import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Dict } from "../../pickle/mod.ts";
import { FileStorage, MappingStorage } from "../../storage/mod.ts";
import { NO_TID, oid, oidBytes, type Tid, tidBytes } from "../../values/mod.ts";
import { record } from "../storage/samples.ts";
import { GatedDisk } from "./gated_disk.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, until, VARIANTS } from "./serving.ts";
import { itemsOf, type WireClient } from "./wire_client.ts";

const x = oid(1), y = oid(2);

async function free(serving: Serving): Promise<void> {
  await until(async () => {
    const { lock_time, waiting, active_txns } = await serving.status();
    return lock_time === null && waiting === 0 && active_txns === 0;
  }, "nothing is locked and nobody waits");
}

/** How far a client gets before it is cut off; answers when the server has got there too. */
type Stage = (client: WireClient, t1: Tid, serving: Serving) => Promise<unknown>;

const stages: Record<string, Stage> = {
  "begin": (client) => client.begin().sent.then(() => client.call("ping")),
  "its stores": (client, t1) => client.begin().store(x, t1, "lost").sent.then(() => client.call("ping")),
  "half a store": async (client, t1) => {
    await client.begin().store(x, t1, "lost").sent;
    const message = client.encode(0, true, "storea", [oidBytes(y), tidBytes(t1), new Uint8Array(5000), 1]);
    const frame = new Uint8Array(4 + message.length);
    new DataView(frame.buffer).setUint32(0, message.length);
    frame.set(message, 4);
    await client.sendBytes(frame.subarray(0, 3000));
  },
  "its vote": (client, t1) => client.begin().store(x, t1, "lost").check(y, t1).vote(),
  "an abort": async (client, t1) => {
    const transaction = client.begin().store(x, t1, "lost");
    await transaction.vote();
    await transaction.abort();
  },
};

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  for (const [name, stage] of Object.entries(stages)) {
    Deno.test(`V05: ${variant}: a client that vanishes after ${name} frees what it had and changes nothing`, async () => {
      await using serving = await Serving.start({ storage, encoding });
      const one = await serving.connect(), two = await serving.connect();
      const t1 = await two.begin().store(x, NO_TID, "first").store(y, NO_TID, "first").commit();
      await stage(one, t1, serving);
      one.vanish();
      // Nobody waits for longer than the server needs to notice.
      const t2 = await two.begin().store(x, t1, "second").store(y, t1, "second").commit();
      assertEquals(await two.call("getTid", oidBytes(x)), tidBytes(t2));
      await free(serving);
      await until(async () => (await serving.status()).connections === 1, "only one is left");
    });
  }

  Deno.test(`V05: ${variant}: a client that vanishes while its vote waits is never granted anything`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const [one, two, three] = [await serving.connect(), await serving.connect(), await serving.connect()];
    const t1 = await one.begin().store(x, NO_TID, "first").commit();
    const held = one.begin().store(x, t1, "held");
    await held.vote();
    two.begin().store(x, t1, "lost").vote();
    await until(async () => (await serving.status()).waiting === 1, "one waits");
    const last = three.begin().store(x, t1, "third");
    const vote = last.vote();
    await until(async () => (await serving.status()).waiting === 2, "two wait");
    two.vanish();
    await until(async () => (await serving.status()).waiting === 1, "one of them is gone");
    await held.abort();
    assertEquals(await vote, []);
    await last.finish();
    await free(serving);
  });

  Deno.test(`V05: ${variant}: a client that asks to finish and vanishes has finished or not, and nothing stays locked`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const two = await serving.connect();
    let current = await two.begin().store(x, NO_TID, "first").commit();
    for (let i = 0; i < 10; i++) {
      const one = await serving.connect();
      const transaction = one.begin().store(x, current, `${i}`);
      await transaction.vote();
      await one.send(99, false, "tpc_finish", [transaction.id]);
      one.vanish();
      await free(serving);
      const [tid, oids] = await two.invalidation().catch(() => [current, [x]] as const);
      assertEquals(oids, [x]);
      current = tid;
      assertEquals(await two.call("getTid", oidBytes(x)), tidBytes(current));
    }
  });
}

Deno.test("V05: a client that vanishes while its transaction is made durable has finished, and the others hear of it", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const one = await serving.connect(), two = await serving.connect();
    const transaction = one.begin().store(x, NO_TID, "one");
    await transaction.vote();
    disk.shut();
    transaction.finish();
    await until(() => disk.waiting === 1, "the transaction is being made durable");
    one.vanish();
    await until(async () => (await serving.status()).connections === 1, "its client is gone");
    // It is too late to abort it, and too early to see it.
    await assertFails(two.call("getTid", oidBytes(x)), "POSKeyError");
    const waits = two.begin().store(x, NO_TID, "two");
    const vote = waits.vote();
    await until(async () => (await serving.status()).waiting === 1, "the object is still held");
    disk.release();
    const [tid, oids] = await two.invalidation();
    assertEquals(oids, [x]);
    await assertFails(vote, "ConflictError");
    assertEquals(await two.call("getTid", oidBytes(x)), tidBytes(tid));
    await free(serving);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("V06: an abort that comes while the transaction is made durable is too late and does no harm", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const one = await serving.connect();
    const transaction = one.begin().store(x, NO_TID, "one");
    await transaction.vote();
    // With one client alone the sync doesn't leave the thread, and there is no meanwhile.
    await serving.connect();
    disk.shut();
    const finishing = transaction.finish();
    await until(() => disk.waiting === 1, "the transaction is being made durable");
    assertEquals(await transaction.abort(), null);
    assertEquals(await one.call("tpc_finish", transaction.id), null);
    disk.release();
    const tid = await finishing;
    assertEquals(await one.call("getTid", oidBytes(x)), tidBytes(tid));
    await free(serving);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a server that is closed while a transaction is made durable waits for it; the file has it", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const one = await serving.connect();
    const transaction = one.begin().store(x, NO_TID, "one");
    await transaction.vote();
    // With one client alone the sync doesn't leave the thread, and there is no meanwhile.
    await serving.connect();
    disk.shut();
    transaction.finish();
    await until(() => disk.waiting === 1, "the transaction is being made durable");
    const closing = serving.server.close();
    await one.closed;
    disk.release();
    await closing;
    await using reopened = FileStorage.open(`${folder}/Data.fs`);
    assertEquals(reopened.length(), 1);
  }
  await Deno.remove(folder, { recursive: true });
});

for (const storage of ["mapping", "file"] as const) {
  Deno.test(`${storage}: a transaction that takes too long after its vote is ended, its client disconnected, its objects freed`, async () => {
    await using log = await CapturedLog.start();
    await using serving = await Serving.start({ storage, transactionTimeout: 0.2 });
    const one = await serving.connect(), two = await serving.connect();
    // Only what comes after the vote counts.
    const slow = one.begin().store(x, NO_TID, "slow");
    await slow.sent;
    await new Promise((resolve) => setTimeout(resolve, 400));
    await slow.vote();
    // Granted when the other one's time is over.
    assertEquals(await two.begin().store(x, NO_TID, "second").vote(), []);
    await one.closed;
    const [line] = log.matching(/Transaction timeout/);
    assert(/^zeo\.server fatal \(.*\) Transaction timeout after 0\.2 seconds$/.test(line), line);
    two.vanish();
    await free(serving);
    const reader = await serving.connect();
    await assertFails(reader.call("getTid", oidBytes(x)), "POSKeyError");
  });

  Deno.test(`${storage}: a transaction that ends in time, in any way, is not watched any more`, {
    sanitizeOps: true,
  }, async () => {
    // A watch that was left behind is a timer that was left behind, which fails this test.
    await using serving = await Serving.start({ storage, transactionTimeout: 1000 });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, "first").commit();
    const aborted = one.begin().store(x, t1, "second");
    await aborted.vote();
    await aborted.abort();
    await assertFails(one.begin().store(x, NO_TID, "third").vote(), "ConflictError");
    await two.begin().store(x, t1, "fourth").vote();
    two.vanish();
    await free(serving);
  });
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`V07: ${encoding}: a client that leaves during its pack harms nobody: the pack goes on, the others are told`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const storage = FileStorage.open(`${folder}/Data.fs`);
      const begun = Promise.withResolvers<void>(), left = Promise.withResolvers<void>();
      const pack = storage.pack.bind(storage);
      storage.pack = async (...args) => {
        begun.resolve();
        await left.promise;
        return await pack(...args);
      };
      await using serving = await Serving.start({ storage, encoding });
      const packer = await serving.connect(), other = await serving.connect();
      const root = oid(0);
      const t1 = await other.begin().store(root, NO_TID, record("a")).commit();
      const t2 = await other.begin().store(root, t1, record("b")).commit();
      const before = storage.size();
      other.heard.length = 0;
      const packing = packer.call("pack", Date.now() / 1000 + 1, true);
      await begun.promise;
      packer.vanish();
      await until(async () => (await serving.status()).connections === 1, "the packer is gone");
      left.resolve();
      await assertRejects(() => packing);
      await until(() => other.heard.some(({ name }) => name === "info"), "the other one is told the sizes");
      const sizes = itemsOf(other.heard.find(({ name }) => name === "info")!.args)![0] as Dict;
      assertEquals([sizes.get("length"), sizes.get("size")], [1, storage.size()]);
      assert(storage.size() < before);
      const t3 = await other.begin().store(root, t2, record("c")).commit();
      assertEquals(storage.history(root, 9).map(({ tid }) => tid), [t3, t2]);
      // The next one may pack again.
      const next = await serving.connect();
      await next.call("pack", Date.now() / 1000 + 1, true);
      assertEquals(storage.history(root, 9).map(({ tid }) => tid), [t3]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a client that vanishes in the midst of iterating leaves nothing open", async () => {
  const storage = new MappingStorage();
  const all = storage.transactions.bind(storage);
  let open = 0;
  storage.transactions = function* (start?: Tid, stop?: Tid) {
    open++;
    try {
      yield* all(start, stop);
    } finally {
      open--;
    }
  };
  await using serving = await Serving.start({ storage });
  const one = await serving.connect();
  await one.begin().store(x, NO_TID, "first").commit();
  for (let i = 0; i < 3; i++) await one.call("iterator_next", await one.call("iterator_start", null, null));
  assertEquals(open, 3);
  one.vanish();
  await until(() => open === 0, "what it iterated over is closed");
});

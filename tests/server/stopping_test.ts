import { assertEquals, assertRejects } from "@std/assert";
import { FileStorage, MappingStorage } from "../../storage/mod.ts";
import { NO_TID, oid, oidBytes, tidBytes } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { GatedDisk } from "./gated_disk.ts";
import { CapturedLog, Serving, until } from "./serving.ts";
import { Gone, WireClient } from "./wire_client.ts";

const x = oid(1), y = oid(2);

Deno.test("a server that is stopped lets who has voted finish, and disconnects the others", async () => {
  await using log = await CapturedLog.start();
  const folder = await Deno.makeTempDir();
  try {
    const storage = FileStorage.open(`${folder}/Data.fs`);
    await using serving = await Serving.start({ storage });
    const voted = await serving.connect(), waiting = await serving.connect(), late = await serving.connect();
    const first = voted.begin().store(x, NO_TID, "first");
    await first.vote();
    const second = waiting.begin().store(x, NO_TID, "second").vote();
    await until(async () => (await serving.status()).waiting === 1, "the second waits for the first");

    const third = late.begin().store(y, NO_TID, "third");
    await third.sent;

    const stopping = serving.server.stop(60);
    assertEquals(serving.server.state, "stopping");
    await assertRejects(() => second, Gone);
    await assertRejects(() => third.vote(), Gone);
    await assertRejects(() => WireClient.connect(serving.address), Deno.errors.ConnectionRefused);
    // Reading goes on, for the one that is not ready.
    await assertFails(voted.call("getTid", oidBytes(x)), "POSKeyError");
    const tid = await first.finish();
    await stopping;
    await voted.closed;
    assertEquals(log.matching(/given up/), []);

    const again = FileStorage.open(`${folder}/Data.fs`);
    assertEquals(tidBytes(again.getTid(x)), tidBytes(tid));
    await again.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a transaction that doesn't finish in time is given up when the server is stopped", async () => {
  await using log = await CapturedLog.start();
  const folder = await Deno.makeTempDir();
  try {
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`) });
    const client = await serving.connect();
    const transaction = client.begin().store(x, NO_TID, "never");
    await transaction.vote();
    await serving.server.stop(0.05);
    await assertRejects(() => transaction.finish(), Gone);
    assertEquals(log.matching(/given up/).length, 1);
    assertEquals(log.matching(/disconnected during locked transaction/).length, 1);
    const again = FileStorage.open(`${folder}/Data.fs`);
    assertEquals(again.lastTransaction(), NO_TID);
    await again.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is being made durable when the server is stopped is finished, and its client has the answer", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const disk = new GatedDisk();
    await using serving = await Serving.start({ storage: FileStorage.open(`${folder}/Data.fs`, { disk }) });
    const client = await serving.connect(), other = await serving.connect();
    disk.shut();
    const finishing = client.begin().store(x, NO_TID, "slow disk").commit();
    await until(() => disk.waiting > 0, "the sync has begun");
    const stopping = serving.server.stop(60);
    disk.release();
    const tid = await finishing;
    await other.closed;
    await stopping;
    const again = FileStorage.open(`${folder}/Data.fs`);
    assertEquals(again.lastTransaction(), tid);
    await again.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a client that doesn't read can't keep a server from being stopped", async () => {
  await using serving = await Serving.start();
  const writer = await serving.connect(), deaf = await serving.connect();
  await writer.begin().store(x, NO_TID, new Uint8Array(4 << 20)).commit();
  deaf.pause();
  for (let i = 0; i < 8; i++) {
    await deaf.send(i + 100, false, "loadBefore", [oidBytes(x), tidBytes(2n ** 62n as never)]);
  }
  await serving.server.stop(60);
  assertEquals(serving.server.connections, 0);
});

Deno.test("stopping and closing again wait for the first, in any order", async () => {
  for (const [first, second] of [["stop", "close"], ["close", "stop"], ["stop", "stop"]] as const) {
    let closed = 0;
    const storage = new MappingStorage();
    const close = storage.close.bind(storage);
    storage.close = () => {
      closed++;
      return close();
    };
    await using serving = await Serving.start({ storage });
    await serving.connect();
    await Promise.all([serving.server[first](), serving.server[second]()]);
    assertEquals(closed, 1);
  }
});

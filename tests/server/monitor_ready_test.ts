import { assertEquals, assertMatch } from "@std/assert";
import { FileStorage, MappingStorage, type Storage } from "../../storage/mod.ts";
import { NO_TID, oid, type Tid } from "../../values/mod.ts";
import { FaultyDisk } from "../storage/faulty_disk.ts";
import { assertFails } from "./errors.ts";
import { Monitored } from "./monitoring.ts";
import { until } from "./serving.ts";

const x = oid(1);

/** A monitored server on a disk that a test can break. */
class Breakable implements AsyncDisposable {
  private constructor(readonly disk: FaultyDisk, readonly folder: string, readonly monitored: Monitored) {}

  static async start(): Promise<Breakable> {
    const folder = await Deno.makeTempDir(), disk = new FaultyDisk();
    const storages = new Map<string, Storage>([
      ["1", FileStorage.open(`${folder}/Data.fs`, { disk })],
      ["other", new MappingStorage()],
    ]);
    return new Breakable(disk, folder, await Monitored.start({ storages }));
  }

  async commit(data: string | Uint8Array = "x", serial: Tid = NO_TID): Promise<Tid> {
    const client = await this.monitored.serving.connect();
    return await client.begin().store(x, serial, data).commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.monitored[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("a server is ready, and says of each storage whether it may be changed", async () => {
  const storages = new Map([["1", new MappingStorage()], ["2", new MappingStorage()]]);
  await using writable = await Monitored.start({ storages });
  assertEquals(await writable.ready(), [200, {
    ready: true,
    storages: { 1: { ready: true, readOnly: false }, 2: { ready: true, readOnly: false } },
  }]);
  // One that is to be read only does what it should.
  await using readOnly = await Monitored.start({ readOnly: true });
  assertEquals(await readOnly.ready(), [200, {
    ready: true,
    storages: { 1: { ready: true, readOnly: true } },
  }]);
});

Deno.test("a server whose disk fails is not ready, and says why", async () => {
  await using server = await Breakable.start();
  const { monitored, disk } = server;
  const serial = await server.commit();
  assertEquals((await monitored.ready())[0], 200);
  disk.fault = ({ kind, path }) =>
    kind === "sync" && path.endsWith("Data.fs") ? { error: new Error("EIO: i/o error") } : undefined;
  await assertFails(server.commit("y", serial), "FileStorageError");
  disk.fault = () => undefined;
  const [code, { ready, reason, storages }] = await monitored.ready();
  assertEquals([code, ready], [503, false]);
  assertMatch(reason!, /^storage 1: .*Data\.fs: takes no more changes after a failed sync: EIO/);
  assertEquals(storages["other"], { ready: true, readOnly: false });
  const numbers = await monitored.metrics();
  assertEquals(numbers.find("zeo_storage_failed", { storage: "1" }), 1);
  assertEquals(numbers.find("zeo_storage_failed", { storage: "other" }), 0);
  assertEquals(numbers.find("zeo_commits_total", { storage: "1" }), 1);
  // Alive it is all the same.
  const health = await monitored.fetch("/healthz");
  assertEquals(health.status, 200);
  await health.body?.cancel();
});

Deno.test("a server whose disk is full is not ready, and is again once there is room", async () => {
  await using server = await Breakable.start();
  const { monitored, disk } = server;
  disk.capacity = disk.used + 1000;
  await assertFails(server.commit(), "FileStorageError");
  const [code, { reason }] = await monitored.ready();
  assertEquals(code, 503);
  assertMatch(reason!, /^storage 1: .*the disk is full/);
  assertEquals((await monitored.metrics()).find("zeo_storage_failed", { storage: "1" }), 1);
  disk.capacity = Infinity;
  // Nobody has voted since, and it has found out all the same.
  await until(async () => (await monitored.ready())[0] === 200, "it has found that there is room");
  await server.commit();
});

Deno.test("a transaction too big for the room that is left is no reason not to be ready for others", async () => {
  await using server = await Breakable.start();
  const { monitored, disk } = server;
  const serial = await server.commit();
  disk.capacity = disk.used + 1000;
  await assertFails(server.commit(new Uint8Array(4 << 20), serial), "FileStorageError");
  assertEquals((await monitored.ready())[0], 200);
  await server.commit("small", serial);
});

Deno.test("a server that is being closed is not ready, until its monitor is closed too", async () => {
  await using server = await Breakable.start();
  const { monitored, disk } = server;
  const { serving } = monitored;
  // With a second client syncs are done beside, so that one can be held.
  const client = await serving.connect();
  await serving.connect();
  disk.holdSyncs = true;
  const commit = client.begin().store(x, NO_TID, "x");
  await commit.vote();
  const finish = commit.finish().catch(() => {});
  await until(() => disk.waiting.length > 0, "a sync under way");
  const closing = serving.server.close();
  assertEquals(await monitored.ready(), [503, { ready: false, reason: "shutting down", storages: {} }]);
  assertEquals((await monitored.status()).state, "stopping");
  disk.releaseSyncs();
  await Promise.all([closing, finish]);
  assertEquals((await monitored.ready())[0], 503);
  await (await monitored.metrics()).of("zeo_commits_total");
});

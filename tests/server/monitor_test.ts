import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Dict } from "../../pickle/mod.ts";
import { Monitor, StorageServer } from "../../server/mod.ts";
import {
  BeforeStorage,
  DemoStorage,
  FileStorage,
  MappingStorage,
  type Storage,
  ZlibStorage,
} from "../../storage/mod.ts";
import { MAX_TID, NO_TID, oid, oidBytes, tidBytes, tidTime } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { Monitored } from "./monitoring.ts";
import { parsePrometheus } from "./prometheus_text.ts";
import { until, VARIANTS } from "./serving.ts";
import { itemsOf, WireClient } from "./wire_client.ts";

const x = oid(1), y = oid(2);

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  Deno.test(`${variant}: the numbers are those of what clients did`, async () => {
    await using monitored = await Monitored.start({ storage, encoding });
    const { serving } = monitored;
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, "12345").store(y, NO_TID, "123").commit();
    for (let i = 0; i < 7; i++) await two.call("loadBefore", oidBytes(x), tidBytes(MAX_TID));
    await assertFails(two.begin().store(x, NO_TID, "late").commit(), "ConflictError");
    const given = one.begin().store(y, t1, "given up");
    await given.vote();
    await given.abort();
    const open = two.begin().store(y, t1, "1");
    await open.vote();

    const numbers = await monitored.metrics();
    const counts = [
      ...["loads_total", "stores_total", "stored_bytes_total", "commits_total", "aborts_total"],
      ...["conflicts_total", "conflicts_resolved_total", "transaction_timeouts_total"],
      ...["active_transactions", "waiting_votes", "holding_transactions"],
      ...["lock_wait_seconds_count", "lock_hold_seconds_count", "commit_seconds_count"],
      ...["storage_objects", "storage_failed", "storage_read_only", "invalidation_queue_transactions"],
    ].map((name) => [name, numbers.of(`zeo_${name}`)]);
    assertEquals(Object.fromEntries(counts), {
      ...{ loads_total: 7, stores_total: 5, stored_bytes_total: 5 + 3 + 4 + 8 + 1, commits_total: 1 },
      ...{ aborts_total: 1, conflicts_total: 1, conflicts_resolved_total: 0, transaction_timeouts_total: 0 },
      ...{ active_transactions: 1, waiting_votes: 0, holding_transactions: 1 },
      // Every vote got its objects; one still has them.
      ...{ lock_wait_seconds_count: 4, lock_hold_seconds_count: 3, commit_seconds_count: 1 },
      ...{ storage_objects: 2, storage_failed: 0, storage_read_only: 0, invalidation_queue_transactions: 2 },
    });
    assertEquals(numbers.of("zeo_last_transaction_timestamp_seconds"), tidTime(t1) / 1000);
    assertEquals(numbers.find("zeo_connections", { storage: "1", client: "" }), 2);
    assertEquals(numbers.of("zeo_storage_size_bytes"), serving.server.measure().storages[0].size);
    assert(numbers.of("zeo_resident_memory_bytes") > 1 << 20);
    assert(numbers.of("zeo_received_bytes_total") > 0);
    assertEquals(
      numbers.find("zeo_fsync_seconds_count", { storage: "1" }),
      storage === "file" ? 1 : undefined,
    );
    await open.abort();
  });
}

Deno.test("bytes are counted as they travel, also those of connections that are gone", async () => {
  await using monitored = await Monitored.start();
  const client = await monitored.serving.connect();
  const data = new Uint8Array(100_000);
  await client.begin().store(x, NO_TID, data).commit();
  const before = await monitored.metrics();
  await client.call("loadBefore", oidBytes(x), tidBytes(MAX_TID));
  const loaded = await monitored.metrics();
  assert(before.of("zeo_received_bytes_total") > data.length);
  assert(before.of("zeo_sent_bytes_total") < 1000);
  const sent = loaded.of("zeo_sent_bytes_total") - before.of("zeo_sent_bytes_total");
  assert(sent > data.length && sent < data.length + 200, `${sent} bytes sent`);
  client.vanish();
  await until(() => monitored.serving.server.connections === 0, "the connection is gone");
  const after = await monitored.metrics();
  for (const name of ["zeo_received_bytes_total", "zeo_sent_bytes_total"]) {
    assertEquals(after.of(name), loaded.of(name), name);
  }
  assertEquals(after.of("zeo_open_connections"), 0);
  assertEquals(after.of("zeo_accepted_connections_total"), 1);
});

Deno.test("a vote that waits is seen waiting, and its wait is in the histogram", async () => {
  await using monitored = await Monitored.start();
  const one = await monitored.serving.connect(), two = await monitored.serving.connect();
  const t1 = await one.begin().store(x, NO_TID, "first").commit();
  const first = one.begin().store(x, t1, "one");
  await first.vote();
  const second = two.begin().store(x, t1, "two");
  const vote = second.vote();
  await until(async () => (await monitored.metrics()).of("zeo_waiting_votes") === 1, "a vote that waits");
  const { connections } = await monitored.status();
  assertEquals(connections.map(({ transaction }) => transaction), ["voted", "waiting"]);
  // Long enough to be beyond the first ranges, however fast the machine is.
  const since = performance.now();
  await until(() => performance.now() > since + 20, "20 ms");
  await first.abort();
  await vote;
  const numbers = await monitored.metrics();
  assertEquals(numbers.of("zeo_waiting_votes"), 0);
  assertEquals(numbers.of("zeo_lock_wait_seconds_count"), 3);
  assert(numbers.of("zeo_lock_wait_seconds_sum") >= 0.02);
  assert(numbers.find("zeo_lock_wait_seconds_bucket", { storage: "1", le: "0.01" })! <= 2);
  await second.abort();
});

Deno.test("resolved conflicts are counted", async () => {
  const folder = await Deno.makeTempDir();
  const merge = () => new TextEncoder().encode("merged");
  await using monitored = await Monitored.start({
    storage: FileStorage.open(`${folder}/Data.fs`, { merge }),
  });
  const client = await monitored.serving.connect();
  const t1 = await client.begin().store(x, NO_TID, "first").commit();
  await client.begin().store(x, t1, "second").commit();
  await client.begin().store(x, t1, "third").commit();
  const numbers = await monitored.metrics();
  assertEquals(numbers.of("zeo_conflicts_resolved_total"), 1);
  assertEquals(numbers.of("zeo_conflicts_total"), 0);
  assertEquals(numbers.of("zeo_commits_total"), 3);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the record cache's hits and misses go on being counted after a pack", async () => {
  await using monitored = await Monitored.start({ storage: "file" });
  const client = await monitored.serving.connect();
  let serial = NO_TID;
  for (let i = 0; i < 3; i++) serial = await client.begin().store(oid(0), serial, rootRecord()).commit();
  const load = () => client.call("loadBefore", oidBytes(oid(0)), tidBytes(MAX_TID));
  for (let i = 0; i < 5; i++) await load();
  const before = await monitored.metrics();
  assert(before.of("zeo_record_cache_hits_total") >= 5);
  assert(before.of("zeo_record_cache_bytes") > 0);
  await client.call("pack", Date.now() / 1000 + 1, true);
  await load();
  const after = await monitored.metrics();
  assert(after.of("zeo_record_cache_hits_total") >= before.of("zeo_record_cache_hits_total"));
  assert(after.of("zeo_record_cache_misses_total") > before.of("zeo_record_cache_misses_total"));
});

Deno.test("a pack is seen running, and then as the last one", async () => {
  await using monitored = await Monitored.start({ storage: "file" });
  const client = await monitored.serving.connect(), other = await monitored.serving.connect();
  let serial = NO_TID;
  for (let i = 0; i < 5; i++) serial = await client.begin().store(oid(0), serial, rootRecord()).commit();
  assertEquals((await monitored.metrics()).of("zeo_last_pack_timestamp_seconds"), 0);
  // The last step of a pack waits for a transaction that relies on places in the file.
  const [entry] = itemsOf(await client.call("undoLog", 0, 1))! as Dict[];
  const undo = client.begin().notify("undoa", entry.get("id") as Uint8Array);
  await undo.vote();
  const packing = other.call("pack", Date.now() / 1000 + 1, true);
  await until(async () => {
    const [{ pack }] = (await monitored.status()).storages;
    return (pack as { progress: { stage: string } | null }).progress?.stage === "follow";
  }, "a pack that is at its last step, and says so");
  assertEquals((await monitored.metrics()).of("zeo_pack_running"), 1);
  const before = Date.now() / 1000;
  await undo.abort();
  await packing;
  const numbers = await monitored.metrics();
  assertEquals(numbers.of("zeo_pack_running"), 0);
  assertEquals(numbers.of("zeo_packs_total"), 1);
  assertEquals(numbers.of("zeo_failed_packs_total"), 0);
  assert(numbers.of("zeo_last_pack_timestamp_seconds") >= before - 0.01);
  assert(numbers.of("zeo_last_pack_duration_seconds") > 0);
});

Deno.test("transactions that take too long and connections that are too many are counted", async () => {
  await using monitored = await Monitored.start({ transactionTimeout: 0.01, maxConnections: 1 });
  const client = await monitored.serving.connect();
  const refused = await WireClient.connect(monitored.serving.address, { silent: true });
  await refused.closed;
  await client.begin().store(x, NO_TID, "slow").vote().catch(() => {});
  await client.closed;
  await until(() => monitored.serving.server.connections === 0, "the connection is gone");
  const numbers = await monitored.metrics();
  assertEquals(numbers.of("zeo_transaction_timeouts_total"), 1);
  assertEquals(numbers.of("zeo_refused_connections_total"), 1);
  assertEquals(numbers.of("zeo_accepted_connections_total"), 1);
  await refused[Symbol.asyncDispose]();
});

Deno.test("a client's label can't break the page, whatever it is", async () => {
  await using monitored = await Monitored.start();
  const labels = ['a "quoted" one', "two\nlines", "back\\slash", "ünïcödé 🐍", "x".repeat(500)];
  for (const label of labels) {
    const client = await monitored.serving.connect();
    await client.call("set_client_label", label);
  }
  const { families } = await monitored.metrics();
  assertEquals(families.get("zeo_connections")!.series.map(({ labels }) => labels.client), [
    ...[labels[0], "two?lines", labels[2], labels[3]],
    "x".repeat(64),
  ]);
  assertEquals((await monitored.status()).connections[1].client, "two?lines");
});

Deno.test("labels beyond the fiftieth are counted together", async () => {
  await using monitored = await Monitored.start();
  for (let i = 0; i < 53; i++) {
    const client = await monitored.serving.connect();
    await client.call("set_client_label", `worker ${i}`);
  }
  const numbers = await monitored.metrics();
  assertEquals(numbers.families.get("zeo_connections")!.series.length, 51);
  assertEquals(numbers.find("zeo_connections", { storage: "1", client: "worker 49" }), 1);
  assertEquals(numbers.find("zeo_connections", { storage: "1", client: "other" }), 3);
});

Deno.test("the status names each connection, with what it is doing", async () => {
  await using monitored = await Monitored.start();
  const reader = await monitored.serving.connect({ readOnly: true });
  const writer = await monitored.serving.connect();
  await using silent = await WireClient.connect(monitored.serving.address, { silent: true });
  await silent.announced;
  await writer.call("set_client_label", "writer");
  await reader.call("ping");
  const transaction = writer.begin().store(x, NO_TID, "x");
  await transaction.sent;
  await writer.call("ping");
  const { state, openConnections, connections, storages } = await monitored.status();
  assertEquals([state, openConnections], ["serving", 3]);
  assertEquals(
    connections.map((
      { storage, client, readOnly, transaction, calls },
    ) => [storage, client, readOnly, transaction, calls]),
    [
      ["1", "", true, null, 1],
      ["1", "writer", false, "collecting", 4],
      [null, "", false, null, 0],
    ],
  );
  for (const { peer, receivedBytes, sentBytes, bufferedBytes } of connections.slice(0, 2)) {
    assertMatch(peer, /^127\.0\.0\.1:\d+$/);
    assert(receivedBytes > 0 && sentBytes > 0);
    assertEquals(bufferedBytes, 0);
  }
  assertEquals(storages.map(({ id, kind, activeTransactions }) => [id, kind, activeTransactions]), [
    ["1", "MappingStorage", 1],
  ]);
  await transaction.abort();
});

Deno.test("every storage has its own numbers; wrapped ones those of what they are around", async () => {
  const folder = await Deno.makeTempDir();
  const file = (name: string) => FileStorage.open(`${folder}/${name}.fs`);
  await using monitored = await Monitored.start({
    storages: new Map<string, Storage>([
      ["plain", file("plain")],
      ["zlib", new ZlibStorage(file("zlib"))],
      ["demo", new DemoStorage({ base: file("base"), changes: file("changes") })],
      ["before", new BeforeStorage(file("before"), new Date())],
      ["memory", new MappingStorage()],
    ]),
  });
  for (const storage of ["plain", "zlib", "demo", "memory"]) {
    const client = await monitored.serving.connect({ storage });
    await client.begin().store(x, NO_TID, rootRecord()).commit();
  }
  const numbers = await monitored.metrics();
  const syncs = ["plain", "zlib", "demo", "before", "memory"].map((storage) =>
    numbers.find("zeo_fsync_seconds_count", { storage })
  );
  assertEquals(syncs, [1, 1, 1, 0, undefined]);
  assertEquals(numbers.find("zeo_storage_read_only", { storage: "before" }), 1);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("only the monitor's pages are there, only to be read", async () => {
  await using monitored = await Monitored.start();
  for (const path of ["/", "/metrics/", "/status/1", "/Metrics", "/constructor"]) {
    const response = await monitored.fetch(path);
    assertEquals([response.status, (await response.json()).error], [404, "there is no such page"], path);
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const response = await monitored.fetch("/metrics", { method });
    assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"], method);
    await response.body?.cancel();
  }
  for (const path of ["/healthz", "/readyz", "/metrics?x=1", "/status"]) {
    const get = await monitored.fetch(path), head = await monitored.fetch(path, { method: "HEAD" });
    assertEquals([get.status, head.status], [200, 200], path);
    assertEquals(head.headers.get("content-type"), get.headers.get("content-type"));
    assert((await get.text()).length > 0);
    assertEquals(await head.text(), "");
  }
});

Deno.test("how late the event loop is can be seen", async () => {
  await using monitored = await Monitored.start();
  const end = performance.now() + 400;
  while (performance.now() < end);
  await until(
    async () => (await monitored.metrics()).of("zeo_event_loop_lag_seconds_sum") > 0.2,
    "a timer that was late",
  );
  assertEquals((await (await monitored.fetch("/healthz")).json()).status, "alive");
});

Deno.test("a monitor on a Unix socket takes the place of one that is gone, and of none that lives", async () => {
  const folder = await Deno.makeTempDir();
  const address = { transport: "unix", path: `${folder}/monitor.sock` } as const;
  Deno.listen(address).close();
  {
    await using monitored = await Monitored.start({}, address);
    using conn = await Deno.connect(address);
    await conn.write(
      new TextEncoder().encode("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    );
    const [head, body] = (await new Response(conn.readable).text()).split("\r\n\r\n");
    assertMatch(head, /^HTTP\/1\.1 200 /);
    assert(parsePrometheus(body).has("zeo_loads_total"));
    const error = await Monitor.start(monitored.serving.server, address).catch((error) => error);
    assert(error instanceof Deno.errors.AddrInUse, String(error));
  }
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("an address that is in use is refused, and nothing stays open", async () => {
  await using server = await StorageServer.start({
    address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
    storages: new Map([["1", new MappingStorage()]]),
  });
  const error = await Monitor.start(server, server.address).catch((error) => error);
  assert(error instanceof Deno.errors.AddrInUse, String(error));
});

/** A record that a pack can read: of `persistent.mapping.PersistentMapping`, empty. */
function rootRecord(): Uint8Array {
  return new Uint8Array([
    ...new TextEncoder().encode("cpersistent.mapping\nPersistentMapping\n"),
    ...[0x2e, 0x7d, 0x2e],
  ]);
}

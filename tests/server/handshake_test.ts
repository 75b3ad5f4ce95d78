import { assert, assertEquals } from "@std/assert";
import { type Dict, Float, Tuple, type Value } from "../../pickle/mod.ts";
import { MappingStorage } from "../../storage/mod.ts";
import { formatTid, NO_TID, oid, tidBytes } from "../../values/mod.ts";
import { show } from "../protocol/show.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, until } from "./serving.ts";

const text = new TextEncoder();

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`a server for ${encoding} announces it, and talks the encoding that the client chooses`, async () => {
    await using serving = await Serving.start({ encoding });
    for (const chosen of ["M", "Z"] as const) {
      const client = await serving.connect({ encoding: chosen });
      assertEquals(await client.announced, `${encoding}5`);
      assertEquals(await client.call("ping"), null);
    }
  });

  Deno.test(`${encoding}: ids of any kind come back with their replies`, async () => {
    await using serving = await Serving.start({ encoding });
    const client = await serving.connect();
    const pair = new Tuple([new Uint8Array(8), new Uint8Array(8).fill(1)]);
    const ids: Value[] = [
      0,
      1,
      255,
      256,
      70_000,
      2 ** 40,
      2n ** 63n,
      -2,
      -70_000,
      true,
      null,
      "seven",
      "",
      new Uint8Array([1, 2]),
      pair,
      new Tuple(["a", new Tuple([1, null])]),
      new Tuple([]),
      1.5,
      new Float(2),
    ];
    for (const id of ids) {
      assertEquals(await client.callAs(id, "ping"), null);
      assertEquals(show(client.heard.at(-1)!.id, encoding === "Z"), show(id, encoding === "Z"));
    }
    // An error's reply carries it too.
    await assertFails(client.callAs(pair, "getTid", new Uint8Array(8)), "POSKeyError");
    assertEquals(show(client.heard.at(-1)!.id, encoding === "Z"), show(pair, encoding === "Z"));
  });

  Deno.test(`${encoding}: heartbeats get no answer, before and after registering`, async () => {
    await using serving = await Serving.start({ encoding });
    const client = await serving.connect({ storage: null });
    await client.send(-1, 0, ".reply", null);
    await client.call("register", "1", false);
    await client.send(-1, 0, ".reply", null);
    await client.send(-1, false, "ping", new Tuple([]));
    await client.send(-1, false, "loadBefore", new Tuple([new Uint8Array(8), new Uint8Array(8)]));
    assertEquals(await client.call("ping"), null);
    assertEquals(client.heard.length, 2);
  });

  Deno.test(`${encoding}: registering answers the last transaction`, async () => {
    await using serving = await Serving.start({ encoding });
    const one = await serving.connect();
    assertEquals(one.registeredAt, NO_TID);
    const tid = await one.begin().store(oid(1), NO_TID, "x").commit();
    assertEquals((await serving.connect()).registeredAt, tid);
  });

  Deno.test(`${encoding}: an unknown storage is refused, and the client may try another one`, async () => {
    await using serving = await Serving.start({ encoding });
    const client = await serving.connect({ storage: null });
    const error = await assertFails(client.call("register", "2", false), "ValueError");
    assertEquals(show(error.detail, false), '["unknown storage: 2"]');
    await assertFails(client.call("register", 5, false), "TypeError");
    await assertFails(client.call("register"), "TypeError");
    await assertFails(client.call("register", "1", false, 3), "TypeError");
    assertEquals(await client.call("register", "1"), tidBytes(NO_TID));
  });

  Deno.test(`${encoding}: a read-only server takes only readers, on the same connection at the second try`, async () => {
    await using serving = await Serving.start({ encoding, readOnly: true });
    const client = await serving.connect({ storage: null });
    await assertFails(client.call("register", "1", false), "ReadOnlyError");
    await assertFails(client.call("register", "1", 0), "ReadOnlyError");
    await client.call("register", "1", true);
    await assertFails(client.call("new_oids"), "ReadOnlyError");
    await assertFails(client.call("vote", 1), "ReadOnlyError");
    await assertFails(client.call("tpc_finish", 1), "ReadOnlyError");
    await assertFails(client.call("tpc_abort", 1), "ReadOnlyError");
    await assertFails(client.call("tpc_begin", 1, "", "", new Uint8Array(0)), "ReadOnlyError");
  });

  Deno.test(`${encoding}: a client that registers to read may not change anything on a server that others write to`, async () => {
    await using serving = await Serving.start({ encoding });
    const reader = await serving.connect({ readOnly: true });
    const writer = await serving.connect();
    await assertFails(reader.call("new_oids"), "ReadOnlyError");
    const tid = await writer.begin().store(oid(1), NO_TID, "x").commit();
    assertEquals(await reader.invalidation(), [tid, [oid(1)]]);
    await reader.notify("tpc_begin", 1, "", "", new Uint8Array(0));
    await reader.closed;
  });
}

Deno.test("R04: a bad version, an unknown letter and an empty hello are disconnected with a log line", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start();
  for (const hello of ["M4", "Z309", "M5x", "5", "X5", ""]) {
    const client = await serving.connect({ silent: true });
    await client.sendFrame(text.encode(hello));
    await client.closed;
    await until(() => log.matching(/bad handshake/).length > 0, "a line about the handshake");
    const [line] = log.matching(/bad handshake/);
    const begin =
      `zeo.server.connection error bad handshake b'${hello}', expected b'M5' or b'Z5': client 127.0.0.1:`;
    assert(line.startsWith(begin) && line.endsWith(" disconnected"), line);
    log.lines.length = 0;
  }
});

Deno.test("a connection on which nobody registers is closed after a while; one that is registered may be silent", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start({ registrationTimeout: 0.2 });
  const registered = await serving.connect();
  const silent = await serving.connect({ silent: true });
  const greeted = await serving.connect({ storage: null });
  await Promise.all([silent.closed, greeted.closed]);
  await until(
    () => log.matching(/not registered within 0.2 seconds: client .* disconnected/).length === 2,
    "two lines",
  );
  const late = await serving.connect({ silent: true });
  await late.closed;
  assertEquals([await registered.call("ping"), serving.server.connections], [null, 1]);
});

Deno.test("several storages in one server are apart from each other", async () => {
  await using serving = await Serving.start({
    storages: new Map([["1", new MappingStorage("first")], ["second", new MappingStorage("other")]]),
  });
  const one = await serving.connect();
  const two = await serving.connect({ storage: "second" });
  await one.begin().store(oid(1), NO_TID, "x").commit();
  await assertFails(two.call("getTid", new Uint8Array(8)), "POSKeyError");
  assertEquals(await two.call("ping"), null);
  assertEquals(two.invalidations, []);
});

Deno.test("a client's label is in the server's log lines, the last one if there are several", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start();
  const client = await serving.connect();
  await client.notify("set_client_label", "nobody");
  await client.notify("set_client_label", "worker-3");
  await client.call("ping");
  await assertFails(client.call("no_such_method"), "AttributeError");
  await client.closed;
  assertEquals(log.matching(/Invalid method, 'no_such_method': .*\(worker-3 127/).length, 1);
});

Deno.test("nothing that a client says begins a line in the log, or makes one endless", async () => {
  await using log = await CapturedLog.start();
  await using serving = await Serving.start();
  const long = "\n2026-01-01 FATAL\u001b[2J".repeat(10_000), client = await serving.connect();
  await client.notify("set_client_label", long);
  await client.begin({ id: long.slice(0, 64) }).sent;
  await client.begin({ id: long.slice(0, 64) }).sent;
  await client.call("ping");
  await assertFails(client.call(long), "AttributeError");
  await client.closed;
  const stranger = await serving.connect({ storage: null });
  await assertFails(stranger.call("register", long, false), "ValueError");
  stranger.vanish();
  await until(() => log.matching(/disconnected/).length > 2, "what there is to tell is told");
  for (const line of log.lines) assert(!/\p{Cc}/u.test(line) && line.length < 1000, line.slice(0, 200));
});

const KEYS = [
  "connections",
  "loads",
  "stores",
  "commits",
  "aborts",
  "active_txns",
  "lock_time",
  "conflicts",
  "conflicts_resolved",
  "start",
  "waiting",
  "timeout-thread-is-alive",
  "last-transaction",
];

Deno.test("server_status has the original's keys in the original's order, and counts", async () => {
  await using serving = await Serving.start();
  const one = await serving.connect(), two = await serving.connect();
  const read = async () => (await two.call("server_status") as Dict);
  assertEquals([...(await read()).keys()], KEYS);

  const tid = await one.begin().store(oid(1), NO_TID, "x").commit();
  await one.call("loadBefore", new Uint8Array(8).with(7, 1), new Uint8Array(8).fill(0x7f));
  const voted = one.begin().store(oid(1), tid, "y");
  await voted.vote();
  const waiting = two.begin().store(oid(1), tid, "z");
  const vote = waiting.vote();
  await until(async () => (await serving.status()).waiting === 1, "a vote that waits");
  const before = (await read()).toObject();
  assertEquals(typeof before.lock_time, "number");
  assertEquals(before, {
    ...before,
    connections: 2,
    loads: 1,
    stores: 3,
    commits: 1,
    aborts: 0,
    active_txns: 2,
    conflicts: 0,
    conflicts_resolved: 0,
    waiting: 1,
    "timeout-thread-is-alive": "stub",
    "last-transaction": formatTid(tid),
  });
  await voted.finish();
  await assertFails(vote, "ConflictError");
  await one.begin().abort();
  const after = (await read()).toObject();
  assertEquals(after, {
    ...after,
    conflicts: 1,
    aborts: 1,
    active_txns: 0,
    lock_time: null,
    waiting: 0,
    commits: 2,
  });
});

Deno.test("an abort without a transaction is not counted as one", async () => {
  await using serving = await Serving.start();
  const client = await serving.connect();
  await client.call("tpc_abort", 12345);
  assertEquals((await client.call("server_status") as Dict).get("aborts"), 0);
});

Deno.test("ruok is answered with every storage's status as JSON, and the connection ends", async () => {
  await using serving = await Serving.start({ transactionTimeout: 100 });
  await serving.connect();
  const monitor = await serving.connect({ silent: true });
  await monitor.sendFrame(text.encode("ruok"));
  await monitor.closed;
  assertEquals(monitor.frames.length, 1);
  const answer = new TextDecoder().decode(monitor.frames[0]);
  const status = JSON.parse(answer);
  assertEquals(Object.keys(status), ["1"]);
  assertEquals(Object.keys(status["1"]), KEYS);
  assertEquals(status["1"].connections, 1);
  assertEquals(status["1"].lock_time, null);
  assertEquals(status["1"]["timeout-thread-is-alive"], true);
  assertEquals(status["1"]["last-transaction"], "0000000000000000");
  assert(answer.startsWith('{"1": {"connections": 1, "loads": 0, "stores": 0, '), answer);
  // C's ctime, for example "Sun Nov  2 12:16:45 2026"
  assert(
    /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/.test(status["1"].start),
    status["1"].start,
  );
});

Deno.test("ruok may be sent before anything was read, and again and again", async () => {
  await using serving = await Serving.start();
  for (let i = 0; i < 20; i++) {
    const monitor = await serving.connect({ silent: true });
    await monitor.sendFrame(text.encode("ruok"));
    await monitor.closed;
    assertEquals(monitor.frames.length, 1);
  }
  await until(() => serving.server.connections === 0, "all monitors are gone");
});

/** Several servers with the same database. */

import { assert, assertEquals } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { Tuple } from "../../pickle/mod.ts";
import { MAX_TID, oid, tid, tidBytes } from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { type FakeConnection, FakeServer } from "./fake_server.ts";

const x = oid(1);
const quick = { disconnectPoll: 0.01 };

/** Refuses to register a client that wants to write, and takes it as one that reads. */
async function welcomeReader(connection: FakeConnection, at: bigint, inUse = true): Promise<void> {
  await connection.greet();
  await refuseWriter(connection);
  const register = await connection.expect("register");
  assertEquals(register.args[1], true);
  connection.reply(register, tidBytes(tid(at)));
  if (inUse) await connection.tellInfo();
}

async function refuseWriter(connection: FakeConnection): Promise<void> {
  connection.fail(await connection.expect("register"), "ZODB.POSException.ReadOnlyError", new Tuple([]));
}

Deno.test("of several servers the one that is there is used", async () => {
  const gone = new FakeServer();
  await gone[Symbol.asyncDispose]();
  await using server = new FakeServer();
  await using storage = new ClientStorage([gone.port, `127.0.0.1:${server.port}`], quick);
  await server.welcome(tid(10));
  await storage.ready;
  assertEquals(storage.address, { transport: "tcp", hostname: "127.0.0.1", port: server.port });
});

Deno.test("R07 what a server tells that is not chosen counts for nothing", async () => {
  await using one = new FakeServer();
  await using two = new FakeServer();
  await using storage = new ClientStorage([one.port, two.port], quick);
  const heard: unknown[] = [];
  using _observing = storage.observe({
    invalidated: (at) => heard.push(at),
    reset: () => heard.push("reset"),
  });
  const loser = await one.accept();
  await loser.greet();
  const register = await loser.expect("register");
  const winner = await two.accept();
  await winner.greet();
  const chosen = await winner.expect("register");
  loser.invalidate(tid(99), x);
  winner.reply(chosen, tidBytes(tid(10)));
  await winner.tellInfo();
  await storage.ready;
  loser.together(() => {
    loser.reply(register, tidBytes(tid(98)));
    loser.invalidate(tid(100), x);
  });
  await loser.ended();
  const ping = storage.ping();
  winner.reply(await winner.expect("ping"), null);
  await ping;
  assertEquals([heard, storage.lastTransaction()], [[], tid(10)]);
});

Deno.test("R09 of two servers that register a client together only one is asked what was missed", async () => {
  await using one = new FakeServer();
  await using two = new FakeServer();
  await using storage = new ClientStorage([one.port, two.port], quick);
  const first = await one.welcome(tid(10));
  await storage.ready;
  const other = await two.accept();
  await other.ended();
  const loading = storage.loadBefore(x, tid(11));
  first.found(await first.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;
  await first.end();

  const pair = await Promise.all([one.accept(), two.accept()]);
  for (const connection of pair) await connection.greet();
  const calls = await Promise.all(pair.map((connection) => connection.expect("register")));
  pair.forEach((connection, i) => connection.reply(calls[i], tidBytes(tid(20))));
  const asked = await Promise.race(pair.map(async (connection) => {
    try {
      await connection.until(() => connection.unanswered.length > 0, "a call");
      return connection;
    } catch {
      return await new Promise<never>(() => {});
    }
  }));
  const refused = pair.find((connection) => connection !== asked)!;
  await refused.ended();
  assertEquals(refused.unanswered, []);
  await asked.replay({ tid: tid(20), oids: [x] });
  await asked.tellInfo();
  await until(() => storage.connected, "the connection");
  assertEquals([storage.lastTransaction(), storage.cached(x)], [tid(20), undefined]);
});

Deno.test("a server that only reads will do while there is no other, and is left for one that writes", async () => {
  await using reading = new FakeServer();
  const place = new FakeServer();
  await place[Symbol.asyncDispose]();
  await using storage = new ClientStorage([reading.port, place.port], { ...quick, readOnlyFallback: true });
  const heard: string[] = [];
  for (const name of ["connected", "disconnected", "readonly", "readwrite"] as const) {
    storage.on(name, () => heard.push(name));
  }
  const reader = await reading.accept();
  await welcomeReader(reader, 10n);
  await storage.ready;
  assertEquals(storage.readOnly, true);
  const loading = storage.loadBefore(x, MAX_TID);
  reader.found(await reader.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;

  await using writing = new FakeServer("M", place.port);
  const writer = await writing.accept();
  await writer.greet();
  const register = await writer.expect("register");
  assertEquals(register.args[1], false);
  reader.invalidate(tid(20), oid(2));
  await until(() => storage.lastTransaction() === 20n, "the transaction");
  writer.together(() => {
    writer.reply(register, tidBytes(tid(20)));
    writer.invalidate(tid(20), x);
    writer.invalidate(tid(30), x);
  });
  await reader.ended();
  await writer.tellInfo();
  await until(() => storage.connected && !storage.readOnly, "the connection");
  assertEquals(heard, ["connected", "readonly", "disconnected", "connected", "readwrite"]);
  assertEquals([storage.lastTransaction(), storage.cached(x, tid(30))?.end], [tid(30), tid(30)]);
});

Deno.test("what a server that only reads tells while it is left doesn't make the other one look as if it were behind", async () => {
  await using reading = new FakeServer();
  const place = new FakeServer();
  await place[Symbol.asyncDispose]();
  await using storage = new ClientStorage([reading.port, place.port], {
    ...quick,
    readOnlyFallback: true,
    onServerBehind: "refuse",
  });
  const reader = await reading.accept();
  await welcomeReader(reader, 10n);
  await storage.ready;
  const loading = storage.loadBefore(oid(2), MAX_TID);
  reader.found(await reader.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;
  await using writing = new FakeServer("M", place.port);
  const writer = await writing.accept();
  await writer.greet();
  const register = await writer.expect("register");
  reader.invalidate(tid(20), x);
  await until(() => storage.lastTransaction() === 20n, "the transaction");
  // It was asked before that transaction, and tells of it after its answer.
  writer.reply(register, tidBytes(tid(10)));
  const again = await writer.expect("lastTransaction");
  writer.invalidate(tid(20), x);
  writer.reply(again, tidBytes(tid(20)));
  await writer.tellInfo();
  await until(() => storage.connected && !storage.readOnly, "the connection");
  assertEquals([storage.lastTransaction(), storage.cached(oid(2))?.serial], [tid(20), tid(5)]);
});

Deno.test("one that writes is preferred to one that only reads, though it is slower", async () => {
  await using reading = new FakeServer();
  await using writing = new FakeServer();
  await using storage = new ClientStorage([reading.port, writing.port], {
    disconnectPoll: 5,
    readOnlyFallback: true,
  });
  const reader = await reading.accept(), writer = await writing.accept();
  await welcomeReader(reader, 10n, false);
  await writer.greet();
  writer.reply(await writer.expect("register"), tidBytes(tid(10)));
  await writer.tellInfo();
  await storage.ready;
  assertEquals(storage.readOnly, false);
  await reader.ended();
});

Deno.test("a transaction that was begun on one server is voted on the next", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, quick);
  const first = await server.welcome(tid(10));
  await storage.ready;
  const transaction = storage.begin(nobody);
  transaction.store(x, tid(5), bytes("new"));
  for (const name of ["tpc_begin", "storea"]) await first.expect(name);
  await first.end();
  const second = await server.welcome(tid(10));
  await until(() => storage.connected, "the connection");
  const voting = transaction.vote();
  const begin = await second.expect("tpc_begin"), store = await second.expect("storea");
  assertEquals(store.args, [tidBytes(tid(x)), tidBytes(tid(5)), bytes("new"), begin.args[0]]);
  second.reply(await second.expect("vote"), []);
  await voting;
  assert(storage.connected);
  transaction.abort();
  await second.expect("tpc_abort");
});

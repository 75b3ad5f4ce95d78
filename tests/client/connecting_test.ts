/** Finding a server, losing it, finding it again. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { client, ClientStorage, ServerBehindError } from "../../client.ts";
import { Tuple } from "../../pickle/mod.ts";
import { ServerException } from "../../protocol/mod.ts";
import {
  ClientDisconnected,
  isPromise,
  MAX_TID,
  oid,
  ProtocolError,
  ReadOnlyError,
  tid,
  tidBytes,
} from "../../values/mod.ts";
import { CapturedLog, until } from "../server/serving.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { FakeServer, within } from "./fake_server.ts";

const x = oid(1), y = oid(2);
const quick = { disconnectPoll: 0.01 };

Deno.test("without a server there is no connection, and the error says where none was", async () => {
  const server = new FakeServer();
  await server[Symbol.asyncDispose]();
  const error = await assertRejects(
    () => client(server.port, { ...quick, waitTimeout: 0.1 }),
    ClientDisconnected,
  );
  assert(error.message.includes(`127.0.0.1:${server.port}`), error.message);
});

Deno.test("waiting for the first connection can be given up", async () => {
  await using server = new FakeServer();
  const signal = AbortSignal.timeout(20);
  await assertRejects(() => client(server.port, { signal }), DOMException);
});

Deno.test("R04 a server of an earlier protocol is refused, for good", async () => {
  await using server = new FakeServer();
  const connecting = client(server.port, quick);
  connecting.catch(() => {});
  const connection = await server.accept();
  await assertRejects(() => connection.greet("Z4"));
  const error = await assertRejects(() => connecting, ProtocolError);
  assert(error.message.includes('"Z4"'), error.message);
});

Deno.test("what is no such server is refused, for good", async () => {
  await using server = new FakeServer();
  const connecting = client(server.port, quick);
  connecting.catch(() => {});
  (await server.accept()).sendBytes(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await assertRejects(() => connecting, ProtocolError);
});

Deno.test("a storage that the server doesn't have is refused, for good", async () => {
  await using server = new FakeServer();
  const connecting = client(server.port, { ...quick, storage: "other" });
  connecting.catch(() => {});
  const connection = await server.accept();
  await connection.greet();
  const register = await connection.expect("register");
  assertEquals(register.args, ["other", false]);
  connection.fail(register, "builtins.ValueError", new Tuple(["unknown storage: other"]));
  const error = await assertRejects(() => connecting, ServerException);
  assertEquals(error.pythonName, "builtins.ValueError");
  assert(error.message.includes("unknown storage: other"));
});

Deno.test("a server that only reads is refused, unless that was asked for", async () => {
  await using server = new FakeServer();
  const connecting = client(server.port, quick);
  connecting.catch(() => {});
  const connection = await server.accept();
  await connection.greet();
  connection.fail(await connection.expect("register"), "ZODB.POSException.ReadOnlyError", new Tuple([]));
  await assertRejects(() => connecting, ReadOnlyError);

  const reading = client(server.port, { ...quick, readOnly: true });
  const second = await server.accept();
  await second.greet();
  const register = await second.expect("register");
  assertEquals(register.args[1], true);
  second.reply(register, tidBytes(tid(10)));
  await second.tellInfo();
  await using storage = await reading;
  assertEquals(storage.readOnly, true);
  const transaction = storage.begin(nobody);
  transaction.store(x, tid(5), bytes("new"));
  await assertRejects(async () => await transaction.vote(), ReadOnlyError);
});

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`a client speaks what the server announces, ${encoding}`, async () => {
    await using server = new FakeServer(encoding);
    await using storage = new ClientStorage(server.port, { ...quick, clientLabel: "label" });
    const connection = await server.accept();
    assertEquals(await connection.greet(), `${encoding}5`);
    connection.reply(await connection.expect("register"), tidBytes(tid(10)));
    await connection.tellInfo();
    await storage.ready;
    assertEquals((await connection.expect("set_client_label")).args, ["label"]);
    assertEquals([storage.length(), storage.size(), storage.lastTransaction()], [1, 100, tid(10)]);
  });
}

Deno.test("R08 what is told while connecting counts if it came after the registration", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, quick);
  const heard: unknown[] = [];
  using _observing = storage.observe({ invalidated: (at, oids) => heard.push([at, oids]), reset: () => {} });
  const connection = await server.accept();
  await connection.greet();
  const register = await connection.expect("register");
  connection.together(() => {
    connection.reply(register, tidBytes(tid(20)));
    connection.invalidate(tid(15), x);
    connection.invalidate(tid(20), x);
    connection.invalidate(tid(30), y);
  });
  await connection.tellInfo();
  await storage.ready;
  assertEquals([heard, storage.lastTransaction()], [[[tid(30), [y]]], tid(30)]);
});

/** Connects, caches x and y as of transaction 5, and loses the connection at 10. */
async function disconnected(
  server: FakeServer,
  options: ConstructorParameters<typeof ClientStorage>[1] = {},
) {
  const storage = new ClientStorage(server.port, { ...quick, ...options });
  const connection = await server.welcome(tid(10));
  await storage.ready;
  for (const id of [x, y]) {
    const loading = storage.loadBefore(id, tid(11));
    connection.found(await connection.expect("loadBefore"), bytes("old"), tid(5), null);
    await loading;
  }
  await connection.end();
  await until(() => !storage.connected, "the client notices");
  return storage;
}

Deno.test("R03 R12 what changed while a client was away is replayed, and all revisions of it are dropped", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const heard: unknown[] = [];
  using _observing = storage.observe({
    invalidated: (at, oids) => heard.push([at, oids, storage.lastTransaction()]),
    reset: () => heard.push("reset"),
  });
  const connected = Promise.withResolvers<void>();
  using _listening = storage.on("connected", () => connected.resolve());
  await server.welcome(tid(30), { missed: { tid: tid(30), oids: [x] } });
  await within(connected.promise, "the connection");
  assertEquals(heard, [[tid(30), [x], tid(10)]]);
  assertEquals(storage.lastTransaction(), tid(30), "without any further transaction");
  assertEquals(storage.cached(x, tid(11)), undefined, "nobody knows when it ended");
  assertEquals(storage.cached(y)?.serial, tid(5));
});

Deno.test("R12 what is told while it is replayed counts once", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const heard: unknown[] = [];
  using _observing = storage.observe({ invalidated: (at, oids) => heard.push([at, oids]), reset: () => {} });
  const connection = await server.accept();
  await connection.greet();
  connection.reply(await connection.expect("register"), tidBytes(tid(30)));
  const asked = await connection.expect("getInvalidations");
  assertEquals(asked.args, [tidBytes(tid(10))]);
  connection.together(() => {
    connection.invalidate(tid(40), y);
    connection.reply(asked, new Tuple([tidBytes(tid(40)), [x, y].map((id) => tidBytes(tid(id)))]));
    connection.invalidate(tid(50), x);
  });
  await connection.tellInfo();
  await until(() => storage.connected, "the connection");
  assertEquals(heard, [[tid(40), [x, y]], [tid(50), [x]]]);
  assertEquals(storage.lastTransaction(), tid(50));
});

Deno.test("when the server doesn't know any more what changed, everything is dropped", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const heard: string[] = [];
  using _observing = storage.observe({
    invalidated: () => heard.push("invalidated"),
    reset: () => heard.push("reset"),
  });
  await server.welcome(tid(30), { missed: null });
  await until(() => storage.connected, "the connection");
  assertEquals([heard, storage.cached(y), storage.lastTransaction()], [["reset"], undefined, tid(30)]);
});

Deno.test("when nothing was missed, nothing is asked and nothing dropped", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const heard: string[] = [];
  using _observing = storage.observe({
    invalidated: () => heard.push("invalidated"),
    reset: () => heard.push("reset"),
  });
  await server.welcome(tid(10));
  await until(() => storage.connected, "the connection");
  assertEquals([heard, storage.cached(y)?.serial], [[], tid(5)]);
});

Deno.test("a server that went back in time: the cache is dropped, and the log says why", async () => {
  await using log = await CapturedLog.start();
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const heard: string[] = [];
  using _observing = storage.observe({ invalidated: () => {}, reset: () => heard.push("reset") });
  await server.welcome(tid(7), { behind: true });
  await until(() => storage.connected, "the connection");
  assertEquals([heard, storage.cached(y), storage.lastTransaction()], [["reset"], undefined, tid(7)]);
  assertEquals(log.matching(/fatal.*behind client/).length, 1);
});

Deno.test("a server that went back in time: a cache file is kept aside, with what was in it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/client.zec`;
    await using log = await CapturedLog.start();
    await using server = new FakeServer();
    {
      await using storage = await disconnected(server, { cache: path });
      await server.welcome(tid(7), { behind: true });
      await until(() => storage.connected, "the connection");
      assertEquals([storage.cached(y), storage.lastTransaction()], [undefined, tid(7)]);
      assertEquals(
        log.matching(/fatal.*behind client.*client\.zec is moved to .*client\.zec\.behind/).length,
        1,
      );
    }
    const text = (path: string) => new TextDecoder("latin1").decode(Deno.readFileSync(path));
    const record = "old" + "\0".repeat(7) + "\x02";
    assertEquals(text(`${path}.behind`).includes(record), true);
    assertEquals(text(path).includes(record), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a server that went back in time can be refused instead", async () => {
  await using log = await CapturedLog.start();
  await using server = new FakeServer();
  await using storage = await disconnected(server, { onServerBehind: "refuse" });
  const connection = await server.accept();
  await connection.greet();
  connection.reply(await connection.expect("register"), tidBytes(tid(7)));
  connection.reply(await connection.expect("lastTransaction"), tidBytes(tid(7)));
  await connection.ended();
  assertEquals([storage.cached(y)?.serial, storage.lastTransaction()], [tid(5), tid(10)]);
  await until(() => log.matching(/not connected: server .* behind client/).length > 0, "the log");
  assertEquals(new ServerBehindError("x").name, "ServerBehindError");
});

Deno.test("calls that are under way fail when the connection is lost; cached reads go on", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server, { waitTimeout: 0.05 });
  assertEquals(isPromise(storage.loadBefore(y, MAX_TID)), false);
  const late = storage.loadBefore(oid(9), MAX_TID);
  const error = await assertRejects(async () => await late, ClientDisconnected);
  assert(error.message.startsWith("timed out waiting for connection"), error.message);

  const connection = await server.welcome(tid(10));
  await until(() => storage.connected, "the connection");
  const calls = [storage.ping(), storage.loadBefore(oid(9), MAX_TID), storage.getTid(oid(9))];
  for (let i = 0; i < 3; i++) await connection.next();
  await connection.end();
  for (const call of calls) await assertRejects(async () => void await call, ClientDisconnected);
});

Deno.test("calls that are made without a connection wait for one", async () => {
  await using server = new FakeServer();
  await using storage = await disconnected(server);
  const loading = storage.loadBefore(oid(9), MAX_TID);
  const connection = await server.welcome(tid(10));
  connection.found(await connection.expect("loadBefore"), bytes("new"), tid(9), null);
  assertEquals((await loading)!.serial, tid(9));
});

Deno.test("R21 closed at any step of connecting, a client leaves nothing behind", async () => {
  const steps = ["accepted", "greeted", "registered", "verified", "connected"] as const;
  for (const closed of steps) {
    await using server = new FakeServer();
    const storage = new ClientStorage(server.port, quick);
    const connection = await server.accept();
    for (const step of steps) {
      if (step === "greeted") await connection.greet();
      if (step === "registered") connection.reply(await connection.expect("register"), tidBytes(tid(10)));
      if (step === "verified") {
        await connection.expect("get_info").then((call) => connection.reply(call, null));
      }
      if (step === closed) break;
    }
    await storage.close();
    await connection.ended();
    const error = await assertRejects(async () => await storage.ping());
    assert(error instanceof ClientDisconnected || error instanceof ProtocolError, `${closed}: ${error}`);
    await storage.close();
  }
});

Deno.test("R21 a server that ends the connection at any step is tried again", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, quick);
  await (await server.accept()).end();
  const second = await server.accept();
  await second.greet();
  await second.end();
  const third = await server.accept();
  await third.greet();
  await third.expect("register");
  await third.end();
  const fourth = await server.accept();
  await fourth.greet();
  fourth.reply(await fourth.expect("register"), tidBytes(tid(10)));
  await fourth.expect("get_info");
  await fourth.end();
  await server.welcome(tid(10));
  await storage.ready;
});

Deno.test("a server that says nothing any more is given up", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, { ...quick, heartbeat: 0.02 });
  const connection = await server.welcome(tid(10));
  await storage.ready;
  const reasons: unknown[] = [];
  using _listening = storage.on("disconnected", ({ reason }) => reasons.push(reason));
  const loading = storage.loadBefore(x, tid(11));
  assertInstanceOf(await assertRejects(async () => await loading), ClientDisconnected);
  assert(connection.heartbeats >= 2);
  assert(connection.unanswered.includes("ping"));
  assertInstanceOf(reasons[0], ClientDisconnected);
});

Deno.test("a server that answers pings is not given up, however long it takes for the rest", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, { ...quick, heartbeat: 0.02 });
  const connection = await server.welcome(tid(10));
  await storage.ready;
  const loading = storage.loadBefore(x, tid(11));
  const load = await connection.expect("loadBefore");
  for (let i = 0; i < 4; i++) connection.reply(await connection.expect("ping"), null);
  connection.found(load, bytes("late"), tid(5), null);
  assertEquals((await loading)!.serial, tid(5));
});

Deno.test("events tell of connections", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, quick);
  const heard: string[] = [];
  for (const name of ["connected", "disconnected", "readonly", "readwrite", "invalidated"] as const) {
    storage.on(name, () => heard.push(name));
  }
  const connection = await server.welcome(tid(10));
  await storage.ready;
  connection.invalidate(tid(20), x);
  await until(() => heard.length === 3, "the invalidation");
  await connection.end();
  await until(() => heard.length === 4, "the end");
  assertEquals(heard, ["connected", "readwrite", "invalidated", "disconnected"]);
});

Deno.test("an answer that makes no sense fails its call and ends the connection; the next one is verified anew", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, quick);
  const nonsense = [
    ["ping", "tell", () => storage.getTid(x), "no tid"],
    ["load", "reply", () => storage.loadBefore(x, tid(11)), new Tuple([1, 2, 3])],
    ["load", "fail", () => storage.loadBefore(x, tid(11)), 5],
    ["oids", "reply", () => storage.newOids(1), new Tuple([bytes("short")])],
  ] as const;
  let connection = await server.welcome(tid(10));
  await storage.ready;
  for (const [, way, call, answer] of nonsense) {
    const calling = Promise.resolve(call());
    calling.catch(() => {});
    const heard = await connection.next();
    if (way === "fail") connection.fail(heard, "odd", answer);
    else connection.reply(heard, answer);
    if (way === "fail") await assertRejects(() => within<unknown>(calling, "the failure"), ServerException);
    else {
      await assertRejects(() => within<unknown>(calling, "the failure"), ProtocolError);
      await connection.ended();
      connection = await server.welcome(tid(10));
      await until(() => storage.connected, "the connection");
    }
  }
});

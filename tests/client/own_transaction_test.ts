/** A client's own transaction on a server that answers before it tells of what it has done already, as the original. */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import {
  type Awaitable,
  ClientDisconnected,
  isPromise,
  NO_TID,
  oid,
  type Tid,
  tid,
  tidBytes,
} from "../../values/mod.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { type FakeConnection, FakeServer } from "./fake_server.ts";

const x = oid(1), y = oid(2), before = tid(20), own = tid(30), after = tid(40);

/** A client whose transaction the server has written, and just says so. */
async function finishing(): Promise<
  {
    server: FakeServer;
    storage: ClientStorage;
    connection: FakeConnection;
    finish: Awaitable<Tid>;
    told: Tid[];
  }
> {
  const server = new FakeServer("M");
  const storage = new ClientStorage(server.port, { disconnectPoll: 0.01 });
  const connection = await server.accept();
  await connection.greet();
  connection.reply(await connection.expect("register"), tidBytes(tid(10)));
  await connection.tellInfo([], false);
  await storage.ready;
  const told: Tid[] = [];
  storage.observe({ invalidated: (tid) => told.push(tid), reset: () => {} });
  const loading = storage.loadBefore(x, tid(11));
  connection.found(await connection.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;
  const transaction = storage.begin(nobody);
  transaction.store(y, NO_TID, bytes("new"));
  const vote = transaction.vote();
  await connection.expect("tpc_begin");
  await connection.expect("storea");
  connection.reply(await connection.expect("vote"), []);
  await vote;
  const finish = transaction.finish((tid) => told.push(tid));
  connection.reply(await connection.expect("tpc_finish"), tidBytes(own));
  return { server, storage, connection, finish, told };
}

Deno.test("R01 a client's own transaction is not seen before those that came before it", async () => {
  const { server, storage, connection, finish, told } = await finishing();
  await using _server = server;
  await using _storage = storage;
  const ping = await connection.expect("ping");
  assertEquals(storage.lastTransaction(), tid(10));
  connection.together(() => {
    connection.invalidate(before, x);
    connection.reply(ping, null);
  });
  assertEquals(await finish, own);
  assertEquals([storage.lastTransaction(), told], [own, [before, own]]);
  assertEquals(isPromise(storage.loadBefore(y, tid(31))), false);
  const changed = storage.loadBefore(x, tid(31));
  connection.found(await connection.expect("loadBefore"), bytes("other"), before, null);
  assertEquals((await changed)!.serial, before);
});

Deno.test("R01 a client's own transaction is seen before those that come after it", async () => {
  const { server, storage, connection, finish, told } = await finishing();
  await using _server = server;
  await using _storage = storage;
  const ping = await connection.expect("ping");
  connection.invalidate(after, x);
  assertEquals(await finish, own);
  connection.reply(ping, null);
  assertEquals([storage.lastTransaction(), told], [after, [own, after]]);
});

Deno.test("R13 what the cache has is not taken for what an own transaction found, until what came before it is told", async () => {
  const { server, storage, connection, finish, told } = await finishing();
  await using _server = server;
  await using _storage = storage;
  const ping = await connection.expect("ping");
  // Whoever has heard of the transaction by another way may ask for what it sees.
  const changed = storage.loadBefore(x, tid(31));
  assertEquals(isPromise(changed), true);
  assertEquals([storage.cached(x, tid(31)), storage.cached(x)!.serial], [undefined, tid(5)]);
  connection.found(await connection.expect("loadBefore"), bytes("other"), before, null);
  assertEquals((await changed)!.serial, before);
  const made = storage.loadBefore(y, tid(31));
  connection.found(await connection.expect("loadBefore"), bytes("new"), own, null);
  assertEquals((await made)!.serial, own);
  connection.together(() => {
    connection.invalidate(before, x);
    connection.reply(ping, null);
  });
  assertEquals(await finish, own);
  assertEquals([storage.lastTransaction(), told], [own, [before, own]]);
  assertEquals(storage.cached(y)!.serial, own);
  assertNotEquals(storage.cached(x)?.serial, tid(5));
});

Deno.test("R01 an own transaction of which the rest is not known is asked for anew", async () => {
  const { server, storage, connection, finish, told } = await finishing();
  await using _server = server;
  await using _storage = storage;
  await connection.expect("ping");
  await connection.end();
  const said = "transaction 000000000000001e is committed; the connection was lost";
  await assertRejects(async () => await finish, ClientDisconnected, said);
  assertEquals([storage.lastTransaction(), told], [tid(10), []]);
  await server.welcome(own, { missed: { tid: own, oids: [x, y] } });
  await storage.sync();
});

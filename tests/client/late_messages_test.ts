/** What a server tells later than it might have: nothing of it may be taken for news. */

import { assertEquals, assertRejects } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { Dict, Tuple } from "../../pickle/mod.ts";
import { ConflictError, MAX_TID, oid, oidBytes, type Tid, tid, tidBytes } from "../../values/mod.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { FakeServer } from "./fake_server.ts";

const x = oid(1), y = oid(2);

Deno.test("R08 what the client knew from its registration is no news when it is told after that; the very next one is", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, { disconnectPoll: 0.01 });
  const connection = await server.accept();
  await connection.greet();
  const register = await connection.expect("register");
  connection.together(() => {
    connection.reply(register, tidBytes(tid(20)));
    connection.invalidate(tid(21), y);
  });
  const heard: Tid[] = [];
  storage.observe({ invalidated: (at) => heard.push(at), reset: () => {} });
  await connection.tellInfo();
  await storage.ready;
  assertEquals([heard, storage.lastTransaction()], [[tid(21)], tid(21)]);
  const loading = storage.loadBefore(x, MAX_TID);
  connection.found(await connection.expect("loadBefore"), bytes("current"), tid(20), null);
  await loading;
  connection.invalidate(tid(20), x);
  connection.invalidate(tid(22), y);
  const ping = storage.ping();
  connection.reply(await connection.expect("ping"), null);
  await ping;
  assertEquals([heard, storage.lastTransaction()], [[tid(21), tid(22)], tid(22)]);
  assertEquals(storage.cached(x)?.serial, tid(20));
});

Deno.test("R18 what was asked for before a conflict and comes after it is not taken for the current one", async () => {
  await using server = new FakeServer();
  await using storage = new ClientStorage(server.port, { disconnectPoll: 0.01 });
  const connection = await server.welcome(tid(10));
  await storage.ready;
  const transaction = storage.begin(nobody);
  transaction.store(x, tid(5), bytes("mine"));
  const voting = transaction.vote();
  for (const name of ["tpc_begin", "storea"]) await connection.expect(name);
  const vote = await connection.expect("vote");
  const loading = storage.loadBefore(x, tid(11));
  const load = await connection.expect("loadBefore");
  connection.fail(
    vote,
    "ZODB.POSException.ConflictError",
    Dict.from([
      ["message", "database conflict error"],
      ["oid", oidBytes(x)],
      ["class_name", "a.B"],
      ["serials", new Tuple([tidBytes(tid(7)), tidBytes(tid(5))])],
    ]),
  );
  connection.found(load, bytes("old"), tid(5), null);
  await assertRejects(async () => await voting, ConflictError);
  assertEquals((await loading)!.serial, tid(5));
  assertEquals(storage.cached(x), undefined);
});

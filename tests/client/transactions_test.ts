/** Commits, and what can come between. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { Dict, Global, Tuple, writeRecord } from "../../pickle/mod.ts";
import { ServerException } from "../../protocol/mod.ts";
import type { StorageTransaction } from "../../storage/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  isPromise,
  MAX_TID,
  NO_TID,
  oid,
  oidBytes,
  StorageTransactionError,
  type Tid,
  tid,
  tidBytes,
  UnresolvedConflicts,
} from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { bytes, nobody, noise } from "../storage/samples.ts";
import { type FakeConnection, FakeServer, type WelcomeOptions, within } from "./fake_server.ts";

const x = oid(1), y = oid(2);

/** A client of a fake server that lets everything through that isn't a test's business. */
class Pair implements AsyncDisposable {
  private constructor(
    readonly server: FakeServer,
    readonly storage: ClientStorage,
    readonly connection: FakeConnection,
  ) {}

  static async connect(options: WelcomeOptions = {}): Promise<Pair> {
    const server = new FakeServer();
    const storage = new ClientStorage(server.port, { disconnectPoll: 0.01 });
    const connection = await server.welcome(tid(10), options);
    await storage.ready;
    return new Pair(server, storage, connection);
  }

  storing(id: number, text: string | Uint8Array): StorageTransaction {
    const transaction = this.storage.begin(nobody);
    transaction.store(oid(id), NO_TID, typeof text === "string" ? bytes(text) : text);
    return transaction;
  }

  /** Expects calls by their names; answers the last one. */
  async expect(...names: string[]) {
    for (const name of names.slice(0, -1)) await this.connection.expect(name);
    return await this.connection.expect(names.at(-1)!);
  }

  async finish(transaction: StorageTransaction, at: Tid): Promise<void> {
    const finishing = transaction.finish();
    this.connection.reply(await this.expect("tpc_finish"), tidBytes(at));
    assertEquals(await finishing, at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage.close();
    await this.server[Symbol.asyncDispose]();
  }
}

Deno.test("what is stored leaves at once, before the vote", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "new");
  const begin = await pair.expect("tpc_begin");
  assertEquals(begin.args.slice(1), [bytes(""), bytes(""), bytes(""), null, " "]);
  await pair.expect("storea");
  transaction.checkCurrent(y, tid(5));
  assertEquals((await pair.expect("checkCurrentSerialInTransaction")).args, [
    oidBytes(y),
    tidBytes(tid(5)),
    begin.args[0],
  ]);
  transaction.abort();
  assertEquals((await pair.expect("tpc_abort")).args, [begin.args[0]]);
  assertThrows(() => transaction.store(x, NO_TID, bytes("late")), StorageTransactionError);
});

Deno.test("who votes first has the turn, and the other is sent again after it", async () => {
  await using pair = await Pair.connect();
  const first = pair.storing(1, "first"), second = pair.storing(2, "second");
  const begun = await pair.expect("tpc_begin");
  await pair.expect("storea");
  const voting = second.vote();
  assertEquals((await pair.expect("tpc_abort")).args, begun.args.slice(0, 1));
  assertEquals((await pair.expect("tpc_begin", "storea")).args[2], bytes("second"));
  pair.connection.reply(await pair.expect("vote"), []);
  await voting;
  let voted = false;
  const waiting = Promise.resolve(first.vote()).then(() => voted = true);
  await pair.finish(second, tid(20));
  assertEquals((await pair.expect("tpc_begin", "storea")).args[2], bytes("first"));
  assertEquals(voted, false);
  pair.connection.reply(await pair.expect("vote"), []);
  await waiting;
  await pair.finish(first, tid(30));
  assertEquals(pair.storage.lastTransaction(), tid(30));
});

Deno.test("a vote that waits for its turn can be given up", async () => {
  await using pair = await Pair.connect();
  const first = pair.storing(1, "first"),
    second = pair.storing(2, "second"),
    third = pair.storing(3, "third");
  const voting = first.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), []);
  await voting;
  const waiting = second.vote(), last = third.vote();
  second.abort();
  await assertRejects(async () => await waiting, StorageTransactionError);
  first.abort();
  await pair.expect("tpc_abort");
  assertEquals((await pair.expect("tpc_begin", "storea")).args[2], bytes("third"));
  pair.connection.reply(await pair.expect("vote"), []);
  await last;
});

Deno.test("a vote that waits for its turn fails when the storage is closed, whoever has the turn", async () => {
  await using pair = await Pair.connect();
  const first = pair.storing(1, "first"), second = pair.storing(2, "second");
  const voting = first.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), []);
  await voting;
  const waiting = second.vote();
  const refused = assertRejects(async () => await waiting, ClientDisconnected, "closed");
  await pair.storage.close();
  await within(refused, "the vote's failure");
  await assertRejects(async () => await pair.storing(3, "third").vote(), ClientDisconnected, "closed");
});

Deno.test("a vote that the server has not answered can be given up", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "first");
  const voting = transaction.vote();
  await pair.expect("tpc_begin", "storea", "vote");
  transaction.abort();
  await assertRejects(async () => await voting, StorageTransactionError);
  await pair.expect("tpc_abort");
});

Deno.test("when the connection is lost in a vote the transaction is over", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "first");
  const voting = transaction.vote();
  await pair.expect("tpc_begin", "storea", "vote");
  await pair.connection.end();
  await assertRejects(async () => await voting, ClientDisconnected);
  transaction.abort();
  const next = await pair.server.welcome(tid(10));
  const other = pair.storing(2, "next"), again = other.vote();
  for (const name of ["tpc_begin", "storea"]) await next.expect(name);
  next.reply(await next.expect("vote"), []);
  await again;
});

Deno.test("when the connection is lost in a finish, what became of it is asked for", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "mine");
  const voting = transaction.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), []);
  await voting;
  let published = 0;
  const finishing = transaction.finish(() => published++);
  await pair.expect("tpc_finish");
  await pair.connection.end();
  await assertRejects(() => finishing as Promise<Tid>, ClientDisconnected);
  await pair.server.welcome(tid(20), { missed: { tid: tid(20), oids: [x] } });
  await until(() => pair.storage.connected, "the connection");
  assertEquals([published, pair.storage.lastTransaction(), pair.storage.cached(x)], [0, tid(20), undefined]);
});

Deno.test("when the server fails in a finish, the connection is given up and verified anew", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "mine");
  const voting = transaction.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), []);
  await voting;
  const finishing = transaction.finish();
  pair.connection.fail(await pair.expect("tpc_finish"), "builtins.OSError", new Tuple(["disk full"]));
  const error = await assertRejects(() => finishing as Promise<Tid>, ServerException);
  assert(error.message.includes("disk full"));
  await pair.connection.ended();
  await pair.server.welcome(tid(10));
});

Deno.test("a published callback that fails doesn't undo what is committed", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, "mine");
  const voting = transaction.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), []);
  await voting;
  const finishing = transaction.finish(() => {
    throw new Error("this fails");
  });
  pair.connection.reply(await pair.expect("tpc_finish"), tidBytes(tid(20)));
  assertEquals(await finishing, tid(20));
  assertEquals([pair.storage.lastTransaction(), pair.storage.cached(x)?.serial], [tid(20), tid(20)]);
});

Deno.test("records beyond what is kept in memory are sent and cached like others", async () => {
  await using pair = await Pair.connect();
  const data = [1, 2, 3].map((seed) => noise(4 << 20, seed));
  const transaction = pair.storage.begin(nobody);
  data.forEach((each, id) => transaction.store(oid(id), NO_TID, each));
  const voting = transaction.vote();
  await pair.expect("tpc_begin");
  for (const each of data) assertEquals((await pair.expect("storea")).args[2], each);
  pair.connection.reply(await pair.expect("vote"), []);
  await voting;
  await pair.finish(transaction, tid(20));
  assertEquals(pair.storage.cached(oid(2))?.data, data[2]);
});

/** A conflict as a server tells it to a client that resolves it. */
const conflict = (data: Uint8Array) =>
  Dict.from([
    ["oid", oidBytes(x)],
    ["serials", new Tuple([tidBytes(tid(7)), tidBytes(tid(5))])],
    ["data", data],
  ]);

const length = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);

Deno.test("a conflict that is left to the client is merged, stored and voted again", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storing(1, length(13));
  const voting = transaction.vote();
  const begin = await pair.expect("tpc_begin");
  pair.connection.reply(await pair.expect("storea", "vote"), [conflict(length(13))]);
  for (let i = 0; i < 2; i++) {
    const load = await pair.expect("loadSerial");
    pair.connection.reply(load, length((load.args[1] as Uint8Array)[7] === 7 ? 12 : 10));
  }
  const merged = await pair.expect("storea");
  assertEquals(merged.args, [oidBytes(x), tidBytes(tid(7)), length(15), begin.args[0]]);
  pair.connection.reply(await pair.expect("vote"), []);
  assertEquals(await voting, [x]);
  await pair.finish(transaction, tid(20));
  assertEquals(pair.storage.cached(x), undefined, "what is stored is not what was handed in");
});

Deno.test("a conflict that can't be merged ends the transaction, here and on the server", async () => {
  await using pair = await Pair.connect();
  const data = writeRecord(new Global("a", "B"), 1);
  const voting = pair.storing(1, data).vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), [conflict(data)]);
  for (let i = 0; i < 2; i++) pair.connection.reply(await pair.expect("loadSerial"), data);
  const error = await assertRejects(async () => await voting, ConflictError);
  assertEquals(error.conflict, { oid: x, committed: tid(7), read: tid(5), className: "a.B" });
  await pair.expect("tpc_abort");
});

Deno.test("a caller who merges conflicts gets them, and votes again", async () => {
  await using pair = await Pair.connect();
  const transaction = pair.storage.begin(nobody, { callerResolves: true });
  transaction.store(x, tid(5), bytes("mine"));
  const voting = transaction.vote();
  pair.connection.reply(await pair.expect("tpc_begin", "storea", "vote"), [conflict(bytes("mine"))]);
  const { conflicts } = await assertRejects(async () => await voting, UnresolvedConflicts);
  assertEquals(conflicts, [{ oid: x, committed: tid(7), read: tid(5), data: bytes("mine") }]);
  transaction.store(x, tid(7), bytes("merged"));
  const again = transaction.vote();
  assertEquals((await pair.expect("storea")).args[2], bytes("merged"));
  pair.connection.reply(await pair.expect("vote"), []);
  await again;
  await pair.finish(transaction, tid(20));
});

Deno.test("an undo: the objects that the vote tells are not taken for current any more", async () => {
  await using pair = await Pair.connect({ interfaces: ["IStorageUndoable"] });
  const loading = pair.storage.loadBefore(x, MAX_TID);
  assert(isPromise(loading));
  pair.connection.found(await pair.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;
  const transaction = pair.storage.begin(nobody) as StorageTransaction & { undo(tid: Tid): void };
  transaction.undo(tid(5));
  const voting = transaction.vote();
  const undo = await pair.expect("tpc_begin", "undoa");
  assertEquals(new TextDecoder().decode(undo.args[0] as Uint8Array), "AAAAAAAAAAU=");
  pair.connection.reply(await pair.expect("vote"), [oidBytes(x)]);
  assertEquals(await voting, [x]);
  await pair.finish(transaction, tid(20));
  assertEquals(pair.storage.cached(x), undefined);
  assertEquals(pair.storage.cached(x, tid(20))?.end, tid(20));
});

Deno.test("ids of new objects come a hundred at a time, and those of another connection are not used", async () => {
  await using pair = await Pair.connect();
  const batch = (from: number) => Array.from({ length: 100 }, (_, i) => oidBytes(oid(from + i)));
  const first = pair.storage.newOids(2);
  pair.connection.reply(await pair.expect("new_oids"), batch(1));
  assertEquals(await first, [oid(1), oid(2)]);
  assertEquals(await pair.storage.newOids(3), [oid(3), oid(4), oid(5)]);
  const many = pair.storage.newOids(250);
  for (let i = 1; i < 3; i++) pair.connection.reply(await pair.expect("new_oids"), batch(1000 * i));
  const taken = await many;
  assertEquals([taken.length, new Set(taken).size, taken[94], taken[95]], [250, 250, oid(100), oid(1000)]);
  await pair.connection.end();
  const next = await pair.server.welcome(tid(10));
  await until(() => pair.storage.connected, "the connection");
  const later = pair.storage.newOids(1);
  next.reply(await next.expect("new_oids"), batch(5000));
  assertEquals(await later, [oid(5000)]);
});

Deno.test("an id is not given out twice when a server that was started again gives it again, until an object has it", async () => {
  await using pair = await Pair.connect();
  const batch = (from: number) => Array.from({ length: 100 }, (_, i) => oidBytes(oid(from + i)));
  const first = pair.storage.newOids(90);
  pair.connection.reply(await pair.expect("new_oids"), batch(1));
  const given = await first;
  await pair.connection.end();
  await until(() => !pair.storage.connected, "the end of the connection");
  const later = pair.storage.newOids(20);
  const next = await pair.server.welcome(tid(10));
  next.reply(await next.expect("new_oids"), batch(1));
  next.reply(await next.expect("new_oids"), batch(101));
  assertEquals((await later).filter((id) => given.includes(id)), []);
});

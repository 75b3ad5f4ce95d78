/** What a client makes of answers and invalidations in whatever order they come. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { Dict, Tuple } from "../../pickle/mod.ts";
import { type Encoding, ServerException } from "../../protocol/mod.ts";
import {
  ClientDisconnected,
  ConflictError,
  isPromise,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  oidBytes,
  POSKeyError,
  type Tid,
  tid,
  tidBytes,
} from "../../values/mod.ts";
import { bytes, nobody } from "../storage/samples.ts";
import { type FakeConnection, FakeServer } from "./fake_server.ts";

const x = oid(1), y = oid(2);

/** A client of a fake server, connected at transaction 10. */
async function connected(
  encoding: Encoding = "M",
  options: ConstructorParameters<typeof ClientStorage>[1] = {},
): Promise<
  { server: FakeServer; storage: ClientStorage; connection: FakeConnection } & AsyncDisposable
> {
  const server = new FakeServer(encoding);
  const storage = new ClientStorage(server.port, { disconnectPoll: 0.01, ...options });
  const connection = await server.welcome(tid(10));
  await storage.ready;
  return {
    server,
    storage,
    connection,
    async [Symbol.asyncDispose]() {
      await storage.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A load that must be answered from the cache. */
function cached(storage: ClientStorage, id: Oid, before: Tid) {
  const found = storage.loadBefore(id, before);
  if (isPromise(found)) {
    found.catch(() => {});
    return "not cached";
  }
  return found && [new TextDecoder().decode(found.data), found.serial, found.end];
}

/** Waits until the client has handled what it was sent. */
async function handled(
  storage: ClientStorage,
  connection: FakeConnection,
  ...before: string[]
): Promise<void> {
  const ping = storage.ping();
  let call = await connection.next();
  while (before.includes(call.name)) call = await connection.next();
  assertEquals(call.name, "ping");
  connection.reply(call, null);
  await ping;
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`R01 R19 an answer and its invalidation in one piece: the revision ends there, ${encoding}`, async () => {
    await using client = await connected(encoding);
    const { storage, connection } = client;
    const loading = storage.loadBefore(x, tid(11));
    const load = await connection.expect("loadBefore");
    connection.together(() => {
      connection.found(load, bytes("old"), tid(5), null);
      connection.invalidate(tid(20), x);
    });
    const found = await loading;
    assertEquals([found!.serial, found!.end], [tid(5), null]);
    await handled(storage, connection);
    assertEquals(storage.lastTransaction(), tid(20));
    assertEquals(cached(storage, x, tid(20)), ["old", tid(5), tid(20)]);
    assertEquals(cached(storage, x, tid(21)), "not cached");
  });
}

Deno.test("R04 an invalidation between a load and its answer: what is known ends there", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, tid(11));
  const load = await connection.expect("loadBefore");
  connection.together(() => {
    connection.invalidate(tid(20), x);
    connection.found(load, bytes("old"), tid(5), null);
  });
  const found = await loading;
  assertEquals([found!.serial, found!.end], [tid(5), tid(20)]);
  assertEquals(cached(storage, x, tid(20)), ["old", tid(5), tid(20)]);
  assertEquals(cached(storage, x, MAX_TID), "not cached");
});

Deno.test("R13 an answer that is older than what was asked for by then is asked for again", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, MAX_TID);
  const load = await connection.expect("loadBefore");
  connection.together(() => {
    connection.invalidate(tid(20), x);
    connection.found(load, bytes("old"), tid(5), null);
  });
  connection.found(await connection.expect("loadBefore"), bytes("new"), tid(20), null);
  assertEquals((await loading)!.serial, tid(20));
  assertEquals(cached(storage, x, MAX_TID), ["new", tid(20), null]);
});

Deno.test("an answer that is newer than the last invalidation is current, also after that", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, MAX_TID);
  connection.found(await connection.expect("loadBefore"), bytes("new"), tid(20), null);
  await loading;
  connection.invalidate(tid(20), x);
  await handled(storage, connection);
  assert(
    cached(storage, x, MAX_TID) === "not cached" || (cached(storage, x, MAX_TID) as unknown[])[1] === tid(20),
  );
});

Deno.test("R02 observers hear of a transaction before it can be seen", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const heard: unknown[] = [];
  using _observing = storage.observe({
    invalidated: (at, oids) => heard.push([at, oids, storage.lastTransaction()]),
    reset: () => heard.push("reset"),
  });
  connection.invalidate(tid(20), x, y, x);
  await handled(storage, connection);
  assertEquals(heard, [[tid(20), [x, y], tid(10)]]);
  assertEquals(storage.lastTransaction(), tid(20));
});

Deno.test("R15 when observers hear of a transaction, the cache has none of its objects as current", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  for (const id of [x, y]) {
    const loading = storage.loadBefore(id, tid(11));
    connection.found(await connection.expect("loadBefore"), bytes("old"), tid(5), null);
    await loading;
  }
  const seen: unknown[] = [];
  using _observing = storage.observe({
    invalidated: () => seen.push(cached(storage, x, tid(20)), cached(storage, y, tid(20))),
    reset: () => {},
  });
  connection.invalidate(tid(20), x, y);
  await handled(storage, connection);
  assertEquals(seen, [["old", tid(5), tid(20)], ["old", tid(5), tid(20)]]);
});

Deno.test("an observer that fails doesn't keep others from hearing", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const heard: Tid[] = [];
  using _failing = storage.observe({
    invalidated: () => {
      throw new Error("this one fails");
    },
    reset: () => {},
  });
  using _observing = storage.observe({ invalidated: (at) => heard.push(at), reset: () => {} });
  connection.invalidate(tid(20), x);
  await handled(storage, connection);
  assertEquals([heard, storage.lastTransaction()], [[tid(20)], tid(20)]);
});

Deno.test("R10 that there is no such object is not remembered", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, tid(11));
  connection.fail(
    await connection.expect("loadBefore"),
    "ZODB.POSException.POSKeyError",
    new Tuple([oidBytes(x)]),
  );
  const error = await assertRejects(async () => await loading, POSKeyError);
  assertEquals(error.oid, x);
  connection.invalidate(tid(20), x);
  await handled(storage, connection);
  const again = storage.loadBefore(x, tid(21));
  connection.found(await connection.expect("loadBefore"), bytes("made"), tid(20), null);
  assertEquals((await again)!.serial, tid(20));
});

Deno.test("R18 after a conflict the object that the client had is not taken for the current one", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, tid(11));
  connection.found(await connection.expect("loadBefore"), bytes("old"), tid(5), null);
  await loading;
  const transaction = storage.begin(nobody);
  transaction.store(x, tid(5), bytes("mine"));
  const voting = transaction.vote();
  for (const name of ["tpc_begin", "storea"]) await connection.expect(name);
  connection.fail(
    await connection.expect("vote"),
    "ZODB.POSException.ConflictError",
    Dict.from([
      ["message", "database conflict error"],
      ["oid", oidBytes(x)],
      ["class_name", "a.B"],
      ["serials", new Tuple([tidBytes(tid(7)), tidBytes(tid(5))])],
    ]),
  );
  const error = await assertRejects(async () => await voting, ConflictError);
  assertEquals(error.conflict, { oid: x, committed: tid(7), read: tid(5), className: "a.B" });
  await connection.expect("tpc_abort");
  const again = storage.loadBefore(x, tid(11));
  assert(isPromise(again), "it is asked for anew");
  connection.found(await connection.expect("loadBefore"), bytes("theirs"), tid(7), null);
  assertEquals((await again)!.serial, tid(7));
});

Deno.test("a commit: first the cache, then who is told, then the last transaction", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const transaction = storage.begin(nobody);
  transaction.store(x, NO_TID, bytes("mine"));
  transaction.store(y, NO_TID, bytes("merged by the server"));
  const voting = transaction.vote();
  for (const name of ["tpc_begin", "storea", "storea"]) await connection.expect(name);
  connection.reply(await connection.expect("vote"), [oidBytes(y)]);
  assertEquals(await voting, [y]);
  const told: unknown[] = [];
  const finishing = transaction.finish((at) =>
    told.push([at, storage.lastTransaction(), cached(storage, x, MAX_TID)])
  );
  const finish = await connection.expect("tpc_finish");
  connection.together(() => {
    connection.invalidate(tid(19), oid(9));
    connection.reply(finish, tidBytes(tid(20)));
    connection.invalidate(tid(21), x);
  });
  assertEquals(await finishing, tid(20));
  assertEquals(told, [[tid(20), tid(19), ["mine", tid(20), null]]]);
  assertEquals(storage.lastTransaction(), tid(21));
  assertEquals(cached(storage, x, tid(21)), ["mine", tid(20), tid(21)]);
  assertEquals(cached(storage, y, MAX_TID), "not cached");
  assertEquals(storage.lastInvalidations(9).map((each) => each.tid), [tid(19), tid(20), tid(21)]);
});

Deno.test("R11 who gives up waiting for a pack forgets what may be gone when it ends", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loading = storage.loadBefore(x, tid(11));
  connection.found(await connection.expect("loadBefore"), bytes("one"), tid(5), null);
  await loading;
  const packing = storage.pack(1, { signal: AbortSignal.abort(new Error("no time")) });
  await assertRejects(() => packing, Error, "no time");
  const pack = await connection.expect("pack");
  assertEquals(storage.cached(x)?.serial, tid(5));
  connection.reply(pack, null);
  await handled(storage, connection);
  assertEquals(storage.cached(x), undefined);
});

Deno.test("of large transactions fewer are remembered", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const many = Array.from({ length: 100_000 }, (_, id) => oid(id));
  for (let at = 20; at < 24; at++) connection.invalidate(tid(at), ...many);
  connection.invalidate(tid(24), x);
  await handled(storage, connection);
  assertEquals(storage.lastInvalidations(9).map((each) => each.tid), [tid(22), tid(23), tid(24)]);
});

Deno.test("many who load the same revision at the same time make one request", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  const loads = [
    storage.loadBefore(x, tid(11)),
    storage.loadBefore(x, tid(11)),
    storage.loadBefore(x, tid(9)),
  ];
  const first = await connection.expect("loadBefore"), second = await connection.expect("loadBefore");
  connection.found(first, bytes("one"), tid(5), null);
  connection.found(second, bytes("two"), tid(4), tid(5));
  const [one, same, other] = await Promise.all(loads);
  assertStrictEquals(one, same);
  assertEquals([one!.serial, other!.serial, other!.end], [tid(5), tid(4), tid(5)]);
  assertEquals(connection.unanswered, []);
});

Deno.test("who has objects loaded ahead is told when the connection is lost before all have come", async () => {
  await using client = await connected();
  const { storage, connection } = client;
  let closed = false;
  function* oids() {
    try {
      for (let id = 1; id <= 3000; id++) yield oid(id);
    } finally {
      closed = true;
    }
  }
  const few = storage.prefetch([x, y]), many = storage.prefetch(oids());
  connection.found(await connection.expect("loadBefore"), bytes("one"), tid(5), null);
  await handled(storage, connection, "loadBefore");
  await connection.end();
  await assertRejects(() => few, ClientDisconnected);
  await assertRejects(() => many, ClientDisconnected);
  assertEquals(closed, true);
});

Deno.test("an iterator that can't be opened takes nothing from others, on a server that counts it and on one that doesn't", async () => {
  for (const counted of [0, 1]) {
    await using client = await connected();
    const { storage, connection } = client;
    const transaction = (at: Tid) => new Tuple([tidBytes(at), " ", bytes(""), bytes(""), new Dict()]);
    const failing = storage.transactions(tid(1)), working = storage.transactions(tid(2));
    const failed = failing.next(), first = working.next();
    const calls = [];
    for (let i = 0; i < 4; i++) calls.push(await connection.next());
    assertEquals(calls.map(({ name }) => name.slice(9)), ["start", "next", "start", "next"]);
    connection.fail(calls[0], "builtins.OSError", new Tuple([5, "Input/output error"]));
    connection.fail(calls[1], "builtins.KeyError", new Tuple([0]));
    await assertRejects(() => failed, ServerException);
    connection.reply(calls[2], counted);
    if (counted === 1) connection.reply(calls[3], transaction(tid(7)));
    else {
      connection.fail(calls[3], "builtins.KeyError", new Tuple([1]));
      assertEquals((await connection.expect("iterator_gc")).args, [new Tuple([0])]);
      connection.reply(await connection.expect("iterator_start"), 1);
      connection.reply(await connection.expect("iterator_next"), transaction(tid(7)));
    }
    assertEquals((await first).value?.tid, tid(7));
    const other = storage.transactions(tid(3)).next();
    connection.reply(await connection.expect("iterator_start"), 2);
    const next = await connection.expect("iterator_next");
    assertEquals(next.args, [2]);
    connection.reply(next, null);
    assertEquals((await other).done, true);
  }
});

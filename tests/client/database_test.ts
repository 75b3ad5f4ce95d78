/** Clients of our own server, with real storages behind it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { client, type ClientOptions, type ClientStorage } from "../../client.ts";
import { Dict, dumpPickle, Global, readRecord, writeRecord } from "../../pickle/mod.ts";
import { StorageServer, type StorageServerOptions } from "../../server/mod.ts";
import { copyTransactions, FileStorage, MappingStorage } from "../../storage/mod.ts";
import {
  isPromise,
  MAX_TID,
  NO_TID,
  oid,
  POSKeyError,
  ReadConflictError,
  type Tid,
  tid,
} from "../../values/mod.ts";
import { Serving, until } from "../server/serving.ts";
import { inFolder } from "../storage/behaviour/kinds.ts";
import { commit, nobody, record, revisions, textAt, textOf } from "../storage/samples.ts";
import { within } from "./fake_server.ts";

/** Connects to a test's server. */
function connect(
  { address }: Pick<StorageServer, "address">,
  options: ClientOptions = {},
): Promise<ClientStorage> {
  return client(address.transport === "tcp" ? address : { path: address.path }, {
    disconnectPoll: 0.02,
    ...options,
  });
}

/** A server of a file, on a port that it has again when it is started again. */
function serve(path: string, port = 0, options: Partial<StorageServerOptions> = {}): Promise<StorageServer> {
  return StorageServer.start({
    address: { transport: "tcp", hostname: "127.0.0.1", port },
    storages: new Map([["1", FileStorage.open(path)]]),
    msgpack: true,
    ...options,
  });
}

const portOf = ({ address }: StorageServer): number => address.transport === "tcp" ? address.port : 0;

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`what one client commits others see, ${encoding}`, async () => {
    await using serving = await Serving.start({ encoding });
    await using one = await connect(serving);
    await using two = await connect(serving);
    const first = await commit(one, [[1, NO_TID, "a"]]);
    await until(() => two.lastTransaction() === first, "the invalidation");
    assertEquals(await textAt(two, 1), "a");
    const second = await commit(two, [[1, first, "b"]]);
    assertEquals([await textAt(two, 1), two.lastTransaction()], ["b", second]);
    await one.ping();
    assertEquals([await textAt(one, 1), one.lastTransaction()], ["b", second]);
    assertEquals(await textAt(one, 1, second), "a");
    assertEquals(isPromise(one.loadBefore(oid(1), second)), false, "its end is known");
  });
}

Deno.test("a client on a Unix socket", () =>
  inFolder(async (folder) => {
    await using server = await StorageServer.start({
      address: { transport: "unix", path: `${folder}/zeo.sock` },
      storages: new Map([["1", new MappingStorage()]]),
    });
    await using storage = await connect(server);
    await commit(storage, [[1, NO_TID, "a"]]);
    assertEquals(await textAt(storage, 1), "a");
  }));

Deno.test("many objects are loaded at once, and are there then", async () => {
  await using serving = await Serving.start();
  await using writer = await connect(serving);
  await commit(writer, Array.from({ length: 3000 }, (_, id) => [id, NO_TID, `object ${id}`]));
  await using reader = await connect(serving);
  await reader.prefetch(Array.from({ length: 3005 }, (_, id) => oid(id)));
  for (let id = 0; id < 3000; id += 7) assertEquals(textOf(reader.cached(oid(id))!.data), `object ${id}`);
  const { stores } = reader.cacheStatistics;
  await reader.prefetch([oid(1), oid(2)]);
  assertEquals(reader.cacheStatistics.stores, stores);
});

Deno.test("a cache in a file is believed by the next client, but for what changed meanwhile", () =>
  inFolder(async (folder) => {
    await using serving = await Serving.start();
    const cache = `${folder}/client.zec`;
    await using other = await connect(serving);
    const first = await commit(other, [[1, NO_TID, "a"], [2, NO_TID, "b"]]);
    {
      await using storage = await connect(serving, { cache });
      assertEquals([await textAt(storage, 1), await textAt(storage, 2)], ["a", "b"]);
      const seen = await commit(other, [[9, NO_TID, "any"]]);
      await until(() => storage.lastTransaction() === seen, "the invalidation");
    }
    await commit(other, [[1, first, "a2"]]);
    await using storage = await connect(serving, { cache });
    assertEquals(storage.cached(oid(1)), undefined);
    assertEquals(textOf(storage.cached(oid(2))!.data), "b");
    assertEquals(await textAt(storage, 1), "a2");
  }));

Deno.test("conflicts that the server leaves to clients are merged by them", async () => {
  await using serving = await Serving.start({ storage: "file", clientConflictResolution: true });
  await using one = await connect(serving);
  await using two = await connect(serving);
  const length = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);
  const start = await commit(one, [[1, NO_TID, length(10)]]);
  const committed = await commit(two, [[1, start, length(12)]]);
  const merged = await commit(one, [[1, start, length(13)]]);
  assert(merged > committed);
  const found = await one.load(oid(1));
  assertEquals([readRecord(found!.data).state, found!.serial], [15, merged]);
});

Deno.test("R11 a client that packs forgets what may be gone", async () => {
  await using serving = await Serving.start({ storage: "file" });
  await using storage = await connect(serving);
  const [a, b] = await revisions(storage, 0, ["a", "b"]);
  assertEquals(await textAt(storage, 0, b), "a");
  const { outcome, size } = await storage.pack(Date.now() / 1000 + 100);
  assertEquals([outcome, size[1] < size[0], size[1]], ["packed", true, storage.size()]);
  await assertRejects(async () => await storage.loadBefore(oid(0), b), POSKeyError).catch(async () =>
    assertEquals(await storage.loadBefore(oid(0), b), null)
  );
  await assertRejects(async () => await storage.loadSerial(oid(0), a), POSKeyError);
  assertEquals([await textAt(storage, 0), storage.lastTransaction()], ["b", b]);
  await assertRejects(() => storage.pack(1, { keepOld: true }), Error, "keepOld");
});

Deno.test("S02 a client can be copied, and copied to", async () => {
  await using from = await Serving.start({ storage: "file" });
  await using to = await Serving.start({ storage: "file", encoding: "Z" });
  await using source = await connect(from);
  await using target = await connect(to);
  let last = NO_TID;
  for (let i = 0; i < 12; i++) {
    last = await commit(source, [
      [1, last, `one ${i}`],
      ...Array.from({ length: 20 }, (_, id) => [100 + i * 20 + id, NO_TID, `${i} ${id}`] as const),
    ]);
  }
  const told = await copyTransactions(source as never, target as never);
  assertEquals([told.transactions, told.records], [12, 12 * 21]);
  assertEquals([target.lastTransaction(), target.length()], [last, source.length()]);
  assertEquals(await target.history(oid(1), 99), await source.history(oid(1), 99));
  assertEquals(await textAt(target, 100 + 5 * 20 + 7), "5 7");
});

Deno.test("relying on an object that somebody has changed is refused", async () => {
  await using serving = await Serving.start();
  await using storage = await connect(serving);
  const [old, current] = await revisions(storage, 1, ["a", "b"]);
  const transaction = storage.begin(nobody);
  transaction.checkCurrent(oid(1), old);
  transaction.store(oid(2), NO_TID, record("x"));
  const error = await assertRejects(async () => await transaction.vote(), ReadConflictError);
  assertEquals([error.conflict.committed, error.conflict.read], [current, old]);
});

Deno.test("changes tells every transaction once, over restarts of the server, and what came before", () =>
  inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    let server = await serve(path);
    const port = portOf(server);
    await using writer = await connect(server);
    await using reader = await connect(server);
    const tids: Tid[] = [];
    const write = async (id: number) => {
      tids.push(await commit(writer, [[id, NO_TID, `object ${id}`]]));
    };
    for (const id of [0, 1, 2]) await write(id);
    const told: Tid[] = [], oids: bigint[] = [];
    const enough = Promise.withResolvers<void>();
    const stopping = new AbortController();
    const following = (async () => {
      for await (const change of reader.changes(tids[0], { signal: stopping.signal })) {
        if (change.oids[0] === oid(4)) {
          for await (const { data } of change.records()) assertEquals(textOf(data!), "object 4");
        }
        // Only now: what waits for it stops the server.
        told.push(change.tid);
        oids.push(...change.oids);
        if (change.oids[0] === oid(9)) enough.resolve();
      }
    })();
    for (const id of [3, 4]) await write(id);
    await until(() => told.length === 4, "what came while connected");
    for (const id of [5, 7]) {
      await server.close();
      await until(() => !writer.connected && !reader.connected, "both have noticed");
      server = await serve(path, port, { invalidationQueueSize: id === 5 ? 1 : 100 });
      await until(() => writer.connected, "the writer is back");
      await write(id);
      await write(id + 1);
    }
    await until(() => reader.connected, "the reader is back");
    await write(9);
    await within(enough.promise, "the last change");
    assertEquals(told, tids.slice(1));
    assertEquals(oids, [1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => oid(id)));
    stopping.abort();
    await assertRejects(() => following, DOMException);
    await server.close();
  }));

Deno.test("changes ends when the storage is closed", async () => {
  await using serving = await Serving.start({ storage: "file" });
  const storage = await connect(serving);
  const at = await commit(storage, [[1, NO_TID, "a"]]);
  const told: Tid[] = [];
  const following = (async () => {
    for await (const change of storage.changes(NO_TID)) told.push(change.tid);
  })();
  await until(() => told.length === 1, "the change");
  await storage.close();
  await within(following, "the end");
  assertEquals(told, [at]);
});

Deno.test("the undo log can be filtered here, by a specification there, and counts what passes", async () => {
  await using serving = await Serving.start({ storage: "file" });
  await using storage = await connect(serving);
  const tids: Tid[] = [];
  for (let i = 0; i < 130; i++) {
    const user = new TextEncoder().encode(i % 2 ? "odd" : "even");
    tids.push(await commit(storage, [[i, NO_TID, "a"]], { user }));
  }
  const odd = tids.filter((_, i) => i % 2).reverse();
  const isOdd = ({ user }: { readonly user: Uint8Array }) => user.length === 3;
  assertEquals((await storage.undoLog(1, -60, isOdd)).map(({ tid }) => tid), odd.slice(1, 61));
  const found = await storage.undoInfo(0, -3, { user_name: new TextEncoder().encode("odd") });
  assertEquals(found.map(({ tid }) => tid), odd.slice(0, 3));
  assertEquals((await storage.undoInfo()).length, 20);
});

Deno.test("the undo log can be read, whatever an application has put in place of what an entry says", async () => {
  await using serving = await Serving.start({ storage: "file" });
  await using storage = await connect(serving);
  let serial = NO_TID;
  for (
    const [key, value] of [["description", 5], ["user_name", null], ["id", "x"], ["size", "big"]] as const
  ) {
    const extension = dumpPickle(Dict.from([[key, value], ["kind", "odd"]]));
    const transaction = storage.begin({ ...nobody, extension });
    transaction.store(oid(1), serial, record(key));
    await transaction.vote();
    serial = await transaction.finish();
  }
  const entries = await storage.undoLog(0, -20);
  assertEquals(entries.map(({ tid }) => tid === NO_TID), [false, true, false, false]);
  assertEquals(entries[0].tid, serial);
  assertEquals((await storage.undoInfo(0, -20, { kind: "odd" })).length, 4);
  assertEquals(storage.connected, true);
});

Deno.test("a server's state can be asked for, and its silence waited for", async () => {
  await using serving = await Serving.start();
  await using one = await connect(serving, { serverSync: true, clientLabel: "one" });
  await using two = await connect(serving);
  const made = await commit(two, [[1, NO_TID, "a"]]);
  await one.sync();
  assertEquals(one.lastTransaction(), made);
  assertEquals(two.sync(), undefined);
  const status = await one.serverStatus();
  assertEquals([status.connections, status.commits], [2, 1]);
});

Deno.test("of increments by several clients, over a server that restarts, none is lost or made twice", () =>
  inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    let server = await serve(path);
    const port = portOf(server);
    const clients = await Promise.all([1, 2, 3].map(() => connect(server)));
    await commit(clients[0], [[1, NO_TID, "0"]]);
    let done = 0, unknown = 0;
    const working = clients.map(async (storage) => {
      for (let made = 0; made < 15;) {
        let finishing = false;
        try {
          const found = (await storage.loadBefore(oid(1), MAX_TID))!;
          const transaction = storage.begin(nobody);
          transaction.store(oid(1), found.serial, record(`${Number(textOf(found.data)) + 1}`));
          await transaction.vote();
          finishing = true;
          await transaction.finish();
          made++;
          done++;
        } catch {
          // A conflict, or no connection: again. Lost in a finish it may be there all the same.
          if (finishing) {
            unknown++;
            made++;
          }
        }
      }
    });
    for (let restart = 1; restart <= 2; restart++) {
      await until(() => done >= 10 * restart, "some work");
      await server.close();
      server = await serve(path, port);
    }
    await Promise.all(working);
    await clients[0].ping();
    const count = Number(await textAt(clients[0], 1));
    assert(count >= done && count <= done + unknown, `${count} of ${done} and ${unknown} unknown`);
    for (const storage of clients) {
      await storage.ping();
      assertEquals(await textAt(storage, 1), `${count}`);
      await storage.close();
    }
    await server.close();
  }));

Deno.test("a reader that is told of a transaction never sees anything older", async () => {
  await using serving = await Serving.start();
  await using writer = await connect(serving);
  await using reader = await connect(serving);
  let last = await commit(writer, [[1, NO_TID, "0"], [2, NO_TID, "0"]]);
  let writing = true;
  const work = (async () => {
    for (let i = 1; i <= 150; i++) last = await commit(writer, [[1, last, `${i}`], [2, last, `${i}`]]);
    writing = false;
  })();
  while (writing) {
    const moment = tid(reader.lastTransaction() + 1n);
    const [one, two] = await Promise.all([textAt(reader, 1, moment), textAt(reader, 2, moment)]);
    assertEquals(one, two);
    await reader.ping();
  }
  await work;
  await reader.ping();
  assertEquals(await textAt(reader, 1), "150");
});

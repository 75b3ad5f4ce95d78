/** Connections in which objects load themselves when they are touched: what a script's author sees. */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FileStorage, MappingStorage } from "../../storage/mod.ts";
import { ClientDisconnected, ConflictError, oid, POSKeyError, UndoError } from "../../values/mod.ts";
import {
  asSync,
  Blob,
  IOBTree,
  Length,
  openSync,
  Persistent,
  PersistentList,
  PersistentMap,
  registerClass,
  type SyncConnection,
  WeakReference,
} from "../../zodb/mod.ts";
import { Account, type Bank } from "./sync_objects.ts";
import { script, ServerProcess } from "./sync_server.ts";

/** Ann and Bob, who are friends. */
function fill(connection: SyncConnection<Bank>): void {
  const ann = new Account("Ann", 10), bob = new Account("Bob", 20);
  ann.friend = bob;
  bob.friend = ann;
  connection.root.accounts = asSync(new PersistentMap([["ann", ann], ["bob", bob]]));
  connection.commit();
}

Deno.test("objects load themselves when they are touched, and a commit is done when it returns", async () => {
  await using server = await ServerProcess.start();
  {
    using connection = openSync<Bank>(server.address);
    fill(connection);
    connection.root.accounts.get("ann")!.notes.push("hello");
    connection.transaction.note("says hello");
    connection.commit();
    assertEquals(connection.db.undoLog(0, 1).map(({ description }) => description), ["says hello"]);
  }
  using connection = openSync<Bank>(server.address);
  const ann = connection.root.accounts.get("ann")!;
  assertEquals(ann.friend!._p_state, -1);
  assertEquals([ann.friend!.owner, ann.friend!.friend === ann, [...ann.notes]], ["Bob", true, ["hello"]]);
  assertEquals([...connection.root.accounts].map(([name, { balance }]) => [name, balance]), [
    ["ann", 10],
    ["bob", 20],
  ]);
  assertEquals(connection.get<Account>(ann._p_oid!), ann);
  assertThrows(() => connection.get(oid(9999)), POSKeyError);
});

Deno.test("the root object's items are attributes", () => {
  using connection = openSync<Record<string, unknown>>(new MappingStorage());
  const { root } = connection;
  root.one = 1;
  root.list = new PersistentList([1, 2]);
  root.then = "later";
  connection.commit();
  assertEquals(Object.keys(root), ["one", "list", "then"]);
  assertEquals(["one" in root, "two" in root, root.two, root.then], [true, false, undefined, "later"]);
  delete root.one;
  assertEquals({ ...root, list: 0 }, { list: 0, then: "later" });
  connection.abort();
  assertEquals(root.one, 1);
  assertEquals([...connection.rootObject().keys()], ["one", "list", "then"]);
});

Deno.test("containers and weak references return values, not promises", () => {
  using connection = openSync<Bank & { weak: WeakReference<Account>[] }>(new MappingStorage());
  fill(connection);
  connection.root.list = asSync(new PersistentList([new Account("Cid", 30)]));
  connection.root.weak = [asSync(new WeakReference<Account>(connection.root.list.get(0)!))];
  connection.commit();
  using other = connection.db.open<Bank & { weak: WeakReference<Account>[] }>();
  assertEquals(other.root.list.get(-1)!.balance, 30);
  assertEquals(other.root.list.get(5), undefined);
  assertEquals(other.root.accounts.get("nobody"), undefined);
  assertEquals(other.root.weak[0].get()!.owner, "Cid");
});

Deno.test("BTrees are searched and gone through without waiting", async () => {
  await using server = await ServerProcess.start();
  {
    using connection = openSync<{ tree: IOBTree<string> }>(server.address);
    const tree = new IOBTree<string>();
    for (let key = 0; key < 2000; key++) tree.set(key, `value ${key}`);
    connection.root.tree = asSync(tree);
    connection.commit();
  }
  using connection = openSync<{ tree: IOBTree<string> }>(server.address);
  const { tree } = connection.root;
  assertEquals([tree.get(1500)!.length, tree.get(2000), tree.minKey(10), tree.size()], [
    10,
    undefined,
    10,
    2000,
  ]);
  assertEquals([...tree.entries()].map(([key]) => key), Array.from({ length: 2000 }, (_, i) => i));
  const deleted: boolean = tree.delete(7);
  tree.set(5, "five");
  connection.commit();
  assertEquals([deleted, tree.has(7), tree.get(5)], [true, false, "five"]);
  assertEquals(tree.entries(6).first()![0], 6);
});

Deno.test("another's change is a conflict, and transaction(fn) tries again", async () => {
  await using server = await ServerProcess.start();
  using one = openSync<Bank>(server.address), two = openSync<Bank>(server.address);
  fill(one);
  two.begin();
  const ann = one.root.accounts.get("ann")!;
  two.root.accounts.get("ann")!.balance = 11;
  ann.balance = 12;
  one.commit();
  const error = assertThrows(() => two.commit(), ConflictError);
  assertEquals([error.conflict.oid, error.conflict.className], [ann._p_oid, "tests.sync.Account"]);
  assertEquals(error.conflict.committed, ann._p_serial);
  two.abort();
  assertEquals(two.root.accounts.get("ann")!.balance, 12);
  let tries = 0;
  const result = two.db.transaction((connection: SyncConnection<Bank>) => {
    const mine = connection.root.accounts.get("ann")!;
    mine.balance += 100;
    if (tries++ === 0) {
      ann.balance += 1;
      one.commit();
    }
    return mine.balance;
  });
  assertEquals([tries, result], [2, 113]);
  one.begin();
  assertEquals(ann.balance, 113);
});

/** The one that was changed last. */
class Latest extends Persistent {
  value = 0;

  static _p_resolveConflict(_old: unknown, _committed: unknown, changed: unknown): unknown {
    return changed;
  }
}
registerClass("tests.sync.Latest", Latest);

Deno.test("changes that go together are merged, by the application's classes too", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using one = openSync<{ length: Length; latest: Latest }>({ file: `${folder}/Data.fs` });
    one.root.length = asSync(new Length(10));
    one.root.latest = new Latest();
    one.commit();
    using two = one.db.open<{ length: Length; latest: Latest }>();
    one.root.length.change(1);
    one.root.latest.value = 1;
    two.root.length.change(5);
    two.root.latest.value = 2;
    one.commit();
    two.commit();
    assertEquals([two.root.length.value, two.root.latest.value], [16, 2]);
    one.begin();
    assertEquals([one.root.length.value, one.root.latest.value], [16, 2]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a transaction sees one state, whatever is committed and fetched ahead meanwhile", async () => {
  await using server = await ServerProcess.start();
  using one = openSync<Bank>(server.address), two = openSync<Bank>(server.address);
  one.root.list = asSync(new PersistentList(Array.from({ length: 200 }, (_, i) => new Account(`${i}`, i))));
  one.commit();
  two.begin();
  const seen: number[] = [], list = two.root.list;
  for (let i = 0; i < 200; i++) {
    if (i % 20 === 10) {
      for (let j = i - 5; j < Math.min(200, i + 15); j++) one.root.list.get(j)!.balance += 1000;
      one.commit();
    }
    seen.push(list.get(i)!.balance);
  }
  assertEquals(seen, Array.from({ length: 200 }, (_, i) => i));
  two.begin();
  assertEquals(
    [...two.root.list].map(({ balance }) => balance),
    Array.from({ length: 200 }, (_, i) => i < 5 ? i : i + 1000),
  );
  const before = two.db.undoLog(0, 1)[0].tid;
  using past = two.db.open<Bank>({ before });
  assertEquals([past.root.list.get(0)!.balance, past.root.list.get(195)!.balance], [0, 195]);
});

Deno.test("after a restart of the server the next transaction sees everything", async () => {
  await using server = await ServerProcess.start();
  using connection = openSync<Bank>(server.address);
  fill(connection);
  await server.kill();
  await server.start();
  using other = openSync<Bank>(server.address);
  other.root.accounts.get("ann")!.balance = 99;
  other.commit();
  connection.begin();
  assertEquals(connection.root.accounts.get("ann")!.balance, 99);
  connection.root.accounts.get("ann")!.balance = 100;
  connection.commit();
  other.begin();
  assertEquals(other.root.accounts.get("ann")!.balance, 100);
});

Deno.test("without a server there is an error after waitTimeout, and what is loaded can still be read", async () => {
  await using server = await ServerProcess.start();
  using connection = openSync<Bank>(server.address, { waitTimeout: 0.3 });
  fill(connection);
  const ann = connection.root.accounts.get("ann")!;
  connection.cacheMinimize();
  assertEquals(ann.balance, 10);
  await server.kill();
  assertThrows(() => connection.begin(), ClientDisconnected);
  ann.balance = 11;
  assertThrows(() => connection.commit(), ClientDisconnected);
  connection.abort();
  assertEquals(ann.balance, 10);
  assertThrows(() => openSync(server.address, { waitTimeout: 0.3 }), ClientDisconnected, "timed out");
});

Deno.test("any of several addresses will do, and a Unix socket", async () => {
  await using server = await ServerProcess.start(`${Deno.makeTempDirSync({ prefix: "zeo-" })}/socket`);
  using connection = openSync<Bank>([server.address + "-not", { path: server.address }]);
  fill(connection);
  assertEquals(connection.root.accounts.get("bob")!.balance, 20);
});

Deno.test("blobs are written and read at once", async () => {
  await using server = await ServerProcess.start();
  const blobDir = `${server.folder}/cache`;
  using connection = openSync<{ blob: Blob }>(server.address, { blobDir });
  const blob = new Blob();
  blob.writeSync("first");
  connection.root.blob = asSync(blob);
  connection.commit();
  assertEquals(connection.root.blob.textSync(), "first");
  connection.root.blob.writeSync(new Uint8Array(3_000_000).fill(7));
  const savepoint = connection.savepoint();
  connection.root.blob.writeSync("third");
  assertEquals(connection.root.blob.textSync(), "third");
  savepoint.rollback();
  connection.commit();
  using other = openSync<{ blob: Blob }>(server.address, { blobDir: `${server.folder}/other` });
  assertEquals(other.root.blob.bytesSync(), new Uint8Array(3_000_000).fill(7));
  assert(Deno.statSync(other.root.blob.pathSync()).isFile);
  other.root.blob.writeSync("lost");
  other.abort();
  assertEquals(other.root.blob.bytesSync().length, 3_000_000);
});

Deno.test("records of many megabytes go there and back", async () => {
  await using server = await ServerProcess.start();
  const bytes: Uint8Array = new Uint8Array(10_000_000).map((_, i) => i * i >> 7);
  {
    using connection = openSync<{ bytes: PersistentList<Uint8Array> }>(server.address);
    connection.root.bytes = asSync(new PersistentList([bytes]));
    connection.commit();
  }
  using connection = openSync<{ bytes: PersistentList<Uint8Array> }>(server.address, { recordCacheSize: 0 });
  assertEquals(connection.root.bytes.get(0)!.length, bytes.length);
  assert(sameBytes(connection.root.bytes.get(0)!, bytes));
});

/** `assertEquals` takes minutes for as many. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("history, undo and pack", async () => {
  await using server = await ServerProcess.start();
  using connection = openSync<Bank>(server.address);
  fill(connection);
  const { accounts } = connection.root, ann = accounts.get("ann")!;
  for (const balance of [11, 12]) {
    ann.balance = balance;
    connection.transaction.note(`to ${balance}`);
    connection.commit();
  }
  assertEquals(connection.db.history(ann._p_oid!, 9).map(({ description }) => description), [
    "to 12",
    "to 11",
    "",
  ]);
  const [, second] = connection.db.undoLog(0, 5, ({ description }) => description.startsWith("to"));
  assertThrows(() => connection.db.undo(second.tid), UndoError);
  connection.db.undo(connection.db.undoLog()[0].tid);
  connection.begin();
  assertEquals(ann.balance, 11);
  assertEquals((connection.oldState(ann, second.tid) as Map<string, unknown>).get("balance"), 11);
  const { size } = connection.db;
  connection.db.pack();
  assert(connection.db.size < size);
  assertEquals(connection.db.history(ann._p_oid!, 9).length, 1);
  assertEquals(accounts.get("bob")!.balance, 20);
});

Deno.test("savepoints, and changes that are taken back", () => {
  using connection = openSync<Bank>(new MappingStorage());
  fill(connection);
  const ann = connection.root.accounts.get("ann")!;
  ann.balance = 1;
  const savepoint = connection.savepoint();
  ann.balance = 2;
  connection.add(new Account("nobody"));
  savepoint.rollback();
  assertEquals([ann.balance, savepoint.valid], [1, true]);
  connection.commit();
  assertEquals([ann.balance, savepoint.valid, connection.hasChanges], [1, false, false]);
  const cid = new Account("Cid");
  connection.add(cid);
  connection.commit();
  assertEquals(connection.get<Account>(cid._p_oid!).owner, "Cid");
});

Deno.test("a Data.fs is opened by its path, and a storage that takes waiting is refused", async () => {
  const folder = await Deno.makeTempDir(), path = `${folder}/Data.fs`;
  try {
    {
      using connection = openSync<Bank>({ file: path });
      fill(connection);
    }
    await using storage = FileStorage.open(path);
    const error = assertThrows(() => openSync(storage), Error);
    assert(error.message.includes("{ file: its path }"), error.message);
    await storage.close();
    using connection = openSync<Bank>({ file: path, readOnly: true });
    assertEquals(connection.root.accounts.get("ann")!.balance, 10);
    connection.root.accounts.get("ann")!.balance = 11;
    assertThrows(() => connection.commit(), Error, "read-only");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("options that another thread can't be given are refused by name", () => {
  const open = (options: object) => () => openSync("127.0.0.1:1", options);
  assertThrows(open({ signal: new AbortController().signal }), TypeError, "signal");
  assertThrows(open({ wait: false }), TypeError, "wait");
  assertThrows(open({ cache: new Map() }), TypeError, "cache: an object of class Map");
  assertThrows(open({ tls: { ca: ["x", () => "y"] } }), TypeError, "tls.ca[1]: a function");
  assertThrows(() => openSync(new MappingStorage(), { waitTimeout: 3 }), TypeError, "waitTimeout");
  assertThrows(open({ cacheSize: -1 }), RangeError, "cacheSize -1");
  assertThrows(() => openSync("nonsense"), RangeError, "nonsense");
});

Deno.test("a thread that dies is an error for whoever waits for it", async () => {
  await using server = await ServerProcess.start();
  const workerUrl = new URL("sync_dying_worker.ts", import.meta.url), sign = `${server.folder}/die`;
  Deno.env.set("ZEO_TESTS_DIE_WHEN", sign);
  using connection = openSync<Bank>(server.address, { workerUrl });
  fill(connection);
  Deno.writeTextFileSync(sign, "");
  const error = assertThrows(() => {
    while (true) connection.begin();
  });
  assertInstanceOf(error, Error);
  assert(error.message.includes("its thread has died") && error.message.includes("a bug"), error.message);
  assertThrows(() => connection.begin(), Error, "its thread has died");
});

Deno.test("a program ends though it has not closed its connection, and by a signal while it waits", async () => {
  await using server = await ServerProcess.start();
  const reads = script("sync_script.ts", server.address);
  const { code } = await reads.ended;
  assertEquals([code, reads.output.trim()], [0, "opening\ndone"]);
  await server.kill();
  const waits = script("sync_script.ts", server.address);
  await waits.match(/opening/);
  const ending = await waits.stop();
  assertEquals([ending.code === 0, waits.output.includes("done")], [false, false]);
});

/** Our client on Python's server, beside Python's clients. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { client, type ClientOptions, type ClientStorage } from "../../client.ts";
import { Global, readRecord, Tuple, writeRecord } from "../../pickle/mod.ts";
import { ServerException } from "../../protocol/mod.ts";
import { copyTransactions, FileStorage, type StorageTransaction } from "../../storage/mod.ts";
import {
  ConflictError,
  MAX_TID,
  MultipleUndoErrors,
  NO_TID,
  oid,
  POSKeyError,
  ReadConflictError,
  ReadOnlyError,
  ROOT_OID,
  type Tid,
  UndoError,
} from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { commit, nobody, record, revisions, textAt, textOf, undo } from "../storage/samples.ts";
import { type Address, encodings, interopTest } from "./peers.ts";

function connect(address: Address, options: ClientOptions = {}): Promise<ClientStorage> {
  const where = typeof address === "string" ? { path: address } : { hostname: address[0], port: address[1] };
  return client(where, { disconnectPoll: 0.05, ...options });
}

for (const { name, msgpack } of encodings) {
  await interopTest(`our client has all that Python's server offers, ${name}`, async (peers, context) => {
    await using server = await peers.start({ kind: "runzeo", msgpack });
    const { address } = server;
    const python = peers.session();
    await python.call("objects.put", { address, name: "1", key: "first", value: 1 });
    await using storage = await connect(address, { clientLabel: "ours" });
    await using other = await connect(address);

    await context.step("what Python commits is told and loaded", async () => {
      const before = storage.lastTransaction();
      assert(before > NO_TID);
      await storage.load(ROOT_OID);
      await python.call("objects.put", { address, name: "1", key: "second", value: 2 });
      await until(() => storage.lastTransaction() > before, "the invalidation");
      const root = await storage.load(ROOT_OID);
      assertEquals(root!.serial > before, true);
      assertEquals((await storage.loadBefore(ROOT_OID, root!.serial))!.end, root!.serial);
    });
    await context.step("what we commit Python sees, and other clients of ours", async () => {
      const root = (await storage.load(ROOT_OID))!;
      const { class: type, state } = readRecord(root.data);
      const made = await commit(storage, [[ROOT_OID, root.serial, writeRecord(type, state)]]);
      const keys = await python.call("objects.put", { address, name: "1", key: "third", value: 3 });
      assertEquals(keys, ["first", "second", "third"]);
      await other.ping();
      assert(other.lastTransaction() > made);
    });
    const id = (await storage.newOids(3))[2];
    let tids: Tid[] = [];
    await context.step("revisions, history, what is not there", async () => {
      tids = await revisions(storage, id, ["a", "b", "c"]);
      assertEquals(await textAt(other, Number(id), tids[2]), "b");
      assertEquals((await storage.history(id, 9)).map(({ tid }) => tid), tids.toReversed());
      assertEquals([await other.getTid(id), textOf(await other.loadSerial(id, tids[0]))], [tids[2], "a"]);
      const error = await assertRejects(
        async () => await storage.loadBefore(oid(99999), MAX_TID),
        POSKeyError,
      );
      assertEquals(error.oid, oid(99999));
    });
    await context.step("conflicts come with what they are about", async () => {
      const error = await assertRejects(() => commit(storage, [[id, tids[0], "late"]]), ConflictError);
      assertEquals([error.conflict.oid, error.conflict.committed, error.conflict.read], [
        id,
        tids[2],
        tids[0],
      ]);
      assertEquals(error.conflict.className, "persistent.mapping.PersistentMapping");
      const transaction = storage.begin(nobody);
      transaction.checkCurrent(id, tids[1]);
      transaction.store(oid(5000), NO_TID, record("x"));
      await assertRejects(async () => await transaction.vote(), ReadConflictError);
      // The turn is free again, here and there.
      tids.push(await commit(storage, [[id, tids[2], "d"]]));
    });
    await context.step("undo, its log, and why it can't be done", async () => {
      const undone = await undo(storage, tids[3]);
      assertEquals(await textAt(storage, Number(id)), "c");
      const both = await commit(storage, [[6000, NO_TID, "a"], [6001, NO_TID, "a"]]);
      await commit(storage, [[6000, both, "b"], [6001, both, "b"]]);
      const error = await assertRejects(() => undo(storage, both), UndoError);
      assertInstanceOf(error, MultipleUndoErrors);
      assertEquals((error as MultipleUndoErrors).errors.map(([id]) => id), [oid(6000), oid(6001)]);
      const log = await storage.undoLog(0, -100);
      assert(log.some(({ tid }) => tid === undone));
      assertEquals((await storage.undoInfo(0, -2)).length, 2);
    });
    await context.step("a refusal that has no class here keeps its name and words", async () => {
      const transaction = storage.begin(nobody) as StorageTransaction & { undo(tid: Tid): void };
      transaction.undo(tids[0]);
      await assertRejects(async () => await transaction.vote(), UndoError);
      const error = await assertRejects(() => storage.pack(Number.NaN), ServerException);
      assert(error.pythonName.includes("."), error.pythonName);
    });
    await context.step("transactions can be gone through and copied", async () => {
      const copy = FileStorage.open(`${peers.folder}/Copy.fs`);
      await copyTransactions(storage as never, copy);
      assertEquals([copy.lastTransaction(), copy.length()], [storage.lastTransaction(), storage.length()]);
      await copy.close();
      let count = 0;
      for await (const transaction of storage.transactions()) {
        count++;
        for await (const { tid } of transaction.records()) assertEquals(tid, transaction.tid);
      }
      assert(count > 8);
      const first = await storage.currentRecord(ROOT_OID);
      assertEquals([first!.oid, first!.next !== null], [ROOT_OID, true]);
      const objects: bigint[] = [];
      for (
        let next: typeof first = first;
        next;
        next = next.next === null ? null : await storage.currentRecord(next.next)
      ) {
        objects.push(next.oid);
      }
      assertEquals(new Set(objects).size, objects.length);
    });
    await context.step("a database of ours can be copied to it", async () => {
      const from = FileStorage.open(`${peers.folder}/From.fs`);
      const transaction = from.begin(nobody, { tid: (storage.lastTransaction() + 1000n) as Tid });
      transaction.store(oid(7000), NO_TID, record("copied"));
      await transaction.vote();
      const at = await transaction.finish();
      await copyTransactions(from, storage as never);
      assertEquals([storage.lastTransaction(), await other.getTid(oid(7000))], [at, at]);
      await from.close();
    });
    await context.step("its state, and a pack", async () => {
      assertEquals((await storage.serverStatus()).connections, 2);
      const { outcome } = await storage.pack(Date.now() / 1000);
      assertEquals(outcome, "packed");
      await assertRejects(async () => await storage.loadSerial(id, tids[0]), POSKeyError);
    });
    await context.step("hardly anything of it was an error to the server", () => {
      const raised = [...server.output.matchAll(/`'(\w+)'` raised exception/g)].map(([, method]) => method);
      // Once it was tried whether it minds being asked for too many records; the others were meant to fail.
      assertEquals(raised.filter((method) => method !== "pack" && method !== "vote"), [
        "iterator_record_next",
      ]);
    });
  });

  await interopTest(`our client outlives restarts of Python's server, ${name}`, async (peers) => {
    const zeo = { "invalidation-queue-size": 5 };
    let server = await peers.start({ kind: "runzeo", msgpack, zeo });
    const { address } = server;
    await using storage = await connect(address, { cache: `${peers.folder}/client.zec` });
    await using writer = await connect(address);
    const told: Tid[] = [];
    const following = (async () => {
      for await (const { tid } of storage.changes(NO_TID)) told.push(tid);
    })();
    let last = await commit(writer, [[0, NO_TID, "a"], [1, NO_TID, "one"]]);
    await until(() => told.length === 1, "the first change");
    const tids = [last];
    await storage.prefetch([oid(0), oid(1)]);
    const resets: Tid[] = [];
    storage.on("reset", ({ tid }) => resets.push(tid));
    for (const [round, changes] of [[1, 2], [2, 9]] as const) {
      await server.stop();
      await until(() => !storage.connected && !writer.connected, "both have noticed");
      assertEquals(textOf(storage.cached(oid(1))!.data), "one");
      server = await peers.start({ kind: "runzeo", msgpack, zeo, address });
      // Before the reader is back others have changed something; or it is back already: then it is told.
      for (let i = 0; i < changes; i++) tids.push(last = await commit(writer, [[0, last, `${round} ${i}`]]));
      await until(() => storage.connected, "the connection");
      await storage.ping();
      assertEquals(await textAt(storage, 0), `${round} ${changes - 1}`);
      assertEquals(await textAt(storage, 1), "one");
    }
    await until(() => told.length === tids.length, "all changes");
    assertEquals(told, tids);
    await storage.close();
    await following;
  });

  await interopTest(
    `Python's server leaves conflicts to our client, or refuses it, ${name}`,
    async (peers) => {
      await using server = await peers.start({
        kind: "runzeo",
        msgpack,
        zeo: { "client-conflict-resolution": true },
      });
      await using one = await connect(server.address);
      await using two = await connect(server.address);
      const length = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);
      const start = await commit(one, [[1, NO_TID, length(10)]]);
      await commit(two, [[1, start, length(12)]]);
      await commit(one, [[1, start, length(13)]]);
      assertEquals(readRecord((await one.load(oid(1)))!.data).state, 15);
      const plain = writeRecord(new Global("a", "B"), new Tuple([1]));
      const made = await commit(one, [[2, NO_TID, plain]]);
      await commit(two, [[2, made, plain]]);
      await assertRejects(() => commit(one, [[2, made, plain]]), ConflictError);
      await assertRejects(
        () => connect(server.address, { storage: "other" }),
        ServerException,
        "unknown storage",
      );

      await using reading = await connect(server.address, { readOnly: true });
      assertEquals(reading.readOnly, true);
      await assertRejects(() => commit(reading, [[3, NO_TID, "a"]]), ReadOnlyError);
      await assertRejects(() => reading.newOids(1), ReadOnlyError);
    },
  );
}

import { assert, assertEquals } from "@std/assert";
import type { Dict, Value } from "../../pickle/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { MAX_TID, NO_TID, oid, oidBytes, tid, tidAfter, tidBytes } from "../../values/mod.ts";
import { show } from "../protocol/show.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, until, VARIANTS } from "./serving.ts";
import { itemsOf } from "./wire_client.ts";

const x = oid(1), y = oid(2);
const text = new TextEncoder();
/** A record of the class app.Thing, whose conflicts nobody can resolve, with the state 5. */
const record = Uint8Array.fromHex("8003636170700a5468696e670a71002e80034b052e");

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;
  const answer = (value: Value) => show(value, encoding === "Z");

  Deno.test(`${variant}: a commit answers its vote with nothing, then info, then the tid`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const transaction = client.begin().store(x, NO_TID, "one").store(y, NO_TID, "two");
    assertEquals(await transaction.vote(), []);
    const before = client.heard.length;
    const tid = await transaction.finish();
    assert(tid > NO_TID);
    const [info, reply] = client.heard.slice(before);
    assertEquals([info.name, reply.name, client.heard.length], ["info", ".reply", before + 2]);
    const sizes = itemsOf(info.args)![0] as Dict;
    assertEquals([...sizes.keys()], ["length", "size"]);
    assertEquals(sizes.get("length"), 2);
    assertEquals(sizes.get("size"), (await client.call("get_info") as Dict).get("size"));
  });

  Deno.test(`${variant}: nothing of a transaction can be seen before it is finished, and nothing of an aborted one ever`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const transaction = one.begin().store(x, NO_TID, "one");
    await transaction.vote();
    await assertFails(two.call("getTid", oidBytes(x)), "POSKeyError");
    assertEquals(await two.call("lastTransaction"), tidBytes(NO_TID));
    assertEquals(await transaction.abort(), null);
    await assertFails(two.call("getTid", oidBytes(x)), "POSKeyError");
    assertEquals(two.invalidations, []);
    await two.begin().store(x, NO_TID, "two").commit();
  });

  Deno.test(`${variant}: a conflict is told with the class and both revisions, and ends the transaction`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, record).commit();
    const t2 = await one.begin().store(x, t1, record).commit();
    const late = two.begin().store(x, t1, record);
    const error = await assertFails(late.vote(), "ZODB.POSException.ConflictError");
    const detail = error.detail as Dict;
    assertEquals([...detail.keys()], ["message", "oid", "class_name", "serials"]);
    assertEquals(detail.get("message"), "database conflict error");
    assertEquals(detail.get("oid"), oidBytes(x));
    assertEquals(detail.get("class_name"), "app.Thing");
    assertEquals(itemsOf(detail.get("serials")!), [tidBytes(t2), tidBytes(t1)]);
    // Its client aborts all the same, and begins another one.
    assertEquals(await late.abort(), null);
    assertEquals((await serving.status()).active_txns, 0);
    await two.begin().store(x, t2, record).commit();
  });

  Deno.test(`${variant}: an object that was only relied on is checked at the vote`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, "one").store(y, NO_TID, "two").commit();
    await two.begin().check(x, t1).store(y, t1, "two again").commit();
    const t3 = await one.begin().store(x, t1, "one again").commit();
    const error = await assertFails(two.begin().check(x, t1).vote(), "ReadConflictError");
    const detail = error.detail as Dict;
    assertEquals(detail.get("message"), "database read conflict error");
    assertEquals(itemsOf(detail.get("serials")!), [tidBytes(t3), tidBytes(t1)]);
    await assertFails(two.begin().check(oid(99), t1).vote(), "POSKeyError");
    await two.begin().check(x, t3).commit();
  });

  Deno.test(`${variant}: a transaction without changes gets a tid and an invalidation of nothing`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const tid = await one.begin({ description: "nothing" }).commit();
    assertEquals(await two.invalidation(), [tid, []]);
    assertEquals(await two.call("lastTransaction"), tidBytes(tid));
  });

  Deno.test(`${variant}: of two records for one object in one transaction the later counts`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const tid = await client.begin().store(x, NO_TID, "first").store(x, NO_TID, "second").commit();
    assertEquals(await client.call("loadSerial", oidBytes(x), tidBytes(tid)), text.encode("second"));
  });

  Deno.test(`${variant}: a transaction's id may be a number of any size, text or bytes`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const other = new Uint8Array([1, 2]);
    for (const id of [0, -5, 2 ** 40, 2n ** 63n + 1n, "seven", other]) {
      await client.begin({ id }).commit();
      const error = await assertFails(client.call("vote", id), "StorageTransactionError");
      assertEquals(answer(error.detail), answer(itemsOf(error.detail) ? error.detail : null));
      assertEquals(itemsOf(error.detail), [null, id]);
    }
    await client.begin({ id: 1 }).sent;
    const error = await assertFails(client.call("vote", other), "StorageTransactionError");
    assertEquals(itemsOf(error.detail), [1, other]);
  });

  Deno.test(`${variant}: beginning the same transaction again changes nothing, beginning another one disconnects`, async () => {
    await using log = await CapturedLog.start();
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    await client.begin({ id: 5 }).store(x, NO_TID, "one").sent;
    const again = client.begin({ id: 5 });
    const tid = await again.commit();
    assertEquals(await client.call("getTid", oidBytes(x)), tidBytes(tid));
    await client.begin({ id: 6 }).sent;
    await client.begin({ id: 7 }).sent;
    await client.closed;
    await until(
      () =>
        log.matching(/async `'tpc_begin'` raised exception: .*transaction 7 can't begin while 6/).length ===
          1,
      "a log line",
    );
  });

  Deno.test(`${variant}: calls out of order are errors with the transactions' ids`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    let error = await assertFails(client.call("vote", 5), "StorageTransactionError");
    assertEquals(itemsOf(error.detail), [null, 5]);
    assertEquals(await client.call("tpc_finish", 5), null);
    const transaction = client.begin({ id: 5 }).store(x, NO_TID, "one");
    await transaction.sent;
    error = await assertFails(client.call("vote", 6), "StorageTransactionError");
    assertEquals(itemsOf(error.detail), [5, 6]);
    error = await assertFails(client.call("tpc_finish", 5), "AssertionError");
    assertEquals(itemsOf(error.detail), ["finished called wo lock"]);
    assertEquals(await client.call("tpc_finish", 6), null);
    assertEquals(await client.call("tpc_abort", 6), null);
    await transaction.vote();
    error = await assertFails(client.call("vote", 5), "StorageTransactionError");
    assertEquals(itemsOf(error.detail), ["Already voting (locked)"]);
    await assertFails(
      client.call("storea", oidBytes(y), tidBytes(NO_TID), record, 5),
      "StorageTransactionError",
    );
    await transaction.finish();
    assertEquals(await client.call("tpc_finish", 5), null);
    assertEquals(await client.call("tpc_abort", 5), null);
    await assertFails(client.call("getTid", oidBytes(y)), "POSKeyError");
  });

  Deno.test(`${variant}: calls without a reply that are out of order disconnect, with a log line that says why`, async () => {
    await using log = await CapturedLog.start();
    await using serving = await Serving.start({ storage, encoding });
    const calls: [string, Value[], RegExp][] = [
      [
        "storea",
        [oidBytes(x), tidBytes(NO_TID), record, 5],
        /`'storea'` raised exception: .*StorageTransactionError/,
      ],
      [
        "checkCurrentSerialInTransaction",
        [oidBytes(x), tidBytes(NO_TID), 5],
        /`'checkCurrent.*'` raised exception/,
      ],
      ["restorea", [oidBytes(x), tidBytes(NO_TID), record, null, 5], /`'restorea'` raised exception/],
      ["deleteObject", [oidBytes(x), tidBytes(NO_TID), 5], /`'deleteObject'` raised exception/],
      ["storea", [oidBytes(x)], /storea\(\) takes 4 arguments, 1 were given/],
      ["tpc_begin", [1, 2, 3, 4], /`'tpc_begin'` raised exception: .*user is 2, expected bytes/],
      ["set_client_label", [7], /label is 7, expected text/],
    ];
    for (const [name, args, line] of calls) {
      const client = await serving.connect();
      await client.notify(name, ...args);
      await client.closed;
      await until(() => log.matching(line).length > 0, `a line like ${line}`);
      const [found] = log.matching(line);
      assert(found.startsWith("zeo.server.connection error async `'"), found);
      assert(/, and nobody waits for its answer: client 127\.0\.0\.1:\d+ .*disconnected$/.test(found), found);
      log.lines.length = 0;
    }
    await until(() => serving.server.connections === 0, "all are gone");
  });

  Deno.test(`${variant}: either form of a call will do, with a reply or without`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect(), other = await serving.connect();
    assertEquals(await client.call("tpc_begin", 5, "", "", new Uint8Array(0), null, " "), null);
    assertEquals(await client.call("storea", oidBytes(x), tidBytes(NO_TID), record, 5), null);
    await client.notify("vote", 5);
    await client.notify("tpc_finish", 5);
    const [tid] = await other.invalidation();
    assertEquals(await client.call("lastTransaction"), tidBytes(tid));
    assertEquals(client.heard.map(({ name }) => name), [".reply", ".reply", ".reply", "info", ".reply"]);
  });

  Deno.test(`${variant}: V06: aborting twice, an unknown transaction or after a failed vote is fine`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, "one").commit();
    assertEquals(await one.call("tpc_abort", 4711), null);
    const first = one.begin().store(x, t1, "two");
    await first.vote();
    assertEquals(await first.abort(), null);
    assertEquals(await first.abort(), null);
    const second = one.begin().store(x, NO_TID, "three");
    await assertFails(second.vote(), "ConflictError");
    assertEquals(await second.abort(), null);
    assertEquals(await second.abort(), null);
    // Another transaction's id doesn't abort this one.
    const third = one.begin().store(x, t1, "four");
    await third.vote();
    assertEquals(await one.call("tpc_abort", 4711), null);
    const tid = await third.finish();
    assertEquals(await two.invalidation(), [t1, [x]]);
    assertEquals(await two.invalidation(), [tid, [x]]);
    assertEquals((await serving.status()).lock_time, null);
  });
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`file ${encoding}: objects are deleted on request, and conflicts of that told without a class`, async () => {
    await using serving = await Serving.start({ storage: "file", encoding });
    const client = await serving.connect(), other = await serving.connect();
    const t1 = await client.begin().store(x, NO_TID, "one").commit();
    const error = await assertFails(
      client.begin().notify("deleteObject", oidBytes(x), tidBytes(NO_TID)).vote(),
      "ConflictError",
    );
    assertEquals((error.detail as Dict).get("class_name"), null);
    const t2 = await client.begin().notify("deleteObject", oidBytes(x), tidBytes(t1)).commit();
    await assertFails(client.call("loadBefore", oidBytes(x), tidBytes(MAX_TID)), "POSKeyError");
    assertEquals(await client.call("loadSerial", oidBytes(x), tidBytes(t1)), text.encode("one"));
    // R10: caches have to forget what is gone as well as what is new.
    assertEquals(await other.invalidation(), [t1, [x]]);
    assertEquals(await other.invalidation(), [t2, [x]]);
    assertEquals((await serving.status()).stores, 3);
  });

  Deno.test(`file ${encoding}: transactions are restored with their ids`, async () => {
    await using serving = await Serving.start({ storage: "file", encoding });
    const client = await serving.connect();
    const given = tid(0x040d2eb1cd7472ddn), next = tidAfter(given);
    for (const [id, at] of [[1, given], [2, next]] as const) {
      await client.notify("tpc_begin", id, "u", "d", new Uint8Array(0), tidBytes(at), "p");
      const previous = at === given ? null : tidBytes(given);
      await client.notify("restorea", oidBytes(x), tidBytes(at), record, previous, id);
      await client.call("vote", id);
      assertEquals(await client.call("tpc_finish", id), tidBytes(at));
    }
    assertEquals(await client.call("loadSerial", oidBytes(x), tidBytes(given)), record);
    assertEquals(await client.call("getTid", oidBytes(x)), tidBytes(next));
    // An id that is not later than the last one can't be.
    await client.notify("tpc_begin", 3, "u", "d", new Uint8Array(0), tidBytes(given), " ");
    await assertFails(client.call("vote", 3), "StorageTransactionError");
  });

  Deno.test(`mapping ${encoding}: what the storage can't do fails the vote, and nothing else`, async () => {
    await using serving = await Serving.start({ storage: "mapping", encoding });
    const client = await serving.connect();
    const none = text.encode(tidBytes(NO_TID).toBase64());
    const calls: [string, ...Value[]][] = [
      ["deleteObject", oidBytes(x), tidBytes(NO_TID)],
      ["restorea", oidBytes(x), tidBytes(NO_TID), record, null],
      ["undoa", none],
    ];
    for (const [i, [name, ...args]] of calls.entries()) {
      await client.begin({ id: i }).sent;
      await client.notify(name, ...args, i);
      await assertFails(client.call("vote", i), "AttributeError");
      await client.call("tpc_abort", i);
    }
    await client.begin().store(x, NO_TID, record).commit();
  });
}

Deno.test("a full quota fails the vote, is logged, and later transactions go on", async () => {
  await using log = await CapturedLog.start();
  const folder = await Deno.makeTempDir();
  {
    await using serving = await Serving.start({
      storage: FileStorage.open(`${folder}/Data.fs`, { quota: 1000 }),
    });
    const client = await serving.connect(), other = await serving.connect();
    const t1 = await client.begin().store(x, NO_TID, new Uint8Array(1200)).commit();
    await assertFails(client.begin().store(y, NO_TID, "more").vote(), "FileStorageQuotaError");
    assertEquals((await serving.status()).lock_time, null);
    assertEquals(await other.call("getTid", oidBytes(x)), tidBytes(t1));
    assert(log.lines.every((line) => !line.includes("Unhandled")));
  }
  await Deno.remove(folder, { recursive: true });
});

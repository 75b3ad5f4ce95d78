/** Conflicts that are merged: by the server, or by the clients where it leaves that to them. */

import { assert, assertEquals } from "@std/assert";
import { type Dict, Global, readRecord, writeRecord } from "../../pickle/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { NO_TID, oid, oidBytes, tidBytes } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { GatedDisk } from "./gated_disk.ts";
import { Serving, until } from "./serving.ts";
import { itemsOf, type WireClient, type WireTransaction } from "./wire_client.ts";

const x = oid(1), y = oid(2);

const length = (state: number) => writeRecord(new Global("BTrees.Length", "Length"), state);

async function stateOf(client: WireClient): Promise<unknown> {
  const [data] = itemsOf(await client.call("loadBefore", oidBytes(x), new Uint8Array(8).fill(0x7f)))!;
  return readRecord(data as Uint8Array).state;
}

/** What a vote answers as it is sent, where the conflicts are the client's to resolve. */
async function conflictsOf(client: WireClient, transaction: WireTransaction): Promise<Dict[]> {
  await transaction.sent;
  return itemsOf(await client.call("vote", transaction.id))! as Dict[];
}

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`${encoding}: a vote names the objects that the server has merged, and no others`, async () => {
    await using serving = await Serving.start({ storage: "file", encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, length(10)).store(y, NO_TID, "y").commit();
    await one.begin().store(x, t1, length(12)).commit();
    const merging = two.begin().store(x, t1, length(13)).store(y, t1, "y2");
    // A client that isn't told takes what it has sent for what is there.
    assertEquals(await merging.vote(), [x]);
    const t3 = await merging.finish();
    assertEquals(await stateOf(one), 15);
    await one.call("ping");
    assertEquals(one.invalidations.at(-1), [t3, [x, y]]);
  });

  Deno.test(`${encoding}: where clients merge, the object is free for others between two votes`, async () => {
    await using serving = await Serving.start({ storage: "file", encoding, clientConflictResolution: true });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await one.begin().store(x, NO_TID, length(10)).store(y, NO_TID, "y").commit();
    const t2 = await one.begin().store(x, t1, length(12)).commit();
    const late = two.begin().store(x, t1, length(13)).store(y, t1, "y2");
    const [conflict, ...others] = await conflictsOf(two, late);
    assertEquals(others, []);
    assertEquals(conflict.get("oid"), oidBytes(x));
    assertEquals(itemsOf(conflict.get("serials")!)!, [tidBytes(t2), tidBytes(t1)]);
    assertEquals(conflict.get("data"), length(13));
    assertEquals((await serving.status()).lock_time, null);
    // While one client merges, others go on; then there is a conflict once more.
    const t3 = await one.begin().store(x, t2, length(20)).commit();
    late.store(x, t2, length(15));
    const [again] = await conflictsOf(two, late);
    assertEquals(itemsOf(again.get("serials")!)!, [tidBytes(t3), tidBytes(t2)]);
    late.store(x, t3, length(23));
    assertEquals(await conflictsOf(two, late), []);
    const t4 = await late.finish();
    assertEquals(await stateOf(one), 23);
    // What didn't conflict was not lost on the way.
    assertEquals(await two.call("getTid", oidBytes(y)), tidBytes(t4));
    assertEquals((await serving.status()).active_txns, 0);
  });

  Deno.test(`${encoding}: where clients merge, one that gives up or vanishes leaves nothing locked`, async () => {
    await using serving = await Serving.start({ storage: "file", encoding, clientConflictResolution: true });
    const [one, two, three] = [await serving.connect(), await serving.connect(), await serving.connect()];
    const t1 = await one.begin().store(x, NO_TID, length(10)).commit();
    const t2 = await one.begin().store(x, t1, length(12)).commit();
    const [aborts, vanishes] = [two, three].map((client) => client.begin().store(x, t1, length(13)));
    assertEquals((await conflictsOf(two, aborts)).length, 1);
    assertEquals((await conflictsOf(three, vanishes)).length, 1);
    await aborts.abort();
    three.vanish();
    await one.begin().store(x, t2, length(14)).commit();
    assertEquals(await stateOf(one), 14);
    // What relies on an object is no conflict that can be merged.
    await assertFails(two.begin().check(x, t1).store(y, NO_TID, "y").vote(), "ReadConflictError");
    await until(async () => (await serving.status()).active_txns === 0, "nothing is under way");
  });
}

Deno.test("a transaction that is being made durable is not given up for taking too long", async () => {
  const folder = await Deno.makeTempDir();
  const disk = new GatedDisk();
  {
    const storage = FileStorage.open(`${folder}/Data.fs`, { disk });
    await using serving = await Serving.start({ storage, transactionTimeout: 0.2 });
    const one = await serving.connect();
    await serving.connect();
    const transaction = one.begin().store(x, NO_TID, "slow disk");
    await transaction.vote();
    disk.shut();
    const finishing = transaction.finish();
    await until(() => disk.waiting === 1, "the transaction is being made durable");
    await new Promise((resolve) => setTimeout(resolve, 500));
    disk.release();
    const tid = await finishing;
    assertEquals(await one.call("getTid", oidBytes(x)), tidBytes(tid));
    assert((await serving.status()).commits === 1);
  }
  await Deno.remove(folder, { recursive: true });
});

import { assertEquals, assertLess } from "@std/assert";
import { Tuple, type Value } from "../../pickle/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { concatBytes, NO_TID, oid, oidBytes, tidBytes, tidFromBytes } from "../../values/mod.ts";
import { GatedDisk } from "./gated_disk.ts";
import { Serving, until, VARIANTS } from "./serving.ts";
import { framed } from "./wire_client.ts";

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`file ${encoding}: a client may begin its next transaction while the last one is made durable`, async () => {
    const folder = await Deno.makeTempDir();
    const disk = new GatedDisk();
    {
      const storage = FileStorage.open(`${folder}/Data.fs`, { disk });
      await using serving = await Serving.start({ storage, encoding });
      const one = await serving.connect(), two = await serving.connect();
      const first = one.begin({ id: 7 }).store(oid(1), NO_TID, "one");
      await first.vote();
      disk.shut();
      const finishing = first.finish();
      await until(() => disk.waiting === 1, "the transaction is being made durable");
      // The same id: the original's client has no other where it uses one transaction object again.
      const second = one.begin({ id: 7 }).store(oid(2), NO_TID, "two");
      assertEquals(await second.vote(), []);
      assertEquals((await serving.status()).active_txns, 1, "clients with transactions");
      const finishingToo = second.finish();
      disk.release();
      const tids = [await finishing, await finishingToo];
      assertLess(tids[0], tids[1]);
      assertEquals(await two.invalidation(), [tids[0], [oid(1)]]);
      assertEquals(await two.invalidation(), [tids[1], [oid(2)]]);
      assertEquals(await two.call("getTid", oidBytes(oid(2))), tidBytes(tids[1]));
      const { active_txns, lock_time, commits } = await serving.status();
      assertEquals({ active_txns, lock_time, commits }, { active_txns: 0, lock_time: null, commits: 2 });
    }
    await Deno.remove(folder, { recursive: true });
  });
}

for (const { storage, encoding } of VARIANTS) {
  Deno.test(`${storage} ${encoding}: transactions that come in one piece, each behind the other, are all done`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const nothing = new Uint8Array(0), record = new TextEncoder().encode("record");
    const messages: Uint8Array[] = [], replies: Promise<Value>[] = [];
    for (const number of [1, 2, 3]) {
      const stored = oidBytes(oid(number));
      const vote = `vote ${number}`, finish = `finish ${number}`;
      replies.push(client.expect(vote), client.expect(finish));
      messages.push(
        client.encode(0, true, "tpc_begin", new Tuple([7, nothing, nothing, nothing])),
        client.encode(0, true, "storea", new Tuple([stored, tidBytes(NO_TID), record, 7])),
        client.encode(vote, false, "vote", new Tuple([7])),
        client.encode(finish, false, "tpc_finish", new Tuple([7])),
      );
    }
    await client.sendBytes(concatBytes(...messages.map(framed)));
    const answers = await Promise.all(replies);
    const tids = [1, 3, 5].map((index) => tidFromBytes(answers[index] as Uint8Array));
    assertEquals(tids, tids.toSorted());
    for (const [index, tid] of tids.entries()) {
      assertEquals(await client.call("getTid", oidBytes(oid(index + 1))), tidBytes(tid));
    }
  });
}

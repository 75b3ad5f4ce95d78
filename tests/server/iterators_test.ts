import { assertEquals } from "@std/assert";
import { NO_TID, oid, tidBytes } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { Serving, VARIANTS } from "./serving.ts";

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  Deno.test(`${variant}: a client that says only later which iterators it is done with may have any number of them`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const tid = tidBytes(await client.begin().store(oid(1), NO_TID, "one").commit());
    const transactions = await client.call("iterator_start", null, null);
    await client.call("iterator_next", transactions);
    for (let i = 1; i <= 1100; i++) {
      const records = client.call("iterator_record_start", transactions, tid);
      const first = client.call("iterator_record_next", i), end = client.call("iterator_record_next", i);
      assertEquals(await records, i);
      assertEquals((await first) !== null, true);
      assertEquals(await end, null);
    }
  });

  Deno.test(`${variant}: an iterator that is at its end stays there, one that never was is an error`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const client = await serving.connect();
    const tid = tidBytes(await client.begin().store(oid(1), NO_TID, "one").commit());
    assertEquals(await client.call("iterator_start", null, null), 0);
    for (const number of [-1, 1, 77, -(2n ** 63n)]) {
      await assertFails(client.call("iterator_next", number), "KeyError");
      await assertFails(client.call("iterator_record_next", number), "KeyError");
    }
    await client.notify("iterator_gc", [-1, 77]);
    await client.call("iterator_next", 0);
    assertEquals(await client.call("iterator_record_start", 0, tid), 1);
    assertEquals((await client.call("iterator_record_next", 1)) !== null, true);
    for (let i = 0; i < 3; i++) assertEquals(await client.call("iterator_record_next", 1), null);
  });
}

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { InvalidationQueue } from "../../server/mod.ts";
import { NO_TID, oid, tid } from "../../values/mod.ts";

const ids = (...numbers: number[]) => numbers.map((number) => oid(number));

Deno.test("the queue of an empty storage knows that there was nothing", () => {
  const queue = new InvalidationQueue(3, [], NO_TID);
  assertEquals(queue.since(NO_TID), { tid: NO_TID, oids: [] });
  queue.add(tid(5), ids(1));
  assertEquals(queue.since(NO_TID), { tid: tid(5), oids: ids(1) });
});

Deno.test("a queue that knows only the last transaction covers what comes after it, nothing before", () => {
  const queue = new InvalidationQueue(3, [], tid(10));
  assertEquals(queue.since(tid(10)), { tid: tid(10), oids: [] });
  assertEquals(queue.since(tid(9)), undefined);
});

Deno.test("R12: what a client has missed are all oids after its tid, each once", () => {
  const known = [{ tid: tid(1), oids: ids(1, 1, 2) }, { tid: tid(2), oids: ids(2, 3) }];
  const queue = new InvalidationQueue(10, known, tid(2));
  assertEquals(queue.since(tid(1)), { tid: tid(2), oids: ids(2, 3) });
  queue.add(tid(3), []);
  assertEquals(queue.since(tid(2)), { tid: tid(3), oids: [] });
  assertEquals(queue.since(NO_TID), undefined);
});

Deno.test("the queue answers for any history as one that remembers the same number of transactions", () => {
  const transactions = fc.array(fc.array(fc.nat(5), { maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.nat(10),
      transactions,
      fc.nat(90),
      (size, atStart, oids, asked) => {
        const history = oids.map((numbers, i) => ({ tid: tid(2 * i + 2), oids: ids(...numbers) }));
        const known = history.slice(0, atStart);
        const queue = new InvalidationQueue(size, known, known.at(-1)?.tid ?? NO_TID);
        for (const { tid, oids } of history.slice(atStart)) queue.add(tid, oids);

        const all = known.length === 0 ? [{ tid: NO_TID, oids: [] }, ...history] : history;
        const remembered = all.slice(-size);
        assertEquals(queue.length, remembered.length);
        const since = queue.since(tid(asked));
        if (remembered[0].tid > tid(asked)) {
          assertEquals(since, undefined);
          return;
        }
        const expected = new Set(
          remembered.filter((entry) => entry.tid > tid(asked)).flatMap(({ oids }) => oids),
        );
        assertEquals(since?.tid, remembered.at(-1)!.tid);
        assertEquals([...since!.oids].sort(), [...expected].sort());
      },
    ),
  );
});

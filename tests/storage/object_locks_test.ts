import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type LockRequest, ObjectLocks, type Ticket } from "../../storage/mod.ts";
import { type Oid, oid } from "../../values/mod.ts";

const a = oid(1), b = oid(2);

/** A request that notes when it is granted. */
function request(locks: ObjectLocks, granted: string[], name: string, wanted: Partial<LockRequest>): Ticket {
  return locks.request({ exclusive: [], shared: [], ...wanted }, () => granted.push(name));
}

Deno.test("requests for different objects are granted side by side", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  request(locks, granted, "one", { exclusive: [a] });
  request(locks, granted, "two", { exclusive: [b] });
  assertEquals(granted, ["one", "two"]);
  assertEquals([locks.held, locks.waiting], [2, 0]);
});

Deno.test("requests for one object are granted in the order of arrival", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  const tickets = ["one", "two", "three"].map((name) => request(locks, granted, name, { exclusive: [a] }));
  assertEquals(granted, ["one"]);
  tickets[0].release();
  assertEquals(granted, ["one", "two"]);
  tickets[1].release();
  tickets[1].release();
  assertEquals(granted, ["one", "two", "three"]);
  tickets[2].release();
  assertEquals([locks.held, locks.waiting], [0, 0]);
});

Deno.test("those who only rely on an object share it; one who changes it waits for them, and nobody overtakes it", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  const one = request(locks, granted, "check 1", { shared: [a] });
  const two = request(locks, granted, "check 2", { shared: [a] });
  const store = request(locks, granted, "store", { exclusive: [a] });
  request(locks, granted, "check 3", { shared: [a] });
  assertEquals(granted, ["check 1", "check 2"]);
  two.release();
  assertEquals(granted, ["check 1", "check 2"]);
  one.release();
  assertEquals(granted, ["check 1", "check 2", "store"]);
  store.release();
  assertEquals(granted, ["check 1", "check 2", "store", "check 3"]);
});

Deno.test("one who checks and changes an object, or names it twice, needs it once and alone", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  const one = request(locks, granted, "one", { exclusive: [a, a], shared: [a] });
  const two = request(locks, granted, "two", { shared: [a] });
  assertEquals(granted, ["one"]);
  one.release();
  assertEquals(granted, ["one", "two"]);
  two.release();
  assertEquals(locks.held, 0);
});

Deno.test("one who wants the whole storage waits for all before it and keeps out all after it", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  const one = request(locks, granted, "one", { exclusive: [a] });
  const two = request(locks, granted, "two", { exclusive: [b] });
  const whole = request(locks, granted, "whole", { wholeStorage: true });
  request(locks, granted, "three", { exclusive: [oid(3)] });
  request(locks, granted, "nothing", {});
  two.release();
  one.release();
  assertEquals(granted, ["one", "two", "whole"]);
  whole.release();
  assertEquals(granted, ["one", "two", "whole", "three", "nothing"]);
});

Deno.test("one who leaves while it waits is never granted and lets those behind it pass", () => {
  const locks = new ObjectLocks(), granted: string[] = [];
  const one = request(locks, granted, "one", { shared: [a] });
  const two = request(locks, granted, "two", { exclusive: [a] });
  request(locks, granted, "three", { shared: [a] });
  two.release();
  assertEquals(granted, ["one", "three"]);
  one.release();
  assertEquals(granted, ["one", "three"]);
});

Deno.test("thousands who wait for one object and give it up at once don't exhaust the call stack", () => {
  const locks = new ObjectLocks();
  const first = locks.request({ exclusive: [a], shared: [] }, () => {});
  let granted = 0;
  for (let i = 0; i < 5_000; i++) {
    const ticket: Ticket = locks.request({ exclusive: [a], shared: [] }, () => {
      granted++;
      ticket.release();
    });
  }
  first.release();
  assertEquals(granted, 5_000);
  assertEquals([locks.held, locks.waiting], [0, 0]);
});

interface Wanted {
  readonly exclusive: Oid[];
  readonly shared: Oid[];
  readonly wholeStorage: boolean;
}

/** Whether two requests can't be held at the same time. */
function clash(one: Wanted, two: Wanted): boolean {
  if (one.wholeStorage || two.wholeStorage) return true;
  return one.exclusive.some((id) => two.exclusive.includes(id) || two.shared.includes(id)) ||
    two.exclusive.some((id) => one.shared.includes(id));
}

Deno.test("at any time exactly those hold their objects whom nobody before them stands in the way", () => {
  const id = fc.nat(4).map((number) => oid(number));
  const wanted: fc.Arbitrary<Wanted> = fc.record({
    exclusive: fc.array(id, { maxLength: 3 }),
    shared: fc.array(id, { maxLength: 3 }),
    wholeStorage: fc.nat(9).map((number) => number === 0),
  });
  const step = fc.oneof({ weight: 3, arbitrary: wanted }, { weight: 2, arbitrary: fc.nat(20) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const locks = new ObjectLocks();
    /** In order of arrival. */
    const there: { wanted: Wanted; ticket: Ticket; granted: number }[] = [];
    for (const step of steps) {
      if (typeof step === "number") {
        const [gone] = there.splice(step % Math.max(there.length, 1), 1);
        gone?.ticket.release();
      } else {
        const entry = { wanted: step, granted: 0, ticket: undefined as unknown as Ticket };
        there.push(entry);
        entry.ticket = locks.request(step, () => entry.granted++);
      }
      const expected = there.map((entry, i) =>
        there.slice(0, i).some((before) => clash(before.wanted, entry.wanted)) ? 0 : 1
      );
      assertEquals(there.map(({ granted }) => granted), expected);
      assertEquals(there.map(({ ticket }) => Number(ticket.granted)), expected);
      assertEquals(locks.held, expected.filter((held) => held === 1).length);
      assertEquals(locks.waiting, expected.filter((held) => held === 0).length);
    }
  }));
});

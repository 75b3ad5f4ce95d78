/** Changes beside a base that others change: a client of a server. */

import { assert, assertEquals } from "@std/assert";
import { client } from "../../../client.ts";
import {
  DemoStorage,
  isObservable,
  MappingStorage,
  type Storage,
  type StorageObserver,
} from "../../../storage/mod.ts";
import { NO_TID, type Oid, oid, type Tid, tid as asTid } from "../../../values/mod.ts";
import { Serving, until } from "../../server/serving.ts";
import { commit, textAt } from "../samples.ts";

interface Live {
  readonly base: Storage;
  readonly demo: DemoStorage;
  readonly told: [tid: Tid, oids: readonly Oid[]][];
  /** Commits to the base, and waits until the demo storage has heard of it. */
  change(records: Parameters<typeof commit>[1]): Promise<Tid>;
}

async function withLive(
  body: (live: Live) => Promise<void>,
  { now, served = false }: { now?: () => number; served?: boolean } = {},
): Promise<void> {
  await using serving = await Serving.start({ storage: "file" });
  const { address } = serving;
  assert(address.transport === "tcp");
  await using base = await client(address);
  const demo = new DemoStorage({ base: await client(address), now });
  // A server that has it closes it.
  await using _demo = served ? undefined : demo;
  assert(isObservable(demo));
  const told: Live["told"] = [];
  const observer: StorageObserver = {
    invalidated: (tid, oids) => {
      assert(tid > demo.lastTransaction(), "it is told before it can be seen");
      told.push([tid, oids]);
    },
    reset: () => {},
  };
  using _observing = demo.observe!(observer);
  const change = async (records: Parameters<typeof commit>[1]) => {
    const count = told.length;
    const tid = await commit(base, records);
    await until(() => told.length > count, "the invalidation");
    return tid;
  };
  await body({ base, demo, told, change });
}

Deno.test("a demo storage passes on what others change in its base, but for what the changes have", () =>
  withLive(async ({ demo, told, change }) => {
    const t1 = await change([[1, NO_TID, "a"], [2, NO_TID, "b"]]);
    assertEquals([demo.lastTransaction(), await textAt(demo, 1), await textAt(demo, 2)], [t1, "a", "b"]);
    const own = await commit(demo, [[1, t1, "ours"]]);
    assert(own > t1 && demo.lastTransaction() === own);
    const t2 = await change([[1, t1, "A"], [2, t1, "B"]]);
    assertEquals([await textAt(demo, 1), await textAt(demo, 2)], ["ours", "B"]);
    // Both clocks are this machine's, but a change of ours is a millisecond behind the base at least.
    const at = t2 > own ? t2 : asTid(own + 1n);
    assertEquals(told, [[t1, [oid(1), oid(2)]], [at, [oid(2)]]]);
    assertEquals(demo.lastTransaction(), at);
    // What was read from the base before is no longer what is current.
    assertEquals((await demo.loadBefore(oid(2), t2))!.end, t2);
  }));

Deno.test("what comes late from the base, behind later changes, is told under a later id", () => {
  const future = Date.now() + 3_600_000;
  return withLive(async ({ demo, told, change }) => {
    const t1 = await change([[1, NO_TID, "a"]]);
    const own = await commit(demo, [[2, NO_TID, "ours"]]);
    const t2 = await change([[1, t1, "A"]]);
    assert(t2 < own);
    const at = asTid(own + 1n);
    assertEquals([told.at(-1), demo.lastTransaction()], [[at, [oid(1)]], at]);
    assertEquals(await textAt(demo, 1), "A");
    const next = await commit(demo, [[3, NO_TID, "next"]]);
    assert(next > at);
  }, { now: () => future });
});

Deno.test("a demo storage on a base that nobody else changes has nothing to tell", async () => {
  await using demo = new DemoStorage({ base: new MappingStorage() });
  assertEquals(isObservable(demo), false);
});

Deno.test("a server of a demo storage tells its clients what others change in the base", () =>
  withLive(async ({ demo, change }) => {
    const t1 = await change([[1, NO_TID, "a"], [2, NO_TID, "b"]]);
    await using front = await Serving.start({ storage: demo });
    assert(front.address.transport === "tcp");
    await using reader = await client(front.address);
    assertEquals([await textAt(reader, 1), await textAt(reader, 2)], ["a", "b"]);
    await commit(reader, [[2, t1, "ours"]]);
    const t2 = await change([[1, t1, "A"], [2, t1, "B"]]);
    await until(() => reader.lastTransaction() >= t2, "the invalidation");
    await reader.ping();
    assertEquals([await textAt(reader, 1), await textAt(reader, 2)], ["A", "ours"]);
  }, { served: true }));

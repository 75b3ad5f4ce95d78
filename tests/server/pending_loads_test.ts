/** A server in front of a storage that answers later, and that others change too. */

import { assertEquals } from "@std/assert";
import {
  type Loaded,
  MappingStorage,
  type ObservableStorage,
  type StorageObserver,
} from "../../storage/mod.ts";
import { MAX_TID, NO_TID, type Oid, oid, oidBytes, type Tid, tid, tidBytes } from "../../values/mod.ts";
import { CapturedLog, Serving, until } from "./serving.ts";
import { itemsOf, type WireClient } from "./wire_client.ts";

/** A storage that is told from outside what it answers, and what others have done. */
class Distant extends MappingStorage implements ObservableStorage {
  readonly asked: PromiseWithResolvers<Loaded | null>[] = [];
  observer!: StorageObserver;
  last?: Tid;

  observe(observer: StorageObserver): Disposable {
    this.observer = observer;
    return { [Symbol.dispose]() {} };
  }

  // The class says that it answers at once, the interface that it need not.
  override loadBefore(_oid: Oid, _before: Tid): Loaded | null {
    const answer = Promise.withResolvers<Loaded | null>();
    this.asked.push(answer);
    return answer.promise as unknown as Loaded;
  }

  override lastTransaction(): Tid {
    return this.last ?? super.lastTransaction();
  }
}

const data = new TextEncoder().encode("a record");

async function withDistant(body: (storage: Distant, client: WireClient, serving: Serving) => Promise<void>) {
  const storage = new Distant();
  await using serving = await Serving.start({ storage });
  await body(storage, await serving.connect(), serving);
}

function load(client: WireClient): Promise<unknown> {
  return client.call("loadBefore", oidBytes(oid(1)), tidBytes(MAX_TID));
}

/** Answers everything that is asked of the storage. */
function answerAll(storage: Distant, found: Loaded): void {
  for (const { resolve } of storage.asked.splice(0)) resolve(found);
}

Deno.test("a revision that was current when it was asked for is told with its end once that was told", () =>
  withDistant(async (storage, client) => {
    const loading = load(client);
    await until(() => storage.asked.length > 0, "it is asked for");
    // The storage has the answer, and in the same turn hears of the next revision: that is told first.
    answerAll(storage, { data, serial: tid(5), end: null });
    storage.observer.invalidated(tid(7), [oid(2)]);
    storage.observer.invalidated(tid(8), [oid(2), oid(1)]);
    storage.observer.invalidated(tid(9), [oid(1)]);
    const [, serial, end] = itemsOf(await loading as never)!;
    assertEquals([serial, end], [tidBytes(tid(5)), tidBytes(tid(8))]);
    const names = client.heard.map(({ name }) => name).filter((name) => name !== ".reply");
    assertEquals(names, Array(3).fill("invalidateTransaction"));
  }));

Deno.test("a revision that is the one that was told of is current", () =>
  withDistant(async (storage, client) => {
    const loading = load(client);
    await until(() => storage.asked.length > 0, "it is asked for");
    storage.observer.invalidated(tid(8), [oid(1)]);
    answerAll(storage, { data, serial: tid(8), end: null });
    assertEquals(itemsOf(await loading as never)![2], null);
  }));

Deno.test("a load that fails later is told, and the server goes on", () =>
  withDistant(async (storage, client) => {
    const loading = load(client).then(() => "answered", () => "failed");
    await until(() => storage.asked.length > 0, "it is asked for");
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const { reject } of storage.asked.splice(0)) reject(new Error("gone"));
    assertEquals(await loading, "failed");
    assertEquals(await client.call("ping"), null);
  }));

Deno.test("what others do is told to every client, and to those who come back", () =>
  withDistant(async (storage, client, serving) => {
    const second = await serving.connect();
    storage.observer.invalidated(tid(7), [oid(1), oid(2)]);
    storage.last = tid(7);
    for (const one of [client, second]) assertEquals(await one.invalidation(), [tid(7), [oid(1), oid(2)]]);
    const late = await serving.connect();
    const missed = itemsOf(await late.call("getInvalidations", tidBytes(NO_TID)) as never)!;
    assertEquals(missed[0], tidBytes(tid(7)));
  }));

Deno.test("when nobody knows what others did, clients are disconnected, and what they knew is too old", () =>
  withDistant(async (storage, client, serving) => {
    await using log = await CapturedLog.start();
    storage.observer.invalidated(tid(7), [oid(1)]);
    storage.observer.reset();
    storage.last = tid(20);
    await client.closed;
    assertEquals(log.matching(/'1' was changed elsewhere, and it isn't known what/).length, 1);
    const again = await serving.connect();
    assertEquals(again.registeredAt, tid(20));
    assertEquals(await again.call("getInvalidations", tidBytes(tid(7))), null);
    const known = itemsOf(await again.call("getInvalidations", tidBytes(tid(20))) as never)!;
    assertEquals([known[0], itemsOf(known[1])], [tidBytes(tid(20)), []]);
  }));

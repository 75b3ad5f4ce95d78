import { assertEquals } from "@std/assert";
import { MappingStorage } from "../../storage/mod.ts";
import { NO_TID, type Oid, oid, StorageError, type Tid } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { Serving, until, VARIANTS } from "./serving.ts";
import { itemsOf, type WireClient } from "./wire_client.ts";

const x = oid(1), y = oid(2), z = oid(3);

function waiting(serving: Serving, count: number): Promise<void> {
  return until(async () => (await serving.status()).waiting === count, `${count} votes that wait`);
}

/** Stores a first revision of the objects. */
function create(client: WireClient, ...oids: Oid[]): Promise<Tid> {
  const transaction = client.begin();
  for (const oid of oids) transaction.store(oid, NO_TID, "first");
  return transaction.commit();
}

for (const { storage, encoding } of VARIANTS) {
  const variant = `${storage} ${encoding}`;

  Deno.test(`${variant}: transactions on different objects are voted side by side`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const clients = [await serving.connect(), await serving.connect(), await serving.connect()];
    const transactions = clients.map((client, i) => client.begin().store(oid(i + 1), NO_TID, "x"));
    for (const transaction of transactions) assertEquals(await transaction.vote(), []);
    assertEquals((await serving.status()).waiting, 0);
    // And they may finish in any order.
    const tids: Tid[] = [];
    for (const i of [2, 0, 1]) tids.push(await transactions[i].finish());
    assertEquals(tids, [...tids].sort());
  });

  Deno.test(`${variant}: a vote waits for the object's holder and gets the invalidation before its reply`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await create(one, x, y);
    const first = one.begin().store(x, t1, "one");
    await first.vote();
    const second = two.begin().store(x, t1, "two");
    const vote = second.vote();
    await waiting(serving, 1);
    const before = two.heard.length;
    const t2 = await first.finish();
    await assertFails(vote, "ConflictError");
    assertEquals(two.heard.slice(before).map(({ name }) => name), ["invalidateTransaction", ".reply"]);
    assertEquals(two.invalidations.at(-1), [t2, [x]]);
  });

  Deno.test(`${variant}: a vote that waited succeeds when the holder gives up`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await create(one, x);
    const first = one.begin().store(x, t1, "one");
    await first.vote();
    const second = two.begin().store(x, t1, "two");
    const vote = second.vote();
    await waiting(serving, 1);
    await first.abort();
    assertEquals(await vote, []);
    await second.finish();
  });

  Deno.test(`${variant}: those who wait for an object get it in the order in which they asked`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const holder = await serving.connect();
    const t1 = await create(holder, x);
    const held = holder.begin().store(x, t1, "held");
    await held.vote();
    const order: number[] = [];
    const running: Promise<void>[] = [];
    for (let i = 0; i < 5; i++) {
      const client = await serving.connect();
      const transaction = client.begin().store(x, t1, `${i}`);
      // Each gives up, so that the next one's serial is right too.
      running.push(
        transaction.vote().then(() => {
          order.push(i);
        }).then(async () => {
          await transaction.abort();
        }),
      );
      await waiting(serving, i + 1);
    }
    await held.abort();
    await Promise.all(running);
    assertEquals(order, [0, 1, 2, 3, 4]);
  });

  Deno.test(`${variant}: nobody overtakes one who waits for several objects`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const [one, two, three] = [await serving.connect(), await serving.connect(), await serving.connect()];
    const t1 = await create(one, x, y, z);
    const first = one.begin().store(x, t1, "one");
    await first.vote();
    const both = two.begin().store(x, t1, "two").store(y, t1, "two");
    const voteOfBoth = both.vote();
    await waiting(serving, 1);
    // y is free, but the one who waits for x and y came first; z is nobody else's business.
    const late = three.begin().store(y, t1, "three");
    const voteOfLate = late.vote();
    await waiting(serving, 2);
    const four = await serving.connect();
    await four.begin().store(z, t1, "four").commit();
    await first.abort();
    assertEquals(await voteOfBoth, []);
    assertEquals((await serving.status()).waiting, 1);
    await both.finish();
    await assertFails(voteOfLate, "ConflictError");
  });

  Deno.test(`${variant}: those who rely on an object share it; who changes it waits for all of them`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const [one, two, three] = [await serving.connect(), await serving.connect(), await serving.connect()];
    const t1 = await create(one, x, y, z);
    const first = one.begin().check(x, t1).store(y, t1, "one");
    const second = two.begin().check(x, t1).store(z, t1, "two");
    await first.vote();
    await second.vote();
    const change = three.begin().store(x, t1, "three");
    const vote = change.vote();
    await waiting(serving, 1);
    await first.finish();
    assertEquals((await serving.status()).waiting, 1);
    await second.finish();
    assertEquals(await vote, []);
    const check = one.begin().check(x, t1);
    const late = check.vote();
    await waiting(serving, 1);
    await change.finish();
    await assertFails(late, "ReadConflictError");
  });

  Deno.test(`${variant}: aborting while a vote waits answers both, and the vote with an error`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const one = await serving.connect(), two = await serving.connect();
    const t1 = await create(one, x);
    const first = one.begin().store(x, t1, "one");
    await first.vote();
    const second = two.begin().store(x, t1, "two");
    const vote = second.vote();
    await waiting(serving, 1);
    const error = await assertFails(two.call("vote", second.id), "StorageTransactionError");
    assertEquals(itemsOf(error.detail), ["Already voting (waiting)"]);
    await assertFails(two.call("tpc_finish", second.id), "AssertionError");
    assertEquals(await second.abort(), null);
    await assertFails(vote, "StorageTransactionError");
    assertEquals((await serving.status()).waiting, 0);
    await first.finish();
  });

  Deno.test(`${variant}: nothing can be added to a transaction whose vote waits`, async () => {
    await using serving = await Serving.start({ storage, encoding });
    const [one, two, three] = [await serving.connect(), await serving.connect(), await serving.connect()];
    const t1 = await create(one, x, y);
    const first = one.begin().store(x, t1, "one");
    await first.vote();
    const second = two.begin().store(x, t1, "two");
    second.vote();
    await waiting(serving, 1);
    // y is not locked for it, and somebody else may vote on y meanwhile.
    await second.store(y, t1, "sneaked in").sent;
    await two.closed;
    await first.abort();
    await three.begin().store(x, t1, "three").store(y, t1, "three").commit();
  });
}

/** A storage that wants one vote at a time. */
class OneAtATime extends MappingStorage {
  override readonly concurrentVotes = false as unknown as true;
}

Deno.test("in a storage without concurrent votes each vote waits for the end of the one before", async () => {
  await using serving = await Serving.start({ storage: new OneAtATime() });
  const one = await serving.connect(), two = await serving.connect();
  const first = one.begin().store(x, NO_TID, "one");
  await first.vote();
  const second = two.begin().store(y, NO_TID, "two");
  const vote = second.vote();
  await waiting(serving, 1);
  await first.finish();
  assertEquals(await vote, []);
  await second.finish();
});

/** A storage of which the first transaction can't be finished, and says so at once. */
class Unfinishing extends MappingStorage {
  #failures = 0;

  override begin(...args: Parameters<MappingStorage["begin"]>): ReturnType<MappingStorage["begin"]> {
    const transaction = super.begin(...args);
    if (this.#failures++ > 0) return transaction;
    transaction.finish = () => {
      transaction.abort();
      throw new StorageError("no room");
    };
    return transaction;
  }
}

Deno.test("a transaction that a storage refuses to finish is over, and its objects are free", async () => {
  await using serving = await Serving.start({ storage: new Unfinishing() });
  const one = await serving.connect(), two = await serving.connect();
  const first = one.begin().store(x, NO_TID, "one");
  await first.vote();
  const waits = two.begin().store(x, NO_TID, "two");
  const vote = waits.vote();
  await waiting(serving, 1);
  await assertFails(first.finish(), "ValueError");
  assertEquals(await vote, []);
  await waits.finish();
  await create(one, y);
  const { active_txns, lock_time } = await serving.status();
  assertEquals({ active_txns, lock_time }, { active_txns: 0, lock_time: null });
});

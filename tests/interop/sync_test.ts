/** Synchronous connections beside a Python process that changes the same objects. */

import { assertEquals, assertThrows } from "@std/assert";
import { ConflictError } from "../../values/mod.ts";
import {
  type Length,
  openSync,
  type PersistentList,
  type PersistentMap,
  type SyncConnection,
} from "../../zodb/mod.ts";
import type { Account } from "../zodb/sync_objects.ts";
import { interopTest } from "./peers.ts";

interface Bank {
  accounts: PersistentMap<string, Account>;
  list: PersistentList<Account>;
  length: Length;
}

function endpoint(address: string | readonly [string, number]): string {
  return typeof address === "string" ? address : address.join(":");
}

await interopTest("a script and a Python process change the same objects in turn", async (peers) => {
  const server = await peers.start(), { address } = server, python = peers.session();
  await python.call("sync.make", { address });
  using connection = openSync<Bank>(endpoint(address));
  const { root } = connection, ann = root.accounts.get("ann")!;
  assertEquals([ann.owner, ann.friend!.owner, ann.friend!.friend!.balance], ["Ann", "Bob", 10]);
  for (let round = 0; round < 3; round++) {
    ann.balance += 1;
    ann.notes.push("from a script");
    root.length.change(10);
    connection.commit();
    const found = ann.balance;
    assertEquals(await python.call("sync.deposit", { address, name: "ann", amount: 5 }), found);
    assertEquals(ann.balance, found, "the view stands still");
    connection.begin();
    assertEquals([ann.balance, ann.notes.at(-1)], [found + 5, "+5"]);
  }
  const notes = ["from a script", "+5", "from a script", "+5", "from a script", "+5"];
  const expected = [{ ann: ["Ann", 28, "Bob", notes], bob: ["Bob", 20, "Ann", []] }, 34, [0, 1, 2]];
  assertEquals(await python.call("sync.read", { address }), expected);
  assertEquals([...root.list].map(({ balance }) => balance), Array.from({ length: 100 }, (_, i) => i));
});

await interopTest("a conflict with Python is told, and the next try succeeds", async (peers) => {
  const server = await peers.start(), { address } = server, python = peers.session();
  await python.call("sync.make", { address });
  using connection = openSync<Bank>(endpoint(address));
  const ann = connection.root.accounts.get("ann")!;
  ann.balance += 1;
  await python.call("sync.deposit", { address, name: "ann", amount: 5 });
  assertThrows(() => connection.commit(), ConflictError);
  connection.abort();
  assertEquals(ann.balance, 15);
  ann.balance += 1;
  // Lengths are merged.
  connection.root.length.change(1);
  await python.call("sync.deposit", { address, name: "bob", amount: 5 });
  connection.commit();
  assertEquals([ann.balance, connection.root.length.value], [16, 4]);
});

await interopTest("no money is lost between a script and a Python process", async (peers) => {
  const server = await peers.start(), { address } = server, python = peers.session();
  await python.call("sync.make", { address });
  using connection = openSync<Bank>(endpoint(address));
  const transfers = python.call("sync.transfers", { address, count: 60 });
  for (let i = 0; i < 60; i++) {
    connection.db.transaction(({ root }: SyncConnection<Bank>) => {
      root.accounts.get("bob")!.balance -= 2;
      root.accounts.get("ann")!.balance += 2;
    }, { retries: 1000, backOff: 1 });
    // Lets the answer of Python's process be heard.
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await transfers;
  connection.begin();
  const { accounts } = connection.root;
  assertEquals([accounts.get("ann")!.balance, accounts.get("bob")!.balance], [10 + 60, 20 - 60]);
});

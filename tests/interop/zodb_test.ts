/** Objects that Python and TypeScript share, in a Data.fs that both open by turns, and through servers. */

import { assert, assertEquals } from "@std/assert";
import { ClientStorage } from "../../client/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import {
  Blob,
  ClassRegistry,
  DB,
  Float,
  Length,
  load,
  PersistentBase,
  PersistentList,
  PersistentMap,
  tuple,
  UnknownPersistent,
  WeakReference,
} from "../../zodb/mod.ts";
import { interopTest } from "./peers.ts";
import { Account, told, values } from "./zodb_values.ts";

/** What `read_bank` finds after Python's part. */
const BANK = {
  account: ["Account", "Ann", "10.0", ["a"], { street: "Elm" }],
  vault: ["Vault", 3, true, "{'x': (1,)}"],
  slotted: [1, [2]],
  odd: ["Odd", "('x', 1)", "(1, [2, 3])"],
  weak: true,
  list: ["PersistentList", "[1, 2.0]", true],
  length: 7,
};

await interopTest("every value that Python writes is read, and written back byte for byte", async (peers) => {
  const python = peers.session(), path = `${peers.folder}/Data.fs`;
  await python.call("zodb_objects.write_values", { path });
  const before = await python.call<Record<string, string>>("zodb_objects.records", { path });
  {
    await using db = await DB.open(path);
    await using connection = db.open();
    const found = (await connection.root.get<PersistentMap<string, unknown>>("values"))!;
    const expected = values();
    for (const [name, value] of expected) {
      assertEquals(`${name}: ${told(found.peek(name))}`, `${name}: ${told(value)}`);
    }
    assertEquals(found.size, expected.size);
    assertEquals((found.peek("dict") as Map<unknown, number>).get(3), 4);
    const slotted = (await connection.root.get<UnknownPersistent & { a: number; b: number[] }>("slotted"))!;
    assertEquals([slotted.a, [...slotted.b]], [1, [2]]);
    const root = await load(await connection.root.map(), { depth: Infinity });
    for (const object of connection.cachedObjects()) object._p_changed = true;
    assert(root._p_changed);
    await connection.commit();
  }
  assertEquals(await python.call("zodb_objects.records", { path }), before);
  assertEquals(await python.call("zodb_objects.check_values", { path }), []);
  const { log: _, ...bank } = await python.call<typeof BANK & { log: unknown }>("zodb_objects.read_bank", {
    path,
  });
  assertEquals(bank, BANK);
});

await interopTest("Python reads every value that TypeScript writes", async (peers) => {
  const python = peers.session(), path = `${peers.folder}/Data.fs`;
  {
    await using db = await DB.open(path);
    await using connection = db.open();
    const map = new PersistentMap(values()), account = new Account("Ann", new Float(10));
    account.tags.push("a");
    account.address.set("street", "Elm");
    const { root } = connection;
    await root.set("values", map);
    await root.set("account", account);
    await root.set("weak", new WeakReference(account));
    await root.set("list", new PersistentList([1, new Float(2), map]));
    await root.set("length", new Length(7));
    connection.transactionManager.get().setUser("ann");
    connection.transactionManager.get().note("all values ✓");
    await connection.commit();
  }
  assertEquals(await python.call("zodb_objects.check_values", { path }), []);
});

await interopTest("both change the same objects by turns, and export them to each other", async (peers) => {
  const python = peers.session(), path = `${peers.folder}/Data.fs`, { folder } = peers;
  await python.call("zodb_objects.write_values", { path });
  {
    await using db = await DB.open(path);
    await using connection = db.open();
    const { root } = connection;
    const account = (await root.get<Account>("account"))!;
    account.balance = Number(account.balance) + 5;
    account.tags.push("b");
    account.address.set("zip", 7);
    const vault = (await root.get<UnknownPersistent & { gold: number; inside: unknown[] }>("vault"))!;
    assert(vault instanceof UnknownPersistent);
    assertEquals([vault._p_pythonClass, vault.gold, vault.inside[0] === account], [
      "bank.models.Vault",
      3,
      true,
    ]);
    vault.gold = 4;
    (await root.get<UnknownPersistent & { a: number }>("slotted"))!.a = 5;
    const odd = (await root.get<UnknownPersistent>("odd"))!;
    assertEquals(told(odd._p_unknownState), "Tuple[number 1,Array[number 2,number 3]]");
    (odd._p_unknownState as [number, number[]])[1].push(4);
    (await root.get<Length>("length"))!.change(3);
    assert(await (await root.get<WeakReference>("weak"))!.get() === account);
    connection.transactionManager.get().setUser("ts");
    connection.transactionManager.get().note("by TypeScript");
    await connection.commit();
    await connection.exportFile(vault._p_oid!, `${folder}/ts.zexp`);
  }
  assertEquals(await python.call("zodb_objects.read_bank", { path }), {
    ...BANK,
    account: ["Account", "Ann", "15.0", ["a", "b"], { street: "Elm", zip: 7 }],
    vault: ["Vault", 4, true, "{'x': (1,)}"],
    slotted: [5, [2]],
    odd: ["Odd", "('x', 1)", "(1, [2, 3, 4])"],
    length: 10,
    log: [["/ ts", "by TypeScript"]],
  });
  assertEquals(await python.call("zodb_objects.undo_last", { path }), ["by TypeScript", "10.0", ["a"]]);
  await python.call("zodb_objects.export_bank", { path, to: `${folder}/python.zexp` });
  const other = `${folder}/Other.fs`;
  assertEquals(
    await python.call("zodb_objects.import_item", { path: other, exported: `${folder}/ts.zexp` }),
    [
      ...["Vault", 4, "Ann", "{'x': (1,)}"],
    ],
  );
  await using db = await DB.open(other);
  await using connection = db.open();
  const vault = await connection.importFile<UnknownPersistent & { gold: number; inside: Account[] }>(
    `${folder}/python.zexp`,
  );
  await connection.root.set("vault", vault);
  await connection.commit();
  await load(vault, { depth: 1 });
  assertEquals([vault.gold, vault.inside[0].owner, vault.inside[0].balance], [3, "Ann", 10]);
});

await interopTest("both keep blobs in one directory", async (peers) => {
  const python = peers.session(), path = `${peers.folder}/Data.fs`, directory = `${peers.folder}/blobs`;
  const open = () => DB.open(FileStorage.open(path, { blobDir: directory }));
  {
    await using db = await open();
    await db.transaction(async ({ root }) => {
      await root.set("ts", await Blob.from("TypeScript's"));
      await root.set("undone", await Blob.from("old"));
    });
    await db.transaction(async ({ root }) => await (await root.get<Blob>("undone"))!.write("new"));
    await db.undo((await db.undoLog(0, -1))[0].tid);
  }
  assertEquals(await python.call("zodb_objects.blobs", { path, directory }), {
    ts: "TypeScript's",
    undone: "old",
  });
  await using db = await open();
  await using connection = db.open();
  assertEquals(await (await connection.root.get<Blob>("ts"))!.text(), "TypeScript's and Python's");
  assertEquals(await (await connection.root.get<Blob>("python"))!.text(), "Python's");
});

await interopTest("both refer from one database into another", async (peers) => {
  const python = peers.session(), first = `${peers.folder}/One.fs`, second = `${peers.folder}/Two.fs`;
  const open = async () => {
    const databases = new Map<string, DB>();
    const one = await DB.open(first, { databaseName: "one", databases });
    const two = await DB.open(second, { databaseName: "two", databases });
    return { one, two };
  };
  {
    const { one, two } = await open();
    await using connection = one.open();
    const far = new Account("Far"), link = new Account("Link");
    await connection.getConnection("two").root.set("far", far);
    await connection.commit();
    Object.assign(link, { far, weak: new WeakReference(far) });
    await connection.root.set("link", link);
    await connection.commit();
    connection.close();
    await one.close();
    await two.close();
  }
  assertEquals(await python.call("zodb_objects.two_databases", { first, second }), ["Far", true, true]);
  const { one, two } = await open();
  await using connection = one.open();
  const link = (await connection.root.get<Account & { bob: Account }>("link"))!;
  assertEquals((await load(link.bob)).owner, "Bob");
  assertEquals(link.bob._p_jar!.db, two);
  connection.close();
  await one.close();
  await two.close();
});

await interopTest(
  "both move money between the same accounts through a server, and none is lost",
  async (peers) => {
    const server = await peers.start(), { address } = server, [one, two] = [peers.session(), peers.session()];
    const [hostname, port] = address as [string, number];
    await using db = await DB.open(new ClientStorage({ hostname, port }));
    await db.transaction(({ root }) =>
      root.set("accounts", ["a", "b", "c"].map((name) => new Account(name, 100)))
    );
    const count = 30;
    const move = async () => {
      for (let i = 0; i < count; i++) {
        await db.transaction(async ({ root }) => {
          const accounts = await load((await root.get<Account[]>("accounts"))!);
          const from = accounts[i % 3], to = accounts[(i + 1) % 3];
          from.balance = Number(from.balance) - 1;
          to.balance = Number(to.balance) + 1;
          from.log.push("ts");
        }, { retries: 1000, backOff: 1 });
      }
    };
    await Promise.all([
      move(),
      move(),
      one.call("zodb_objects.transfers", { address, name: "one", count }),
      two.call("zodb_objects.transfers", { address, name: "two", count }),
    ]);
    assertEquals(await one.call("zodb_objects.balances", { address }), [[100, 100, 100], 4 * count]);
  },
);

await interopTest("blobs, undo, the past and export work through a server as with a file", async (peers) => {
  const { folder } = peers, python = peers.session();
  const storages = `<filestorage>\n  path ${folder}/Data.fs\n  blob-dir ${folder}/blobs\n</filestorage>`;
  const { address } = await peers.start({ storages });
  const [hostname, port] = address as [string, number];
  await using db = await DB.open(new ClientStorage({ hostname, port }, { blobDir: `${folder}/cache` }));
  await db.transaction(async ({ root }) => {
    await root.set("blob", await Blob.from("one"));
    await root.set("account", new Account("Ann", 1));
  }, { note: "first" });
  const first = db.lastTransaction;
  await db.transaction(async (connection) => {
    const { root } = connection;
    await (await root.get<Blob>("blob"))!.write("two");
    (await root.get<Account>("account"))!.balance = 2;
    const savepoint = await connection.savepoint();
    await (await root.get<Blob>("blob"))!.write("three");
    await savepoint.rollback();
  }, { note: "second" });
  assertEquals(await python.call("zodb_objects.remote_blob", { address, directory: `${folder}/python` }), [
    "two",
    2,
  ]);
  await using connection = db.open();
  const blob = (await connection.root.get<Blob>("blob"))!,
    account = (await connection.root.get<Account>("account"))!;
  await connection.exportFile(account._p_oid!, `${folder}/account.zexp`);
  await using past = db.open({ at: first });
  assertEquals((await past.root.get<Account>("account"))!.balance, 1);
  assertEquals(await (await past.root.get<Blob>("blob"))!.text(), "one");
  const [entry] = await db.undoLog(0, -1);
  assertEquals(entry.description, "second");
  await db.undo(entry.tid);
  await connection.begin();
  assertEquals([await blob.text(), (await load(account)).balance], ["one", 1]);
  assertEquals((await db.history(account._p_oid!, 5)).map(({ description }) => description), [
    "",
    "second",
    "first",
  ]);
  const imported = await connection.importFile<Account>(`${folder}/account.zexp`);
  await connection.root.set("imported", imported);
  await connection.commit();
  assertEquals((await load(imported)).balance, 2);
  await db.pack();
  assertEquals((await load(account)).balance, 1);
});

await interopTest("classes whose __new__ takes arguments are made and read by both", async (peers) => {
  class Odd extends PersistentBase {
    state: unknown = tuple(1, [5]);
    override __getnewargs__(): readonly unknown[] {
      return ["x", 1];
    }
    override __getstate__(): unknown {
      return this.state;
    }
    override __setstate__(state: unknown): void {
      this.state = state;
    }
    override __clearstate__(): void {
      this.state = undefined;
    }
  }
  const own = new ClassRegistry(), path = `${peers.folder}/Data.fs`;
  own.register("persistent.mapping.PersistentMapping", PersistentMap);
  own.register("bank.models.Odd", Odd);
  {
    await using db = await DB.open(path, { classes: own });
    await db.transaction(({ root }) => root.set("odds", [new Odd(), new Odd()]));
  }
  const odd = ["('x', 1)", "(1, [5])", true];
  assertEquals(await peers.session().call("zodb_objects.read_odd", { path }), [odd, odd]);
  await using db = await DB.open(path, { classes: own });
  await using connection = db.open();
  const odds = (await connection.root.get<Odd[]>("odds"))!;
  await load(odds);
  assert(odds[0] instanceof Odd);
  assertEquals(told(odds[1].state), "Tuple[number 1,Array[number 5]]");
});

/** What becomes of a database whose server is started again. */

import { assertEquals } from "@std/assert";
import { ClientStorage } from "../../client/mod.ts";
import { StorageServer } from "../../server/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { ClientDisconnected } from "../../values/mod.ts";
import { DB } from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

async function serve(path: string, port: number): Promise<StorageServer> {
  return await StorageServer.start({
    address: { transport: "tcp", hostname: "127.0.0.1", port },
    storages: new Map([["1", FileStorage.open(path)]]),
  });
}

/** Stores an object, as soon as there is a server. */
async function add(db: DB, name: string): Promise<void> {
  for (;;) {
    await using connection = db.open();
    try {
      await connection.root.set(name, new Item());
      return void await connection.commit();
    } catch (error) {
      if (!(error instanceof ClientDisconnected)) throw error;
      await connection.abort();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

Deno.test("ids that a server gives again when it is started again are not used where others have used them", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/Data.fs`;
  let server = await serve(path, 0);
  const { address } = server;
  const port = address.transport === "tcp" ? address.port : 0;
  try {
    const one = await DB.open(new ClientStorage(address));
    const two = await DB.open(new ClientStorage(address));
    await add(one, "before");
    await server.close();
    server = await serve(path, port);
    // The other one gets those ids that are in reserve here; what it stores with them is heard of here.
    for (let i = 0; i < 3; i++) await add(two, `two-${i}`);
    while (one.lastTransaction < two.lastTransaction) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (let i = 0; i < 3; i++) await add(one, `one-${i}`);
    await using connection = one.open();
    const oids = new Set<unknown>();
    for (const name of ["before", "two-0", "two-1", "two-2", "one-0", "one-1", "one-2"]) {
      oids.add((await connection.root.get<Item>(name))!._p_oid);
    }
    assertEquals(oids.size, 7);
    connection.close();
    await one.close();
    await two.close();
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** States at the edges of what records hold: read, written again, and read by Python. */

import { assert, assertEquals } from "@std/assert";
import { DB, Persistent, registerClass } from "../../zodb/mod.ts";
import { interopTest } from "./peers.ts";

class Thing extends Persistent {
  declare value: unknown;
}

class Point {
  constructor(public x: unknown) {}
}

await interopTest(
  "deep, big, cyclic and odd states that Python wrote are written again as they were",
  async (peers) => {
    const python = peers.session(), path = `${peers.folder}/Data.fs`;
    registerClass("tests.edges.Thing", Thing);
    registerClass("tests.edges.Point", Point);
    await python.call("object_edges.write", { path });
    {
      await using db = await DB.open(path);
      await using connection = db.open();
      for (const name of await connection.root.keys()) {
        const thing = (await connection.root.get<Thing>(name))!;
        assert(thing.value !== undefined, name);
        thing._p_changed = true;
        await connection.commit();
      }
    }
    assertEquals(await python.call("object_edges.check", { path }), []);
  },
);

Deno.test("a state nested 10,000 deep, made here, is the same when it is loaded", async () => {
  await using db = await DB.open();
  registerClass("tests.edges.Thing", Thing);
  const depth = 10_000;
  let value: unknown = "bottom";
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : new Map([["k", value]]);
  await db.transaction(async ({ root }) => {
    const thing = new Thing();
    thing.value = value;
    await root.set("deep", thing);
  });
  await using connection = db.open();
  const thing = (await connection.root.get<Thing>("deep"))!;
  let found = thing.value, levels = 0;
  for (; typeof found === "object"; levels++) {
    found = Array.isArray(found) ? found[0] : (found as Map<string, unknown>).get("k");
  }
  assertEquals([found, levels], ["bottom", depth]);
});

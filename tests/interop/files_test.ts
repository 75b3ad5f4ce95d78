/** One Data.fs in many hands: ours, runzeo's, Python's own. */

import { assert, assertEquals } from "@std/assert";
import { fileStorageFixture } from "../fixtures/mod.ts";
import { defaultServerKind, encodings, interopTest, type ServerKind } from "./peers.ts";

await interopTest(
  "a file goes back and forth between Python and us, index and lock included",
  async (peers) => {
    const path = `${peers.folder}/Data.fs`;
    const python = peers.session();
    const expected: string[] = [];
    const ours = defaultServerKind();
    const turns: (ServerKind | "python")[] = [
      "runzeo",
      ours,
      "python",
      ours,
      "runzeo",
      ours,
      "python",
      "runzeo",
    ];
    for (const [turn, kind] of turns.entries()) {
      const key = `turn ${turn}`;
      expected.push(key);
      if (kind === "python") {
        assertEquals(await python.call("files.add", { path, key }), expected);
        continue;
      }
      // Alternate the encodings as well.
      await using server = await peers.start({ kind, msgpack: turn % 2 === 0 });
      const { address } = server;
      assertEquals(await python.call("objects.put", { address, name: "1", key, value: turn }), expected);
      assert(await python.call("files.lock_error", { path }), `${kind} holds the lock`);
      assertEquals(
        await python.call<number>("files.read_beside", { path }),
        expected.length * 1 + 1 - pythons(turns, turn),
      );
      const snapshot = await python.call<{ objects: Record<string, string[]> }>("peer.snapshot", { address });
      assertEquals((await server.stop()).code, 0);
      assertEquals(await python.call("files.index_is_right", { path }), { same: true, end: true });
      assertEquals(await python.call("files.check", { path, snapshot }), []);
    }
  },
);

/** Python's own turns store a string in the root instead of an object. */
function pythons(turns: readonly string[], until: number): number {
  return turns.slice(0, until).filter((kind) => kind === "python").length;
}

await interopTest("a file that Python has open is refused, with a clear end", async (peers) => {
  const path = `${peers.folder}/Data.fs`;
  const python = peers.session();
  await python.call("files.hold", { path });
  let started = false;
  try {
    await using _server = await peers.start();
    started = true;
  } catch (error) {
    assert(error instanceof Error && /lock/i.test(error.message), String(error));
  }
  assertEquals(started, false);
  await python.call("files.release");
  await using server = await peers.start();
  assert(await python.call("files.lock_error", { path }));
  assertEquals((await server.stop()).code, 0);
});

const copied = ["plain", "undo_packed_undone", "many_oids"].flatMap((file) =>
  encodings.map((encoding) => ({ ...encoding, file }))
);

for (const { file, name: encoding, msgpack } of copied) {
  await interopTest(
    `all transactions of the file ${file} can be copied into a server, ${encoding}`,
    async (peers) => {
      const python = peers.session();
      await Deno.mkdir(`${peers.folder}/source`);
      const fixture = fileStorageFixture(file);
      const source = fixture.copyTo(`${peers.folder}/source`);
      await using server = await peers.start({ msgpack });
      const { address } = server;
      const { next, last } = await python.call<{ next: number; last: boolean }>("files.copy_to", {
        address,
        path: source,
      });
      assert(last);
      assertEquals(
        next,
        Number(`0x${fixture.expected.readWrite.answers?.maxOid}`) + 1,
        "S09: oids are not given out twice",
      );
      assertEquals((await server.stop()).code, 0);
      const path = `${peers.folder}/Data.fs`;
      assertEquals(
        await python.call("files.listing", { path }),
        await python.call("files.listing", { path: source }),
      );
      assertEquals(await python.call("files.check", { path }), []);
    },
  );
}

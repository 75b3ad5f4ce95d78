/** Four Python processes on one database. */

import { assert, assertEquals } from "@std/assert";
import { encodings, interopTest } from "./peers.ts";

for (const { name, msgpack } of encodings) {
  await interopTest(`four Python processes share a database, ${name}`, async (peers, context) => {
    await using server = await peers.start({ msgpack });
    const { address } = server;
    const processes = [peers.session(), peers.session(), peers.session(), peers.session()];
    const counters = ["a", "b", "c"];
    await processes[0].call("processes.prepare", { address, counters: [...counters, "left", "right"] });
    await Promise.all(processes.map((process) => process.call("processes.hold", { address })));

    await context.step("no increment is lost, and every process hears of all of them", async () => {
      const times = 40;
      await Promise.all(processes.map((process) => process.call("processes.increment", { counters, times })));
      const total = processes.length * (times + counters.length * times / 10);
      const seen = await Promise.all(
        processes.map((process) => process.call("processes.wait", { counters, total, seconds: 20 })),
      );
      assertEquals(seen, processes.map(() => total));
    });
    await context.step("R01, R15: objects that change together are never seen apart", async () => {
      const names = ["left", "right"], seconds = 3;
      const [writes, ...looks] = await Promise.all([
        processes[0].call<number>("processes.write_pairs", { names, seconds }),
        ...processes.slice(1).map((process) =>
          process.call<Looks>("processes.read_pairs", { names, seconds })
        ),
      ]);
      for (const look of looks) {
        assertEquals(look.torn, undefined);
        assertEquals(look.backwards, undefined);
        assert(look.looks > 0 && look.last !== undefined && look.last <= writes);
      }
    });
    await context.step("no two processes get the same new oid", async () => {
      const oids = await Promise.all(
        processes.map((process) => process.call<number[]>("objects.oids", { address, count: 250 })),
      );
      assertEquals(new Set(oids.flat()).size, 1000);
    });
    await Promise.all(processes.map((process) => process.call("processes.release")));
    await context.step("Python's FileStorage agrees object by object", async () => {
      const snapshot = await processes[0].call<{ objects: Record<string, string[]> }>("peer.snapshot", {
        address,
      });
      assertEquals((await server.stop()).code, 0);
      const path = `${peers.folder}/Data.fs`;
      assertEquals(await processes[0].call("files.check", { path, snapshot }), []);
    });
  });
}

interface Looks {
  readonly looks: number;
  readonly last?: number;
  readonly torn?: number[];
  readonly backwards?: number[];
}

/** Clients with a persistent cache, and clients that outlive their server. */

import { assert, assertEquals } from "@std/assert";
import { encodings, interopTest } from "./peers.ts";

interface Reading {
  readonly loads: number;
  readonly values: number[];
}

for (const { name, msgpack } of encodings) {
  await interopTest(`Python clients survive a restart of the server, ${name}`, async (peers, context) => {
    const zeo = { "invalidation-queue-size": 10 };
    let server = await peers.start({ msgpack, zeo });
    const { address } = server;
    const python = peers.session(), other = peers.session();
    const count = 30;
    const restart = async () => {
      assertEquals((await server.stop()).code, 0);
      server = await peers.start({ msgpack, zeo, address });
    };
    await python.call("restarts.prepare", { address, count });
    // A cache of its own for each step: the original's client keeps little of one that was verified twice.
    const read = (cache: string) =>
      python.call<Reading>("restarts.read", { address, cache: `${peers.folder}/${cache}`, count });
    const fill = async (cache: string) => {
      await Deno.mkdir(`${peers.folder}/${cache}`);
      assert((await read(cache)).loads >= count);
    };

    await context.step("a persistent cache is filled, and spares all loads the next time", async () => {
      await fill("same");
      assertEquals((await read("same")).loads, 0);
    });
    await context.step("after a few changes only these are loaded again", async () => {
      await fill("few");
      await other.call("restarts.change", { address, numbers: [1, 2, 3], value: 5 });
      const { loads, values } = await read("few");
      assertEquals(loads, 3);
      assertEquals(values.slice(0, 5), [0, 5, 5, 5, 0]);
    });
    await context.step("the same when the server was restarted in between", async () => {
      await fill("restarted");
      await other.call("restarts.change", { address, numbers: [4, 5], value: 6 });
      await restart();
      const { loads, values } = await read("restarted");
      assertEquals(loads, 2);
      assertEquals(values.slice(3, 7), [5, 6, 6, 0]);
    });
    await context.step(
      "after more changes than the invalidation queue holds the cache is dropped",
      async () => {
        await fill("old");
        const numbers = Array.from({ length: 15 }, (_, index) => index);
        await other.call("restarts.change", { address, numbers, value: 9 });
        const { loads, values } = await read("old");
        assert(loads >= count, `${loads} loads`);
        assertEquals(values, Array.from({ length: count }, (_, index) => index < 15 ? 9 : 0));
      },
    );
    await context.step("an open connection comes back, sees what it missed, and can write", async () => {
      assertEquals(await python.call("restarts.hold", { address }), 9);
      assertEquals((await server.stop()).code, 0);
      assert(await python.call("restarts.connected", { wanted: false, seconds: 10 }));
      server = await peers.start({ msgpack, zeo, address });
      await other.call("restarts.change", { address, numbers: [0], value: 11 });
      assertEquals(await python.call("restarts.value", { number: 0, expected: 11, seconds: 20 }), 11);
      assertEquals(await python.call("restarts.set_held", { number: 1, new: 12 }), 12);
      await other.call("restarts.change", { address, numbers: [2], value: 13 });
      assertEquals(await python.call("restarts.value", { number: 2, expected: 13, seconds: 20 }), 13);
      await python.call("restarts.release");
    });
  });
}

await interopTest(
  "clients that would rather read than nothing fall back to a read-only server",
  async (peers) => {
    let server = await peers.start();
    const { address } = server;
    const python = peers.session(), other = peers.session();
    await python.call("restarts.prepare", { address, count: 2 });
    await server.stop();
    server = await peers.start({ address, zeo: { "read-only": true } });

    const refused = other.call("restarts.refused_read_write", { address });
    await python.call("restarts.hold", { address, read_only_fallback: true });
    assert(await python.call("restarts.held_read_only"));
    assertEquals(await python.call("restarts.held_write_error"), "ZODB.POSException.ReadOnlyError");
    assertEquals(await refused, "ZEO.Exceptions.ClientDisconnected");

    await server.stop();
    server = await peers.start({ address });
    assert(await python.call("restarts.wait_writable", { seconds: 30 }));
    assertEquals(await python.call("restarts.set_held", { number: 1, new: 4 }), 4);
    await python.call("restarts.release");
  },
);

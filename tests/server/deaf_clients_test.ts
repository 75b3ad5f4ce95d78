import { assert, assertEquals } from "@std/assert";
import { Tuple } from "../../pickle/mod.ts";
import { concatBytes, MAX_TID, NO_TID, oid, oidBytes, tidBytes } from "../../values/mod.ts";
import { CapturedLog, Serving, until } from "./serving.ts";
import { framed } from "./wire_client.ts";

const x = oid(1);
const text = new TextEncoder();

for (const encoding of ["M", "Z"] as const) {
  Deno.test(`${encoding}: a client that calls and doesn't read is not served any further until it does`, async () => {
    const limits = { message: 2 << 20, buffered: 2 << 20 };
    await using serving = await Serving.start({ encoding, limits });
    const one = await serving.connect(), other = await serving.connect();
    await one.begin().store(x, NO_TID, new Uint8Array(1 << 20)).commit();
    one.pause();
    // The one read that waits already may still get something.
    const loads = Array.from({ length: 100 }, () => one.call("loadBefore", oidBytes(x), tidBytes(MAX_TID)));
    await Promise.all(Array.from({ length: 10 }, () => other.call("ping")));
    let before = -1;
    await until(async () => {
      const { loads } = await serving.status();
      const settled = loads === before;
      before = loads;
      if (!settled) await new Promise((resolve) => setTimeout(resolve, 100));
      return settled;
    }, "the server has stopped to load");
    assert(before < 60, `${before} megabytes were loaded for a client that doesn't read`);
    assertEquals(one.gone, false);
    one.resume();
    assertEquals((await Promise.all(loads)).length, 100);
  });

  Deno.test(`${encoding}: a client that doesn't read what it is told is disconnected, others go on`, async () => {
    await using log = await CapturedLog.start();
    const folder = await Deno.makeTempDir();
    {
      // The system holds less for a Unix socket than for TCP, where megabytes would have to be said first.
      const address = { transport: "unix", path: `${folder}/zeo.sock` } as const;
      const limits = { message: 1 << 20, buffered: 200_000 };
      await using serving = await Serving.start({ encoding, limits, address });
      const one = await serving.connect(), deaf = await serving.connect(), other = await serving.connect();
      deaf.pause();
      const told = /wait for a peer that doesn't read them, limit 200000: disconnected$/;
      let commits = 0;
      for (; commits < 100 && log.matching(told).length === 0; commits++) {
        const transaction = one.begin();
        await transaction.sent;
        const stores = Array.from({ length: 3000 }, (_, i) => {
          const args = [
            oidBytes(oid(commits * 3000 + i)),
            tidBytes(NO_TID),
            text.encode("x"),
            transaction.id,
          ];
          return framed(one.encode(0, true, "storea", new Tuple(args)));
        });
        await one.sendBytes(concatBytes(...stores));
        await transaction.commit();
      }
      const [line, ...more] = log.matching(told);
      assertEquals(more, []);
      assert(line.startsWith("zeo.server.connection error client unix socket"), line);
      deaf.resume();
      await deaf.closed;
      await other.call("ping");
      assertEquals(other.invalidations.length, commits);
      await until(async () => (await serving.status()).connections === 2, "one of three is gone");
    }
    await Deno.remove(folder, { recursive: true });
  });
}

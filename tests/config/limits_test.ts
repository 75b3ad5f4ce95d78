/** The limits that a configuration sets are those that the server has. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { server } from "../../server.ts";
import { NO_TID, oid } from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { Gone, WireClient } from "../server/wire_client.ts";
import { inFolder } from "../storage/behaviour/kinds.ts";

Deno.test("max-connections, max-message-size and max-buffered hold", () =>
  inFolder(async (folder) => {
    const zeoConf = {
      address: `${folder}/zeo.sock`,
      "max-connections": 3,
      "max-message-size": "20KB",
      "max-buffered": "50KB",
    };
    await using running = await server({ zeoConf });
    const { address } = running;
    await using one = await WireClient.connect(address);
    await using deaf = await WireClient.connect(address, { encoding: "Z" });
    {
      await using big = await WireClient.connect(address);
      await assertRejects(() => WireClient.connect(address), Gone);
      await big.begin().store(oid(1), NO_TID, new Uint8Array(20_000)).sent;
      assertEquals(await big.call("ping"), null);
      // One that is no longer than allowed would be told that it has an argument too many.
      await assertRejects(() => big.call("ping", new Uint8Array(20_481)), Gone);
    }
    await until(() => running.connections === 2, "there is room again");
    await using again = await WireClient.connect(address);
    assertEquals(await again.call("ping"), null);
    deaf.pause();
    for (let commits = 0; running.connections === 3; commits++) {
      assert(commits < 200, "one that doesn't read is not disconnected");
      const transaction = one.begin();
      for (let i = 0; i < 500; i++) transaction.store(oid(commits * 500 + i), NO_TID, "x");
      await transaction.commit();
    }
    deaf.resume();
    await deaf.closed;
    assertEquals(await one.call("ping"), null);
  }));

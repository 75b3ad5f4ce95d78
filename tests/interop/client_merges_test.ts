/** `client-conflict-resolution`: Python clients merge what their server can't. */

import { assertEquals } from "@std/assert";
import { encodings, interopTest } from "./peers.ts";

for (const { name, msgpack } of encodings) {
  await interopTest(
    `Python applications merge conflicts themselves, and keep their blobs, ${name}`,
    async (peers) => {
      // The original loses a blob's content in a transaction that it has its client vote on again.
      await using server = await peers.start({
        kind: "ours",
        storages: "<filestorage>\n  path Data.fs\n  blob-dir blobs\n</filestorage>",
        msgpack,
        zeo: { "client-conflict-resolution": true },
      });
      const { address } = server, { folder } = peers;
      const found = await peers.session().call("client_merges.merge", { address, folder });
      const after = (round: number) => [10 + 8 * round, 1 + 8 * round, 1, `blob ${round - 1}`];
      assertEquals(found, {
        seen: [1, 2, 3].map((round) => [after(round), after(round)]),
        error: ["ZODB.POSException.ConflictError", "client_merges.Plain"],
        end: [34, 25, 4, "blob 2"],
        left: [0, null, 0],
      });
      assertEquals((await server.stop()).code, 0);
    },
  );
}

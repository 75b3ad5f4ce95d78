/** Our client on Python's server, behind a network that breaks. */

import { breakNetwork } from "../client/network.ts";
import { encodings, interopTest } from "./peers.ts";

for (const { name, msgpack } of encodings) {
  await interopTest(
    `a network that breaks between our client and Python's server, ${name}`,
    async (peers) => {
      await using server = await peers.start({
        kind: "runzeo",
        msgpack,
        zeo: { "invalidation-queue-size": 5 },
      });
      await breakNetwork(server.address[1] as number, peers.folder);
    },
  );
}

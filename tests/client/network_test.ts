/** Our client on our server, behind a network that breaks. */

import { StorageServer } from "../../server/mod.ts";
import { FileStorage } from "../../storage/mod.ts";
import { inFolder } from "../storage/behaviour/kinds.ts";
import { breakNetwork } from "./network.ts";

for (const msgpack of [true, false]) {
  Deno.test(`a network that breaks, ${msgpack ? "M" : "Z"}: nothing stale, nothing lost, nobody waits for ever`, () =>
    inFolder(async (folder) => {
      await using server = await StorageServer.start({
        address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
        storages: new Map([["1", FileStorage.open(`${folder}/Data.fs`)]]),
        msgpack,
        invalidationQueueSize: 5,
      });
      await breakNetwork(server.address.transport === "tcp" ? server.address.port : 0, folder);
    }));
}

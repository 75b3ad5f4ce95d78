import { assert, assertEquals, assertRejects } from "@std/assert";
import dns from "node:dns/promises";
import type { Address } from "../../protocol/mod.ts";
import { addressInUse, StorageServer } from "../../server/mod.ts";
import { MappingStorage } from "../../storage/mod.ts";
import { NO_TID, oidFromBytes, tidBytes } from "../../values/mod.ts";
import { CapturedLog } from "./serving.ts";
import { itemsOf, WireClient } from "./wire_client.ts";

function start(address: Address): Promise<StorageServer> {
  return StorageServer.start({ address, storages: new Map([["1", new MappingStorage()]]) });
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

async function works(address: Address): Promise<void> {
  for (const encoding of ["M", "Z"] as const) {
    await using one = await WireClient.connect(address, { encoding });
    await using two = await WireClient.connect(address, { encoding });
    const [bytes] = itemsOf(await one.call("new_oids", 1))!;
    const id = oidFromBytes(bytes as Uint8Array);
    const tid = await one.begin().store(id, NO_TID, "x").commit();
    assertEquals(await two.invalidation(), [tid, [id]]);
    assertEquals(await two.call("lastTransaction"), tidBytes(tid));
  }
}

for (const hostname of ["127.0.0.1", "::1", "localhost", ""]) {
  Deno.test(`TCP on ${hostname || "all interfaces"}: port 0 is one that is free, and it is told which`, async () => {
    await using server = await start({ transport: "tcp", hostname, port: 0 });
    const { address } = server;
    assert(address.transport === "tcp" && address.port > 0);
    await works(address);
  });
}

Deno.test("all interfaces are those of IPv4 and of IPv6", async () => {
  await using server = await start({ transport: "tcp", hostname: "", port: 0 });
  const { port } = server.address as Address & { transport: "tcp" };
  await works({ transport: "tcp", hostname: "127.0.0.1", port });
  await works({ transport: "tcp", hostname: "::1", port });
});

for (const missing of [[], ["192.0.2.1"]]) {
  const besides = missing.length > 0 ? " that this machine has" : "";
  Deno.test(`a host name stands for all of its addresses${besides}`, async () => {
    const { lookup } = dns;
    const answer = [...missing, "127.0.0.1", "::1", "::1"].map((address) => ({ address, family: 0 }));
    dns.lookup = (() => Promise.resolve(answer)) as unknown as typeof lookup;
    try {
      await using server = await start({ transport: "tcp", hostname: "zeo.example.com", port: 0 });
      const { hostname, port } = server.address as Address & { transport: "tcp" };
      assertEquals(hostname, "zeo.example.com");
      for (const each of ["127.0.0.1", "::1"]) await works({ transport: "tcp", hostname: each, port });
      await assertRejects(
        () => start({ transport: "tcp", hostname: "zeo.example.com", port }),
        Deno.errors.AddrInUse,
      );
      for (const each of ["127.0.0.1", "::1"]) await works({ transport: "tcp", hostname: each, port });
    } finally {
      dns.lookup = lookup;
    }
  });
}

Deno.test("a port that is in use is an error, and the first server goes on", async () => {
  await using server = await start({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  assertEquals(await addressInUse(server.address), true);
  await assertRejects(() => start(server.address), Deno.errors.AddrInUse);
  await works(server.address);
});

Deno.test("the log says where it listens, with the port that it really has", async () => {
  await using log = await CapturedLog.start();
  await using server = await start({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  const { port } = server.address as Address & { transport: "tcp" };
  assertEquals(log.matching(/listening on/), [
    `zeo.server.connection info listening on ('127.0.0.1', ${port})`,
  ]);
});

Deno.test("Unix sockets work, and are gone when the server is", async () => {
  await inFolder(async (folder) => {
    const address = { transport: "unix", path: `${folder}/zeo.sock` } as const;
    {
      await using server = await start(address);
      assertEquals(server.address, address);
      await works(address);
      assert(exists(address.path));
    }
    assertEquals(exists(address.path), false);
    assertEquals(await addressInUse(address), false);
  });
});

Deno.test("the socket file of a server that is gone is replaced", async () => {
  await inFolder(async (folder) => {
    const address = { transport: "unix", path: `${folder}/zeo.sock` } as const;
    // As a server that was killed leaves it: nobody listens, and the file is there.
    const gone = Deno.listen(address);
    Deno.renameSync(address.path, `${folder}/moved`);
    gone.close();
    Deno.renameSync(`${folder}/moved`, address.path);
    assert(exists(address.path));
    await using _server = await start(address);
    await works(address);
  });
});

Deno.test("the socket of a server that lives is left alone", async () => {
  await inFolder(async (folder) => {
    const address = { transport: "unix", path: `${folder}/zeo.sock` } as const;
    await using _server = await start(address);
    assertEquals(await addressInUse(address), true);
    await assertRejects(() => start(address), Deno.errors.AddrInUse, address.path);
    await works(address);
  });
});

Deno.test("the socket of a server that is too busy to take a connection is left alone too", async () => {
  await inFolder(async (folder) => {
    const address = { transport: "unix", path: `${folder}/zeo.sock` } as const;
    const busy = Deno.listen(address);
    const waiting: Deno.Conn[] = [];
    try {
      // Nobody accepts: at some time the line is full.
      while (waiting.length < 20_000) waiting.push(await Deno.connect(address));
    } catch (error) {
      assert(error instanceof Error, String(error));
    }
    assert(waiting.length < 20_000);
    try {
      await assertRejects(() => start(address), Deno.errors.AddrInUse);
      assert(exists(address.path));
    } finally {
      for (const conn of waiting) conn.close();
      busy.close();
    }
  });
});

Deno.test("a file that is no socket is not removed", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/zeo.sock`;
    await Deno.writeTextFile(path, "precious");
    await assertRejects(() => start({ transport: "unix", path }));
    assertEquals(await Deno.readTextFile(path), "precious");
  });
});

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../config/mod.ts";
import { server, type StorageServer } from "../../server.ts";
import { FileStorage } from "../../storage/mod.ts";
import { NO_TID, oidBytes, oidFromBytes, tidBytes } from "../../values/mod.ts";
import { CapturedLog } from "./serving.ts";
import { itemsOf, RemoteError, WireClient } from "./wire_client.ts";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function portOf({ address }: StorageServer): number {
  if (address.transport !== "tcp") throw new TypeError(`listens on ${address.path}`);
  return address.port;
}

/** Commits one new object and says which. */
async function commit(running: StorageServer, storage = "1"): Promise<void> {
  await using client = await WireClient.connect(running.address, { encoding: running.encoding, storage });
  const [bytes] = itemsOf(await client.call("new_oids", 1))!;
  const id = oidFromBytes(bytes as Uint8Array);
  const tid = await client.begin().store(id, NO_TID, "x").commit();
  assertEquals(await client.call("getTid", oidBytes(id)), tidBytes(tid));
}

Deno.test("a server in the program is in memory, on a free port of this machine, and quiet", async () => {
  await using log = await CapturedLog.start();
  await using running = await server();
  const { address } = running;
  assert(address.transport === "tcp" && address.hostname === "127.0.0.1" && address.port > 0);
  await commit(running);
  await running.stop();
  await assertRejects(() => WireClient.connect(address), Deno.errors.ConnectionRefused);
  assertEquals(log.matching(/created RW with storages/), [
    "zeo.server info StorageServer created RW with storages: 1:RW:Mapping Storage",
  ]);
});

Deno.test("two servers in one program are apart from each other", async () => {
  await using one = await server(), two = await server({ msgpack: true });
  await commit(one);
  await commit(two);
  assert(portOf(one) !== portOf(two));
  assertEquals([one.encoding, two.encoding], ["Z", "M"]);
});

Deno.test("with a path the data stays, with a directory for blobs too", async () => {
  await inFolder(async (folder) => {
    const options = { path: `${folder}/Data$x.fs`, blobDir: `${folder}/blobs` };
    for (let round = 0; round < 2; round++) {
      await using running = await server(options);
      await commit(running);
    }
    assert(Deno.statSync(options.blobDir).isDirectory);
    const file = FileStorage.open(options.path);
    assertEquals(file.length(), 2);
    await file.close();
  });
});

Deno.test("it listens on the port or the socket that it is told", async () => {
  await inFolder(async (folder) => {
    await using first = await server();
    const port = portOf(first);
    await assertRejects(() => server({ port }), ConfigurationError, `"127.0.0.1:${port}"`);
    await first.stop();
    await using second = await server({ port });
    await commit(second);
    await using third = await server({ socket: `${folder}/zeo.sock` });
    assertEquals(third.address, { transport: "unix", path: `${folder}/zeo.sock` });
    await commit(third);
    await using fourth = await server({ hostname: "::1" });
    assert(fourth.address.transport === "tcp" && fourth.address.hostname === "::1");
    await commit(fourth);
  });
});

Deno.test("storages and the server can be described as in a configuration file", async () => {
  await inFolder(async (folder) => {
    const storageConf = `
      <filestorage main>
        path ${folder}/main.fs
      </filestorage>
      <demostorage trial>
        <mappingstorage>
        </mappingstorage>
      </demostorage>`;
    await using running = await server({
      path: "ignored",
      storageConf,
      zeoConf: { read_only: false, msgpack: true },
    });
    assertEquals(running.encoding, "M");
    await commit(running, "main");
    await commit(running, "trial");
    await using other = await server({ zeoConf: "<zeo>\n  address 127.0.0.1:0\n  read-only true\n</zeo>" });
    await assertRejects(
      () => WireClient.connect(other.address, { encoding: "Z" }),
      RemoteError,
      "ReadOnlyError",
    );
    await using reader = await WireClient.connect(other.address, { encoding: "Z", readOnly: true });
    assertEquals(await reader.call("lastTransaction"), tidBytes(NO_TID));
  });
});

Deno.test("there is no limit for transactions in the program, unless one is set", async () => {
  for (const [zeoConf, watched] of [[{}, "stub"], [{ "transaction-timeout": 60 }, true]] as const) {
    await using running = await server({ zeoConf });
    await using client = await WireClient.connect(running.address, { encoding: "M" });
    const status = await client.call("server_status") as unknown as Map<string, unknown>;
    assertEquals(status.get("timeout-thread-is-alive"), watched);
  }
});

Deno.test("a mistake in a text is told with its line, and nothing stays open", async () => {
  await assertRejects(
    () => server({ zeoConf: { "transaction-timeout": "soon" } }),
    ConfigurationError,
    "soon",
  );
  await assertRejects(() => server({ storageConf: "<nope>\n</nope>" }), ConfigurationError, "nope");
  await assertRejects(
    () => server({ path: "/nowhere/at/all/Data.fs" }),
    Error,
    "/nowhere/at/all/Data.fs",
  );
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`;
    await using running = await server({ path });
    await assertRejects(() =>
      server({
        storageConf: `<mappingstorage>\n</mappingstorage>\n<filestorage b>\npath ${path}\n</filestorage>`,
      })
    );
    await commit(running);
  });
  assertThrows(() => Deno.statSync("Data.fs"), Deno.errors.NotFound);
});

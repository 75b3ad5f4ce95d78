/** Several storages, Unix sockets, the monitor's question. */

import { assert, assertEquals } from "@std/assert";
import { type Address, encodings, interopTest } from "./peers.ts";

function connect(address: Address): Promise<Deno.Conn> {
  return typeof address === "string"
    ? Deno.connect({ transport: "unix", path: address })
    : Deno.connect({ hostname: address[0], port: address[1] });
}

function frame(text: string): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(text);
  const framed = new Uint8Array(4 + body.length);
  new DataView(framed.buffer).setUint32(0, body.length);
  framed.set(body, 4);
  return framed;
}

async function readAll(connection: Deno.Conn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(connection.readable).arrayBuffer());
}

/** Asks as the monitoring plug-in does: `ruok`, without waiting for the server's greeting. */
async function ruok(address: Address): Promise<{ greeting: string; answer: Record<string, unknown> }> {
  const connection = await connect(address);
  await connection.write(frame("ruok"));
  const bytes = await readAll(connection);
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  const length = new DataView(bytes.buffer).getUint32(6);
  assertEquals(bytes.length, 10 + length, "nothing follows the answer");
  return { greeting: text(4, 6), answer: JSON.parse(text(10, bytes.length)) };
}

for (const { name, msgpack } of encodings) {
  await interopTest(
    `one server serves several storages over a Unix socket, ${name}`,
    async (peers, context) => {
      const { folder } = peers;
      const storages = [
        `<filestorage 1>\n  path ${folder}/one.fs\n</filestorage>`,
        `<filestorage Zwei>\n  path ${folder}/two.fs\n</filestorage>`,
        `<mappingstorage memory>\n</mappingstorage>`,
      ].join("\n");
      await using server = await peers.start({ msgpack, storages, address: `${folder}/zeo.sock` });
      const { address } = server;
      const python = peers.session();
      // Section names are not case-sensitive in this syntax: they arrive in lower case.
      const put = (name: string, key: string) => python.call("objects.put", { address, name, key, value: 1 });

      await context.step("each storage has its own objects", async () => {
        assertEquals(await put("1", "first"), ["first"]);
        assertEquals(await put("zwei", "second"), ["second"]);
        assertEquals(await put("memory", "third"), ["third"]);
        assertEquals(await put("1", "fourth"), ["first", "fourth"]);
        assertEquals(await put("memory", "fifth"), ["fifth", "third"]);
      });
      await context.step("a storage that is not there is refused, and nobody else minds", async () => {
        assertEquals(
          await python.call("objects.unknown_storage", { address }),
          "ZEO.Exceptions.ClientDisconnected",
        );
        assertEquals(await put("1", "sixth"), ["first", "fourth", "sixth"]);
      });
      await context.step("ruok is answered with the status of every storage", async () => {
        const { greeting, answer } = await ruok(address);
        assertEquals(greeting, msgpack ? "M5" : "Z5");
        assertEquals(Object.keys(answer).sort(), ["1", "memory", "zwei"]);
        const status = answer["1"] as Record<string, unknown>;
        assertEquals(status.connections, 0);
        assertEquals(status.commits, 4);
        assert(/^[0-9a-f]{16}$/.test(String(status["last-transaction"])));
      });
      await context.step("the socket is gone when the server is", async () => {
        assertEquals((await server.stop()).code, 0);
        assertEquals(Array.from(Deno.readDirSync(folder), (entry) => entry.name).includes("zeo.sock"), false);
      });
      await context.step("and the files hold what each storage was given", async () => {
        for (const file of ["one.fs", "two.fs"]) {
          assertEquals(await python.call("files.check", { path: `${folder}/${file}` }), []);
        }
      });
    },
  );
}

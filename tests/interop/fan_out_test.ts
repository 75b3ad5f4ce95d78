/** Our server in front of another one, ours or Python's: Python clients at both levels have one database. */

import { assertEquals } from "@std/assert";
import { type Address, interopTest, type ServerKind } from "./peers.ts";

const below = (folder: string) =>
  `<filestorage>\n  path ${folder}/Data.fs\n  blob-dir ${folder}/blobs\n</filestorage>`;

function front(address: Address, cache: string): string {
  const server = typeof address === "string" ? address : address.join(":");
  return `%import ZEO\n<clientstorage 1>\n  server ${server}\n  blob-dir ${cache}\n  blob-cache-size 1MB\n  wait-timeout 2\n</clientstorage>`;
}

for (const kind of ["runzeo", "ours"] satisfies ServerKind[]) {
  await interopTest(
    `clients of a server in front of ${kind} and clients of that have one database`,
    async (peers, context) => {
      const { folder } = peers;
      const directory = Deno.makeTempDirSync({ dir: folder });
      const options = { kind, storages: below(folder), zeo: { "invalidation-queue-size": 5 } };
      let deep = await peers.start({ ...options, msgpack: true }, directory);
      const { address } = deep;
      const server = await peers.start({ kind: "ours", storages: front(address, `${folder}/cache`) });
      const python = peers.session();
      const hold = (name: string, address: Address) =>
        python.call("fan_out.hold", { name, address, blob_dir: `${folder}/${name}` });
      await hold("deep", deep.address);
      await hold("one", server.address);
      await hold("two", server.address);
      const disconnected = () => server.output.match(/\) disconnected/g)?.length;
      const everybody = ["deep", "one", "two"];
      const all = async (key: string, expected: string) => {
        for (const name of everybody) {
          assertEquals(await python.call("fan_out.see", { name, key, expected }), expected, `${name} ${key}`);
        }
      };

      await context.step("what each commits all others see", async () => {
        for (const name of everybody) {
          await python.call("fan_out.put", { name, key: "a", value: `from ${name}` });
          await all("a", `from ${name}`);
        }
      });
      await context.step("blobs too", async () => {
        for (const writer of everybody) {
          const expected = `blob of ${writer} `.repeat(10_000);
          await python.call("fan_out.put_blob", { name: writer, key: "blob", text: expected });
          for (const name of everybody) {
            assertEquals(
              await python.call("fan_out.see_blob", { name, key: "blob", expected }),
              expected,
              name,
            );
          }
        }
      });
      await context.step("no update is lost between the levels", async () => {
        const addresses = [deep.address, server.address, server.address];
        const { seen, failures } = await python.call<{ seen: number[]; failures: string[] }>(
          "fan_out.count",
          {
            addresses: addresses as never,
            times: 20,
          },
        );
        assertEquals(failures, []);
        assertEquals(seen, [60, 60, 60]);
      });
      await context.step(
        "the server below goes and comes back: nobody is disconnected from the one in front",
        async () => {
          // The two clients of the last step are gone, and the log says so a moment later.
          await server.match(/\) disconnected[^]*\) disconnected/);
          const before = disconnected();
          await deep.stop();
          const refused = await python.call("fan_out.write_error", { name: "one" });
          // As behind Python's server in front of another.
          assertEquals(refused, ["ZEO.Exceptions.ServerException", "ZEO.Exceptions.ClientDisconnected"]);
          deep = await peers.start({ ...options, msgpack: true, address }, directory);
          assertEquals(
            await python.call("fan_out.connected", { name: "deep", wanted: true, seconds: 20 }),
            true,
          );
          await python.call("fan_out.put", { name: "deep", key: "a", value: "after" });
          await all("a", "after");
          await python.call("fan_out.put", { name: "one", key: "a", value: "again" });
          await all("a", "again");
          assertEquals(disconnected(), before);
        },
      );
      await context.step("what was missed for too long makes clients look for themselves", async () => {
        await deep.stop();
        deep = await peers.start({ ...options, msgpack: true }, directory);
        await hold("writer", deep.address);
        for (let number = 0; number < 20; number++) {
          await python.call("fan_out.put", {
            name: "writer",
            key: `missed${number % 3}`,
            value: `${number}`,
          });
        }
        await python.call("fan_out.put", { name: "writer", key: "a", value: "while away" });
        await deep.stop();
        deep = await peers.start({ ...options, msgpack: true, address }, directory);
        await all("a", "while away");
        await all("missed1", "19");
        await server.match(
          /'1' was changed elsewhere, and it isn't known what: its clients are disconnected/,
        );
      });
      await python.call("fan_out.release");
    },
  );
}

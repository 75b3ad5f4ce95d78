/** Blobs between Python's clients and the server, and a blob directory that both have written. */

import { assert, assertEquals } from "@std/assert";
import { encodings, interopTest } from "./peers.ts";

const fileStorage = (folder: string) =>
  `<filestorage>\n  path ${folder}/Data.fs\n  blob-dir ${folder}/blobs\n</filestorage>`;
const around = (folder: string) =>
  `<blobstorage>\n  blob-dir ${folder}/blobs\n  <filestorage>\n    path ${folder}/Data.fs\n  </filestorage>\n</blobstorage>`;

const LIFE = {
  appended: "one two",
  aborted: "one two",
  empty: "",
  committed: "three",
  lengths: [59_000, 130_000],
  savepoint: "saved",
};

/** What is in the blob directory's `tmp`. */
const temporary = (folder: string) => [...Deno.readDirSync(`${folder}/blobs/tmp`)].map(({ name }) => name);

for (const { name, msgpack } of encodings) {
  for (const [kind, storages] of [["blob-dir", fileStorage], ["<blobstorage>", around]] as const) {
    await interopTest(
      `Python applications keep blobs on the server, ${name}, ${kind}`,
      async (peers, context) => {
        const { folder } = peers;
        const server = await peers.start({ msgpack, storages: storages(folder) });
        const { address } = server;
        const python = peers.session();
        await context.step("they are made, changed, given up and read back", async () => {
          assertEquals(await python.call("blobs.application", { address, cache: `${folder}/c` }), LIFE);
        });
        await context.step("another client gets the same", async () => {
          const seen = await python.call<string[]>("blobs.other_client", { address, cache: `${folder}/o` });
          assertEquals(new Set(seen).size, 3);
        });
        await context.step("clients with the server's own directory", async () => {
          const shared = { address, cache: `${folder}/blobs`, shared: true, name: "shared" };
          assertEquals(await python.call("blobs.application", shared), LIFE);
          const [one, , three] = await python.call<string[]>("blobs.other_client", {
            ...{ address, cache: `${folder}/o`, name: "shared" },
          });
          assert(one !== three);
        });
        await context.step("two clients change the same blob", async () => {
          assertEquals(await python.call("blobs.conflict", { address, folder }), {
            error: "ZODB.POSException.ConflictError",
            between: "one",
            after: "two",
          });
        });
        await context.step("undo, and undo of that", async () => {
          const seen = await python.call("blobs.undo", { address, cache: `${folder}/c` });
          assertEquals(seen, ["first", "second"]);
        });
        await context.step("20 MB up and down", async () => {
          assertEquals(await python.call("blobs.big", { address, folder, length: 20_000_000 }), true);
        });
        await context.step("R22: two big ones of one transaction over a slow connection", async () => {
          const seen = await python.call("blobs.two_at_once", { address, folder, length: 4_000_000 });
          assertEquals(seen, [true, true]);
        });
        await context.step("one that is not there", async () => {
          const seen = await python.call("blobs.missing", { address, cache: `${folder}/m` });
          assertEquals(seen, ["ZODB.POSException.POSKeyError", "No blob file at "]);
        });
        await context.step("the directory is one of Python's, before and after a pack", async () => {
          assertEquals(temporary(folder), []);
          const local = { path: `${folder}/Data.fs`, blobs: `${folder}/blobs` };
          const remote = await python.call("blobs.remote_contents", { address, cache: `${folder}/r` });
          assertEquals(await python.call("blobs.stray_files", local), []);
          assertEquals(await python.call("blobs.contents", local), remote);
          await python.call("blobs.pack", { address, cache: `${folder}/c` });
          assertEquals(await python.call("blobs.stray_files", local), []);
          assertEquals(await python.call("blobs.remote_contents", { address, cache: `${folder}/p` }), remote);
          assertEquals((await server.stop()).code, 0);
          assertEquals(await python.call("blobs.contents", local), remote);
        });
        await context.step("runzeo goes on with it", async () => {
          const runzeo = await peers.start({ kind: "runzeo", msgpack, storages: storages(folder) });
          const life = { address: runzeo.address, cache: `${folder}/z`, name: "runzeo" };
          assertEquals(await python.call("blobs.application", life), LIFE);
          await runzeo.stop();
        });
      },
    );
  }
}

for (const layout of ["bushy", "lawn"]) {
  await interopTest(`a ${layout} blob directory that Python has made is gone on with`, async (peers) => {
    const { folder } = peers;
    const python = peers.session();
    const local = { path: `${folder}/Data.fs`, blobs: `${folder}/blobs` };
    await python.call("blobs.make_with_python", { ...local, layout });
    const before = await python.call<Record<string, string>>("blobs.contents", local);
    const server = await peers.start({ storages: fileStorage(folder) });
    const { address } = server;
    assertEquals(await python.call("blobs.remote_contents", { address, cache: `${folder}/r` }), before);
    assertEquals(await python.call("blobs.application", { address, cache: `${folder}/c` }), LIFE);
    await server.stop();
    const after = await python.call<Record<string, string>>("blobs.contents", local);
    assertEquals(after.python, before.python);
    assertEquals(Object.keys(after), ["blobs", "blobs2", "blobs3", "python"]);
    assertEquals(await python.call("blobs.stray_files", local), []);
    assertEquals(Deno.readTextFileSync(`${folder}/blobs/.layout`), layout);
  });
}

const crashes = Number(Deno.env.get("ZEO_CRASHES") ?? 10);

await interopTest(
  `kill -9 in blob uploads loses nothing that was acknowledged, ${crashes} times`,
  async (peers) => {
    const { folder } = peers;
    const python = peers.session(), judge = peers.session();
    const local = { path: `${folder}/Data.fs`, blobs: `${folder}/blobs` };
    await judge.call("blobs.make_with_python", { ...local, layout: "bushy" });
    let acknowledged = 0, interrupted = 0;
    for (let crash = 0; crash < crashes; crash++) {
      const server = await peers.start({ msgpack: crash % 2 === 0, storages: fileStorage(folder) });
      assertEquals(temporary(folder), [], "what the crash before has left is swept");
      assertEquals(await judge.call("blobs.stray_files", local), []);
      const { address } = server;
      const running = python.call<string[]>("blobs.upload_until_lost", {
        ...{ address, cache: `${folder}/cache${crash}`, length: 3_000_000 },
      });
      await new Promise((resolve) => setTimeout(resolve, 400 + Math.random() * 500));
      await server.kill();
      interrupted += temporary(folder).length;
      const done = await running;
      acknowledged += done.length;
      const found = await judge.call<Record<string, string>>("blobs.contents", local);
      const uploads = Object.keys(found).filter((name) => name.startsWith("upload")).length;
      assert(uploads >= done.length, `${done.length} were acknowledged, ${uploads} are there`);
    }
    console.log(`${acknowledged} acknowledged, ${interrupted} temporary files left by ${crashes} crashes`);
  },
);

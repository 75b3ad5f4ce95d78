/** Blobs of our client: with Python's clients on one cache directory, on Python's server, and in its own directory. */

import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import { ClientStorage } from "../../client/mod.ts";
import { Global, readRecord, writeRecord } from "../../pickle/mod.ts";
import type { BlobTransaction } from "../../storage/mod.ts";
import { NO_TID, type Oid, oid, type Tid } from "../../values/mod.ts";
import { chances } from "./chances.ts";
import { Network } from "./network.ts";
import { interopTest, type PythonSession, type Server, type ServerKind } from "./peers.ts";

const KINDS = ["ours", "runzeo"] satisfies ServerKind[];

/** The record of a blob. */
const RECORD = Uint8Array.from(
  atob("gANjWk9EQi5ibG9iCkJsb2IKcQAugANOLg=="),
  (letter) => letter.charCodeAt(0),
);

const storages = (folder: string) =>
  `<filestorage>\n  path ${folder}/Data.fs\n  blob-dir ${folder}/blobs\n</filestorage>`;

type Revision = readonly [oid: Oid, serial: Tid];

function portOf({ address }: Pick<Server, "address">): number {
  return (address as readonly [string, number])[1];
}

function content(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 17 + seed) & 0xff);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Commits new blobs in one transaction. */
async function commit(storage: ClientStorage, contents: readonly Uint8Array[]): Promise<Revision[]> {
  await storage.ready;
  const nothing = new Uint8Array();
  const transaction = storage.begin({
    user: nothing,
    description: nothing,
    extension: nothing,
  }) as BlobTransaction;
  const oids = await storage.newOids(contents.length);
  for (const [at, bytes] of contents.entries()) {
    const blob = storage.receiveBlob();
    blob.write(bytes);
    blob.close();
    transaction.storeBlob(oids[at], NO_TID, RECORD, blob.path);
  }
  await transaction.vote();
  const tid = await transaction.finish();
  return oids.map((id) => [id, tid] as const);
}

async function read(storage: ClientStorage, [id, serial]: Revision): Promise<Uint8Array> {
  const file = await storage.openBlob(id, serial);
  return new Uint8Array(await new Response(file.readable).arrayBuffer());
}

/** Has Python look at revisions. */
function pythonDigests(python: PythonSession, revisions: readonly Revision[], turns = 1): Promise<string[]> {
  const named = revisions.map(([id, serial]) => [Number(id), serial.toString(16).padStart(16, "0")]);
  return python.call("shared_caches.digests", { revisions: named, turns });
}

async function madeByPython(python: PythonSession, lengths: readonly number[]): Promise<Revision[]> {
  const made = await python.call<[number, string][]>("shared_caches.make", { lengths: [...lengths] });
  return made.map(([id, serial]) => [oid(id), BigInt(`0x${serial}`) as Tid]);
}

const LENGTHS = [0, 1, 59_000, 59_001, 300_000];

for (const kind of KINDS) {
  await interopTest(`one blob cache of a Python client and ours, on ${kind}`, async (peers, context) => {
    const { folder } = peers;
    const server = await peers.start({ kind, storages: storages(folder) });
    const python = peers.session(), cache = `${folder}/cache`;
    await python.call("shared_caches.hold", { address: server.address, blob_dir: cache });
    await using storage = new ClientStorage(portOf(server), { blobDir: cache });
    const ours = LENGTHS.map((length, seed) => content(seed, length));
    let mine: Revision[] = [], theirs: Revision[] = [];
    await context.step("what one has stored the other finds there", async () => {
      mine = await commit(storage, ours);
      assertEquals(await pythonDigests(python, mine), ours.map(digest));
      theirs = await madeByPython(python, LENGTHS);
      const expected = await pythonDigests(python, theirs);
      for (const [at, revision] of theirs.entries()) {
        assertEquals(digest(await read(storage, revision)), expected[at]);
      }
      assertEquals(storage.blobStatistics!.misses, 0);
    });
    await context.step("another cache gets them from the server", async () => {
      await using other = new ClientStorage(portOf(server), { blobDir: `${folder}/other` });
      const contents = await Promise.all(mine.map((revision) => read(other, revision)));
      assertEquals(contents.map(digest), ours.map(digest));
      assertEquals(other.blobStatistics!.misses, LENGTHS.length);
      const files = [...Deno.readDirSync(`${folder}/other/tmp`)];
      assertEquals(files, []);
    });
    await context.step(
      "R23: both keep a small cache small, and nobody loses a file that is being opened",
      async () => {
        const small = `${folder}/small`, limits = { blobCacheSize: 200_000, blobCacheSizeCheck: 1 };
        const another = peers.session();
        await another.call("shared_caches.hold", {
          ...{ address: server.address, blob_dir: small, blob_cache_size: 200_000, blob_cache_size_check: 1 },
        });
        await using other = new ClientStorage(portOf(server), { blobDir: small, ...limits });
        const all = [...mine, ...theirs];
        const reading = pythonDigests(another, all, 5);
        const expected = await pythonDigests(python, all);
        const reader = async (start: number) => {
          // The cache has no room for half of them: who goes on reading has to fetch.
          for (let turn = 0; turn < 5 * all.length || other.blobStatistics!.misses <= all.length; turn++) {
            const at = (start + turn) % all.length;
            assertEquals(digest(await read(other, all[at])), expected[at]);
          }
        };
        await Promise.all([reader(0), reader(3), reader(6)]);
        assertEquals(await reading, expected);
        await another.call("shared_caches.release");
      },
    );
    await python.call("shared_caches.release");
  });

  await interopTest(`${kind} and its clients, Python's and ours, on one blob directory`, async (peers) => {
    const { folder } = peers;
    const server = await peers.start({ kind, storages: storages(folder) });
    const python = peers.session(), blobDir = `${folder}/blobs`;
    await python.call("shared_caches.hold", {
      ...{ address: server.address, blob_dir: blobDir, shared_blob_dir: true },
    });
    await using storage = new ClientStorage(portOf(server), { blobDir, sharedBlobDir: true });
    const ours = LENGTHS.map((length, seed) => content(seed, length));
    const mine = await commit(storage, ours);
    assertEquals(await pythonDigests(python, mine), ours.map(digest));
    const theirs = await madeByPython(python, LENGTHS);
    const expected = await pythonDigests(python, theirs);
    for (const [at, revision] of theirs.entries()) {
      assertEquals(digest(await read(storage, revision)), expected[at]);
    }
    assertEquals([...Deno.readDirSync(`${blobDir}/tmp`)].map(({ name }) => name), []);
    await python.call("shared_caches.release");
  });

  await interopTest(
    `a blob in a transaction with a conflict that ${kind} leaves to the client is there afterwards`,
    async (peers) => {
      const { folder } = peers, nothing = new Uint8Array();
      const server = await peers.start({
        ...{ kind, storages: storages(folder), zeo: { "client-conflict-resolution": true } },
      });
      const length = (value: number) => writeRecord(new Global("BTrees.Length", "Length"), value);
      for (const [at, sharedBlobDir] of [false, true].entries()) {
        const blobDir = sharedBlobDir ? `${folder}/blobs` : `${folder}/cache`;
        await using storage = new ClientStorage(portOf(server), { blobDir, sharedBlobDir });
        await storage.ready;
        const counter = oid(1000 + at), blob = oid(2000 + at);
        const count = async (serial: Tid, value: number, text?: string) => {
          const transaction = storage.begin({
            user: nothing,
            description: nothing,
            extension: nothing,
          }) as BlobTransaction;
          transaction.store(counter, serial, length(value));
          if (text !== undefined) {
            const file = storage.receiveBlob();
            file.write(new TextEncoder().encode(text));
            file.close();
            transaction.storeBlob(blob, NO_TID, RECORD, file.path);
          }
          await transaction.vote();
          return await transaction.finish();
        };
        const first = await count(NO_TID, 5);
        await count(first, 6);
        const last = await count(first, 7, "content");
        await using other = new ClientStorage(portOf(server), { blobDir: `${folder}/other` });
        await other.ready;
        assertEquals(readRecord((await other.load(counter))!.data).state, 8);
        assertEquals((await other.load(blob))!.data, RECORD);
        assertEquals(new TextDecoder().decode(await read(other, [blob, last])), "content");
      }
    },
  );

  await interopTest(
    `R22: two big blobs of ${kind} at the same time over a slow connection`,
    async (peers) => {
      const { folder } = peers;
      const server = await peers.start({ kind, storages: storages(folder) });
      const contents = [content(1, 8_000_000), content(2, 8_000_000)];
      let revisions: Revision[];
      {
        await using storage = new ClientStorage(portOf(server), { blobDir: `${folder}/one` });
        revisions = await commit(storage, contents);
      }
      await using network = new Network(() => server.address, chances(22), { delay: 1 });
      await using storage = new ClientStorage(portOf(network), { blobDir: `${folder}/two` });
      const found = await Promise.all(revisions.map((revision) => read(storage, revision)));
      assertEquals(found.map(digest), contents.map(digest));
    },
  );
}

/** A client's blobs on our own server: up, down, mixed, given up, in a cache and in the server's own directory. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concatBytes, oid, oidBytes, POSKeyError, StorageError, tid, tidBytes } from "../../values/mod.ts";
import { NO_TID, ProtocolError, StorageTransactionError } from "../../values/mod.ts";
import { msgpackCodec, Output } from "../../protocol/mod.ts";
import { type BlobTransaction as StorageBlobTransaction, FileStorage } from "../../storage/mod.ts";
import { nobody, record } from "../storage/samples.ts";
import { Serving, until } from "../server/serving.ts";
import { frames, MemoryTransport, settle } from "../protocol/memory_transport.ts";
import { ClientStorage } from "../../client/mod.ts";
import { clientBlobs } from "../../client/client_blobs.ts";
import { BlobConnection, BlobTransaction } from "./blob_connection.ts";

const LENGTHS = [0, 1, 58_999, 59_000, 59_001, 130_000, 8 * 59_000, 1_000_003];

/** Bytes that differ from place to place. */
function content(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 17 + seed) & 0xff);
}

function file(folder: string, bytes: Uint8Array): string {
  const path = `${folder}/${crypto.randomUUID()}`;
  Deno.writeFileSync(path, bytes);
  return path;
}

function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

function blobTest(
  name: string,
  body: (serving: Serving, folder: string, encoding: "M" | "Z") => Promise<void>,
): void {
  for (const encoding of ["M", "Z"] as const) {
    Deno.test(`${name} (${encoding})`, async () => {
      const folder = await Deno.makeTempDir();
      try {
        const storage = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
        await using serving = await Serving.start({ storage, encoding });
        await body(serving, folder, encoding);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

blobTest(
  "blobs of many lengths go up in one transaction and come down elsewhere",
  async (serving, folder, encoding) => {
    await using one = await BlobConnection.connect(serving.address, { blobDir: `${folder}/one` }, encoding);
    await using two = await BlobConnection.connect(serving.address, { blobDir: `${folder}/two` }, encoding);
    const uploads = new BlobTransaction(one, 1);
    const given = LENGTHS.map((length, at) => file(folder, content(length, at)));
    given.forEach((path, at) => uploads.add(oid(BigInt(at)), path));
    const committed = await uploads.commit();
    const asked = LENGTHS.map((_, at) => two.blobs.loadBlob(oid(BigInt(at)), committed));
    for (const [at, length] of LENGTHS.entries()) {
      assertEquals(Deno.readFileSync(await asked[at]), content(length, at));
      const own = await one.blobs.loadBlob(oid(BigInt(at)), committed);
      assertEquals(Deno.readFileSync(own), content(length, at));
    }
    assert(!one.called.includes("sendBlob"), "one's own blobs are not fetched");
    assertEquals(two.called.filter((name) => name === "sendBlob").length, LENGTHS.length);
    assertEquals(names(`${folder}/blobs/tmp`), []);
    assertEquals(names(`${folder}/one/tmp`), []);
  },
);

blobTest("a blob that is not there is a key error, and leaves nothing", async (serving, folder, encoding) => {
  await using one = await BlobConnection.connect(serving.address, { blobDir: `${folder}/one` }, encoding);
  await assertRejects(async () => await one.blobs.loadBlob(oid(5n), tid(5n)), Error, "POSKeyError");
  await assertRejects(() => one.blobs.openBlob(oid(5n), tid(5n)), Error, "POSKeyError");
  assertEquals(names(`${folder}/one/tmp`), []);
});

blobTest(
  "a transaction given up in mid-upload leaves nothing, and the next one works",
  async (serving, folder, encoding) => {
    await using one = await BlobConnection.connect(serving.address, { blobDir: `${folder}/one` }, encoding);
    const uploads = new BlobTransaction(one, 1);
    uploads.add(oid(1n), file(folder, content(20_000_000, 1)));
    uploads.add(oid(2n), file(folder, content(100, 1)));
    const uploading = assertRejects(() => uploads.upload(), StorageError, "expected a blob's file");
    // It has begun and not ended.
    await until(() => names(`${folder}/blobs/tmp`).length > 0, "the server receives it");
    await uploads.abort();
    await uploading;
    await until(() => names(`${folder}/blobs/tmp`).length === 0, "the server has removed it");
    assertEquals(
      names(folder),
      ["Data.fs", "Data.fs.index", "Data.fs.lock", "Data.fs.tmp", "blobs", "one"].filter(
        (name) => names(folder).includes(name),
      ),
    );
    const again = new BlobTransaction(one, 2);
    again.add(oid(1n), file(folder, content(100, 3)));
    const committed = await again.commit();
    assertEquals(Deno.readFileSync(await one.blobs.loadBlob(oid(1n), committed)), content(100, 3));
  },
);

blobTest(
  "a file that isn't there fails the transaction, not the connection",
  async (serving, folder, encoding) => {
    await using one = await BlobConnection.connect(serving.address, { blobDir: `${folder}/one` }, encoding);
    const uploads = new BlobTransaction(one, 1);
    uploads.add(oid(1n), `${folder}/nothing`);
    await assertRejects(() => uploads.upload(), StorageError, "nothing: expected a blob's file");
    await uploads.abort();
  },
);

blobTest(
  "of two contents of one blob in a transaction the last one counts",
  async (serving, folder, encoding) => {
    await using one = await BlobConnection.connect(serving.address, { blobDir: `${folder}/one` }, encoding);
    await using two = await BlobConnection.connect(serving.address, { blobDir: `${folder}/two` }, encoding);
    const uploads = new BlobTransaction(one, 1);
    const given = [1, 2].map((seed) => file(folder, content(1000, seed)));
    for (const path of given) uploads.add(oid(1n), path);
    const committed = await uploads.commit();
    for (const { blobs } of [one, two]) {
      assertEquals(Deno.readFileSync(await blobs.loadBlob(oid(1n), committed)), content(1000, 2));
    }
    for (const path of given) assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
  },
);

blobTest("with the server's own directory nothing is sent but names", async (serving, folder, encoding) => {
  const options = { blobDir: `${folder}/blobs`, sharedBlobDir: true };
  await using one = await BlobConnection.connect(serving.address, options, encoding);
  await using two = await BlobConnection.connect(serving.address, options, encoding);
  const uploads = new BlobTransaction(one, 1);
  const blob = one.blobs.receiveBlob();
  blob.write(content(130_000, 4));
  blob.close();
  uploads.add(oid(1n), blob.path);
  uploads.add(oid(2n), file("/dev/shm", content(10, 5)));
  const committed = await uploads.commit();
  assertEquals(Deno.readFileSync(await two.blobs.loadBlob(oid(1n), committed)), content(130_000, 4));
  using opened = await two.blobs.openBlob(oid(2n), committed);
  assertEquals(new Uint8Array(await new Response(opened.readable).arrayBuffer()), content(10, 5));
  assert(!two.called.includes("sendBlob"));
  assertThrows(() => two.blobs.loadBlob(oid(3n), committed), POSKeyError, "No blob file at");
  assertEquals(names(`${folder}/blobs/tmp`), []);
  const lost = new BlobTransaction(one, 2);
  lost.add(oid(9n), file(folder, content(10, 5)));
  await lost.upload();
  await lost.abort();
  assertEquals(names(`${folder}/blobs/tmp`), []);
  assertEquals(names(`${folder}/blobs/0x00/0x00/0x00/0x00/0x00/0x00/0x00/0x09`), []);
});

blobTest("a vote given up in mid-upload leaves nothing, and the storage goes on", async (serving, folder) => {
  const { port } = serving.address as { port: number };
  await using storage = new ClientStorage(port, { blobDir: `${folder}/cache` });
  await storage.ready;
  const begin = () => storage.begin(nobody) as StorageBlobTransaction;
  const given = file(folder, content(20_000_000, 1));
  const transaction = begin();
  transaction.storeBlob(oid(1n), NO_TID, record("a blob"), given);
  const voting = Promise.resolve(transaction.vote());
  const refused = assertRejects(() => voting, StorageTransactionError, "aborted");
  await until(() => names(`${folder}/blobs/tmp`).length > 0, "the server receives it");
  transaction.abort();
  await refused;
  await until(() => names(`${folder}/blobs/tmp`).length === 0, "the server has removed it");
  assertThrows(() => Deno.statSync(given), Deno.errors.NotFound);
  const again = begin();
  again.storeBlob(oid(1n), NO_TID, record("a blob"), file(folder, content(100, 3)));
  await again.vote();
  const committed = await again.finish();
  const opened = await storage.openBlob(oid(1n), committed);
  assertEquals(new Uint8Array(await new Response(opened.readable).arrayBuffer()), content(100, 3));
  assertEquals(storage.blobStatistics!.misses, 0);
  assertEquals(storage.connected, true);
});

Deno.test("without a directory there are no blobs", () => {
  assertEquals(clientBlobs({}), undefined);
});

/** A connection whose server is the test. */
async function withFakeServer(
  body: (client: BlobConnection, server: MemoryTransport, say: Say, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const transport = new MemoryTransport();
    const say: Say = (name, ...args) => {
      const out = new Output(100);
      if (name === "reply") msgpackCodec.encode(out, args[0] as number, 0, ".reply", null);
      else msgpackCodec.encode(out, 0, true, name, args as Uint8Array[]);
      transport.push(frames(out.bytes.slice(0, out.length)));
    };
    const connecting = BlobConnection.over(transport, { blobDir: `${folder}/cache` });
    say("reply", 1);
    await using client = await connecting;
    await body(client, transport, say, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Say = (name: string, ...args: (Uint8Array | number)[]) => void;

Deno.test("R22: two blobs that come mixed are told apart", () =>
  withFakeServer(async (client, _server, say) => {
    const a = [oidBytes(oid(1n)), tidBytes(tid(7n))], b = [oidBytes(oid(2n)), tidBytes(tid(7n))];
    const asked = [client.blobs.loadBlob(oid(1n), tid(7n)), client.blobs.loadBlob(oid(2n), tid(7n))];
    await until(() => client.called.length === 3, "both are asked for");
    say("receiveBlobStart", ...a);
    say("receiveBlobStart", ...b);
    for (let part = 0; part < 5; part++) {
      say("receiveBlobChunk", ...a, content(59_000, part));
      say("receiveBlobChunk", ...b, content(1000, 100 + part));
    }
    say("receiveBlobStop", ...b);
    say("reply", 3);
    say("receiveBlobStop", ...a);
    say("reply", 2);
    const parts = [0, 1, 2, 3, 4];
    assertEquals(
      Deno.readFileSync(await asked[0]),
      concatBytes(...parts.map((part) => content(59_000, part))),
    );
    assertEquals(
      Deno.readFileSync(await asked[1]),
      concatBytes(...parts.map((part) => content(1000, 100 + part))),
    );
  }));

Deno.test("a connection that is lost in mid-download leaves nothing of it to be seen", () =>
  withFakeServer(async (client, server, say, folder) => {
    const a = [oidBytes(oid(1n)), tidBytes(tid(7n))];
    const asked = Promise.resolve(client.blobs.loadBlob(oid(1n), tid(7n)));
    await until(() => client.called.length === 2, "it is asked for");
    say("receiveBlobStart", ...a);
    say("receiveBlobChunk", ...a, content(1000, 1));
    await settle();
    server.finish();
    await assertRejects(() => asked, Error, "gone");
    assertEquals(names(`${folder}/cache/1`), [".lock"]);
    assertEquals(names(`${folder}/cache/tmp`), []);
  }));

Deno.test("a stream without an end, and an answer without a stream, are no blobs", () =>
  withFakeServer(async (client, _server, say) => {
    const a = [oidBytes(oid(1n)), tidBytes(tid(7n))];
    const asked = Promise.resolve(client.blobs.loadBlob(oid(1n), tid(7n)));
    await until(() => client.called.length === 2, "it is asked for");
    say("receiveBlobStart", ...a);
    say("receiveBlobChunk", ...a, content(1000, 1));
    say("reply", 2);
    await assertRejects(() => asked, POSKeyError, "No blob file");
    const again = Promise.resolve(client.blobs.loadBlob(oid(1n), tid(7n)));
    await until(() => client.called.length === 3, "it is asked for again");
    say("reply", 3);
    await assertRejects(() => again, POSKeyError, "No blob file");
  }));

Deno.test("messages of blobs out of order are errors that say why; late ones are ignored", () =>
  withFakeServer(async (client) => {
    const blob = [oid(1n), tid(7n)] as const;
    const { blobs } = client;
    blobs.chunk(...blob, new Uint8Array(1));
    const asked = assertRejects(async () => await blobs.loadBlob(...blob));
    await until(() => client.called.length === 2, "it is asked for");
    const refused = (call: () => void, why: string) => assertThrows(call, ProtocolError, why);
    refused(() => blobs.chunk(...blob, new Uint8Array(1)), "which is asked for: expected one that is begun");
    refused(() => blobs.stop(...blob), "which is asked for: expected one that is begun");
    blobs.start(...blob);
    refused(() => blobs.start(...blob), "which is begun: expected one that is asked for");
    blobs.stop(...blob);
    refused(() => blobs.chunk(...blob, new Uint8Array(1)), "which is complete: expected one that is begun");
    client.channel.close();
    await asked;
  }));

Deno.test("however many blobs are asked for, the server is asked for a few at a time", () =>
  withFakeServer(async (client, _server, say) => {
    const asked = Array.from(
      { length: 50 },
      (_, at) => Promise.resolve(client.blobs.loadBlob(oid(BigInt(at)), tid(7n))),
    );
    await until(() => client.called.length === 17, "16 are asked for");
    let answered = 1;
    while (answered <= 50) {
      await until(() => client.called.length > answered, "another is asked for");
      say("reply", ++answered);
      assert(client.called.length - answered < 16);
    }
    for (const one of asked) await assertRejects(() => one, POSKeyError);
  }));

/** Blobs over the wire: up, down, shared, slow clients, clients that vanish. */

import { assert, assertEquals } from "@std/assert";
import type { Value } from "../../pickle/mod.ts";
import { BlobDirectory, FileStorage, MappingStorage, StorageWithBlobs } from "../../storage/mod.ts";
import { NO_TID, type Oid, oid, oidBytes, type Tid, tid, tidBytes } from "../../values/mod.ts";
import { assertFails } from "./errors.ts";
import { CapturedLog, Serving, until } from "./serving.ts";
import { type Heard, itemsOf, type WireClient, type WireTransaction } from "./wire_client.ts";

const text = new TextEncoder();
const record = text.encode("a blob's record");
const x = oid(1), y = oid(2);
const CHUNK = 59_000;
const ENCODINGS = ["M", "Z"] as const;

/** Gives a test a server with a FileStorage and blobs, and their folder. */
async function withBlobs(
  encoding: "M" | "Z",
  body: (serving: Serving, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const storage = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
    await using serving = await Serving.start({ storage, encoding });
    await body(serving, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends a blob as Python's clients do, its record twice; or, with `once`, with its end only. */
async function upload(
  client: WireClient,
  transaction: WireTransaction,
  id: Oid,
  serial: Tid,
  content: Uint8Array,
  once = false,
): Promise<void> {
  if (!once) transaction.store(id, serial, record);
  await transaction.sent;
  await client.notify("storeBlobStart");
  for (let start = 0; start < content.length; start += CHUNK) {
    await client.notify("storeBlobChunk", content.subarray(start, start + CHUNK));
  }
  await transaction.notify("storeBlobEnd", oidBytes(id), tidBytes(serial), record).sent;
}

async function commitBlob(client: WireClient, id: Oid, serial: Tid, content: Uint8Array): Promise<Tid> {
  const transaction = client.begin();
  await upload(client, transaction, id, serial, content);
  return await transaction.commit();
}

function sendBlob(client: WireClient, id: Oid, serial: Tid): Promise<Value> {
  return client.call("sendBlob", oidBytes(id), tidBytes(serial));
}

/** What was heard of blobs: `start 1`, `chunk 1 59000`, `stop 1`. */
function stream(heard: readonly Heard[]): string[] {
  return heard.filter(({ name }) => name.startsWith("receiveBlob")).map(({ name, args }) => {
    const [id, , chunk] = itemsOf(args)!;
    const words = [name.slice("receiveBlob".length).toLowerCase(), (id as Uint8Array)[7]];
    return [...words, ...chunk === undefined ? [] : [(chunk as Uint8Array).length]].join(" ");
  });
}

function contentOf(heard: readonly Heard[], id: Oid): Uint8Array {
  const chunks = heard.filter(({ name }) => name === "receiveBlobChunk").map(({ args }) => itemsOf(args)!)
    .filter(([blob]) => (blob as Uint8Array)[7] === Number(id)).map(([, , chunk]) => chunk as Uint8Array);
  const content = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 31) & 0xff);
}

const tmp = (folder: string) => [...Deno.readDirSync(`${folder}/blobs/tmp`)].map(({ name }) => name);

/** Files with blobs. */
function committed(folder: string, below = ""): string[] {
  return [...Deno.readDirSync(`${folder}/blobs${below}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? committed(folder, `${below}/${name}`) : name.endsWith(".blob") ? [name] : []
  );
}

for (const encoding of ENCODINGS) {
  Deno.test(`${encoding}: a blob goes up in chunks, comes down in chunks, and then the reply`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const client = await serving.connect();
      for (const [id, length] of [[1, 130_000], [2, 0], [3, 1], [4, CHUNK], [5, 3 * CHUNK]] as const) {
        const content = pattern(length);
        const serial = await commitBlob(client, oid(id), NO_TID, content);
        client.heard.length = 0;
        assertEquals(await sendBlob(client, oid(id), serial), null);
        assertEquals(client.heard.at(-1)!.name, ".reply");
        const chunks = Array.from(
          { length: Math.ceil(length / CHUNK) },
          (_, i) => `chunk ${id} ${Math.min(CHUNK, length - i * CHUNK)}`,
        );
        assertEquals(stream(client.heard), [`start ${id}`, ...chunks, `stop ${id}`]);
        assertEquals(contentOf(client.heard, oid(id)), content);
        assert(client.heard[0].flag, "it is no call that wants a reply");
      }
      assertEquals(tmp(folder), []);
    }));

  Deno.test(`${encoding}: one that sends a blob's record only with its end has stored it`, () =>
    withBlobs(encoding, async (serving) => {
      const client = await serving.connect(), other = await serving.connect();
      const transaction = client.begin();
      await upload(client, transaction, x, NO_TID, pattern(10), true);
      const serial = await transaction.commit();
      assertEquals(await client.call("loadSerial", oidBytes(x), tidBytes(serial)), record);
      assertEquals(await other.invalidation(), [serial, [x]]);
    }));

  Deno.test(`${encoding}: a blob that is not there is told with its path`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const client = await serving.connect();
      const error = await assertFails(sendBlob(client, x, tid(5)), "POSKeyError");
      const [reason, id, serial] = itemsOf(error.detail)!;
      assertEquals(reason, `No blob file at ${folder}/blobs${"/0x00".repeat(7)}/0x01/0x05.blob`);
      assertEquals([id, serial], [oidBytes(x), tidBytes(tid(5))]);
      assertEquals(client.heard.filter(({ name }) => name !== ".reply"), []);
    }));

  Deno.test(`${encoding}: the interfaces that clients are told of include the blobs'`, async () => {
    const told = async (client: WireClient) => {
      const info = await client.call("get_info") as unknown as Map<string, Value>;
      return itemsOf(info.get("interfaces")!)!.map((pair) => itemsOf(pair)!.join("."));
    };
    await withBlobs(encoding, async (serving, folder) => {
      const names = [
        ...["IBlobStorageRestoreable", "IBlobStorage", "IStorageRestoreable", "IStorageIteration"],
        ...["IStorageUndoable", "IStorageCurrentRecordIteration", "IExternalGC", "IStorage"],
      ];
      const expected = [...names.map((name) => `ZODB.interfaces.${name}`), "zope.interface.Interface"];
      assertEquals(await told(await serving.connect()), expected);
      const around = new StorageWithBlobs(
        FileStorage.open(`${folder}/Other.fs`),
        BlobDirectory.open(`${folder}/b`),
      );
      await using wrapped = await Serving.start({ storage: around, encoding });
      assertEquals(await told(await wrapped.connect()), expected);
      const memory = new StorageWithBlobs(new MappingStorage(), BlobDirectory.open(`${folder}/c`));
      await using mapping = await Serving.start({ storage: memory, encoding });
      assertEquals(await told(await mapping.connect()), [
        "ZODB.interfaces.IBlobStorage",
        "zope.interface.Interface",
      ]);
    });
  });

  Deno.test(`R22 ${encoding}: two big blobs that a slow client wants at once come one after the other`, () =>
    withBlobs(encoding, async (serving) => {
      const client = await serving.connect();
      const big = pattern(8 << 20);
      const transaction = client.begin();
      await upload(client, transaction, x, NO_TID, big);
      await upload(client, transaction, y, NO_TID, big.subarray(1));
      const serial = await transaction.commit();
      client.heard.length = 0;
      client.pause();
      const both = [sendBlob(client, x, serial), sendBlob(client, y, serial)];
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.resume();
      assertEquals(await Promise.all(both), [null, null]);
      const words = stream(client.heard).map((line) => line.split(" ").slice(0, 2).join(" "));
      const order = words.filter((word, i) => word !== words[i - 1]);
      assertEquals(order, ["start 1", "chunk 1", "stop 1", "start 2", "chunk 2", "stop 2"]);
      assertEquals(contentOf(client.heard, x), big);
      assertEquals(contentOf(client.heard, y), big.subarray(1));
      // Each reply right behind its stream.
      const marks = client.heard.map(({ name }) => name).filter((name) => name !== "receiveBlobChunk");
      const one = ["receiveBlobStart", "receiveBlobStop", ".reply"];
      assertEquals(marks, [...one, ...one]);
    }));

  Deno.test(`${encoding}: other calls of a client are answered while a blob comes down`, () =>
    withBlobs(encoding, async (serving) => {
      const client = await serving.connect();
      const serial = await commitBlob(client, x, NO_TID, pattern(16 << 20));
      client.heard.length = 0;
      const sending = sendBlob(client, x, serial);
      await until(() => client.heard.length > 3, "the stream has begun");
      await client.call("ping");
      const heard = client.heard.length;
      await sending;
      assert(heard < client.heard.length - 50, `the answer came after ${heard} of ${client.heard.length}`);
    }));

  Deno.test(`${encoding}: two uploads at once end the connection, and leave nothing`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const client = await serving.connect();
      const transaction = client.begin();
      await transaction.sent;
      await client.notify("storeBlobStart");
      await client.notify("storeBlobChunk", pattern(1000));
      await client.notify("storeBlobStart");
      await client.closed;
      await until(() => tmp(folder).length === 0, "tmp is empty");
    }));

  Deno.test(`${encoding}: chunks and ends of no upload end the connection`, () =>
    withBlobs(encoding, async (serving) => {
      const one = await serving.connect(), two = await serving.connect(), three = await serving.connect();
      await one.notify("storeBlobChunk", pattern(5));
      await one.closed;
      await two.begin().notify("storeBlobEnd", oidBytes(x), tidBytes(NO_TID), record).sent;
      await two.closed;
      await three.notify("storeBlobStart");
      await three.notify("storeBlobEnd", oidBytes(x), tidBytes(NO_TID), record, 77);
      await three.closed;
    }));

  Deno.test(`V05 ${encoding}: a client that vanishes at any step of a blob's commit holds nobody up`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const steps = [
        (client: WireClient) => client.notify("storeBlobStart"),
        (client: WireClient) => client.notify("storeBlobChunk", pattern(100_000)),
        (_: WireClient, transaction: WireTransaction) =>
          transaction.notify("storeBlobEnd", oidBytes(x), tidBytes(NO_TID), record).sent,
        (_: WireClient, transaction: WireTransaction) => transaction.vote(),
      ];
      for (let last = 1; last <= steps.length; last++) {
        const client = await serving.connect();
        const transaction = client.begin().store(x, NO_TID, record);
        await transaction.sent;
        for (const step of steps.slice(0, last)) await step(client, transaction);
        client.vanish();
        await until(async () => (await serving.status()).connections === 0, "the client is gone");
        await until(() => tmp(folder).length === 0, "tmp is empty");
      }
      assertEquals(committed(folder), []);
      const other = await serving.connect();
      await commitBlob(other, x, NO_TID, pattern(10));
      assertEquals(committed(folder).length, 1);
    }));

  Deno.test(`V05 ${encoding}: a conflict on a blob frees everything, and the retry works`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const one = await serving.connect(), two = await serving.connect();
      const first = await commitBlob(one, x, NO_TID, pattern(1));
      const late = two.begin();
      await upload(two, late, x, NO_TID, pattern(100_000));
      await assertFails(late.vote(), "ConflictError");
      assertEquals(tmp(folder), []);
      assertEquals(await late.abort(), null);
      const second = await commitBlob(two, x, first, pattern(2));
      assertEquals(committed(folder).length, 2);
      assert(second > first);
    }));

  Deno.test(`V06 ${encoding}: tpc_abort may come twice, after a vote and for unknown transactions`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const client = await serving.connect();
      const transaction = client.begin();
      await upload(client, transaction, x, NO_TID, pattern(10));
      await transaction.vote();
      assertEquals(await transaction.abort(), null);
      assertEquals(await transaction.abort(), null);
      assertEquals(await client.call("tpc_abort", 4711), null);
      assertEquals([tmp(folder), committed(folder)], [[], []]);
      // The abort of an old transaction takes nothing from the one that has begun.
      const next = client.begin();
      await upload(client, next, x, NO_TID, pattern(10));
      assertEquals(await transaction.abort(), null);
      await next.commit();
      assertEquals(committed(folder).length, 1);
    }));

  Deno.test(`${encoding}: a shared client's file becomes the blob`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const client = await serving.connect();
      const directory = `${folder}/blobs${"/0x00".repeat(7)}/0x01`;
      await Deno.mkdir(directory, { recursive: true });
      await Deno.writeTextFile(`${directory}/0x00_hpl3rzz.tmp-`, "shared");
      const name = "0x00_hpl3rzz.tmp-";
      const transaction = client.begin().store(x, NO_TID, record);
      transaction.notify("storeBlobShared", oidBytes(x), tidBytes(NO_TID), record, name);
      await transaction.commit();
      const [file] = committed(folder);
      assertEquals(await Deno.readTextFile(`${directory}/${file}`), "shared");
      // One that is not there is told at the vote.
      const missing = client.begin();
      missing.notify("storeBlobShared", oidBytes(y), tidBytes(NO_TID), record, name);
      await assertFails(missing.vote(), "ValueError");
      await missing.abort();
      assertEquals(await client.call("ping"), null);
    }));

  Deno.test(`V02 ${encoding}: a shared client that names another file is thrown out, and the log says so`, () =>
    withBlobs(encoding, async (serving, folder) => {
      await using log = await CapturedLog.start();
      await Deno.writeTextFile(`${folder}/secret.tmp`, "secret");
      const client = await serving.connect();
      const transaction = client.begin();
      const name = `${"../".repeat(9)}secret.tmp`;
      await transaction.notify("storeBlobShared", oidBytes(x), tidBytes(NO_TID), record, name).sent;
      await client.closed;
      assertEquals(log.matching(/zeo\.server fatal .*We're under attack!/).length, 1);
      assertEquals(await Deno.readTextFile(`${folder}/secret.tmp`), "secret");
    }));

  Deno.test(`${encoding}: a read-only client can't send blobs, and gets them`, () =>
    withBlobs(encoding, async (serving, folder) => {
      const writer = await serving.connect();
      const serial = await commitBlob(writer, x, NO_TID, pattern(10));
      const reader = await serving.connect({ readOnly: true });
      assertEquals(await sendBlob(reader, x, serial), null);
      await reader.notify("storeBlobStart");
      await reader.closed;
      assertEquals(tmp(folder), []);
    }));

  Deno.test(`${encoding}: blobs on a storage without them are refused where there is an answer`, async () => {
    for (const storage of ["mapping", "file"] as const) {
      await using serving = await Serving.start({ storage, encoding });
      const client = await serving.connect();
      await assertFails(sendBlob(client, x, tid(5)), "TypeError");
      const transaction = client.begin();
      await upload(client, transaction, x, NO_TID, pattern(100));
      const error = await assertFails(transaction.vote(), "TypeError");
      assertEquals(itemsOf(error.detail), ["Blobs are not supported"]);
      await transaction.abort();
      assertEquals(await client.call("ping"), null);
    }
  });

  Deno.test(`${encoding}: a disk that is full is told at the vote, and the connection goes on`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const base = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
      let full = true;
      const receive = base.receiveBlob.bind(base);
      base.receiveBlob = () => {
        const blob = receive();
        const write = (bytes: Uint8Array) => {
          if (full) throw new Error("no space left");
          blob.write(bytes);
        };
        return { ...blob, write };
      };
      await using serving = await Serving.start({ storage: base, encoding });
      const client = await serving.connect();
      const transaction = client.begin();
      await upload(client, transaction, x, NO_TID, pattern(200_000));
      const error = await assertFails(transaction.vote(), "ValueError");
      assertEquals(itemsOf(error.detail), ["no space left"]);
      await transaction.abort();
      assertEquals(tmp(folder), []);
      full = false;
      await commitBlob(client, x, NO_TID, pattern(200_000));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

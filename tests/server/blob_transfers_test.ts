/** Blobs on their way down to clients that are slow, or gone. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Channel, msgpackCodec } from "../../protocol/mod.ts";
import { BlobTransfers } from "../../server/blob_transfers.ts";
import { oid, POSKeyError, tid } from "../../values/mod.ts";
import { MemoryTransport } from "../protocol/memory_transport.ts";
import { until } from "./serving.ts";

const x = oid(1);

Deno.test("a client that doesn't read makes the server hold no more than a MiB of a blob", async () => {
  const path = await Deno.makeTempFile();
  try {
    const length = 8 << 20;
    await Deno.writeFile(path, new Uint8Array(length));
    let taken = 0, takes = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<null>();
    const channel = new Channel({
      read: () => gone.promise,
      write: async (bytes) => {
        await takes.promise;
        const count = Math.min(bytes.length, 100_000);
        taken += count;
        return count;
      },
      close: () => gone.resolve(null),
    });
    channel.speak(msgpackCodec);
    const sending = new BlobTransfers(channel).send(x, tid(5), () => path);
    for (let round = 0; round < 20; round++) {
      // The client takes nothing, then something.
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      assert(channel.buffered <= 1 << 20, `${channel.buffered} bytes wait`);
      const before = taken;
      takes.resolve();
      takes = Promise.withResolvers();
      await until(() => taken > before, "the client takes something");
    }
    assert(taken < length, "there is more to send");
    await until(async () => {
      takes.resolve();
      takes = Promise.withResolvers();
      return await Promise.race([
        sending.then(() => true),
        new Promise<false>((no) => setTimeout(() => no(false), 0)),
      ]);
    }, "all is sent");
    await until(() => {
      takes.resolve();
      takes = Promise.withResolvers();
      return channel.buffered === 0;
    }, "all is taken");
    assert(taken > length && taken < length * 1.01, `${taken} bytes`);
    channel.close();
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a blob that is waited for by a client that is gone is not read", async () => {
  const channel = new Channel({
    read: () => new Promise(() => {}),
    write: (bytes) => Promise.resolve(bytes.length),
    close() {},
  });
  channel.speak(msgpackCodec);
  channel.close();
  await new BlobTransfers(channel).send(x, tid(5), () => {
    throw new Error("it was asked for");
  });
});

Deno.test("R23: a file that a cache has removed before it was open is asked for again", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "the content");
    const transport = new MemoryTransport();
    const channel = new Channel(transport);
    channel.speak(msgpackCodec);
    let asked = 0;
    await new BlobTransfers(channel).send(
      x,
      tid(5),
      () => ++asked < 4 ? `${path}.gone` : Promise.resolve(path),
    );
    channel.flush();
    assertEquals(asked, 4);
    const sent = transport.sent.map((bytes) => msgpackCodec.decode(bytes).name);
    assertEquals(sent, ["receiveBlobStart", "receiveBlobChunk", "receiveBlobStop"]);
    const never = new BlobTransfers(channel).send(x, tid(5), () => `${path}.gone`);
    await assertRejects(() => never, POSKeyError, "No blob file at");
  } finally {
    await Deno.remove(path);
  }
});

/** Blobs, in transactions, savepoints, undo and exports. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BlobError, Unsupported } from "../../values/mod.ts";
import { Blob, DB, load } from "../../zodb/mod.ts";
import { fileDatabase } from "./objects.ts";

Deno.test("a blob is written, committed, changed and read by others", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db } = at;
  await using connection = db.open();
  const blob = await Blob.from("one");
  assertEquals(await blob.text(), "one");
  await connection.root.set("blob", blob);
  await connection.commit();
  assertEquals(await blob.text(), "one");
  const path = await blob.committedPath();
  await blob.write(ReadableStream.from([new TextEncoder().encode("tw"), new TextEncoder().encode("o")]));
  assertEquals(await blob.text(), "two");
  await assertRejects(() => blob.committedPath(), BlobError);

  await using other = db.open();
  const seen = (await other.root.get<Blob>("blob"))!;
  assertEquals(await seen.text(), "one");
  await connection.commit();
  assertEquals(await seen.text(), "one");
  await other.begin();
  assertEquals([await seen.text(), await seen.size()], ["two", 3]);
  assertEquals(await Deno.readTextFile(path), "one");
  await blob.append("three");
  await connection.abort();
  assertEquals(await blob.text(), "two");
  await blob.append("three");
  await connection.commit();
  assertEquals(await new Response(await blob.stream()).text(), "twothree");
});

Deno.test("R25: savepoints keep a blob's content of their time", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db } = at;
  await using connection = db.open();
  const blob = await Blob.from("one");
  await connection.root.set("blob", blob);
  const first = await connection.savepoint();
  assertEquals(await blob.text(), "one");
  await blob.write("two");
  const second = await connection.savepoint();
  await blob.write("three");
  await second.rollback();
  assertEquals(await blob.text(), "two");
  await first.rollback();
  assertEquals(await blob.text(), "one");
  await connection.commit();
  await using other = db.open();
  assertEquals(await (await other.root.get<Blob>("blob"))!.text(), "one");
});

Deno.test("undo brings a blob's old content back", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db } = at;
  await db.transaction(async ({ root }) => root.set("blob", await Blob.from("one")));
  await db.transaction(async ({ root }) => await (await root.get<Blob>("blob"))!.write("two"));
  await db.undo((await db.undoLog(0, -1))[0].tid);
  await using connection = db.open();
  assertEquals(await (await connection.root.get<Blob>("blob"))!.text(), "one");
});

Deno.test("a file is taken in; a blob that nothing was written to is empty", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db, folder } = at;
  await using connection = db.open();
  await Deno.writeTextFile(`${folder}/given`, "given");
  await connection.root.set("given", await Blob.fromFile(`${folder}/given`));
  await connection.root.set("empty", new Blob());
  await connection.commit();
  await assertRejects(() => Deno.stat(`${folder}/given`), Deno.errors.NotFound);
  assertEquals(await (await connection.root.get<Blob>("given"))!.text(), "given");
  assertEquals(await (await connection.root.get<Blob>("empty"))!.size(), 0);
});

Deno.test("blobs go into export files and come back", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db, folder } = at;
  await using connection = db.open();
  await connection.root.set("blob", await Blob.from("x".repeat(100_000)));
  await connection.commit();
  await connection.exportFile(0n as never, `${folder}/all.zexp`);
  await using target = await fileDatabase({ blobs: true });
  await target.db.transaction(async (other) => {
    const root = await other.importFile(`${folder}/all.zexp`);
    await load(root);
    await other.root.set("imported", root);
  });
  await using check = target.db.open();
  const imported = (await check.root.get<Map<string, unknown>>("imported"))!;
  assertEquals(await (await imported.get("blob") as Blob).size(), 100_000);
});

Deno.test("nothing is left of blobs that were not committed", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db, folder } = at;
  const connection = db.open();
  const blob = await Blob.from("one");
  await connection.root.set("blob", blob);
  await connection.commit();
  await blob.write("two");
  await connection.savepoint();
  await blob.write("three");
  await connection.abort();
  await connection.root.set("other", await Blob.from("four"));
  await connection.savepoint();
  await connection.abort();
  assertEquals(await blob.text(), "one");
  connection.close();
  const left = [...Deno.readDirSync(`${folder}/blobs/tmp`)].map(({ name }) => name);
  assertEquals(left, []);
});

Deno.test("what is written while the transaction is aborted belongs to the next one", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db, folder } = at;
  await using connection = db.open();
  const blob = await Blob.from("one");
  await connection.root.set("blob", blob);
  await connection.commit();
  const aborted = Promise.withResolvers<void>();
  const writing = blob.write(
    new ReadableStream({
      async pull(controller) {
        await aborted.promise;
        controller.enqueue(new TextEncoder().encode("two"));
        controller.close();
      },
    }),
  );
  while (!blob._p_changed) await new Promise((resolve) => setTimeout(resolve));
  await connection.abort();
  assertEquals(blob._p_status, "ghost");
  aborted.resolve();
  await writing;
  assertEquals([blob._p_changed, await blob.text()], [true, "two"]);
  await connection.commit();
  assertEquals(await blob.text(), "two");
  assertEquals([...Deno.readDirSync(`${folder}/blobs/tmp`)], []);
});

Deno.test("a storage without blobs refuses them", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  await connection.root.set("blob", await Blob.from("one"));
  const error = await assertRejects(() => connection.commit(), Unsupported);
  assert(error.message.includes("not supported"));
});

Deno.test("a new blob whose commit failed has lost its content, and says so", async () => {
  await using at = await fileDatabase({ blobs: true });
  const { db } = at;
  await using connection = db.open();
  const blob = await Blob.from("one");
  await connection.root.set("blob", blob);
  await db.transaction(({ root }) => root.set("other", 1));
  await assertRejects(() => connection.commit(), Error, "conflict");
  await connection.abort();
  await assertRejects(() => blob.text(), BlobError, "lost its content");
  await connection.root.set("blob", blob);
  await assertRejects(() => connection.commit(), BlobError, "lost its content");
  await connection.abort();
  await blob.write("two");
  await connection.root.set("blob", blob);
  await connection.commit();
  assertEquals(await blob.text(), "two");
});

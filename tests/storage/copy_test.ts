import { assert, assertEquals, assertRejects } from "@std/assert";
import { Global, writeRecord } from "../../pickle/mod.ts";
import { equalBytes, oid, tid } from "../../values/mod.ts";
import { copyTransactions, FileStorage } from "../../storage/mod.ts";
import { fileStorageFixture } from "../fixtures/mod.ts";
import { commit, nobody, record } from "./samples.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const name of ["plain", "undo_unpacked", "deleted"]) {
  Deno.test(`a copy of Python's ${name} is the same file byte for byte`, () =>
    inFolder(async (folder) => {
      const fixture = fileStorageFixture(name);
      const path = await fixture.copyTo(folder);
      {
        await using from = FileStorage.open(path, { readOnly: true });
        await using to = FileStorage.open(`${folder}/Copy.fs`);
        const told: number[] = [];
        const done = await copyTransactions(from, to, {
          progress: ({ transactions }) => told.push(transactions),
        });
        assertEquals(told, Array.from({ length: done.transactions }, (_, i) => i + 1));
        assertEquals([to.length(), to.lastTransaction()], [from.length(), from.lastTransaction()]);
      }
      assert(equalBytes(await Deno.readFile(path), await Deno.readFile(`${folder}/Copy.fs`)));
    }));
}

Deno.test("blobs are copied with their records", () =>
  inFolder(async (folder) => {
    await using from = FileStorage.open(`${folder}/Data.fs`, { blobDir: `${folder}/blobs` });
    await using to = FileStorage.open(`${folder}/Copy.fs`, { blobDir: `${folder}/copies` });
    const content = crypto.getRandomValues(new Uint8Array(50_000));
    const blob = from.receiveBlob();
    blob.write(content);
    blob.close();
    const transaction = from.begin(nobody);
    const data = writeRecord(new Global("ZODB.blob", "Blob"), null);
    transaction.storeBlob(oid(1), tid(0), data, blob.path);
    await transaction.vote();
    const stored = await transaction.finish();
    await copyTransactions(from, to);
    assertEquals(await Deno.readFile(await to.loadBlob(oid(1), stored)), content);
  }));

Deno.test("a copy into a database that has later transactions is refused, and changes nothing", () =>
  inFolder(async (folder) => {
    await using from = FileStorage.open(`${folder}/Data.fs`);
    await commit(from, [[0, tid(0), "a"]]);
    await using to = FileStorage.open(`${folder}/Copy.fs`);
    const last = await commit(to, [[0, tid(0), "b"]]);
    await assertRejects(() => copyTransactions(from, to));
    assertEquals([to.lastTransaction(), to.length()], [last, 1]);
  }));

Deno.test("a copy that is given up stops between transactions", () =>
  inFolder(async (folder) => {
    await using from = FileStorage.open(`${folder}/Data.fs`);
    for (let i = 0; i < 5; i++) await commit(from, [[i, tid(0), `${i}`]]);
    await using to = FileStorage.open(`${folder}/Copy.fs`);
    const control = new AbortController();
    const progress = ({ transactions }: { transactions: number }) => {
      if (transactions === 2) control.abort();
    };
    await assertRejects(() => copyTransactions(from, to, { signal: control.signal, progress }));
    assertEquals(to.length(), 2);
    assertEquals(to.loadSerial(oid(1), to.getTid(oid(1))), record("1"));
  }));

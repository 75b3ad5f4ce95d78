import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { main } from "../../scripts/zeo.ts";
import { compareStorages, copyTransactions, FileStorage } from "../../storage/mod.ts";
import { formatTid, NO_TID, type Oid, StorageTransactionError, type Tid } from "../../values/mod.ts";
import { fileStorageFixture } from "../fixtures/mod.ts";
import { bytes, commit, nobody, record, revisions, undo } from "../storage/samples.ts";
import { inFolder, names, zeo, zeoJson } from "./run.ts";

interface Copied {
  readonly transactions: number;
  readonly same: number;
  readonly known: number;
  readonly blobs: number;
}

/** A file with changes, an undo and metadata. */
async function makeFile(path: string): Promise<Tid[]> {
  await using storage = FileStorage.open(path);
  const tids = await revisions(storage, 0, ["a", "b", "c"]);
  tids.push(
    await commit(storage, [[1, NO_TID, "one"], [2, NO_TID, "two"]], {
      user: bytes("somebody"),
      description: bytes("what for"),
    }),
  );
  tids.push(await undo(storage, tids[2]));
  return tids;
}

Deno.test("a copy is the same file, byte for byte, and copying again does nothing", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/Data.fs`, to = `${folder}/Copy.fs`;
    const tids = await makeFile(from);
    const dry = await zeo("copy", "--dry-run", from, to);
    assertEquals([dry.code, dry.output], [0, `${to}: would copy 5 transactions\n`]);
    assertEquals(names(folder).includes("Copy.fs"), false);
    const copied = await zeoJson<Copied>("copy", from, to);
    assertEquals([copied.transactions, copied.same], [tids.length, tids.length]);
    assertEquals(await Deno.readFile(to), await Deno.readFile(from));
    const again = await zeo("copy", from, to);
    assertMatch(again.output, /: 0 transactions, 0 records copied after [0-9a-f]{16}; all 5 transactions/);
    assertEquals(await Deno.readFile(to), await Deno.readFile(from));
  });
});

Deno.test("a copy goes on after the last transaction that is there", async () => {
  for (const quick of [[], ["--quick"]]) {
    await inFolder(async (folder) => {
      const from = `${folder}/Data.fs`, to = `${folder}/Copy.fs`;
      await makeFile(from);
      await zeoJson("copy", from, to);
      {
        await using storage = FileStorage.open(from);
        await revisions(storage, 7, ["x", "y"]);
      }
      const dry = await zeoJson<Copied>("copy", "--dry-run", from, to);
      assertEquals(dry.transactions, 2);
      const copied = await zeoJson<Copied>("copy", from, to, ...quick);
      assertEquals([copied.transactions, copied.known], [2, quick.length ? 1 : 5]);
      assertEquals(await Deno.readFile(to), await Deno.readFile(from));
    });
  }
});

Deno.test("what is there and is not the start of the original is kept, unless it is to be cleared", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/Data.fs`, to = `${folder}/Other.fs`;
    await makeFile(from);
    {
      await using storage = FileStorage.open(to);
      await revisions(storage, 0, ["something", "else"]);
    }
    const before = await Deno.readFile(to);
    for (const dry of [["--dry-run"], []]) {
      const { code, messages } = await zeo("copy", from, to, ...dry);
      assertEquals(code, 1);
      assertMatch(messages, /is not empty and not the start of what is to be copied; --clear throws it away/);
    }
    assertEquals((await zeo("copy", "--clear", "--dry-run", from, to)).code, 0);
    assertEquals(await Deno.readFile(to), before);
    assertEquals((await zeo("copy", "--clear", from, to)).code, 0);
    assertEquals(await Deno.readFile(to), await Deno.readFile(from));
    const self = await zeo("copy", "--clear", from, `${folder}/../${folder.split("/").at(-1)}/Data.fs`);
    assertMatch(self.messages, /can't be copied to itself/);
    assertEquals(await Deno.readFile(to), await Deno.readFile(from));
  });
});

Deno.test("a file that a writer has open can be copied, and only whole transactions are", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/Data.fs`, to = `${folder}/Copy.fs`;
    await using storage = FileStorage.open(from);
    const [first] = await revisions(storage, 0, ["a"]);
    const pending = storage.begin(nobody);
    pending.store(0n as Oid, first, record("pending"));
    await pending.vote();
    assertEquals((await zeoJson<Copied>("copy", from, to)).transactions, 1);
    await pending.finish();
    assertEquals((await zeoJson<Copied>("copy", from, to)).transactions, 1);
    await using copy = FileStorage.open(to, { readOnly: true });
    assertEquals((await compareStorages(storage, copy)).difference, undefined);
    const locked = await zeo("copy", to, from);
    assertEquals(locked.code, 1);
    assertMatch(locked.messages, /lock/i);
  });
});

Deno.test("blobs are copied and compared, and need a place to go to", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/Data.fs`, blobs = `${folder}/blobs`, to = `${folder}/Copy.fs`;
    {
      await using storage = FileStorage.open(from, { blobDir: blobs });
      await commit(storage, [[0, NO_TID, "root"]]);
      const transaction = storage.begin(nobody), file = storage.receiveBlob();
      file.write(bytes("a big content"));
      file.close();
      const data = new TextEncoder().encode("\x80\x03cZODB.blob\nBlob\nq\0.\x80\x03N.");
      const blob = new Uint8Array(data.length - 2);
      // Without the two bytes that UTF-8 put before 0x80.
      blob.set([...data].filter((byte) => byte !== 0xc2));
      transaction.storeBlob(1n as Oid, NO_TID, blob, file.path);
      await transaction.vote();
      await transaction.finish();
    }
    const refused = await zeo("copy", from, to, "--from-blobs", blobs);
    assertEquals(refused.code, 1);
    assertMatch(refused.messages, /has no place for the blobs of/);
    assertEquals(names(folder).includes("Copy.fs"), false);
    for (const dry of [["--dry-run"], []]) {
      const behind = await zeo("copy", from, to, ...dry);
      assertEquals(behind.code, 1);
      assertMatch(
        behind.messages,
        /transaction [0-9a-f]{16}: 0x01 is a blob, and .*Data\.fs keeps no blobs; --from-/,
      );
    }
    const without = await zeoJson<Copied>("copy", "--without-blobs", from, `${folder}/Without.fs`);
    assertEquals([without.transactions, without.blobs], [2, 0]);
    await Deno.remove(to);
    const target = ["--to-blobs", `${folder}/copied`];
    const copied = await zeoJson<Copied>("copy", from, to, "--from-blobs", blobs, ...target);
    assertEquals([copied.transactions, copied.blobs], [2, 1]);
    const cleared = await zeo("copy", "--clear", from, to, ...target);
    assertMatch(cleared.messages, /has blobs; remove them/);
    await using storage = FileStorage.open(to, { blobDir: `${folder}/copied` });
    const path = storage.loadBlob(1n as Oid, storage.lastTransaction());
    assertEquals(await Deno.readTextFile(path), "a big content");
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, "another thing");
    await using original = FileStorage.open(from, { blobDir: blobs, readOnly: true });
    const { difference } = await compareStorages(original, storage);
    assertEquals([difference?.oid, difference?.message], [1n as Oid, "blob 0x01 has another content"]);
    const shown = await zeo("dump", to, "--blob-dir", `${folder}/copied`);
    assertMatch(shown.output, /class=ZODB\.blob\.Blob blob=13$/m);
  });
});

Deno.test("storages of configurations are copied: by name, or as source and destination", async () => {
  await inFolder(async (folder) => {
    await makeFile(`${folder}/Data.fs`);
    await Deno.writeTextFile(
      `${folder}/convert.conf`,
      `<filestorage source>\n  path ${folder}/Data.fs\n</filestorage>\n` +
        `%import zc.zlibstorage\n` +
        `<zlibstorage destination>\n  <filestorage>\n    path ${folder}/Small.fs\n  </filestorage>\n</zlibstorage>\n`,
    );
    await Deno.writeTextFile(
      `${folder}/zodb.conf`,
      `<zodb main>\n  <filestorage>\n    path ${folder}/Data.fs\n  </filestorage>\n</zodb>\n`,
    );
    assertEquals((await zeoJson<Copied>("copy", `${folder}/convert.conf`)).transactions, 5);
    const back = await zeoJson<Copied>("copy", `${folder}/convert.conf#destination`, `${folder}/Back.fs`);
    assertEquals(back.same, 5);
    assertEquals((await zeoJson<Copied>("copy", `${folder}/zodb.conf#main`, `${folder}/Main.fs`)).same, 5);
    assertEquals(await Deno.readFile(`${folder}/Main.fs`), await Deno.readFile(`${folder}/Data.fs`));
    const unknown = await zeo("copy", `${folder}/zodb.conf#other`, `${folder}/X.fs`);
    assertEquals(unknown.code, 1);
    assertMatch(unknown.messages, /has no storage "other", but "main"/);
    await Deno.writeTextFile(`${folder}/wrong.conf`, `<filestorage>\n  pth x\n</filestorage>\n`);
    const wrong = await zeo("copy", `${folder}/wrong.conf`, `${folder}/X.fs`);
    assertEquals(wrong.code, 2);
    assertMatch(wrong.messages, /wrong\.conf:2/);
  });
});

Deno.test("a storage that can't take copies is refused", async () => {
  await inFolder(async (folder) => {
    await makeFile(`${folder}/Data.fs`);
    await Deno.writeTextFile(`${folder}/memory.conf`, `<mappingstorage>\n</mappingstorage>\n`);
    const target = await zeo("copy", `${folder}/Data.fs`, `${folder}/memory.conf`);
    assertEquals(target.code, 1);
    assertMatch(target.messages, /a MappingStorage can't take copies/);
  });
});

Deno.test("a transaction whose status is none is named, and not copied", async () => {
  await inFolder(async (folder) => {
    const tids = await makeFile(`${folder}/Data.fs`);
    await using from = FileStorage.open(`${folder}/Data.fs`, { readOnly: true });
    await using to = FileStorage.open(`${folder}/Copy.fs`);
    const odd = {
      *transactions() {
        for (const transaction of from.transactions()) {
          yield transaction.tid === tids[2]
            ? { ...transaction, status: "x", records: () => [] }
            : transaction;
        }
      },
    };
    const source = Object.assign(Object.create(from), odd);
    await assertRejects(
      () => copyTransactions(source, to),
      StorageTransactionError,
      `transaction ${formatTid(tids[2])} has status "x": expected " ", or "p"`,
    );
    assertEquals(to.lastTransaction(), tids[1]);
  });
});

Deno.test("two storages are compared down to the byte, and the first difference is told", async () => {
  await inFolder(async (folder) => {
    const tids = await makeFile(`${folder}/Data.fs`);
    const file = await Deno.readFile(`${folder}/Data.fs`);
    const differences = new Map<string, (bytes: Uint8Array) => void>([
      ["user of 8 bytes, another of 8", (file) => file[indexOf(file, "somebody")]++],
      [
        `record of 0x02 has ${record("two").length} bytes of data, ${record("two").length} other ones`,
        (file) => file[indexOf(file, "two")]++,
      ],
    ]);
    for (const [message, change] of differences) {
      const changed = file.slice();
      change(changed);
      await Deno.writeFile(`${folder}/Other.fs`, changed);
      await using one = FileStorage.open(`${folder}/Data.fs`, { readOnly: true });
      await using other = FileStorage.open(`${folder}/Other.fs`, { readOnly: true });
      const { difference, transactions } = await compareStorages(one, other);
      assertEquals([difference?.tid, transactions], [tids[3], 3]);
      assertEquals(difference?.message, message);
      assertEquals((await compareStorages(one, other, { stop: tids[2] })).difference, undefined);
      assertEquals((await compareStorages(one, other, { start: tids[4] })).transactions, 1);
    }
  });
});

function indexOf(file: Uint8Array, text: string): number {
  return new TextDecoder("latin1").decode(file).indexOf(text);
}

interface Dumped {
  readonly tid: string;
  readonly status: string;
  readonly records: readonly {
    readonly oid: string;
    readonly size: number;
    readonly sharesDataOf?: string;
  }[];
}

Deno.test("packed and undone transactions of a file by Python are copied as they are", async () => {
  await inFolder(async (folder) => {
    const dumped = async (path: string) => {
      const { output } = await zeo("dump", "--json", path);
      return output.trimEnd().split("\n").map((line): Dumped => JSON.parse(line))
        .map(({ tid, status, records }) => ({
          tid,
          status,
          records: records.map(({ oid, size, sharesDataOf }) => [oid, size, sharesDataOf]),
        }));
    };
    const path = fileStorageFixture("undo_packed_undone").copyTo(folder);
    const { same } = await zeoJson<Copied>("copy", path, `${folder}/Copy.fs`);
    const original = await dumped(path);
    assertEquals(await dumped(`${folder}/Copy.fs`), original);
    assertEquals(same, original.length);
    assertEquals(new Set(original.map(({ status }) => status)), new Set(["p", " "]));
  });
});

Deno.test("a copy that is interrupted ends with an error, and goes on where it was", async () => {
  await inFolder(async (folder) => {
    const from = `${folder}/Data.fs`, to = `${folder}/Copy.fs`;
    {
      await using storage = FileStorage.open(from);
      await revisions(storage, 0, Array.from({ length: 300 }, (_, step) => `revision ${step}`));
    }
    const quiet = { terminal: false, write: () => {} };
    const controller = new AbortController();
    const copying = main(["copy", from, to], { output: quiet, messages: quiet, signal: controller.signal });
    while (!names(folder).includes("Copy.fs") || (await Deno.stat(to)).size < 1000) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    controller.abort(new Error("enough"));
    assertEquals(await copying, 1);
    const { size } = await Deno.stat(to);
    assertEquals(size < (await Deno.stat(from)).size, true);
    const { known, same } = await zeoJson<Copied>("copy", from, to);
    assertEquals([known > 0, known < 300, same], [true, true, 300]);
    assertEquals(await Deno.readFile(to), await Deno.readFile(from));
  });
});

/** The blob cache's directory: what is in it, who gets what, and what goes when there is too much. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { BlobCache, type BlobFile, cleanBlobCache, type FetchBlob } from "../../cache/mod.ts";
import { type Oid, POSKeyError, StorageError, type Tid } from "../../values/mod.ts";

const oid = (number: number | bigint) => BigInt(number) as Oid;
const tid = (number: number | bigint) => BigInt(number) as Tid;
const bytes = (text: string) => new TextEncoder().encode(text);

/** Fetches this content. */
function giving(content: string | Uint8Array): FetchBlob & { times: number } {
  const fetch = (file: BlobFile) => {
    fetch.times++;
    file.write(typeof content === "string" ? bytes(content) : content);
    return Promise.resolve();
  };
  fetch.times = 0;
  return fetch;
}

const failing: FetchBlob = () => Promise.reject(new Error("fetched though it should be there"));

/** The blobs in a cache, as `258/0.040d2eb1cd7472dd.blob`. */
function blobs(path: string): string[] {
  return [...Deno.readDirSync(path)].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name: bucket }) =>
    [...Deno.readDirSync(join(path, bucket))].map(({ name }) => `${bucket}/${name}`)
  ).filter((name) => !name.endsWith("/.lock")).sort();
}

function size(path: string): number {
  return blobs(path).reduce((sum, name) => sum + Deno.statSync(join(path, name)).size, 0);
}

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(join(folder, "blobs"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function cacheTest(name: string, run: (path: string) => Promise<void>): void {
  Deno.test(name, () => inFolder(run));
}

cacheTest("a fetched blob lies where Python's clients look for it, and is fetched once", async (path) => {
  await using cache = BlobCache.open(path);
  const fetch = giving("content");
  const file = await cache.load(oid(0x0102), tid(0x040d2eb1cd7472ddn), fetch);
  assertEquals(file, join(path, "258/0.040d2eb1cd7472dd.blob"));
  assertEquals(await Deno.readTextFile(file), "content");
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o400);
  assertEquals(
    cache.load(oid(0x0102), tid(0x040d2eb1cd7472ddn), failing),
    file,
    "at once, without a promise",
  );
  assertEquals(Deno.readTextFileSync(join(path, ".layout")), "zeocache");
  assertEquals(Deno.readTextFileSync(join(path, "258/.lock")), ` ${Deno.pid}\n`);
  await cache.load(oid(997n * 5n + 3n), tid(1), fetch);
  assertEquals(blobs(path), ["258/0.040d2eb1cd7472dd.blob", "3/5.0000000000000001.blob"]);
  assertEquals(cache.statistics, {
    ...{ hits: 1, misses: 2, fetchedBytes: 14 },
    ...{ adopted: 0, removed: 0, removedBytes: 0 },
  });
});

cacheTest("many who ask for one blob get one download, also through two caches", async (path) => {
  await using one = BlobCache.open(path);
  await using two = BlobCache.open(path);
  const fetch = giving("x");
  const slow: FetchBlob = async (file) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await fetch(file);
  };
  const asked = Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).load(oid(1), tid(1), slow));
  const opened = Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).open(oid(1), tid(1), slow));
  assertEquals(new Set(await Promise.all(asked)).size, 1);
  for (const file of await Promise.all(opened)) file.close();
  assertEquals(fetch.times, 1);
});

cacheTest(
  "a download that fails leaves nothing, fails all who asked, and can be tried again",
  async (path) => {
    await using cache = BlobCache.open(path);
    const missing: FetchBlob = (file) => {
      file.write(bytes("half"));
      throw new POSKeyError(oid(1), tid(1), "No blob file");
    };
    const asked = [cache.load(oid(1), tid(1), missing), cache.load(oid(1), tid(1), missing)];
    for (const one of asked) await assertRejects(() => Promise.resolve(one), POSKeyError, "No blob file");
    await assertRejects(() => cache.open(oid(1), tid(1), missing), POSKeyError);
    assertEquals(blobs(path), []);
    assertEquals([...Deno.readDirSync(join(path, "tmp"))], []);
    assertEquals(Deno.readTextFileSync(await cache.load(oid(1), tid(1), giving("now"))), "now");
  },
);

cacheTest("what is being received can't be seen under its name", async (path) => {
  await using cache = BlobCache.open(path);
  const goOn = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const loading = cache.load(oid(1), tid(1), async (file) => {
    file.write(bytes("first half, "));
    begun.resolve();
    await goOn.promise;
    file.write(bytes("second half"));
  });
  await begun.promise;
  assertEquals(blobs(path), []);
  goOn.resolve();
  assertEquals(Deno.readTextFileSync(await loading), "first half, second half");
});

cacheTest("a stored blob is adopted under its revision", async (path) => {
  await using cache = BlobCache.open(path);
  const file = cache.receive();
  file.write(bytes("stored"));
  file.close();
  assertEquals(file.path.startsWith(cache.temporaryDirectory), true);
  const adopting = cache.adopt(oid(7), tid(9), file.path);
  assertEquals(Deno.readTextFileSync(await cache.load(oid(7), tid(9), failing)), "stored");
  await adopting;
  assertEquals(Deno.statSync(cache.pathOf(oid(7), tid(9))).mode! & 0o777, 0o444);
  const again = cache.receive();
  again.close();
  await cache.adopt(oid(7), tid(9), again.path);
  assertEquals(Deno.readTextFileSync(cache.pathOf(oid(7), tid(9))), "stored");
  assertEquals([...Deno.readDirSync(join(path, "tmp"))], []);
});

cacheTest("a file of another file system is adopted by a copy", async (path) => {
  await using cache = BlobCache.open(path);
  const elsewhere = `/dev/shm/zeo-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(elsewhere, "from afar");
  await cache.adopt(oid(7), tid(9), elsewhere);
  assertEquals(Deno.readTextFileSync(cache.pathOf(oid(7), tid(9))), "from afar");
  assertThrows(() => Deno.statSync(elsewhere), Deno.errors.NotFound);
});

cacheTest("with a size limit, those go that nobody has asked for the longest", async (path) => {
  await using cache = BlobCache.open(path, { size: 10_000 });
  const content = giving(new Uint8Array(700));
  for (let number = 1; number <= 10; number++) await cache.load(oid(number), tid(1), content);
  await cache.checked();
  // Access times as they would be after a day: in another order than that of the names.
  for (let number = 1; number <= 10; number++) {
    const file = cache.pathOf(oid(number), tid(1));
    Deno.utimeSync(file, 1_700_000_000 + (number * 7) % 11, 1_700_000_000);
  }
  await cache.load(oid(8), tid(1), failing);
  assertEquals(Deno.statSync(cache.pathOf(oid(8), tid(1))).mtime!.getTime(), 1_700_000_000_000);
  // 10 files are 7000 bytes; 6 more are too many, and 4 have to go to get to 9000.
  await cache.load(oid(100), tid(1), giving(new Uint8Array(4200)));
  await cache.checked();
  // In the order of their times: 8 (but for having been asked for), 5, 2, 10, 7, 4, 1 …
  assertEquals(blobs(path).map((name) => Number(name.split("/")[0])).sort((a, b) => a - b), [
    ...[1, 3, 4, 6, 8, 9, 100],
  ]);
  assertEquals(cache.statistics.removed, 4);
  assertEquals(cache.statistics.removedBytes, 2800);
});

cacheTest(
  "room is made at once in a cache that has too much, and never for one without a limit",
  async (path) => {
    {
      await using cache = BlobCache.open(path);
      for (let number = 1; number <= 20; number++) {
        await cache.load(oid(number), tid(1), giving(new Uint8Array(1000)));
      }
      assertEquals(size(path), 20_000);
    }
    await using cache = BlobCache.open(path, { size: 10_000, sizeCheck: 50 });
    await cache.checked();
    assertEquals(size(path), 5000);
  },
);

cacheTest("a cache that is smaller than any blob still gives them out", async (path) => {
  await using cache = BlobCache.open(path, { size: 5 });
  for (let number = 1; number <= 5; number++) {
    using file = await cache.open(oid(number), tid(1), giving(`number ${number}`));
    assertEquals(await new Response(file.readable).text(), `number ${number}`);
  }
  await cache.checked();
  assertEquals(blobs(path), []);
});

cacheTest("R23: a cleaner in a tight loop takes no blob from under who opens it", async (path) => {
  await using cache = BlobCache.open(path);
  const stop = new AbortController();
  const cleaning = (async () => {
    let removed = 0;
    while (!stop.signal.aborted) {
      removed += (await cleanBlobCache(path, 0)).files;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return removed;
  })();
  const reader = async (number: number) => {
    for (let turn = 0; turn < 40; turn++) {
      const which = oid((number + turn) % 7);
      const file = await cache.open(which, tid(1), giving(`blob ${which} `.repeat(1000)));
      assertEquals(await new Response(file.readable).text(), `blob ${which} `.repeat(1000));
    }
  };
  await Promise.all(Array.from({ length: 5 }, (_, number) => reader(number)));
  stop.abort();
  assert(await cleaning > 0);
  assert(cache.statistics.misses > 7, "removed ones were fetched again");
});

cacheTest(
  "a blob that another client is just putting there is not removed, and holds nobody up",
  async (path) => {
    await using cache = BlobCache.open(path);
    await cache.load(oid(1), tid(1), giving("old"));
    await cache.load(oid(2), tid(1), giving("other"));
    const lock = Deno.openSync(join(path, "1/.lock"), { read: true, write: true });
    lock.lockSync(true);
    const cleaning = cleanBlobCache(path, 0);
    while (blobs(path).length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(blobs(path), ["1/0.0000000000000001.blob"]);
    lock.close();
    assertEquals((await cleaning).files, 2);
    assertEquals(blobs(path), []);
  },
);

cacheTest("files that are no blobs are neither counted nor removed", async (path) => {
  await using cache = BlobCache.open(path);
  await cache.load(oid(1), tid(1), giving("x"));
  for (const name of ["1/0.0000000000000002.blob.dl", "1/0x00ab12.tmp-", "readme.blob"]) {
    Deno.writeTextFileSync(join(path, name), "y".repeat(100));
  }
  Deno.mkdirSync(join(path, "notes"));
  Deno.writeTextFileSync(join(path, "notes/0.0000000000000002.blob"), "y".repeat(100));
  assertEquals(await cleanBlobCache(path, 50), { files: 0, bytes: 0 });
  assertEquals(await cleanBlobCache(path, 0), { files: 1, bytes: 1 });
  assertEquals(blobs(path), ["1/0.0000000000000002.blob.dl", "1/0x00ab12.tmp-"]);
});

cacheTest("a link in the place of a blob is not followed", async (path) => {
  await using cache = BlobCache.open(path);
  await cache.load(oid(1), tid(1), giving("x"));
  Deno.writeTextFileSync(join(path, "secret"), "secret");
  Deno.symlinkSync(join(path, "secret"), cache.pathOf(oid(1), tid(2)));
  assertEquals(Deno.readTextFileSync(await cache.load(oid(1), tid(2), giving("real"))), "real");
  assertEquals(Deno.readTextFileSync(join(path, "secret")), "secret");
});

cacheTest("what was left behind goes after a day; what Python left in the way goes at once", async (path) => {
  Deno.mkdirSync(join(path, "tmp"), { recursive: true });
  for (const name of ["zeo-1.upload", "zeo-2.download", "BUCabc"]) {
    Deno.writeTextFileSync(join(path, "tmp", name), "x");
  }
  Deno.utimeSync(join(path, "tmp/zeo-1.upload"), 1, 1);
  Deno.utimeSync(join(path, "tmp/BUCabc"), 1, 1);
  await using cache = BlobCache.open(path);
  assertEquals([...Deno.readDirSync(join(path, "tmp"))].map(({ name }) => name).sort(), [
    ...["BUCabc", "zeo-2.download"],
  ]);
  Deno.mkdirSync(join(path, "1"));
  Deno.writeTextFileSync(`${cache.pathOf(oid(1), tid(1))}.dl`, "half of it");
  await cache.load(oid(1), tid(1), giving("all"));
  assertEquals(blobs(path), ["1/0.0000000000000001.blob"]);
});

cacheTest("a cache that is emptied while it is in use goes on", async (path) => {
  await using cache = BlobCache.open(path, { size: 1000 });
  await cache.load(oid(1), tid(1), giving("one"));
  await cache.checked();
  for (const { name } of Deno.readDirSync(path)) {
    if (!name.startsWith(".")) Deno.removeSync(join(path, name), { recursive: true });
  }
  assertEquals(Deno.readTextFileSync(await cache.load(oid(1), tid(1), giving("one"))), "one");
  Deno.removeSync(path, { recursive: true });
  assertEquals(Deno.readTextFileSync(await cache.load(oid(2), tid(1), giving("two"))), "two");
  for (let id = 3; id < 20; id++) await cache.load(oid(id), tid(1), giving("x".repeat(100)));
  await cache.checked();
  assert(size(path) <= 1000, `${size(path)} bytes`);
});

cacheTest("a server's blob directory is not taken for a cache", async (path) => {
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(join(path, ".layout"), "bushy");
  assertThrows(
    () => BlobCache.open(path),
    StorageError,
    `selected for blob directory ${path}, but marker found for layout \`bushy\``,
  );
  await assertRejects(() => cleanBlobCache(path, 0), StorageError, 'layout "bushy", expected');
});

cacheTest("options that can't be are refused", async (path) => {
  await Promise.resolve();
  assertThrows(() => BlobCache.open(path, { size: -1 }), RangeError, "size -1: expected bytes, from 0 on");
  assertThrows(
    () => BlobCache.open(path, { sizeCheck: 100 }),
    RangeError,
    "sizeCheck 100: expected per cent",
  );
  assertThrows(() => BlobCache.open(path, { sizeCheck: -1 }), RangeError, "sizeCheck -1");
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
});

cacheTest("closing gives up what waits for another process", async (path) => {
  const cache = BlobCache.open(path);
  Deno.mkdirSync(join(path, "1"));
  const lock = Deno.openSync(join(path, "1/.lock"), { write: true, create: true });
  lock.lockSync(true);
  const loading = cache.load(oid(1), tid(1), failing);
  const refused = assertRejects(() => Promise.resolve(loading), StorageError, "the blob cache is closed");
  await cache.close();
  await refused;
  lock.close();
});

/** What a cache file says, and when: never that it has taken in what may be lost yet. */

import { assertEquals } from "@std/assert";
import { FileRecordCache } from "../../cache/file_record_cache.ts";
import { oid, tid } from "../../values/mod.ts";
import { until } from "../server/serving.ts";
import { withCachePath } from "./folder.ts";
import { LossyFile } from "./lossy_file.ts";

/** A file that remembers what is done to it, and whose `sync` waits where the test says so. */
class WatchedFile extends LossyFile {
  /** `sync`, `header` and `write`, one after the other. */
  readonly calls: string[] = [];
  /** How many times `sync` has begun. */
  begun = 0;
  #gate?: PromiseWithResolvers<void>;

  /** From now on `sync` waits. */
  shut(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Lets what waits pass, and the next one wait again. */
  release(): void {
    this.#gate?.resolve();
    this.shut();
  }

  override write(bytes: Uint8Array, start: number, end: number, position: number): void {
    this.calls.push(position === 0 ? "header" : "write");
    super.write(bytes, start, end, position);
  }

  override async sync(): Promise<void> {
    this.begun++;
    await this.#gate?.promise;
    await super.sync();
  }

  override syncNow(): void {
    this.calls.push("sync");
    super.syncNow();
  }

  /** The last transaction that the file says it has taken in. */
  get lastTid(): bigint {
    return new DataView(this.image().buffer).getBigUint64(4);
  }
}

function watched(
  body: (file: WatchedFile, open: (syncInterval: number) => FileRecordCache) => Promise<void>,
): Promise<void> {
  return withCachePath(async (path) => {
    Deno.writeFileSync(path, new Uint8Array());
    const file = new WatchedFile();
    await body(
      file,
      (syncInterval) => FileRecordCache.openOn(path, { size: 5000, syncInterval }, () => file),
    );
  });
}

const data = new Uint8Array(100);

Deno.test("R16: a cache that is closed says what it has taken in when that is durable, and that is made durable too", () =>
  watched(async (file, open) => {
    {
      await using cache = open(1e6);
      cache.store(oid(1), tid(10), null, data);
      cache.setLastTid(tid(10));
      cache.invalidate(oid(1), tid(20));
      cache.setLastTid(tid(20));
      file.calls.length = 0;
    }
    assertEquals(file.calls, ["sync", "header", "sync"]);
    assertEquals(file.lastTid, 20n);
  }));

Deno.test("R16: a cache that is cleared is empty on the disk before anything new is in it", () =>
  watched(async (file, open) => {
    await using cache = open(1e6);
    cache.store(oid(1), tid(10), null, data);
    cache.setLastTid(tid(10));
    cache.clear();
    assertEquals(file.calls.at(-1), "sync");
  }));

Deno.test("R16: what a cache was about to say when it was cleared is not said any more", () =>
  watched(async (file, open) => {
    await using cache = open(0);
    file.shut();
    cache.store(oid(1), tid(100), null, data);
    cache.setLastTid(tid(100));
    await until(() => file.begun === 1, "it is made durable");
    // The server went back in time.
    cache.clear();
    cache.store(oid(1), tid(40), null, data);
    cache.setLastTid(tid(50));
    file.release();
    await until(() => file.begun === 2, "the next time");
    assertEquals(file.lastTid, 0n);
    file.release();
    await until(() => file.lastTid === 50n, "it says what it has taken in since");
  }));

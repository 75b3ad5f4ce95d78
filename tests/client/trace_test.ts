/** `ZEO_CACHE_TRACE` has a client's cache file traced, as in the original. */

import { assertEquals } from "@std/assert";
import { ClientStorage } from "../../client.ts";
import { readTrace } from "../../cache/mod.ts";
import { oid, tid } from "../../values/mod.ts";
import { CapturedLog } from "../server/serving.ts";

const NAME = "ZEO_CACHE_TRACE";
const permissions = { read: true, write: true, net: true, sys: true } as const;

Deno.test.beforeAll(() => Deno.env.set(NAME, "1"));
Deno.test.afterAll(() => Deno.env.delete(NAME));

/** A client that never has a server looks into its cache; the events of the trace, or undefined without one. */
async function traced(prepare: (folder: string) => void = () => {}): Promise<number | undefined> {
  const folder = await Deno.makeTempDir();
  try {
    prepare(folder);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    {
      await using storage = new ClientStorage(port, { cache: `${folder}/client.zec` });
      storage.cached(oid(1), tid(2));
    }
    const path = `${folder}/client.zec.trace`;
    if (![...Deno.readDirSync(folder)].some(({ name, isFile }) => isFile && path.endsWith(name))) return;
    const file = Deno.openSync(path);
    return (await Array.fromAsync(readTrace(file.readable))).length;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("ZEO_CACHE_TRACE has what is asked of a cache file traced beside it", async () => {
  assertEquals(await traced(), 2);
  Deno.env.set(NAME, "");
  assertEquals(await traced(), undefined);
  Deno.env.set(NAME, "1");
});

Deno.test("a trace that can't be written is told in the log, and the cache is used without", async () => {
  await using log = await CapturedLog.start();
  assertEquals(await traced((folder) => Deno.mkdirSync(`${folder}/client.zec.trace`)), undefined);
  assertEquals(log.matching(/cannot write tracefile '.*client\.zec\.trace'/).length, 1);
});

Deno.test({
  name: "a ZEO_CACHE_TRACE that may not be read counts as unset",
  permissions,
  fn: async () => assertEquals(await traced(), undefined),
});

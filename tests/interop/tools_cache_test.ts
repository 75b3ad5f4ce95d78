/** The tools for cache files, traces, exports and server addresses beside the original's. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileRecordCache } from "../../cache/mod.ts";
import { oid, tid } from "../../values/mod.ts";
import { zeo, zeoOutput } from "./operator.ts";
import { interopTest } from "./peers.ts";

interface Contents {
  readonly current: { readonly count: number };
  readonly nonCurrent: { readonly count: number };
  readonly lastTid: string;
}

async function contents(path: string): Promise<Contents> {
  return JSON.parse(await zeoOutput("cache", "stats", "--json", path));
}

await interopTest("cache stats finds in cache files what Python finds", async (peers) => {
  const python = peers.session();
  const size = 40_000, theirs = `${peers.folder}/theirs.zec`, ours = `${peers.folder}/ours.zec`;
  await python.call("caches.make", { path: theirs, size, seed: 7, steps: 800, objects: 60 });
  {
    await using cache = FileRecordCache.open(ours, { size });
    for (let id = 1; id <= 50; id++) {
      cache.store(oid(id), tid(id), null, new Uint8Array(id * 10));
      if (id % 3 === 0) cache.invalidate(oid(id), tid(id + 1));
      cache.setLastTid(tid(id + 1));
    }
  }
  for (const path of [theirs, ours]) {
    const { current, nonCurrent, lastTid } = await contents(path);
    assert(current.count > 10 && nonCurrent.count > 3, path);
    assertEquals(
      { objects: current.count, records: current.count + nonCurrent.count, last: lastTid },
      await python.call("tools_cache.contents", { path, size }),
    );
  }
});

/** Our report and cache_stats' without what only one of them has: words for codes, how long it took, headings. */
function comparable(report: string): string[] {
  return report.split("\n").filter((line) => line.trim() !== "" && !/^(Versions:|Histogram)/.test(line))
    .map((line) => line.replace(/ in [\d.]+ seconds$/, "").replace(/^( +[\d,]+ +[0-9a-f]{2}) .*/, "$1"))
    .map((line) => line.replace(/^( +Count Code) .*/, "$1"));
}

await interopTest("cache trace prints what cache_stats prints", async (peers) => {
  const python = peers.session();
  const path = `${peers.folder}/client.trace`;
  await python.call("tools_cache.write_trace", { path, seed: 3, count: 1500 });
  for (const options of [[], ["-q", "--load-histogram"], ["-v", "-i", "5"], ["-s"]]) {
    const ours = await zeoOutput("cache", "trace", ...options, path);
    const theirs = await python.call<string>("tools_cache.cache_stats", { path, arguments: options });
    assertEquals(comparable(ours), comparable(theirs), options.join(" "));
  }
});

interface SimulatedCaches {
  readonly caches: readonly { readonly loads: number; readonly hits: number; readonly evictions: number }[];
}

await interopTest(
  "where nothing has to go, a simulated cache hits what cache_simul says, and a small one less",
  async (peers) => {
    const python = peers.session();
    for (const seed of [1, 2]) {
      const path = `${peers.folder}/client-${seed}.trace`;
      await python.call("tools_cache.write_trace", { path, seed, count: 3000 });
      const call = ["cache", "simulate", "--json", path, "--size", "50KB,2MB"];
      const { caches: [small, ample] }: SimulatedCaches = JSON.parse(await zeoOutput(...call));
      assertEquals(ample.evictions, 0);
      assertEquals(
        [ample.loads, ample.hits],
        await python.call("tools_cache.cache_simul", { path, megabytes: 2 }),
      );
      assert(small.evictions > 0 && small.hits < ample.hits && small.hits > ample.hits / 2, `${small.hits}`);
    }
  },
);

await interopTest(
  "what Python exports is imported here, and the other way round, blobs included",
  async (peers) => {
    const python = peers.session();
    const [theirs, ours] = [`${peers.folder}/theirs.fs`, `${peers.folder}/ours.fs`];
    const [first, second] = [`${peers.folder}/first.zexp`, `${peers.folder}/second.zexp`];
    await python.call("tools_cache.export", { path: theirs, target: first });
    // An empty file is a database without objects.
    await Deno.writeTextFile(ours, "");
    await zeoOutput("import", ours, first, "--at", "taken", "--blob-dir", `${ours}-blobs`);
    const expected = await python.call("tools_cache.folder", { path: theirs, name: "folder" });
    assertEquals(expected, ["a folder", [1, 2], "a blob's content", true]);
    assertEquals(await python.call("tools_cache.folder", { path: ours, name: "taken" }), expected);
    const { records } = JSON.parse((await zeoOutput("dump", "--json", ours)).trimEnd().split("\n").at(-1)!);
    const folder = records.find(({ class: name, size }: { class: string; size: number }) =>
      name === "persistent.mapping.PersistentMapping" && size > 100
    );
    await zeoOutput("export", ours, folder.oid, second, "--blob-dir", `${ours}-blobs`);
    await python.call("tools_cache.import_file", { path: theirs, source: second, name: "back" });
    assertEquals(await python.call("tools_cache.folder", { path: theirs, name: "back" }), expected);
  },
);

await interopTest("a server's database is copied and exported by its address", async (peers) => {
  const python = peers.session();
  await python.call("tools.generate", { path: `${peers.folder}/Data.fs` });
  for (const kind of ["ours", "runzeo"] as const) {
    await using server = await peers.start({ kind });
    const [host, port] = server.address as [string, number];
    const address = `${host}:${port}`, copy = `${peers.folder}/${kind}.fs`;
    const refused = await zeo("copy", address, copy);
    assertEquals(refused.code, 1);
    assertMatch(refused.messages, /is a blob, and .* keeps no blobs; --from-blobs says where they are/);
    await zeoOutput("copy", "--without-blobs", address, copy);
    const exporting = ["export", `zeo://${address}`, "root", `${peers.folder}/${kind}.zexp`];
    assertMatch((await zeo(...exporting)).messages, /is a blob, and there is no blob directory/);
    assertEquals((await server.stop()).code, 0);
    const storages = `<filestorage 1>\n  path Data.fs\n  blob-dir Data.fs-blobs\n</filestorage>`;
    await using withBlobs = await peers.start({ kind, storages });
    const [, port2] = withBlobs.address as [string, number];
    const all = ["export", `zeo://${host}:${port2}`, "root", `${peers.folder}/${kind}.zexp`];
    await zeoOutput(...all, "--blob-dir", `${peers.folder}/${kind}-cache`);
    assertEquals((await withBlobs.stop()).code, 0);
    assertEquals(
      await python.call("files.listing", { path: copy }),
      await python.call("files.listing", { path: `${peers.folder}/Data.fs` }),
    );
  }
});

await interopTest(
  "a transaction that Python holds between vote and finish is in progress, and no damage",
  async (peers) => {
    const python = peers.session();
    const path = `${peers.folder}/Data.fs`;
    await python.call("tools.generate", { path });
    await zeoOutput("verify", path);
    await python.call("tools_cache.vote", { path });
    const held = await zeo("verify", path);
    assertEquals(held.code, 0, held.output);
    assertMatch(held.messages, /there is a transaction in progress/);
    await python.call("tools_cache.finish", {});
    const finished = await zeo("verify", path);
    assertEquals([finished.code, finished.messages], [0, ""]);
  },
);

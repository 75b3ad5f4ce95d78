import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileRecordCache } from "../../cache/mod.ts";
import { oid, tid } from "../../values/mod.ts";
import { inFolder, zeo, zeoJson } from "./run.ts";

/** Bytes of a trace's event: what the format says of it. */
function event(time: number, code: number, id: number, serial = 0, end = 0, length = 0): Uint8Array {
  const bytes = new Uint8Array(code === 0 ? 26 : 34), view = new DataView(bytes.buffer);
  view.setUint32(0, time);
  view.setUint32(4, length * 256 + code);
  view.setUint16(8, code === 0 ? 0 : 8);
  view.setBigUint64(10, BigInt(serial));
  view.setBigUint64(18, BigInt(end));
  if (code !== 0) view.setBigUint64(26, BigInt(id));
  return bytes;
}

function trace(...events: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(events.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of events) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

// 2023-11-14, seven minutes before a quarter of an hour ends.
const NOW = 1_699_999_800;

interface Contents {
  readonly objects: number;
  readonly current: { readonly count: number; readonly bytes: number };
  readonly nonCurrent: { readonly count: number; readonly bytes: number };
  readonly unbelieved: { readonly count: number };
  readonly lastTid: string;
  readonly locked: boolean;
}

// From tests/fixtures/cache/cases.json, where Python says what is in its file.
Deno.test("a cache file by Python shows the records and the last transaction that Python finds", async () => {
  const folder = new URL("../fixtures/cache/", import.meta.url).pathname;
  interface Case {
    readonly lastTid: number;
    readonly records: number;
    readonly current: unknown[];
  }
  const cases: Record<string, Case> = JSON.parse(await Deno.readTextFile(`${folder}cases.json`));
  for (const [name, { lastTid, records, current }] of Object.entries(cases)) {
    const found = await zeoJson<Contents>("cache", "stats", `${folder}${name}.zec`);
    const believed = found.current.count + found.nonCurrent.count;
    assertEquals(believed + found.unbelieved.count, records, name);
    assertEquals([found.current.count, found.lastTid], [
      current.length,
      lastTid.toString(16).padStart(16, "0"),
    ], name);
  }
});

Deno.test("a cache file is shown while a client has it open, which is said, and as a copy", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/client.zec`;
    {
      await using cache = FileRecordCache.open(path, { size: 10_000 });
      cache.store(oid(1), tid(5), null, new Uint8Array(100));
      cache.store(oid(2), tid(4), tid(5), new Uint8Array(50));
      cache.store(oid(2), tid(5), null, new Uint8Array(60));
      cache.setLastTid(tid(7));
    }
    await Deno.copyFile(path, `${folder}/copy.zec`);
    await using _open = FileRecordCache.open(path, { size: 10_000 });
    for (const [name, locked] of [["client", true], ["copy", false]] as const) {
      const report = await zeoJson<Contents>("cache", "stats", `${folder}/${name}.zec`);
      assertEquals([report.objects, report.current, report.nonCurrent, report.locked], [
        2,
        { count: 2, bytes: 160 },
        { count: 1, bytes: 50 },
        locked,
      ]);
      const { messages, output } = await zeo("cache", "stats", `${folder}/${name}.zec`);
      assertEquals(/a client has it open/.test(messages), locked);
      assertMatch(output, /^current +2 records +160 bytes$/m);
    }
    // It can be had by nobody else all the same, and by others when it is free again.
    await using _other = FileRecordCache.open(`${folder}/copy.zec`, { size: 10_000 });
  });
});

Deno.test("what is no cache file, or no trace, is refused with what was found", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "neither a cache nor a trace, and long enough to be one");
    const stats = await zeo("cache", "stats", `${folder}/text`);
    assertEquals(stats.code, 1);
    assertMatch(stats.messages, /text: starts with 6e656974: expected 5a454333/);
    for (const tool of ["trace", "simulate"]) {
      const { code, messages } = await zeo("cache", tool, `${folder}/text`);
      assertEquals(code, 1);
      assertMatch(messages, /text: at 0: object id of \d+ bytes, expected 8: not a trace/);
    }
    assertEquals((await zeo("cache", "trace", `${folder}/missing`)).code, 1);
    for (
      const [message, ...args] of [
        [/cache "sizes": expected stats, trace, simulate/, "sizes", "x"],
        [/cache stats has no option --size/, "stats", "x", "--size", "1MB"],
        [/--size "many": expected bytes/, "simulate", `${folder}/text`, "--size", "1MB,many"],
        [/--interval 61: expected minutes, at most 60/, "trace", `${folder}/text`, "-i", "61"],
      ] as const
    ) {
      const { code, messages } = await zeo("cache", ...args);
      assertEquals(code, 2, messages);
      assertMatch(messages, message);
    }
  });
});

interface Traced {
  readonly loads: number;
  readonly hits: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly intervals: readonly { readonly loads: number; readonly hits: number; readonly restart: boolean }[];
}

Deno.test("a trace is counted in intervals; what is cut off at its end is left out, and that is said", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/client.zec.trace`;
    const events = trace(
      event(NOW, 0x00, 0),
      event(NOW + 1, 0x20, 1),
      event(NOW + 1, 0x52, 1, 5, 0, 100),
      event(NOW + 2, 0x22, 1, 5, 0, 100),
      event(NOW + 3, 0x1c, 1, 9),
      event(NOW + 900, 0x26, 1, 5, 9, 100),
    );
    await Deno.writeFile(path, trace(events, event(NOW, 0x20, 1).slice(0, 20)));
    const { output, messages, code } = await zeo("cache", "trace", path);
    assertEquals(code, 0);
    assertMatch(messages, /20 bytes at the end are no whole event; left out/);
    assertMatch(output, /^Hit rate: +66\.7% /m);
    const counted = await zeoJson<Traced>("cache", "trace", path);
    assertEquals([counted.loads, counted.hits], [3, 2]);
    assertEquals(counted.codes, { "00": 1, "1c": 1, "20": 1, "22": 1, "26": 1, "52": 1 });
    assertEquals(counted.intervals.map(({ loads, hits, restart }) => [loads, hits, restart]), [
      [0, 0, true],
      [2, 1, false],
      [1, 1, false],
    ]);
    const packed = new Response(
      new Blob([events.slice()]).stream().pipeThrough(new CompressionStream("gzip")),
    );
    await Deno.writeFile(`${path}.gz`, await packed.bytes());
    assertEquals((await zeo("cache", "trace", `${path}.gz`)).output, output);
  });
});

interface SimulatedCaches {
  readonly caches: readonly {
    readonly size: number;
    readonly loads: number;
    readonly hits: number;
    readonly evictions: number;
    readonly records: number;
  }[];
}

Deno.test("a simulated cache has what fits into it: a small one hits less, and a trace's own cache is no limit", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/client.zec.trace`, events = [event(NOW, 0x00, 0)];
    // Twenty objects of 1,000 bytes in turn, three times; the cache that was traced had none of them the second time.
    for (let round = 0; round < 3; round++) {
      for (let id = 1; id <= 20; id++) {
        if (round === 2) events.push(event(NOW + round, 0x22, id, 5, 0, 1000));
        else events.push(event(NOW + round, 0x20, id), event(NOW + round, 0x52, id, 5, 0, 1000));
      }
    }
    await Deno.writeFile(path, trace(...events));
    for (const kind of [[], ["--memory"]]) {
      const { caches: [small, large] } = await zeoJson<SimulatedCaches>(
        ...["cache", "simulate", path, "--size", "100KB,5000", ...kind],
      );
      assertEquals([small.size, large.size], [5000, 102_400]);
      assertEquals([large.loads, large.hits, large.evictions, large.records], [60, 40, 0, 20]);
      assert(small.hits < 10 && small.evictions > 40 && small.records <= 5, JSON.stringify(small));
    }
    const { output } = await zeo("cache", "simulate", path, "--size", "100KB");
    assertMatch(output, /^ +100KB +60 +40 +66\.7% +0 +20 +0 +20\.0 kB$/m);
  });
});

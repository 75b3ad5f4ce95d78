import { assert, assertEquals } from "@std/assert";
import { FileRecordCache, type RecordCache } from "../../cache/mod.ts";
import { oid, tid } from "../../values/mod.ts";
import { withCachePath } from "./folder.ts";

/** Object, moment asked for, serial, end. */
type Answer = [number, number, number, number | null];

/** What Python says of a file of its own; see tests/fixtures/make_cache_fixtures.py. */
interface Case {
  readonly about: string;
  readonly size: number;
  readonly lastTid: number;
  readonly records: number;
  readonly current: [number, number][];
  readonly answers: Answer[];
  /** By object and serial. */
  readonly data: Readonly<Record<string, string>>;
}

const fixtures = new URL("../fixtures/cache/", import.meta.url);
const cases: Record<string, Case> = JSON.parse(Deno.readTextFileSync(new URL("cases.json", fixtures)));

/** All that a cache says of the objects of a case; the records have to be Python's. */
function answersOf(cache: RecordCache, { data: expected }: Case): Answer[] {
  const answers: Answer[] = [];
  for (let id = 0; id < 12; id++) {
    for (let before = 1; before <= 61; before++) {
      const found = cache.loadBefore(oid(id), tid(before));
      if (found === undefined) continue;
      const { serial, end, data } = found;
      assertEquals(new TextDecoder().decode(data), expected[`${id} ${serial}`]);
      answers.push([id, before, Number(serial), end === null ? null : Number(end)]);
    }
  }
  return answers;
}

/** The object and serial of the record that lies at the start of a file's blocks. */
function firstRecord(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer);
  return bytes[12] === 0x61 ? `${view.getBigUint64(17)} ${view.getBigUint64(25)}` : undefined;
}

for (const [name, expected] of Object.entries(cases)) {
  Deno.test(`Python's cache file "${name}" says to us what it says to Python: ${expected.about}`, () =>
    withCachePath(async (path) => {
      const bytes = Deno.readFileSync(new URL(`${name}.zec`, fixtures));
      Deno.writeFileSync(path, bytes);
      // Our stamp goes where Python's first record is: that one record is given up.
      const displaced = firstRecord(bytes);
      const kept = expected.answers.filter(([id, _, serial]) => `${id} ${serial}` !== displaced);
      for (let turn = 0; turn < 2; turn++) {
        await using cache = FileRecordCache.open(path, { size: expected.size, memory: 0 });
        assertEquals(Number(cache.lastTid), expected.lastTid);
        assertEquals(answersOf(cache, expected).join("\n"), kept.join("\n"));
        assertEquals(
          [...cache.contents()].map(({ oid, serial }) => `${oid} ${serial}`).sort(),
          expected.current.map(([oid, serial]) => `${oid} ${serial}`).filter((one) => one !== displaced)
            .sort(),
        );
        const { records, corrupt } = cache.statistics;
        assertEquals([records, corrupt], [expected.records - (displaced === undefined ? 0 : 1), 0]);
      }
    }));

  Deno.test(`Python's cache file "${name}" goes on in our hands, in other sizes too`, () =>
    withCachePath(async (path) => {
      for (const size of [expected.size, Math.floor(expected.size / 2), expected.size * 2]) {
        Deno.copyFileSync(new URL(`${name}.zec`, fixtures), path);
        const known = new Set(expected.answers.map(String));
        {
          await using cache = FileRecordCache.open(path, { size });
          for (const answer of answersOf(cache, expected)) assert(known.has(String(answer)), String(answer));
          for (let id = 100; id < 140; id++) {
            cache.store(oid(id), tid(1), null, new Uint8Array(id));
            assertEquals(cache.load(oid(id))?.data.length, id);
          }
          cache.setLastTid(tid(Math.max(1, expected.lastTid)));
        }
        assertEquals(Deno.statSync(path).size, size);
        await using cache = FileRecordCache.open(path, { size });
        assertEquals(cache.load(oid(139))?.data.length, 139);
        assertEquals(cache.statistics.corrupt, 0);
        for (const answer of answersOf(cache, expected)) assert(known.has(String(answer)), String(answer));
      }
    }));
}

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { checkDataFile, salvage, type SalvageOptions, type SalvageReport } from "../../../storage/mod.ts";
import { readRecordHeader } from "../../../storage/file/format.ts";
import { FileStorageError } from "../../../values/mod.ts";
import { fileStorageFixtures } from "../../fixtures/mod.ts";
import { textOf } from "../samples.ts";
import { byteKinds, changed, history, PATH, places, undone } from "./check_samples.ts";
import { MemoryDisk } from "./memory_disk.ts";

const TARGET = "/d/Rescued.fs";

/** Salvages a file that is in memory; answers the report and the new file's bytes. */
async function rescue(
  bytes: Uint8Array,
  options: SalvageOptions = {},
): Promise<{ report: SalvageReport; rescued: Uint8Array; sound: boolean }> {
  const disk = new MemoryDisk({ [PATH]: bytes });
  const report = await salvage(PATH, TARGET, { ...options, disk });
  assertEquals(disk.content(PATH), bytes);
  assert(disk.changes.every((change) => change.includes(TARGET) || change === "sync /d"), `${disk.changes}`);
  assertEquals(disk.openFiles, 0);
  const { total } = await checkDataFile(TARGET, { disk });
  return { report, rescued: disk.content(TARGET), sound: total === 0 };
}

for (const fixture of fileStorageFixtures()) {
  if (/^(wrong|torn_(?!base)|trailing|voted|magic|status_u)/.test(fixture.name)) continue;
  Deno.test(`a sound file by Python is salvaged as it is: ${fixture.name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = fixture.copyTo(folder);
      const report = await salvage(path, `${folder}/Rescued.fs`);
      assertEquals(report.findings, []);
      assertEquals(await Deno.readFile(`${folder}/Rescued.fs`), await Deno.readFile(path));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** How many of the four transactions of damaged fixtures are left, without and with those that are in part. */
const LEFT: Readonly<Record<string, readonly [whole: number, partial: number]>> = {
  voted: [3, 3],
  voted_first: [4, 4],
  voted_in_the_middle: [4, 4],
  torn_record_data: [3, 3],
  trailing_garbage: [4, 4],
  magic_old: [4, 4],
  wrong_last_record_too_long: [3, 4],
  wrong_last_trailing_length: [4, 4],
  wrong_length_below_header: [4, 4],
  wrong_length_beyond_end: [4, 4],
  wrong_length_huge: [4, 4],
  wrong_length_zero: [4, 4],
  wrong_previous_missing: [4, 4],
  wrong_previous_pointer: [4, 4],
  wrong_record_huge: [3, 4],
  wrong_record_tid: [3, 4],
  wrong_record_too_long: [3, 4],
  wrong_time_reduction: [3, 4],
  wrong_trailing_length: [4, 4],
  wrong_transaction_location: [3, 4],
  wrong_user_too_long: [3, 4],
  wrong_version_length: [3, 4],
};

for (const fixture of fileStorageFixtures()) {
  const left = LEFT[fixture.name];
  if (!left) continue;
  Deno.test(`S21 all that is whole in a damaged file is salvaged: ${fixture.name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const bytes = await Deno.readFile(fixture.copyTo(folder));
      for (const [partial, expected] of [[false, left[0]], [true, left[1]]] as const) {
        const { report, sound } = await rescue(bytes, { partial });
        assertEquals([report.transactions, sound], [expected, true], `partial ${partial}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("S21 whatever byte of the format is damaged, all other transactions are salvaged", async () => {
  const { bytes } = await history();
  const kinds = byteKinds(bytes), all = places(bytes);
  const positions = fc.nat(bytes.length - 1).filter((position) =>
    !["text", "data"].includes(kinds[position])
  );
  await fc.assert(
    fc.asyncProperty(
      positions,
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (position, bits, partial) => {
        const { report, sound } = await rescue(changed(bytes, position, bytes[position] ^ bits), { partial });
        assert(sound);
        // What shares data with a record that is lost is lost with it.
        const lost = new Set(
          report.findings.filter(({ kind }) => kind === "back").map((finding) => finding.position),
        );
        const sharing = all.filter(({ records }) => records.some((record) => lost.has(record)));
        assert(report.transactions >= all.length - 1 - sharing.length, JSON.stringify(report.findings));
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("S21 a stretch of zeros costs the transactions that it touches and no other", async () => {
  const { bytes } = await history();
  const all = places(bytes);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 600 }), async (from, length) => {
      const damaged = bytes.slice();
      damaged.fill(0, Math.max(from, 4), from + length);
      const touched = all.filter(({ position, end }) => position < from + length && end > from).length;
      const { report, sound } = await rescue(damaged, { partial: true });
      assert(sound || report.counts.lost === undefined);
      const sharing = report.counts.back ?? 0;
      assert(report.transactions >= all.length - touched - sharing, JSON.stringify(report.findings));
    }),
    { numRuns: 200 },
  );
});

Deno.test("data that is shared with a transaction that is left out is copied", async () => {
  const { bytes } = await undone();
  const [first, , third] = places(bytes);
  const { report, rescued, sound } = await rescue(changed(bytes, first.records[1] + 33, 1));
  assertEquals([report.transactions, report.skipped, sound], [2, 1, true]);
  const [, last] = places(rescued);
  const header = readRecordHeader(rescued, last.records[0], last.records[0]);
  assertEquals(textOf(rescued.subarray(last.records[0] + 42, last.records[0] + 42 + header.size)), "one");
  assertEquals(last.records.length, third.records.length);
});

Deno.test("data that is shared with a damaged record is reported, and its record left out", async () => {
  const { bytes } = await undone();
  const [first, , third] = places(bytes);
  // The record's own mark of where its transaction is: whether it is this object's can't be told any more.
  const damaged = changed(bytes, first.records[0] + 31, 5);
  const whole = await rescue(damaged);
  assertEquals([whole.report.transactions, whole.report.skipped, whole.sound], [1, 2, true]);
  const partial = await rescue(damaged, { partial: true });
  assertEquals([partial.report.transactions, partial.report.partial, partial.sound], [3, 2, true]);
  const back = partial.report.findings.find(({ kind }) => kind === "back");
  assertEquals(back, {
    position: third.records[0],
    kind: "back",
    message: `record of 0x01 shares the data at ${first.records[0]}, which is lost: left out`,
  });
  assertEquals(places(partial.rescued).map(({ records }) => records.length), [1, 1, 1]);
});

Deno.test("nothing is overwritten", async () => {
  const { bytes } = await undone();
  for (const taken of [TARGET, `${TARGET}.index`, PATH]) {
    const disk = new MemoryDisk({ [PATH]: bytes, [taken]: bytes });
    const target = taken === PATH ? PATH : TARGET;
    const error = await assertRejects(() => salvage(PATH, target, { disk }), FileStorageError);
    assertEquals(error.message, `${taken}: is there already, and is not overwritten`);
    assertEquals(disk.changes, []);
  }
});

Deno.test("what has the new file's name is whole", async () => {
  const { bytes } = await history();
  const disk = new MemoryDisk({ [PATH]: bytes });
  let writes = 0;
  disk.beforeChange = (change) => {
    if (!change.startsWith("write")) return;
    writes++;
    assertEquals(disk.exists(TARGET), false);
  };
  await salvage(PATH, TARGET, { disk });
  assert(writes > 0);
  assertEquals([disk.content(TARGET), disk.exists(`${TARGET}.part`)], [bytes, false]);
});

Deno.test("a salvage that is broken off, or whose disk is full, leaves nothing behind", async () => {
  const { bytes } = await history();
  const disk = new MemoryDisk({ [PATH]: bytes });
  disk.beforeChange = (change) => {
    if (change.startsWith("write")) throw new Error("no space left");
  };
  await assertRejects(() => salvage(PATH, TARGET, { disk }), Error, "no space left");
  assertEquals([disk.exists(TARGET), disk.exists(`${TARGET}.part`), disk.openFiles], [false, false, 0]);
  const reason = new Error("enough");
  const stopped = new MemoryDisk({ [PATH]: bytes });
  const rejected = salvage(PATH, TARGET, { disk: stopped, signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(() => rejected), reason);
  assertEquals([stopped.exists(TARGET), stopped.openFiles], [false, 0]);
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Global, PersistentReference, tuple, writeRecord } from "../../../pickle/mod.ts";
import {
  checkDataFile,
  type CheckOptions,
  type CheckReport,
  compressRecord,
  FileStorage,
  type FindingKind,
} from "../../../storage/mod.ts";
import { NO_TID, oid, oidBytes } from "../../../values/mod.ts";
import { fileStorageFixtures } from "../../fixtures/mod.ts";
import { commit, randomNumbers, record } from "../samples.ts";
import { byteKinds, changed, history, PATH, places, type Sample } from "./check_samples.ts";
import { MemoryDisk } from "./memory_disk.ts";

/** Checks a file that is in memory. */
function check(bytes: Uint8Array, index?: Uint8Array, options: CheckOptions = {}): Promise<CheckReport> {
  const files: Record<string, Uint8Array> = { [PATH]: bytes };
  if (index) files[`${PATH}.index`] = index;
  return checkDataFile(PATH, { ...options, disk: new MemoryDisk(files) });
}

/** What is wrong with the fixtures that are not as they should be. `many_oids` has records that are no pickles. */
const WRONG: Readonly<Record<string, readonly FindingKind[]>> = {
  many_oids: ["data"],
  index_dangerous: ["index"],
  index_empty: ["index"],
  index_garbage: ["index"],
  index_missing_newest: ["index"],
  index_no_end: ["index"],
  index_position_beyond: ["index"],
  index_position_inside: ["index"],
  index_position_small: ["index"],
  index_position_zero: ["index"],
  index_ragged_bucket: ["index"],
  index_truncated: ["index"],
  index_wrong_newest: ["index"],
  index_wrong_older: ["index"],
  magic_foreign: ["format", "tail"],
  magic_old: ["format"],
  magic_short: ["format"],
  status_undone: ["status", "reference"],
  status_unknown: ["status"],
  torn_with_index_beyond: ["index", "tail"],
  voted: ["tail"],
  voted_first: ["status"],
  voted_in_the_middle: ["status"],
  voted_with_index: ["tail"],
  wrong_last_record_too_long: ["lost"],
  wrong_last_trailing_length: ["length"],
  wrong_length_below_header: ["length"],
  wrong_length_beyond_end: ["length"],
  wrong_length_huge: ["length"],
  wrong_length_zero: ["length"],
  wrong_previous_missing: ["previous"],
  wrong_previous_pointer: ["previous"],
  wrong_record_huge: ["lost"],
  wrong_record_tid: ["tid"],
  wrong_record_too_long: ["lost"],
  wrong_record_too_short: ["lost"],
  wrong_time_reduction: ["tid"],
  wrong_trailing_length: ["length"],
  wrong_transaction_location: ["record"],
  wrong_user_too_long: ["length", "lost"],
  wrong_version_length: ["record"],
};

function kindsExpected(name: string): readonly FindingKind[] {
  if (WRONG[name]) return WRONG[name];
  return /^(torn_(?!base)|trailing_)/.test(name) ? ["tail"] : [];
}

for (const fixture of fileStorageFixtures()) {
  Deno.test(`S21 a check of a file by Python finds what is wrong and nothing else: ${fixture.name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = fixture.copyTo(folder);
      const before = Array.from(Deno.readDirSync(folder), ({ name }) => name);
      const report = await checkDataFile(path, { references: true });
      assertEquals(Object.keys(report.counts).sort(), kindsExpected(fixture.name).toSorted(), fixture.name);
      assertEquals(report.findings.length, report.total);
      const after = Array.from(Deno.readDirSync(folder), ({ name }) => name);
      assertEquals(after.toSorted(), before.toSorted());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Whether nothing in the file says the same as a byte, so that a change of it can't be found. */
function saidOnce(sample: Sample, position: number, value: number): boolean {
  const [first] = places(sample.bytes);
  // The first transaction might as well be the last one that was packed.
  return position === first.position + 16 && value === 0x70;
}

Deno.test("S21 every changed byte that is part of the format is found", async () => {
  const sample = await history();
  const { bytes, index } = sample;
  assertEquals((await check(bytes, index, { references: false })).total, 0);
  const random = randomNumbers(7), kinds = byteKinds(bytes);
  const missed: string[] = [];
  let tried = 0;
  for (const [position, kind] of kinds.entries()) {
    if (kind === "text" || kind === "data") continue;
    const values = [1, 128, Math.floor(1 + random() * 255)].map((bits) => bytes[position] ^ bits);
    for (const value of values) {
      if (saidOnce(sample, position, value)) continue;
      tried++;
      const { total } = await check(changed(bytes, position, value), index);
      if (total === 0) missed.push(`${position} (${kind}): ${bytes[position]} became ${value}`);
    }
  }
  assertEquals(missed, []);
  assert(tried > 4000, `${tried}`);
});

Deno.test("S21 every changed byte of a compressed record is found", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/Data.fs`;
    {
      await using storage = FileStorage.open(path);
      await commit(storage, [[0, NO_TID, compressRecord(record("long ".repeat(50)))]]);
    }
    const bytes = await Deno.readFile(path);
    assertEquals((await check(bytes)).total, 0);
    for (const [position, kind] of byteKinds(bytes).entries()) {
      if (kind !== "data") continue;
      const { counts } = await check(changed(bytes, position, bytes[position] ^ 4));
      assertEquals(counts, { data: 1 }, `byte ${position}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a finding says where, what was found and what was expected", async () => {
  const { bytes, index } = await history();
  const [, second, third] = places(bytes);
  const damaged = changed(changed(bytes, second.records[0] + 33, 7), third.records[1] + 23, 99);
  const { findings } = await check(damaged, index);
  assertEquals(findings, [
    {
      position: second.records[0],
      kind: "record",
      message: "record has a version of 7 bytes, expected none",
    },
    {
      position: third.records[1],
      kind: "previous",
      message: `record of 0x04 says that its previous is at ${
        (places(bytes)[0].records[4] & ~0xff) + 99
      }, expected ${places(bytes)[0].records[4]}`,
    },
  ]);
});

Deno.test("after a destroyed stretch the check goes on with the next transaction", async () => {
  const { bytes } = await history();
  const [, , third, fourth] = places(bytes);
  const damaged = bytes.slice();
  damaged.fill(0, third.position - 30, third.position + 40);
  const report = await check(damaged);
  assertEquals(report.transactions, 10);
  assertEquals(report.end, bytes.length);
  const lost = report.findings.filter(({ kind }) => kind === "lost");
  assertEquals(lost.at(-1)!.message.endsWith("then another transaction begins"), true);
  assert(lost.every(({ position }) => position < fourth.position));
});

Deno.test("only so many findings are kept, and all are counted", async () => {
  const { bytes, index } = await history();
  const damaged = bytes.slice();
  for (const { records } of places(bytes)) for (const position of records) damaged[position + 33] = 1;
  const report = await check(damaged, index, { limit: 3 });
  const records = places(bytes).flatMap(({ records }) => records).length;
  assertEquals([report.findings.length, report.counts.record], [3, records]);
  // Back pointers that lead to these are wrong, too.
  assertEquals(report.total, records + report.counts.back!);
});

Deno.test("references to what is missing or deleted are found", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/Data.fs`;
    const target = new Global("m", "C");
    const referring = (...ids: number[]) =>
      writeRecord(target, ids.map((id) => new PersistentReference(tuple(oidBytes(oid(id)), target))));
    {
      await using storage = FileStorage.open(path);
      const first = await commit(storage, [[0, NO_TID, referring(1, 2, 3)], [1, NO_TID, "a"], [
        2,
        NO_TID,
        "b",
      ]]);
      const transaction = storage.begin({
        user: record(""),
        description: record(""),
        extension: new Uint8Array(),
      });
      transaction.deleteObject(oid(2), first);
      await transaction.vote();
      await transaction.finish();
    }
    assertEquals((await checkDataFile(path)).references, undefined);
    const { findings, references } = await checkDataFile(path, { references: true });
    assertEquals(references, 3);
    assertEquals(findings.filter(({ kind }) => kind === "reference").map(({ message }) => message), [
      "0x00 refers to 0x02, which was deleted",
      "0x00 refers to 0x03, which isn't there",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file can be checked while a storage writes to it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/Data.fs`;
    await using storage = FileStorage.open(path);
    let serial = await commit(storage, [[0, NO_TID, "root"], [1, NO_TID, "first"]]);
    let done = false;
    const writing = (async () => {
      for (let step = 0; !done || step < 20; step++) {
        serial = await commit(storage, [[1, serial, `step ${step}`]]);
      }
    })();
    for (let round = 0; round < 20; round++) {
      const report = await checkDataFile(path, { references: true });
      assertEquals(report.findings, []);
      assertEquals(report.objects, 2);
    }
    done = true;
    await writing;
    assertEquals((await checkDataFile(path)).lastTid, storage.lastTransaction());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a check tells how far it is, and can be broken off", async () => {
  const { bytes, index } = await history();
  const told: number[] = [];
  const report = await check(bytes, index, {
    progress: (done, total) => {
      assertEquals(total, bytes.length);
      told.push(done);
    },
  });
  assertEquals(told.at(-1), bytes.length);
  assertEquals([report.transactions, report.indexChecked, report.objects], [12, true, 14]);
  const reason = new Error("enough");
  assertEquals(await assertRejects(() => check(bytes, index, { signal: AbortSignal.abort(reason) })), reason);
});

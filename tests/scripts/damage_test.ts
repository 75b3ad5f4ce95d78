/**
 * Single bytes of a file are damaged at random: `zeo verify` has to find each, `zeo recover` has to save the rest.
 *
 * `ZEO_DAMAGES` says how many (200 are the whole test), `ZEO_DAMAGE_SIZE` how big the file is (10000000), and
 * `ZEO_SEED` repeats a run. Left out are bytes that nothing else in a file vouches for: letters of users, descriptions
 * and records that are not compressed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { compressRecord, DataFileReader, FileStorage } from "../../storage/mod.ts";
import { formatTid, NO_TID, type Oid, oid, type Tid } from "../../values/mod.ts";
import { bytes, nobody, noise, randomNumbers, record } from "../storage/samples.ts";
import { inFolder, zeo, zeoJson } from "./run.ts";

const DAMAGES = Number(Deno.env.get("ZEO_DAMAGES") ?? 40);
const SIZE = Number(Deno.env.get("ZEO_DAMAGE_SIZE") ?? 200_000);
const SEED = Number(Deno.env.get("ZEO_SEED") ?? Math.floor(Math.random() * 2 ** 31));

/** A part of the file that has a meaning which can be checked. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Which transaction it is part of. */
  readonly transaction: number;
  /** Where the object's records are, for a back pointer. */
  readonly others?: ReadonlySet<number>;
}

/** A transaction as it must be in a rescued file. */
interface Whole {
  readonly tid: Tid;
  readonly content: string;
  /** The transactions that it can't be had without: those with data that it shares. */
  readonly needs: ReadonlySet<number>;
}

interface Known {
  readonly stretches: readonly Stretch[];
  readonly transactions: readonly Whole[];
}

/** Writes a file with changes, undos and compressed records. */
async function makeFile(path: string, random: () => number): Promise<void> {
  await using storage = FileStorage.open(path);
  const serials = new Map<number, Tid>(), tids: Tid[] = [];
  while (storage.size() < SIZE) {
    const transaction = storage.begin({ ...nobody, user: bytes("somebody"), description: bytes("a change") });
    const changed = new Set<number>();
    if (tids.length > 10 && random() < 0.15) {
      transaction.undo(tids.at(-1)!);
    } else {
      const count = 1 + Math.floor(random() * 6);
      for (let place = 0; place < count; place++) changed.add(Math.floor(random() * (10 + tids.length)));
      for (const id of changed) {
        const letters = noise(120, Math.floor(random() * 2 ** 31)).toHex();
        const data = record(`${id} ${"x".repeat(random() * 100)}`);
        const stored = random() < 0.5
          ? data
          : compressRecord(record(letters.slice(0, 100) + "y".repeat(100)));
        transaction.store(oid(id), serials.get(id) ?? NO_TID, stored);
      }
    }
    await transaction.vote();
    const tid = await transaction.finish();
    const undid = changed.size === 0;
    for (const id of changed) serials.set(id, tid);
    if (undid) { for (const [id, serial] of serials) if (serial === tids.at(-1)) serials.set(id, tid); }
    tids.push(tid);
  }
}

function look(path: string): Known {
  using reader = DataFileReader.open(path);
  const stretches: Stretch[] = [], transactions: Whole[] = [];
  const records = new Map<Oid, Set<number>>(), owners = new Map<number, number>();
  for (const transaction of reader.transactions()) {
    const number = transactions.length, needs = new Set([number]);
    const stretch = (start: number, end: number, others?: ReadonlySet<number>) =>
      stretches.push({ start, end, transaction: number, others });
    stretch(transaction.position, transaction.position + 23);
    stretch(transaction.recordsEnd, transaction.recordsEnd + 8);
    let content = `${transaction.user} ${transaction.description} ${transaction.extension}`;
    for (const { position, oid, data, back } of reader.records(transaction)) {
      const places = records.get(oid) ?? new Set();
      records.set(oid, places.add(position));
      owners.set(position, number);
      if (back !== 0) { for (const need of transactions[owners.get(back)!].needs) needs.add(need); }
      const body = position + 42, shares = back !== 0 || data === null;
      stretch(position, shares ? body + 8 : body, shares ? places : undefined);
      if (data !== null && !shares && data[0] === 0x2e) stretch(body, body + data.length);
      content += ` ${oid}:${data?.toHex()}`;
    }
    transactions.push({ tid: transaction.tid, content, needs });
  }
  return { stretches, transactions };
}

/** A byte of the file and what it becomes. */
function damage(
  file: Uint8Array,
  { stretches }: Known,
  random: () => number,
): [position: number, hit: number] {
  for (;;) {
    const { start, end, transaction, others } = stretches[Math.floor(random() * stretches.length)];
    const position = start + Math.floor(random() * (end - start));
    const before = file[position], after = before ^ Math.floor(1 + random() * 255);
    // The first transaction might as well be the last one that was packed: only its status says so.
    if (transaction === 0 && position === start + 16 && after === 0x70) continue;
    file[position] = after;
    // Another of the object's records is as good a place to share data with.
    const back = others && end - position <= 8 ? Number(new DataView(file.buffer).getBigUint64(end - 8)) : -1;
    if (!others?.has(back)) return [position, transaction];
    file[position] = before;
  }
}

Deno.test(`verify finds ${DAMAGES} damaged bytes, recover saves what they didn't hit (ZEO_SEED=${SEED})`, async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, random = randomNumbers(SEED);
    await makeFile(path, random);
    const sound = await zeo("verify", path);
    assertEquals([sound.code, sound.output.split("\n").at(-2)], [0, "no errors detected"]);
    const known = look(path), original = await Deno.readFile(path);
    const missed: string[] = [], lost: string[] = [];
    for (let number = 0; number < DAMAGES; number++) {
      const file = original.slice(), [position, hit] = damage(file, known, random);
      await Deno.writeFile(path, file);
      const name = `byte ${position}, ${original[position]} became ${file[position]}`;
      const { code } = await zeo("verify", path, "--json");
      if (code !== 1) missed.push(name);
      const target = `${folder}/rescued-${number}.fs`;
      await zeoJson("recover", path, target);
      const found = new Map(look(target).transactions.map(({ tid, content }) => [tid, content]));
      for (const { tid, content, needs } of known.transactions) {
        if (!needs.has(hit) && found.get(tid) !== content) lost.push(`${name}: ${formatTid(tid)}`);
      }
      const rescued = await zeo("verify", "--structure", target);
      if (rescued.code !== 0) lost.push(`${name}: the rescued file is not sound: ${rescued.output}`);
      await Deno.remove(target);
    }
    assertEquals(missed, []);
    assertEquals(lost, []);
  });
});

Deno.test("recover fails where there is nothing to save", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/photo`, "no transaction in it ".repeat(100));
    for (const more of [["--dry-run"], []]) {
      const { code, output } = await zeo("recover", `${folder}/photo`, `${folder}/rescued.fs`, ...more);
      assertEquals([code, /0 transactions, .*saved/.test(output)], [1, true]);
    }
  });
});

Deno.test("recover overwrites nothing, and a dry run writes nothing", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/Data.fs`, target = `${folder}/rescued.fs`;
    await makeFile(path, randomNumbers(5));
    const { size } = await Deno.stat(path);
    const dry = await zeo("recover", "--dry-run", path, target);
    assertEquals(dry.code, 0);
    await zeo("recover", path, target);
    assertEquals((await Deno.readFile(target)).length, size);
    await Deno.writeTextFile(target, "precious");
    assertEquals((await zeo("recover", path, target)).code, 1);
    assertEquals((await zeo("recover", "--dry-run", path, target)).code, 1);
    assertEquals(await Deno.readTextFile(target), "precious");
  });
});

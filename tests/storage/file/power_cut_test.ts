/**
 * A machine that loses power, and processes that are killed, again and again, while transactions are committed and undone
 * and the file is packed: whatever was acknowledged, or was seen by a process since, is there afterwards.
 *
 * `ZEO_POWER_SEED` says with which seed to begin, `ZEO_POWER_RUNS` how many.
 *
 * @module
 */

import { assert, assertEquals, AssertionError } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import {
  CorruptedTransactionError,
  equalBytes,
  FileStorageFormatError,
  NO_TID,
  type Oid,
  oid,
  POSKeyError,
  type Tid,
  tidSeconds,
} from "../../../values/mod.ts";
import { type CrashOptions, FaultyDisk } from "../faulty_disk.ts";
import { bytes, nobody, randomNumbers } from "../samples.ts";
import { current, linked } from "./pack_samples.ts";

const OBJECTS = 7;
/** Ways to lose power: in order, with changes lost in between, with sectors lost. */
const LOSSES: readonly Partial<CrashOptions>[] = [{}, { reorder: true }, { sectors: true }];

/** What a transaction makes of its objects; null for one that is gone. */
type Changes = ReadonlyMap<Oid, Uint8Array | null>;

/** A transaction that somebody may rely on. */
interface Known {
  readonly number: number;
  readonly tid: Tid;
}

class Machine {
  readonly random: () => number;
  /** By the number that is the transaction's user. */
  readonly submitted: Changes[] = [];
  known: Known[] = [];
  disk = new FaultyDisk();
  /** Nothing before this need be there but what was current then. */
  packedTo: Tid = NO_TID;
  /** Whether something happened that ends the process. */
  dead = false;
  /** Whether a call of the disk has failed, so that anything may fail. */
  mishap = false;
  #clock = Date.UTC(2026, 0, 1);

  constructor(readonly path: string, readonly seed: number) {
    this.random = randomNumbers(seed);
    this.disk.syncTurns = this.below(6);
    if (this.random() < 0.7) this.disk.allowLinks();
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** Ends the process at one of its next calls of the disk: the process alone, or the whole machine. */
  arm(calls: number, loss: Partial<CrashOptions> | undefined): void {
    const { disk } = this;
    let left = 1 + this.below(calls);
    this.dead = false;
    disk.fault = () => {
      if (this.dead || --left > 0) return undefined;
      this.dead = true;
      this.disk = loss ? disk.crash({ random: this.random, ...loss }) : disk.restart();
      this.disk.syncTurns = disk.syncTurns;
      return { error: new Error("the machine crashes") };
    };
  }

  /** Has one of the next calls of the disk fail, and perhaps all after it. */
  spoil(calls: number): void {
    let left = 1 + this.below(calls);
    const lasting = this.random() < 0.3, code = this.random() < 0.5 ? "EIO" : "ENOSPC";
    this.dead = this.mishap = false;
    this.disk.fault = ({ length = 0 }) => {
      if (--left > 0 || left < 0 && !lasting) return undefined;
      this.mishap = true;
      return { error: Object.assign(new Error(code), { code }), written: this.below(length + 1) };
    };
  }

  open(): FileStorage {
    return FileStorage.open(this.path, {
      disk: this.disk,
      cacheSize: 0,
      packKeepOld: this.random() < 0.5,
      now: () => this.#clock += 1000,
    });
  }

  /** Works until the process ends, or for a while. */
  async work(storage: FileStorage, rounds = Infinity): Promise<void> {
    while (!this.dead && rounds-- > 0) {
      const draw = this.random();
      try {
        if (draw < 0.7) await this.#commitSome(storage);
        else if (draw < 0.85) await this.#undo(storage);
        else {
          const packing = this.#pack(storage);
          packing.catch(() => {});
          for (let count = this.below(4); count > 0; count--) await this.#commitSome(storage);
          await packing;
        }
      } catch (error) {
        if (!this.dead && !this.mishap) throw error;
      }
    }
  }

  /** Transactions side by side, each on objects of its own. */
  async #commitSome(storage: FileStorage): Promise<void> {
    const free = Array.from({ length: OBJECTS }, (_, id) => id + 1), finishing: Promise<void>[] = [];
    for (let count = 1 + this.below(3); count > 0; count--) {
      const changes = new Map<Oid, Uint8Array | null>();
      const first = finishing.length === 0 && newest(storage, oid(0)) === NO_TID;
      if (first) { for (const id of free) changes.set(oid(id), linked("first")); }
      if (first) changes.set(oid(0), linked("root", free.splice(0)));
      for (let records = 1 + this.below(2); records > 0 && free.length > 0; records--) {
        const [id] = free.splice(this.below(free.length), 1);
        const text = "x".repeat(this.below(20) === 0 ? 9000 : this.below(900));
        changes.set(oid(id), linked(`${this.submitted.length} ${text}`));
      }
      finishing.push(this.#commit(storage, changes));
    }
    await Promise.all(finishing);
  }

  async #commit(storage: FileStorage, changes: Changes): Promise<void> {
    if (changes.size === 0) return;
    const number = this.submitted.push(changes) - 1;
    const transaction = storage.begin({ ...nobody, user: bytes(`${number}`) });
    for (const [id, data] of changes) transaction.store(id, newest(storage, id), data!);
    await transaction.vote();
    await transaction.finish((tid) => void this.known.push({ number, tid }));
  }

  /** Undoes one of the last transactions, if that is possible. */
  async #undo(storage: FileStorage): Promise<void> {
    const target = this.known.at(-1 - this.below(4));
    if (!target || this.submitted[target.number].has(oid(0))) return;
    const changes = new Map<Oid, Uint8Array | null>();
    for (const id of this.submitted[target.number].keys()) {
      const before = this.known.filter(({ number, tid }) =>
        tid < target.tid && this.submitted[number].has(id)
      );
      changes.set(id, before.length > 0 ? this.submitted[before.at(-1)!.number].get(id)! : null);
    }
    const number = this.submitted.push(changes) - 1;
    const transaction = storage.begin({ ...nobody, user: bytes(`${number}`) });
    transaction.undo(target.tid);
    try {
      await transaction.vote();
    } catch {
      // Changed by a later transaction, or packed.
      return;
    }
    await transaction.finish((tid) => void this.known.push({ number, tid }));
  }

  async #pack(storage: FileStorage): Promise<void> {
    const last = this.known.at(-1 - this.below(5));
    if (!last) return;
    // From now on it may be so.
    if (last.tid > this.packedTo) this.packedTo = last.tid;
    await storage.pack(tidSeconds(last.tid) + 0.1);
  }

  /**
   * What is known is there, in its order, and the rest was submitted. Answers false when something of the rest, which
   * nobody was told of, has lost sectors: that can't always be seen, and the original can't see it either.
   */
  async check(storage: FileStorage): Promise<boolean> {
    const there = new Map<number, Known>();
    let whole = true, last: Tid = NO_TID;
    for (const transaction of storage.transactions()) {
      const { tid } = transaction;
      whole &&= tid > last;
      last = tid;
      const number = Number(new TextDecoder().decode(transaction.user));
      const submitted = this.submitted[number],
        acknowledged = this.known.some((one) => one.number === number);
      if (submitted === undefined) {
        whole = false;
        continue;
      }
      there.set(number, { number, tid });
      for await (const record of transaction.records()) {
        const expected = submitted.get(record.oid);
        const same = expected === undefined ? false : sameData(expected, record.data);
        if (acknowledged) assert(same, `${number}: what was acknowledged is ${record.data?.toHex()}`);
        whole &&= same;
      }
    }
    for (const one of this.known) {
      if (one.tid > this.packedTo) assertEquals(there.get(one.number), one, "an acknowledged transaction");
    }
    assertEquals(
      storage.lastTransaction() >= (this.known.at(-1)?.tid ?? NO_TID),
      true,
      "the last transaction",
    );
    if (!whole) return false;
    const known = new Set(this.known.map(({ number }) => number));
    this.known.push(...[...there.values()].filter(({ number }) => !known.has(number)));
    this.known.sort((one, other) => one.tid < other.tid ? -1 : 1);
    for (let id = 0; id <= OBJECTS; id++) {
      const newest = this.known.findLast(({ number }) => this.submitted[number].has(oid(id)));
      const expected = newest ? this.submitted[newest.number].get(oid(id))! : null;
      assert(sameData(expected, current(storage, id).data), `object ${id} is another`);
    }
    return true;
  }
}

function sameData(left: Uint8Array | null, right: Uint8Array | null): boolean {
  return left === null || right === null ? left === right : equalBytes(left, right);
}

function newest(storage: FileStorage, id: Oid): Tid {
  try {
    return storage.history(id, 1)[0].tid;
  } catch (error) {
    if (error instanceof POSKeyError) return NO_TID;
    throw error;
  }
}

/** One process on a disk of which some calls fail, and what the next one finds. */
async function endure(path: string, seed: number): Promise<void> {
  const machine = new Machine(path, seed);
  for (let processes = 4; processes > 0; processes--) {
    if (machine.random() < 0.8) machine.spoil(machine.random() < 0.3 ? 8 : 80);
    let storage: FileStorage | undefined;
    try {
      storage = machine.open();
      await machine.check(storage);
      await machine.work(storage, 12);
      await machine.check(storage);
    } catch (error) {
      // A disk that fails while the file is made leaves none that is any good, and nothing to lose.
      if (error instanceof FileStorageFormatError && machine.known.length === 0) return;
      if (!machine.mishap || error instanceof AssertionError) throw error;
    } finally {
      machine.disk.fault = () => undefined;
      machine.mishap = false;
      await storage?.close();
    }
    assertEquals(machine.disk.openFiles, 0);
  }
}

/** One machine through some deaths. Answers whether its file could be opened each time. */
async function live(path: string, seed: number): Promise<boolean> {
  const machine = new Machine(path, seed);
  let damage: Partial<CrashOptions> = {};
  for (let lives = 6; lives > 0; lives--) {
    const loss = machine.random() < 0.4 ? undefined : LOSSES[machine.below(LOSSES.length)];
    const working = machine.disk;
    // Sometimes just after it was opened.
    machine.arm(machine.random() < 0.3 ? 6 : 120, loss);
    let storage: FileStorage | undefined;
    try {
      storage = machine.open();
      const whole = await machine.check(storage);
      assert(whole || damage.sectors, "there is what nobody has submitted");
      if (!whole) return true;
      await machine.work(storage);
    } catch (error) {
      const refused = error instanceof CorruptedTransactionError || error instanceof FileStorageFormatError;
      const torn = damage.reorder || damage.sectors || machine.known.length === 0;
      if (!machine.dead && storage === undefined && refused && torn) return false;
      if (!machine.dead || error instanceof AssertionError) throw error;
    } finally {
      working.releaseSyncs();
      await storage?.close();
    }
    damage = { ...damage, ...loss };
  }
  return true;
}

/** Seeds that have found something once are tried each time. */
const TELLING = [465];

/** Runs something with many seeds, each on a path of its own; an error names its seed. Answers how often it was true. */
async function withSeeds(
  runs: number,
  body: (path: string, seed: number) => Promise<unknown>,
): Promise<number> {
  const first = Number(Deno.env.get("ZEO_POWER_SEED") ?? 1);
  const folder = await Deno.makeTempDir();
  let count = 0;
  try {
    for (const seed of [...TELLING, ...Array.from({ length: runs }, (_, i) => first + i)]) {
      try {
        if (await body(`${folder}/Data.fs`, seed)) count++;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return count;
}

const RUNS = Number(Deno.env.get("ZEO_POWER_RUNS") ?? 60);

Deno.test("whatever was acknowledged outlives a disk whose calls fail", async () => {
  await withSeeds(Math.ceil(RUNS / 3), endure);
});

Deno.test("whatever was acknowledged or seen outlives any power cut and any killed process, packs included", async () => {
  const opened = await withSeeds(RUNS, live);
  assert(opened > RUNS * 0.6, `${opened} of ${RUNS} could be opened`);
});

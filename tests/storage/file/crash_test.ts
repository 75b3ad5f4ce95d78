import { assert, assertEquals } from "@std/assert";
import { FileStorage } from "../../../storage/mod.ts";
import {
  CorruptedTransactionError,
  equalBytes,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  type Tid,
} from "../../../values/mod.ts";
import { FaultyDisk } from "../faulty_disk.ts";
import { bytes, nobody, noise, randomNumbers } from "../samples.ts";

/** How one run goes. */
interface Run {
  readonly seed: number;
  /** Bytes of the biggest records. */
  readonly big: number;
  /** Whether the crash may lose an earlier change and keep a later one. */
  readonly reorder?: boolean;
}

/** A transaction that was submitted: its objects' data, by object; null for a deletion. */
type Submitted = ReadonlyMap<Oid, Uint8Array | null>;

const OBJECTS = 8;

class Simulation {
  readonly random: () => number;
  /** By the number that is the transaction's user. */
  readonly submitted: Submitted[] = [];
  /** Those that were told as published, in that order. */
  readonly acknowledged: { readonly number: number; readonly tid: Tid }[] = [];
  disk = new FaultyDisk();
  #crashed?: FaultyDisk;

  constructor(readonly path: string, readonly run: Run) {
    this.random = randomNumbers(run.seed);
    this.disk.syncTurns = this.#below(8);
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** Commits at random until the machine crashes; answers the disk that is left. */
  async crash(): Promise<FaultyDisk> {
    let left = 1 + this.#below(60);
    this.disk.fault = () => {
      if (--left > 0 || this.#crashed) return undefined;
      this.#crashed = this.disk.crash({ random: this.random, reorder: this.run.reorder });
      return { error: new Error("the machine crashes") };
    };
    while (!this.#crashed) {
      let storage: FileStorage;
      try {
        storage = FileStorage.open(this.path, { disk: this.disk, cacheSize: 0 });
      } catch (error) {
        if (this.#crashed) break;
        throw error;
      }
      // Sometimes it is closed and opened again.
      for (let round = 1 + this.#below(12); round > 0 && !this.#crashed; round--) {
        await this.#commitSome(storage);
      }
      await storage.close();
    }
    return this.#crashed;
  }

  /** A few transactions at once, each on objects of its own. */
  async #commitSome(storage: FileStorage): Promise<void> {
    const free = Array.from({ length: OBJECTS }, (_, id) => oid(id));
    const finishing: Promise<unknown>[] = [];
    for (let count = 1 + this.#below(4); count > 0 && !this.#crashed; count--) {
      const number = this.submitted.length;
      const transaction = storage.begin({ ...nobody, user: bytes(`${number}`) });
      const changes = new Map<Oid, Uint8Array | null>();
      for (let records = 1 + this.#below(3); records > 0 && free.length > 0; records--) {
        const [id] = free.splice(this.#below(free.length), 1);
        const serial = this.#serial(storage, id);
        if (serial === undefined) return;
        if (serial !== NO_TID && this.random() < 0.1) {
          changes.set(id, null);
          transaction.deleteObject(id, serial);
        } else {
          const data = noise(1 + this.#below(this.run.big), number * OBJECTS + Number(id));
          changes.set(id, data);
          transaction.store(id, serial, data);
        }
      }
      if (changes.size === 0) break;
      this.submitted.push(changes);
      try {
        await transaction.vote();
        if (this.random() < 0.1) transaction.abort();
        else {
          const told = (tid: Tid) => void this.acknowledged.push({ number, tid });
          const finished = Promise.resolve(transaction.finish(told));
          // It may fail while the next one votes; all are looked at in the end.
          finished.catch(() => {});
          finishing.push(finished);
        }
      } catch (error) {
        if (!this.#crashed) throw error;
      }
    }
    for (const result of await Promise.allSettled(finishing)) {
      if (result.status === "rejected" && !this.#crashed) throw result.reason;
    }
  }

  /** The revision to start from; undefined after a crash. */
  #serial(storage: FileStorage, id: Oid): Tid | undefined {
    try {
      return storage.history(id, 1)[0].tid;
    } catch {
      return this.#crashed ? undefined : NO_TID;
    }
  }

  /** Every transaction that is there is a whole one, and the acknowledged ones are all there, in their order. */
  check(storage: FileStorage): void {
    const found = storage.lastInvalidations(1_000_000);
    const current = new Map<Oid, { tid: Tid; data: Uint8Array | null }>();
    const present: { number: number; tid: Tid }[] = [];
    let last: Tid = NO_TID;
    for (const { tid, oids } of found) {
      assert(tid > last, "tids increase");
      last = tid;
      const told = storage.history(oids[0], 1_000_000).find((revision) => revision.tid === tid);
      const number = Number(new TextDecoder().decode(told!.user));
      present.push({ number, tid });
      const submitted = this.submitted[number];
      assertEquals(oids, [...submitted.keys()]);
      for (const [id, data] of submitted) {
        if (data !== null) assert(equalBytes(storage.loadSerial(id, tid), data), `${number}: ${id}`);
        current.set(id, { tid, data });
      }
    }
    const acknowledged = present.filter(({ number }) =>
      this.acknowledged.some((each) => each.number === number)
    );
    assertEquals(acknowledged, this.acknowledged, "exactly the acknowledged ones, in their order");
    assertEquals(storage.lastTransaction(), last);
    for (const [id, { tid, data }] of current) {
      if (data === null) continue;
      const found = storage.loadBefore(id, MAX_TID)!;
      assertEquals(found.serial, tid);
      assert(equalBytes(found.data, data), `${id}`);
    }
    assertEquals(storage.length(), current.size);
  }
}

/** One run: commits, the crash, what is there then, and that it goes on. Answers whether the file could be opened. */
async function crashOnce(path: string, run: Run): Promise<boolean> {
  const simulation = new Simulation(path, run);
  const disk = await simulation.crash();
  for (const _ of ["after the crash", "with the index of a clean end"]) {
    let storage: FileStorage;
    try {
      storage = FileStorage.open(path, { disk, cacheSize: 0 });
    } catch (error) {
      if (run.reorder && error instanceof CorruptedTransactionError) return false;
      throw error;
    }
    simulation.check(storage);
    const transaction = storage.begin({ ...nobody, user: bytes(`${simulation.submitted.length}`) });
    const data = bytes("it goes on");
    simulation.submitted.push(new Map([[oid(100), data]]));
    const serial = storage.length() > 0 && storage.lastInvalidations(1)[0].oids[0] === oid(100)
      ? storage.getTid(oid(100))
      : NO_TID;
    transaction.store(oid(100), serial, data);
    await transaction.vote();
    const tid = await transaction.finish();
    simulation.acknowledged.push({ number: simulation.submitted.length - 1, tid });
    simulation.check(storage);
    await storage.close();
  }
  return true;
}

/** Runs many seeds; an error names its seed. */
async function crashOften(runs: readonly Run[]): Promise<number> {
  const folder = await Deno.makeTempDir();
  let opened = 0;
  try {
    for (const run of runs) {
      try {
        if (await crashOnce(`${folder}/Data.fs`, run)) opened++;
      } catch (error) {
        throw new Error(`seed ${run.seed}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return opened;
}

const seeds = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

Deno.test("after a crash at any moment exactly the acknowledged transactions are there, others whole or not", async () => {
  const runs = seeds(1, 400).map((seed) => ({ seed, big: seed % 4 === 0 ? 20_000 : 200 }));
  assertEquals(await crashOften(runs), runs.length);
});

Deno.test("the same with transactions bigger than memory", async () => {
  const runs = seeds(1001, 6).map((seed) => ({ seed, big: 7 << 20 }));
  assertEquals(await crashOften(runs), runs.length);
});

Deno.test("a crash that loses changes out of order loses nothing that was acknowledged either", async () => {
  // With a hole where a transaction was, the file may have to be refused; what opens is right.
  const runs = seeds(2001, 150).map((seed) => ({ seed, big: 200, reorder: true }));
  const opened = await crashOften(runs);
  assert(opened > runs.length / 2, `${opened} of ${runs.length} could be opened`);
});

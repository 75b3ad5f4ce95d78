/**
 * A database's history that a seed tells, a client that lives through it with a cache, and a judge of that cache.
 *
 * Every transaction follows from its number, so that one process can judge what another one has cached.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { RecordCache } from "../../cache/mod.ts";
import { oid, tid } from "../../values/mod.ts";
import { recordOf } from "./folder.ts";

/** From transaction `from` on, `seed` says what happens: a restored backup starts a new branch. */
export interface Branch {
  readonly from: number;
  readonly seed: number;
}

/** How many objects there are. */
const OBJECTS = 60;
const everything = Array.from({ length: OBJECTS }, (_, id) => id);

/** A generator of numbers from 0 to 1 that a seed determines (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  };
}

/** What happens in a database. Transaction 1 makes all objects. */
export class History {
  readonly #changed = new Map<string, readonly number[]>();

  constructor(readonly branches: Branch[]) {}

  #branch(transaction: number): Branch {
    return this.branches.findLast(({ from }) => from <= transaction)!;
  }

  /** The objects that a transaction changes. */
  changed(transaction: number): readonly number[] {
    if (transaction === 1) return everything;
    const { seed } = this.#branch(transaction);
    const key = `${seed} ${transaction}`;
    let changed = this.#changed.get(key);
    if (changed === undefined) {
      const random = seeded(seed * 7919 + transaction);
      const count = 1 + Math.floor(random() * 4);
      changed = [...new Set(Array.from({ length: count }, () => Math.floor(random() * OBJECTS)))];
      this.#changed.set(key, changed);
    }
    return changed;
  }

  /** The record that a transaction wrote. Another branch writes others. */
  record(id: number, serial: number): Uint8Array {
    const { seed } = this.#branch(serial);
    return recordOf(id * 1000 + seed, serial, (id * 37 + serial * 11 + seed) % (id % 10 === 0 ? 9000 : 500));
  }

  /** The revision that a snapshot of everything before `before` sees when `now` is the last transaction. */
  revision(id: number, before: number, now: number): { serial: number; end: number | null } {
    const touches = (transaction: number) => this.changed(transaction).includes(id);
    let serial = before - 1;
    while (!touches(serial)) serial--;
    let end = serial + 1;
    while (end <= now && !touches(end)) end++;
    return { serial, end: end <= now ? end : null };
  }
}

/** A client that loads, commits and is told of commits. */
export class SimulatedClient {
  now: number;

  constructor(readonly cache: RecordCache, readonly history: History, readonly random: () => number) {
    this.now = Number(cache.lastTid);
  }

  /** Connects to a server that is `ahead` transactions further: what was missed is replayed, without tids. */
  connect(ahead: number): void {
    const { cache, history } = this;
    if (this.now === 0) {
      this.now = 1;
    } else {
      const missed = Array.from({ length: ahead }, (_, i) => this.now + 1 + i);
      for (const transaction of missed) {
        for (const id of history.changed(transaction)) cache.invalidate(oid(id), null);
      }
      this.now += ahead;
    }
    cache.setLastTid(tid(this.now));
  }

  step(): void {
    const { random } = this;
    const choice = random();
    if (choice < 0.7) this.#load();
    else if (choice < 0.995) this.#commit();
    else this.#forget();
  }

  #load(): void {
    const { cache, history, random } = this;
    const id = Math.floor(random() ** 2 * OBJECTS);
    const before = random() < 0.7 ? this.now + 1 : Math.max(2, this.now + 1 - Math.floor(random() * 20));
    const { serial, end } = history.revision(id, before, this.now);
    const found = cache.loadBefore(oid(id), tid(before));
    if (found === undefined) {
      cache.store(oid(id), tid(serial), end === null ? null : tid(end), history.record(id, serial));
    } else {
      assertEquals([found.serial, found.end], [tid(serial), end === null ? null : tid(end)]);
    }
  }

  #commit(): void {
    const { cache, history, random } = this;
    this.now++;
    const mine = random() < 0.5;
    for (const id of history.changed(this.now)) {
      cache.invalidate(oid(id), tid(this.now));
      if (mine) cache.store(oid(id), tid(this.now), null, history.record(id, this.now));
    }
    cache.setLastTid(tid(this.now));
  }

  #forget(): void {
    const { cache } = this;
    cache.clear();
    cache.setLastTid(tid(this.now));
  }
}

/** Checks that all that a cache says is true, as of its last tid; returns how many revisions it said something of. */
export function judge(cache: RecordCache, history: History): number {
  const last = Number(cache.lastTid);
  let count = 0;
  for (const { oid: id, serial } of [...cache.contents()]) {
    assert(Number(serial) <= last, `${id} from ${serial}, last tid ${last}`);
    const truth = history.revision(Number(id), last + 1, last);
    assertEquals(Number(serial), truth.serial, `current revision of ${id}, last tid ${last}`);
  }
  if (last === 0) return 0;
  for (let id = 0; id < OBJECTS; id++) {
    for (let before = last + 1; before > Math.max(1, last - 40);) {
      const found = cache.loadBefore(oid(id), tid(before));
      const truth = history.revision(id, before, last);
      if (found !== undefined) {
        assertEquals([Number(found.serial), found.end], [
          truth.serial,
          truth.end === null ? null : tid(truth.end),
        ]);
        assertEquals(found.data, history.record(id, truth.serial));
        count++;
      }
      before = truth.serial;
    }
  }
  return count;
}

/**
 * What a storage's transactions changed, for clients that were away for longer than the invalidation queue remembers.
 *
 * The storage is gone through from the client's last transaction on, in slices of time, for one client after the
 * other. A client for which that would take too long is told nothing and begins with an empty cache, which is always
 * right.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Slice, type Storage, supportsIteration } from "../storage/mod.ts";
import { type Oid, type Tid, tid as toTid, tidTime } from "../values/mod.ts";

const log = getLogger(["zeo", "server"]);

/** Milliseconds of work between two pauses. */
const SLICE = 5;

/** Milliseconds that going through the storage may take for one client. */
const PATIENCE = 10_000;

/** Objects that one client is told of at most. */
const MOST_OBJECTS = 1_000_000;

/** Transactions that are looked at in a storage that can't be gone through. */
const MOST_TRANSACTIONS = 10_000;

/** Goes through a storage for clients that come back. */
export class Replay {
  readonly #storage: Storage;
  readonly #age: number;
  /** One at a time: however many clients come back at once, others are served meanwhile. */
  #line: Promise<unknown> = Promise.resolve();

  /** @param age How old, in seconds, a client's last transaction may be. */
  constructor(storage: Storage, age: number) {
    this.#storage = storage;
    this.#age = age;
  }

  /** Whether a client with this last transaction may be told what it has missed. */
  covers(tid: Tid): boolean {
    return Date.now() - tidTime(tid) <= this.#age * 1000;
  }

  /**
   * Adds the objects that transactions after `since` have changed.
   *
   * @param wanted Whether anybody still waits for it.
   * @returns The last transaction that is covered; undefined when there is too much to look at.
   */
  collect(since: Tid, oids: Set<Oid>, wanted: () => boolean): Promise<Tid | undefined> {
    const turn = this.#line.then(() => this.#collect(since, oids, wanted));
    this.#line = turn.catch(() => {});
    return turn;
  }

  async #collect(since: Tid, oids: Set<Oid>, wanted: () => boolean): Promise<Tid | undefined> {
    const storage = this.#storage;
    const last = storage.lastTransaction();
    if (last <= since) return last;
    if (!supportsIteration(storage)) return this.#remembered(since, oids);
    const slice = new Slice(SLICE);
    const deadline = performance.now() + PATIENCE;
    for await (const transaction of storage.transactions(toTid(since + 1n), last)) {
      for await (const { oid } of transaction.records()) {
        oids.add(oid);
        const rest = slice.rest();
        if (!rest) continue;
        if (!wanted()) return undefined;
        if (oids.size > MOST_OBJECTS || performance.now() > deadline) {
          log.warn`a client that was away too long is not told what it missed: too many transactions`;
          return undefined;
        }
        await rest;
      }
    }
    return last;
  }

  async #remembered(since: Tid, oids: Set<Oid>): Promise<Tid | undefined> {
    const known = await this.#storage.lastInvalidations(MOST_TRANSACTIONS);
    const all = known.length < MOST_TRANSACTIONS || known[0].tid <= since;
    if (!all) return undefined;
    for (const transaction of known) {
      if (transaction.tid > since) { for (const oid of transaction.oids) oids.add(oid); }
    }
    return known.at(-1)?.tid ?? since;
  }
}

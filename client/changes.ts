/**
 * The transactions of a database as they are committed, by whomever, without gaps or repeats.
 *
 * What is told while a connection lasts comes from there; what came before, while there was no connection, or faster than
 * it was taken, is asked of the server.
 *
 * @module
 */

import type { IteratedRecord, IteratedTransaction } from "../storage/mod.ts";
import { ClientDisconnected, type Oid, type Tid, tid as asTid } from "../values/mod.ts";
import type { Change, ChangeWatcher } from "./known_state.ts";
import { unlessAborted } from "./waiting.ts";

/** A committed transaction. */
export interface CommittedTransaction {
  /** The transaction. */
  readonly tid: Tid;
  /** The objects that it changed, each once. */
  readonly oids: readonly Oid[];
  /** Its records, asked of the server each time. */
  records(): AsyncIterable<IteratedRecord>;
}

/** What this needs of the storage. */
export interface ChangesHome {
  /** The last transaction that is known. */
  lastTransaction(): Tid;
  /** Has a watcher hear of all transactions. */
  watch(watcher: ChangeWatcher): Disposable;
  /** Goes through the server's transactions. */
  transactions(start: Tid, stop: Tid): AsyncIterable<IteratedTransaction>;
  /** The records of one transaction. */
  recordsOf(tid: Tid): AsyncIterable<IteratedRecord>;
  /** Has the server answer, so that what it has done before is known; nothing when it can't. */
  settled(): Promise<void>;
  /** Waits, however long, for a connection. @returns Whether there is one; there won't be when the storage is closed. */
  connected(): Promise<boolean>;
  /** Resolves when the storage is closed. */
  readonly closed: Promise<void>;
}

/** Transactions that wait to be taken; with more of them they are asked of the server when their turn comes. */
const MOST_WAITING = 1000;

/** The same for their objects. */
const MOST_WAITING_OIDS = 1 << 18;

/** What is known of the transactions after one. */
class Backlog implements ChangeWatcher {
  /** Up to this one the server has to be asked. */
  askTo: Tid;
  /** What comes after it. */
  readonly #waiting: Change[] = [];
  #waitingOids = 0;
  #wake = Promise.withResolvers<void>();

  constructor(askTo: Tid) {
    this.askTo = askTo;
  }

  changed(change: Change): void {
    this.#waitingOids += change.oids.length;
    if (this.#waiting.length >= MOST_WAITING || this.#waitingOids > MOST_WAITING_OIDS) {
      this.skipped(change.tid);
    } else {
      this.#waiting.push(change);
      this.#tell();
    }
  }

  skipped(to: Tid): void {
    this.#waiting.length = this.#waitingOids = 0;
    if (to > this.askTo) this.askTo = to;
    this.#tell();
  }

  /** The next one that is known. */
  get next(): Change | undefined {
    return this.#waiting[0];
  }

  /** Takes the one that has waited longest. */
  shift(): Change | undefined {
    const change = this.#waiting.shift();
    this.#waitingOids -= change?.oids.length ?? 0;
    return change;
  }

  /** Puts them into the order of transactions. */
  sort(): void {
    this.#waiting.sort((one, two) => one.tid < two.tid ? -1 : 1);
  }

  /** Resolves when there is more. */
  get more(): Promise<void> {
    return this.#wake.promise;
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** The transactions after `since`. Ends when the storage is closed. @throws the signal's reason when it is aborted. */
export async function* followChanges(
  home: ChangesHome,
  since: Tid,
  signal?: AbortSignal,
): AsyncGenerator<CommittedTransaction, void> {
  signal?.throwIfAborted();
  let closed = false, at = since;
  let settled: Change | undefined;
  const closing = home.closed.then(() => void (closed = true));
  const backlog = new Backlog(home.lastTransaction());
  using _watching = home.watch(backlog);
  const told = new Set<Tid>();
  const committed = (tid: Tid, oids: readonly Oid[]): CommittedTransaction => {
    if (tid > at) at = tid;
    told.add(tid);
    if (told.size > MOST_WAITING) told.delete(told.keys().next().value!);
    return { tid, oids: [...new Set(oids)], records: () => home.recordsOf(tid) };
  };
  while (!closed) {
    if (at < backlog.askTo) {
      const to = backlog.askTo;
      try {
        for await (const transaction of home.transactions(asTid(at + 1n), to)) {
          const oids: Oid[] = [];
          for await (const { oid } of transaction.records()) oids.push(oid);
          signal?.throwIfAborted();
          yield committed(transaction.tid, oids);
        }
        if (at < to) at = to;
      } catch (error) {
        if (!(error instanceof ClientDisconnected)) throw error;
        if (!await unlessAborted(home.connected(), signal)) return;
      }
      continue;
    }
    const { more } = backlog;
    const { next } = backlog;
    if (next?.own && next !== settled) {
      // Python's server may answer a finish before it has told of transactions that came before it.
      await unlessAborted(home.settled(), signal);
      backlog.sort();
      settled = next;
      continue;
    }
    const change = backlog.shift();
    if (!change) await unlessAborted(Promise.race([more, closing]), signal);
    else if (change.tid > since && !told.has(change.tid)) yield committed(change.tid, change.oids);
    signal?.throwIfAborted();
  }
}

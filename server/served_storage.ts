/**
 * One storage as all its clients share it: who is connected, who has which objects, what changed last.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Dict, Tuple } from "../pickle/mod.ts";
import { type Encoding, msgpackCodec, Output, pickleCodec } from "../protocol/mod.ts";
import {
  type ObjectLocks,
  SharedStorage,
  statisticsOf,
  type Storage,
  type StorageObserver,
  type StorageUse,
} from "../storage/mod.ts";
import { type Awaitable, type Oid, oidBytes, type Tid, tidBytes } from "../values/mod.ts";
import type { Commit } from "./commit.ts";
import { InvalidationQueue, type Missed } from "./invalidation_queue.ts";
import type { CommitObserver, StorageMeasures } from "./monitor/measures.ts";
import { PendingLoads } from "./pending_loads.ts";
import { Replay } from "./replay.ts";
import type { Session } from "./session.ts";
import { Statistics } from "./statistics.ts";

const log = getLogger(["zeo", "server"]);

/** How often a storage is gone through on behalf of one client, where many commit meanwhile. */
const MOST_ROUNDS = 5;

/** What the clients of a storage have to do with. */
export interface ServedStorageOptions {
  /** Whether changes are refused, though the storage would take them. */
  readonly readOnly: boolean;
  /** How many transactions are remembered for clients that come back. */
  readonly invalidationQueueSize: number;
  /** Whether clients merge conflicts, and not the storage. */
  readonly clientConflictResolution: boolean;
  /**
   * How old, in seconds, a client's last transaction may be, for the client to be told what it missed by going through
   * the storage when the queue no longer knows; undefined for not at all.
   */
  readonly invalidationAge?: number;
  /** Seconds that a transaction may take from the moment that it has its objects; undefined for any. */
  readonly transactionTimeout?: number;
}

/** See the module. */
export class ServedStorage implements StorageObserver {
  /** The id by which clients ask for it. */
  readonly id: string;
  readonly storage: Storage;
  /** What it has in common with others in this process who use the storage. */
  readonly use: StorageUse;
  readonly statistics: Statistics = new Statistics();
  readonly options: ServedStorageOptions;
  /** Hears of every transaction of a client that is over; undefined for nobody. */
  observer?: CommitObserver;
  /** Loads that the storage answers later. */
  readonly loads: PendingLoads = new PendingLoads();
  readonly #replay?: Replay;
  readonly #sessions = new Set<Session>();
  /** Undefined when nobody knows what has changed until now. */
  #queue?: InvalidationQueue;
  /** The transactions that hold objects, whose they are, and since when. */
  readonly #holders = new Map<Commit, { readonly session: Session; readonly since: number }>();
  /** Wanted by who waits until none does; the server is being stopped then. */
  #quiet?: PromiseWithResolvers<void>;

  private constructor(id: string, storage: Storage, options: ServedStorageOptions, queue: InvalidationQueue) {
    this.id = id;
    this.storage = storage;
    this.options = options;
    this.#queue = queue;
    this.use = SharedStorage.of(storage).use(this);
    if (options.invalidationAge !== undefined) this.#replay = new Replay(storage, options.invalidationAge);
  }

  /** Begins to serve a storage: fills the queue with what it did last, and hears of what others do to it. */
  static async open(id: string, storage: Storage, options: ServedStorageOptions): Promise<ServedStorage> {
    const before = storage.lastTransaction();
    const known = await storage.lastInvalidations(options.invalidationQueueSize);
    const last = storage.lastTransaction();
    // What others have done meanwhile is not among what is known.
    const queue = new InvalidationQueue(options.invalidationQueueSize, last === before ? known : [], last);
    return new ServedStorage(id, storage, options, queue);
  }

  /** Who has which objects. */
  get locks(): ObjectLocks {
    return this.use.shared.locks;
  }

  /** Whether changes are refused. */
  get readOnly(): boolean {
    return this.options.readOnly || this.storage.readOnly;
  }

  /** The registered sessions. */
  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** A client has registered: from now on it hears of every transaction. */
  enter(session: Session): void {
    this.#sessions.add(session);
    this.#countUsers();
    if (this.#quiet) session.end();
  }

  /** A client is gone. */
  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#countUsers();
  }

  /**
   * Disconnects all clients but those whose transactions have voted, and them when these are over, one way or the
   * other; waits for that.
   */
  quiet(): Promise<void> {
    this.#quiet ??= Promise.withResolvers<void>();
    for (const session of this.#sessions) if (!this.#holds(session)) session.end();
    if (this.#holders.size === 0) this.#quiet.resolve();
    return this.#quiet.promise;
  }

  #countUsers(): void {
    this.use.users = this.#sessions.size;
  }

  #holds(session: Session): boolean {
    return [...this.#holders.values()].some((holder) => holder.session === session);
  }

  /** A transaction of the session holds its objects. */
  markLocked(commit: Commit, session: Session): void {
    this.#holders.set(commit, { session, since: Date.now() });
  }

  /** A transaction doesn't hold objects, or not any more. */
  markUnlocked(commit: Commit): void {
    const holder = this.#holders.get(commit);
    this.#holders.delete(commit);
    if (!this.#quiet) return;
    if (holder && !this.#holds(holder.session)) holder.session.end();
    if (this.#holders.size === 0) this.#quiet.resolve();
  }

  /**
   * Tells everybody but the one who made it of a transaction. Called once for each, in their order, and at once when
   * it has become visible: nothing may come between.
   */
  published(tid: Tid, oids: readonly Oid[], by: Session): void {
    this.#tell(tid, oids, by);
    this.use.published(tid, oids);
  }

  #tell(tid: Tid, oids: readonly Oid[], by?: Session): void {
    this.#knownChanges.add(tid, oids);
    this.loads.changed(tid, oids);
    const message = new InvalidationMessage(tid, oids);
    for (const session of this.#sessions) {
      if (session !== by) session.invalidate(message);
    }
  }

  /** Somebody who is no client of this server has changed the storage. */
  invalidated(tid: Tid, oids: readonly Oid[]): void {
    this.#tell(tid, oids);
  }

  /** Ends serving it. The storage is closed unless others in this process use it still. */
  async close(): Promise<void> {
    if (this.use.leave()) await this.storage.close();
  }

  /** Others have changed nobody knows what: every client has to look for itself, and does when it connects again. */
  reset(): void {
    log
      .warn`storage ${`'${this.id}'`} was changed elsewhere, and it isn't known what: its clients are disconnected`;
    this.#queue = undefined;
    for (const session of this.#sessions) session.channel.close();
  }

  /**
   * Tells what changed after a transaction; undefined when that is too long ago.
   *
   * @param answer Called once, now or later. Between what it is told and what clients are told otherwise no transaction
   * is left out, as long as it sends its reply at once.
   * @param wanted Whether anybody still waits for the answer.
   */
  missedSince(
    tid: Tid,
    answer: (missed: Missed | undefined) => void,
    wanted: () => boolean,
  ): Awaitable<void> {
    const missed = this.#knownChanges.since(tid);
    if (missed || !this.#replay?.covers(tid)) {
      if (!missed) log.info`tid to old for invq ${tid} < ${this.#knownChanges.oldest}`;
      answer(missed);
      return;
    }
    return this.#goThrough(this.#replay, tid, answer, wanted).catch((error) => {
      log.error`storage ${`'${this.id}'`} can't be gone through for what a client missed: ${String(error)}`;
      answer(undefined);
    });
  }

  async #goThrough(
    replay: Replay,
    tid: Tid,
    answer: (missed: Missed | undefined) => void,
    wanted: () => boolean,
  ): Promise<void> {
    const oids = new Set<Oid>();
    let covered: Tid | undefined = tid;
    for (let round = 0; round < MOST_ROUNDS && covered !== undefined; round++) {
      covered = await replay.collect(covered, oids, wanted);
      // What was committed meanwhile is in the queue, if it was not too much.
      const rest = covered === undefined ? undefined : this.#knownChanges.since(covered);
      if (rest) {
        for (const oid of rest.oids) oids.add(oid);
        answer({ tid: rest.tid, oids: [...oids] });
        return;
      }
    }
    answer(undefined);
  }

  get #knownChanges(): InvalidationQueue {
    // From here on it is known: what is asked of the storage now shows what was missed.
    return this.#queue ??= new InvalidationQueue(
      this.options.invalidationQueueSize,
      [],
      this.storage.lastTransaction(),
    );
  }

  /** The counts and the state, as clients and monitors ask for them. */
  status(): Dict {
    return this.statistics.status({
      connections: this.#sessions.size,
      active: this.#active,
      waiting: this.locks.waiting,
      lockedSince: this.#oldestLock,
      lastTransaction: this.storage.lastTransaction(),
      timeout: this.options.transactionTimeout !== undefined,
    });
  }

  /** The counts and the state, and what the storage itself has measured. */
  measure(): StorageMeasures {
    const { id, storage, readOnly, statistics } = this;
    return {
      ...{ id, readOnly, statistics, name: storage.name, kind: storage.kind },
      storage: statisticsOf(storage),
      fault: readOnly ? undefined : statisticsOf(storage)?.fault(),
      connections: this.#sessions.size,
      active: this.#active,
      waiting: this.locks.waiting,
      holding: this.#holders.size,
      lockedSince: this.#oldestLock,
      remembered: this.#knownChanges.length,
      lastTransaction: storage.lastTransaction(),
      objects: storage.length(),
      size: storage.size(),
    };
  }

  get #active(): number {
    let active = 0;
    for (const session of this.#sessions) if (session.hasTransaction) active++;
    return active;
  }

  get #oldestLock(): number | null {
    let oldest: number | null = null;
    for (const { since } of this.#holders.values()) if (oldest === null || since < oldest) oldest = since;
    return oldest;
  }
}

/** An invalidation, encoded at most once for each encoding. */
export class InvalidationMessage {
  readonly #tid: Tid;
  readonly #oids: readonly Oid[];
  readonly #encoded: Partial<Record<Encoding, Uint8Array>> = {};

  constructor(tid: Tid, oids: readonly Oid[]) {
    this.#tid = tid;
    this.#oids = oids;
  }

  /** The message, without its length. */
  encoded(encoding: Encoding): Uint8Array {
    return this.#encoded[encoding] ??= this.#encode(encoding);
  }

  #encode(encoding: Encoding): Uint8Array {
    const out = new Output(64 + 12 * this.#oids.length);
    const codec = encoding === "M" ? msgpackCodec : pickleCodec;
    const args = new Tuple([tidBytes(this.#tid), this.#oids.map(oidBytes)]);
    codec.encode(out, 0, true, "invalidateTransaction", args);
    return out.bytes.slice(0, out.length);
  }
}

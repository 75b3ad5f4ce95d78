/**
 * One storage as all its clients share it: who is connected, who has which objects, what changed last.
 *
 * @module
 */

import type { Dict } from "../pickle/mod.ts";
import { type Encoding, msgpackCodec, Output, pickleCodec } from "../protocol/mod.ts";
import { adaptsToUsers, type Storage } from "../storage/mod.ts";
import { type Oid, oidBytes, type Tid, tidBytes } from "../values/mod.ts";
import { InvalidationQueue, type Missed } from "./invalidation_queue.ts";
import { ObjectLocks } from "./object_locks.ts";
import type { Session } from "./session.ts";
import { Statistics } from "./statistics.ts";

/** What the clients of a storage have to do with. */
export interface ServedStorageOptions {
  /** Whether changes are refused, though the storage would take them. */
  readonly readOnly: boolean;
  /** How many transactions are remembered for clients that come back. */
  readonly invalidationQueueSize: number;
  /** Whether clients merge conflicts, and not the storage. */
  readonly clientConflictResolution: boolean;
  /** Seconds that a transaction may take from its vote on; undefined for any. */
  readonly transactionTimeout?: number;
}

/** See the module. */
export class ServedStorage {
  /** The id by which clients ask for it. */
  readonly id: string;
  readonly storage: Storage;
  readonly locks: ObjectLocks = new ObjectLocks();
  readonly statistics: Statistics = new Statistics();
  readonly options: ServedStorageOptions;
  readonly #sessions = new Set<Session>();
  readonly #queue: InvalidationQueue;
  /** When each transaction that holds objects got them. */
  readonly #lockedSince = new Map<Session, number>();

  private constructor(id: string, storage: Storage, options: ServedStorageOptions, queue: InvalidationQueue) {
    this.id = id;
    this.storage = storage;
    this.options = options;
    this.#queue = queue;
  }

  /** Begins to serve a storage: fills the queue with what it did last. */
  static async open(id: string, storage: Storage, options: ServedStorageOptions): Promise<ServedStorage> {
    const known = await storage.lastInvalidations(options.invalidationQueueSize);
    const queue = new InvalidationQueue(options.invalidationQueueSize, known, storage.lastTransaction());
    return new ServedStorage(id, storage, options, queue);
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
  }

  /** A client is gone. */
  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#countUsers();
    this.#lockedSince.delete(session);
  }

  #countUsers(): void {
    const { storage } = this;
    if (adaptsToUsers(storage)) storage.users = this.#sessions.size;
  }

  /** A transaction of the session holds its objects, or doesn't any more. */
  markLocked(session: Session, locked: boolean): void {
    if (locked) this.#lockedSince.set(session, Date.now());
    else this.#lockedSince.delete(session);
  }

  /**
   * Tells everybody but the one who made it of a transaction. Called once for each, in their order, and at once when
   * it has become visible: nothing may come between.
   */
  published(tid: Tid, oids: readonly Oid[], by: Session): void {
    this.#queue.add(tid, oids);
    const message = new InvalidationMessage(tid, oids);
    for (const session of this.#sessions) {
      if (session !== by) session.invalidate(message);
    }
  }

  /** What changed after a transaction; undefined when that is too long ago. */
  missedSince(tid: Tid): Missed | undefined {
    return this.#queue.since(tid);
  }

  /** The counts and the state, as clients and monitors ask for them. */
  status(): Dict {
    let active = 0;
    for (const session of this.#sessions) if (session.hasTransaction) active++;
    return this.statistics.status({
      connections: this.#sessions.size,
      active,
      waiting: this.locks.waiting,
      lockedSince: this.#lockedSince.size > 0 ? Math.min(...this.#lockedSince.values()) : null,
      lastTransaction: this.storage.lastTransaction(),
      timeout: this.options.transactionTimeout !== undefined,
    });
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
    codec.encode(out, 0, true, "invalidateTransaction", [tidBytes(this.#tid), this.#oids.map(oidBytes)]);
    return out.bytes.slice(0, out.length);
  }
}

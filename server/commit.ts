/**
 * One client's transaction on the server, from `tpc_begin` to its end.
 *
 *   collecting ─vote─▶ waiting ─(objects are free)─▶ voted ─tpc_finish─▶ finishing ─▶ over
 *
 * It may be aborted until it is finishing; then it is too late, also for a client that vanishes.
 *
 * @module
 */

import { statisticsOf, type StorageTransaction, type Ticket } from "../storage/mod.ts";
import {
  type Awaitable,
  ConflictError,
  isPromise,
  type Oid,
  StorageTransactionError,
  type Tid,
  type UnresolvedConflict,
  UnresolvedConflicts,
} from "../values/mod.ts";
import type { ClientTransactionId } from "./arguments.ts";
import type { CommitOutcome, TransactionState } from "./monitor/measures.ts";
import type { ServedStorage } from "./served_storage.ts";
import type { Session } from "./session.ts";
import { logConflict, logLock, logPreparing } from "./transaction_log.ts";

type Phase = TransactionState | "over";

/** In seconds; the longest that a timer waits is a bit more. */
const LONGEST_TIMEOUT = 2_000_000;

/** When it was how far, in milliseconds as `performance.now()` says; 0 for what has not been. */
interface CommitTimes {
  readonly begin: number;
  vote: number;
  /** 0 again when it has lost its objects. */
  locked: number;
  finish: number;
}

/** Told how a vote ended. */
export interface VoteOutcome {
  /** The objects whose records are not those that were sent. */
  voted(resolved: readonly Oid[]): void;
  /** The client is to merge these, store what comes of it, and vote again. */
  unresolved(conflicts: readonly UnresolvedConflict[]): void;
  refused(error: unknown): void;
}

/** See the module. */
export class Commit {
  readonly id: ClientTransactionId;
  readonly #transaction: StorageTransaction;
  readonly #session: Session;
  readonly #served: ServedStorage;
  #phase: Phase = "collecting";
  #ticket?: Ticket;
  #outcome?: VoteOutcome;
  #timer?: ReturnType<typeof setTimeout>;
  #refusal?: Error;
  /** When it was how far. */
  readonly times: CommitTimes = { begin: performance.now(), vote: 0, locked: 0, finish: 0 };
  /** Bytes of the records that were stored. */
  bytes = 0;

  constructor(
    id: ClientTransactionId,
    transaction: StorageTransaction,
    session: Session,
    served: ServedStorage,
  ) {
    this.id = id;
    this.#transaction = transaction;
    this.#session = session;
    this.#served = served;
  }

  /** How far it is; undefined when it is over. */
  get state(): TransactionState | undefined {
    return this.#phase === "over" ? undefined : this.#phase;
  }

  /** Whether it has got past the vote and holds objects. */
  get isLocked(): boolean {
    return this.#phase === "voted" || this.#phase === "finishing";
  }

  /**
   * The storage's transaction, to add to it.
   * @throws {StorageTransactionError} once the vote was asked for: what is locked is decided then.
   */
  get transaction(): StorageTransaction {
    if (this.#phase === "collecting") return this.#transaction;
    throw new StorageTransactionError(`transaction ${this.id} is ${this.#phase}, nothing can be added to it`);
  }

  /** Adds a new revision of an object. */
  store(oid: Oid, serial: Tid, record: Uint8Array): void {
    const { statistics } = this.#served;
    this.transaction.store(oid, serial, record);
    this.bytes += record.length;
    statistics.storedBytes += record.length;
    statistics.stores++;
  }

  /** Lets the vote fail, for a call that gets no reply of its own. */
  refuse(reason: Error): void {
    this.#refusal ??= reason;
  }

  /** Gets the objects, then votes. The outcome may be told before this returns. */
  vote(outcome: VoteOutcome): void {
    if (this.#phase === "voted" || this.#phase === "finishing") {
      throw new StorageTransactionError("Already voting (locked)");
    }
    if (this.#phase === "waiting") throw new StorageTransactionError("Already voting (waiting)");
    if (this.#refusal) {
      this.abort();
      throw this.#refusal;
    }
    this.#phase = "waiting";
    this.#outcome = outcome;
    this.times.vote = performance.now();
    let granted = false;
    const ticket = this.#served.use.shared.lock(this.#transaction, () => {
      granted = true;
      // When it is granted at once there is no ticket yet.
      if (this.#ticket) this.#locked();
    });
    this.#ticket = ticket;
    if (granted) this.#locked();
    else logLock("queue lock", this.#session.label, this.#served);
  }

  #locked(): void {
    const { times } = this;
    times.locked = performance.now();
    this.#served.statistics.lockWait.observe((times.locked - times.vote) / 1000);
    this.#served.markLocked(this, this.#session);
    const { label } = this.#session;
    logLock("lock", label, this.#served);
    logPreparing(label, this.#transaction.changes, this.bytes);
    this.#startTimer();
    try {
      const voting = this.#transaction.vote();
      if (isPromise(voting)) {
        voting.then((resolved) => this.#voted(resolved), (error) => this.#voteFailed(error));
      } else this.#voted(voting);
    } catch (error) {
      this.#voteFailed(error);
    }
  }

  #voted(resolved: readonly Oid[]): void {
    if (this.#phase !== "waiting") return;
    this.#phase = "voted";
    this.#served.statistics.conflictsResolved += new Set(resolved).size;
    this.#outcome!.voted(resolved);
  }

  #voteFailed(error: unknown): void {
    if (this.#phase !== "waiting") return;
    if (error instanceof UnresolvedConflicts) {
      this.#letClientResolve(error);
      return;
    }
    if (error instanceof ConflictError) this.#served.statistics.conflicts++;
    const outcome = this.#outcome!;
    this.#end(error instanceof ConflictError ? "conflict" : "failed", error);
    if (error instanceof ConflictError) logConflict(this.#session.label, error);
    outcome.refused(error);
  }

  /** The objects are free for others meanwhile; the client stores what it has merged, and votes again. */
  #letClientResolve(conflicts: UnresolvedConflicts): void {
    this.#phase = "collecting";
    clearTimeout(this.#timer);
    this.#served.markUnlocked(this);
    this.#countHold(performance.now());
    const ticket = this.#ticket;
    this.#ticket = undefined;
    this.#outcome!.unresolved(conflicts.conflicts);
    logLock("unlock", this.#session.label, this.#served);
    ticket?.release();
  }

  #startTimer(): void {
    const seconds = this.#served.options.transactionTimeout;
    if (seconds === undefined) return;
    // A timer can't wait for longer than some weeks: that is for ever here.
    if (seconds > LONGEST_TIMEOUT) return;
    this.#timer = setTimeout(() => this.#session.timedOut(seconds), seconds * 1000);
  }

  /**
   * Makes it durable and visible, tells everybody, and frees its objects.
   * @param answer Sends the reply: after everybody else was told, before anything later can be.
   * @throws {StorageTransactionError} at once when it was not voted; what went wrong with writing through the promise.
   */
  finish(answer: (tid: Tid) => void): Awaitable<Tid> {
    if (this.#phase !== "voted") throw new StorageTransactionError("finished called wo lock");
    this.#phase = "finishing";
    // The client has done its part, and what is being made durable can't be taken back.
    clearTimeout(this.#timer);
    this.times.finish = performance.now();
    const failed = (error: unknown): never => {
      this.#end("failed", error);
      throw error;
    };
    try {
      const finishing = this.#transaction.finish((tid) => {
        try {
          this.#served.statistics.commits++;
          this.#served.published(tid, [...new Set(this.#transaction.changes)], this.#session);
          answer(tid);
        } finally {
          // It is done, whatever happens to those who are told: nobody may wait for its objects any more.
          this.#end("committed", undefined, tid);
        }
      });
      return isPromise(finishing) ? finishing.catch(failed) : finishing;
    } catch (error) {
      return failed(error);
    }
  }

  /** Gives it up, unless it is finishing. */
  abort(): void {
    if (this.#phase === "finishing" || this.#phase === "over") return;
    const waiting = this.#phase === "waiting" ? this.#outcome : undefined;
    this.#transaction.abort();
    this.#end("aborted");
    waiting?.refused(new StorageTransactionError("aborted while waiting to vote"));
  }

  #end(outcome: CommitOutcome, error?: unknown, tid?: Tid): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    const now = performance.now();
    clearTimeout(this.#timer);
    this.#session.over(this);
    this.#served.markUnlocked(this);
    this.#release();
    this.#tell(outcome, now, error, tid);
    this.#countHold(now);
    if (tid !== undefined) this.#served.statistics.finish.observe((now - this.times.finish) / 1000);
  }

  /** Lets others have its objects. */
  #release(): void {
    const ticket = this.#ticket;
    if (!ticket) return;
    const { label } = this.#session;
    const { granted } = ticket;
    if (granted) logLock("unlock", label, this.#served);
    ticket.release();
    if (!granted) logLock("dequeue lock", label, this.#served);
  }

  #countHold(now: number): void {
    if (this.times.locked > 0) this.#served.statistics.lockHold.observe((now - this.times.locked) / 1000);
    this.times.locked = 0;
  }

  #tell(outcome: CommitOutcome, end: number, error?: unknown, tid?: Tid): void {
    const { id, storage, observer } = this.#served;
    if (!observer) return;
    const { begin, vote, locked, finish } = this.times;
    // Transactions are published within the sync that they shared: the last one is this one's.
    const syncs = tid === undefined ? undefined : statisticsOf(storage)?.syncs;
    observer({
      storage: id,
      ...{ outcome, tid, bytes: this.bytes, begin, end, error },
      objects: new Set(this.#transaction.changes).size,
      vote: vote || undefined,
      locked: locked || undefined,
      finish: finish || undefined,
      sync: syncs && syncs.lastStart >= finish ? [syncs.lastStart, syncs.lastEnd] : undefined,
    });
  }
}

/**
 * One client's transaction on the server, from `tpc_begin` to its end.
 *
 *   collecting ─vote─▶ waiting ─(objects are free)─▶ voted ─tpc_finish─▶ finishing ─▶ over
 *
 * It may be aborted until it is finishing; then it is too late, also for a client that vanishes.
 *
 * @module
 */

import type { StorageTransaction } from "../storage/mod.ts";
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
import type { Ticket } from "./object_locks.ts";
import type { ServedStorage } from "./served_storage.ts";
import type { Session } from "./session.ts";

type Phase = "collecting" | "waiting" | "voted" | "finishing" | "over";

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
    const { changes, checks, exclusive } = this.#transaction;
    const wholeStorage = exclusive || !this.#served.storage.concurrentVotes;
    let granted = false;
    const ticket = this.#served.locks.request({ exclusive: changes, shared: checks, wholeStorage }, () => {
      granted = true;
      // When it is granted at once there is no ticket yet.
      if (this.#ticket) this.#locked();
    });
    this.#ticket = ticket;
    if (granted) this.#locked();
  }

  #locked(): void {
    this.#served.markLocked(this.#session, true);
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
    this.#end();
    outcome.refused(error);
  }

  /** The objects are free for others meanwhile; the client stores what it has merged, and votes again. */
  #letClientResolve(conflicts: UnresolvedConflicts): void {
    this.#phase = "collecting";
    clearTimeout(this.#timer);
    this.#served.markLocked(this.#session, false);
    const ticket = this.#ticket;
    this.#ticket = undefined;
    this.#outcome!.unresolved(conflicts.conflicts);
    ticket?.release();
  }

  #startTimer(): void {
    const seconds = this.#served.options.transactionTimeout;
    if (seconds === undefined) return;
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
    const finishing = this.#transaction.finish((tid) => {
      try {
        this.#served.statistics.commits++;
        this.#served.published(tid, [...new Set(this.#transaction.changes)], this.#session);
        answer(tid);
      } finally {
        // It is done, whatever happens to those who are told: nobody may wait for its objects any more.
        this.#end();
      }
    });
    if (isPromise(finishing)) {
      return finishing.catch((error) => {
        this.#end();
        throw error;
      });
    }
    return finishing;
  }

  /** Gives it up, unless it is finishing. */
  abort(): void {
    if (this.#phase === "finishing" || this.#phase === "over") return;
    const waiting = this.#phase === "waiting" ? this.#outcome : undefined;
    this.#transaction.abort();
    this.#end();
    waiting?.refused(new StorageTransactionError("aborted while waiting to vote"));
  }

  #end(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    clearTimeout(this.#timer);
    this.#session.over(this);
    this.#served.markLocked(this.#session, false);
    this.#ticket?.release();
  }
}

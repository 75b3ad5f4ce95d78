/**
 * The end of a Data.fs: gives transactions their ids and places, writes them there, and publishes them when they are
 * durable.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Awaitable,
  FileStorageError,
  formatTid,
  isPromise,
  NO_TID,
  type Oid,
  type Tid,
  tidAfter,
  tidFromTime,
} from "../../values/mod.ts";
import type { SyncStatistics } from "../statistics.ts";
import { type Ballast, isDiskFull } from "./ballast.ts";
import { CommitQueue, type Stage } from "./commit_queue.ts";
import type { FileTransaction } from "./file_transaction.ts";
import type { VisibleFile } from "./visible_file.ts";

const log = getLogger(["zeo", "storage", "file"]);

/** A sync that blocks the thread no longer than this is as good as none, in milliseconds. */
const SHORT_SYNC = 2;

/** What remains of a long sync's time with each that follows. */
const FORGETTING = 0.99;

/** What a transaction's storage does around writing it. */
export interface AppendSteps {
  /** It is about to be written. */
  writing(): void;
  /** Its id is known. What this does is waited for before anything is written, and nothing is if it fails. */
  decided?(tid: Tid): Awaitable<void>;
  /** It is durable and can be seen. Must not fail. */
  published(tid: Tid): void;
}

/** See the module. */
export class Appender {
  readonly #visible: VisibleFile;
  readonly #ballast: Ballast;
  readonly #now: () => number;
  readonly #queue: CommitQueue;
  /** Where the written part ends; beyond the visible part lies what is being made durable. */
  #end: number;
  /** The id of the last transaction that was written, visible or not. */
  #tid: Tid;
  /** How many use the storage; others must not wait for a sync. */
  users = Infinity;
  /** Milliseconds of the last sync that blocked the thread; a long one is forgotten slowly. */
  #syncTime = 0;
  /** Whether a transaction is being written piece by piece. */
  #writing = false;
  readonly #probe = new Uint8Array(2);
  #failure?: Error;
  /** Held transactions wait for this. */
  #held?: PromiseWithResolvers<void>;

  /**
   * @param ballast Room on the disk that voted transactions may take when there is no other.
   * @param now What time it is, in milliseconds since 1970.
   */
  constructor(visible: VisibleFile, ballast: Ballast, now: () => number) {
    this.#visible = visible;
    this.#ballast = ballast;
    this.#now = now;
    this.#end = visible.end;
    this.#tid = visible.lastTid;
    this.#queue = new CommitQueue(() => this.#sync(), (cause, stage) => this.#fail(cause, stage));
  }

  /** The last transaction that was written, and where it ends. */
  get last(): { readonly tid: Tid; readonly end: number } {
    return { tid: this.#tid, end: this.#end };
  }

  /** The syncs so far. */
  get syncs(): SyncStatistics {
    return this.#queue.syncs;
  }

  /** Why nothing is written any more, when something went wrong. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves when everything written is durable and published. */
  idle(): Awaitable<void> {
    return this.#queue.idle();
  }

  /** Lets no transaction begin to be written until {@linkcode Appender.resume}: they wait. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>();
  }

  /** There is another visible file: what comes next goes to its end. Only while nothing is written. */
  moved(): void {
    this.#end = this.#visible.end;
  }

  /**
   * Goes on after {@linkcode Appender.hold}.
   * @param failure Why nothing can be written any more, if that is so.
   */
  resume(failure?: unknown): void {
    if (failure !== undefined) this.#fail(failure, "write");
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** With one user and a fast disk nobody gains from another thread's doing it, and the detour costs. */
  #sync(): Awaitable<void> {
    const { file } = this.#visible;
    if (this.users > 1 || this.#syncTime > SHORT_SYNC) {
      this.#syncTime *= FORGETTING;
      return file.sync();
    }
    const start = performance.now();
    file.syncNow();
    this.#syncTime = performance.now() - start;
  }

  /** Writes a voted transaction, makes it durable, and publishes it. */
  async append(transaction: FileTransaction, steps: AppendSteps): Promise<Tid> {
    while (this.#held) await this.#held.promise;
    if (this.#failure) throw this.#failure;
    return await this.#add(transaction, steps);
  }

  #add(transaction: FileTransaction, steps: AppendSteps): Promise<Tid> {
    const { body } = transaction;
    let tid: Tid = NO_TID, position = 0;
    return this.#queue.add<Tid>({
      write: () => {
        this.#checkUnchanged();
        steps.writing();
        this.#ballast.writing = body.length;
        position = this.#end;
        tid = transaction.tid ?? this.#nextTid();
        const deciding = steps.decided?.(tid);
        const writing = isPromise(deciding)
          ? this.#writeAfter(deciding, transaction, position, tid)
          : this.#write(transaction, position, tid);
        this.#end += body.length;
        this.#tid = tid;
        return writing;
      },
      publish: () => {
        const { index, reader } = this.#visible;
        body.offerTo(reader.cache, position, tid);
        for (const record of body.records) index.set(record.oid, position + record.offset);
        this.#visible.end = position + body.length;
        this.#visible.lastTid = tid;
        this.#tell(steps, tid);
        return tid;
      },
    });
  }

  async #writeAfter(
    deciding: Promise<void>,
    transaction: FileTransaction,
    position: number,
    tid: Tid,
  ): Promise<void> {
    await deciding;
    // A sync may have failed meanwhile, and cut off what was written before.
    if (this.#failure) throw this.#failure;
    await this.#write(transaction, position, tid);
  }

  /** The transaction is durable and visible, whatever happens to those who are told. */
  #tell(steps: AppendSteps, tid: Tid): void {
    try {
      steps.published(tid);
    } catch (error) {
      log.error(`${this.#visible.file.path}: telling of transaction ${formatTid(tid)} failed: ${error}`);
    }
  }

  #nextTid(): Tid {
    const now = tidFromTime(this.#now());
    return now > this.#tid ? now : tidAfter(this.#tid);
  }

  /** Someone who writes to the file in spite of the lock must not be overwritten. */
  #checkUnchanged(): void {
    const { file } = this.#visible;
    // Cheaper than asking for the size: the last byte is there, and none behind it.
    if (file.read(this.#probe, this.#end - 1) === 1) return;
    const size = file.size();
    throw new FileStorageError(
      `${file.path}: has ${size} bytes, expected ${this.#end}: somebody else has changed it`,
    );
  }

  /** Writes a transaction at the end of the file; if that fails, nothing of it stays there. */
  #write(transaction: FileTransaction, position: number, tid: Tid): Awaitable<void> {
    const { file, index } = this.#visible;
    const failed = (cause: unknown): Awaitable<void> => {
      this.#writing = false;
      if (!this.#failure && isDiskFull(cause) && this.#ballast.give(transaction.body.length)) {
        log.error(`${file.path}: the disk is full, using the room that was held back`);
        this.#cut(position);
        return this.#write(transaction, position, tid);
      }
      // A sync that failed meanwhile has left the cutting to this write.
      this.#cut(this.#failure ? this.#visible.end : position);
      throw cause;
    };
    const written = () => {
      this.#writing = false;
      this.#ballast.writing = 0;
      if (this.#failure) this.#cut(this.#visible.end);
    };
    try {
      const previous = (oid: Oid) => index.get(oid) ?? 0;
      const writing = transaction.body.writeTo(file, position, tid, transaction.status, previous);
      if (!isPromise(writing)) {
        this.#ballast.writing = 0;
        return;
      }
      this.#writing = true;
      return writing.then(written, failed);
    } catch (cause) {
      return failed(cause);
    }
  }

  /** After a failed write or sync nothing is written any more; what is visible stays so. */
  #fail(cause: unknown, stage: Stage): Error {
    const { path } = this.#visible.file;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${path}: takes no more changes after a failed ${stage}: ${reason}`;
    this.#failure = new FileStorageError(message, { cause });
    log.fatal(`${path}: ${stage} failed, the storage takes no more changes: ${reason}`);
    // What was never acknowledged must not come back at the next start.
    // A cut under a write that goes on would leave a hole in the file: that write cuts when it is done.
    if (stage === "sync" && !this.#writing) this.#cut(this.#visible.end);
    return this.#failure;
  }

  #cut(position: number): void {
    const { file } = this.#visible;
    try {
      file.truncate(position);
    } catch (error) {
      log.error(`${file.path}: could not cut off what was written after ${position}: ${error}`);
    }
  }
}

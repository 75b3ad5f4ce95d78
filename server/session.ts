/**
 * One client of one storage: what it may call, and what it is told.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Dict, Tuple, type Value } from "../pickle/mod.ts";
import { type Channel, type Message, PythonError } from "../protocol/mod.ts";
import { Slice, type StorageTransaction } from "../storage/mod.ts";
import {
  type Awaitable,
  isPromise,
  oidBytes,
  ProtocolError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  tidBytes,
  type UnresolvedConflict,
} from "../values/mod.ts";
import { type ClientTransactionId, oneLine } from "./arguments.ts";
import { BlobTransfers } from "./blob_transfers.ts";
import { Commit } from "./commit.ts";
import { Iterators } from "./iteration_methods.ts";
import type { TransactionState } from "./monitor/measures.ts";
import type { InvalidationMessage, ServedStorage } from "./served_storage.ts";

const log = getLogger(["zeo", "server"]);
const connectionLog = getLogger(["zeo", "server", "connection"]);

/** Characters of a client's label that are kept. */
const LONGEST_LABEL = 200;

/** Milliseconds of work between two pauses. */
const SLICE = 5;

/** See the module. */
export class Session {
  readonly served: ServedStorage;
  readonly channel: Channel;
  /** Whether this client may not change anything. */
  readonly readOnly: boolean;
  #clientLabel = "";
  /** What log lines call it. */
  label: string;
  /** What it is iterating over. */
  readonly iterators: Iterators = new Iterators();
  /** The blobs on their way between it and the server. */
  readonly blobs: BlobTransfers;
  readonly #serverLabel: string;
  /** The one that the client can add to, vote on, finish or abort. */
  #commit?: Commit;
  /** Those that it has finished, and that are being made durable: the next one may begin behind them. */
  readonly #finishing = new Set<Commit>();
  #closed = false;
  /** The end of the long work that it has asked for. */
  #line: Promise<unknown> = Promise.resolve();
  readonly #slice = new Slice(SLICE);

  constructor(served: ServedStorage, channel: Channel, readOnly: boolean, label: string) {
    this.served = served;
    this.channel = channel;
    this.blobs = new BlobTransfers(channel);
    this.readOnly = readOnly;
    this.label = this.#serverLabel = label;
  }

  /** What the client calls itself; empty where it doesn't say. */
  get clientLabel(): string {
    return this.#clientLabel;
  }

  /** The client says what it is called. */
  set clientLabel(label: string) {
    this.#clientLabel = oneLine(label, LONGEST_LABEL);
    this.label = `${this.#clientLabel} ${this.#serverLabel}`;
  }

  /** How far its transaction is, and how long ago that began; undefined when it has none. */
  get transaction(): { readonly state: TransactionState; readonly seconds: number } | undefined {
    const [commit] = this.#commits;
    const state = commit?.state;
    return state && { state, seconds: (performance.now() - commit.times.begin) / 1000 };
  }

  /** Whether a transaction has begun and not ended. */
  get hasTransaction(): boolean {
    return this.#commits.length > 0;
  }

  get #commits(): readonly Commit[] {
    return this.#commit ? [...this.#finishing, this.#commit] : [...this.#finishing];
  }

  /** @throws {ReadOnlyError} when this client may not change anything. */
  requireWritable(): void {
    if (this.readOnly || this.served.readOnly) throw new ReadOnlyError();
  }

  /** Begins a transaction. The same id again is no error and changes nothing. */
  begin(id: ClientTransactionId, make: () => StorageTransaction): void {
    this.requireWritable();
    if (this.#commit) {
      if (this.#commit.id === id) {
        log.info`(${this.label}) duplicate tpc_begin(${shown(id)})`;
        return;
      }
      throw new StorageTransactionError(
        `transaction ${id} can't begin while ${this.#commit.id} has not ended`,
      );
    }
    this.#commit = new Commit(id, make(), this, this.served);
  }

  /**
   * The transaction with this id.
   * @param method What was called for it.
   * @throws {StorageTransactionError} when it isn't the current one.
   */
  commit(id: ClientTransactionId, method: string): Commit {
    this.requireWritable();
    const current = this.currentCommit(id, method);
    if (current) return current;
    const other = this.#commit ? wireId(this.#commit.id) : null;
    throw new PythonError("ZODB.POSException.StorageTransactionError", other, wireId(id));
  }

  /** The current transaction if it has this id. @param method What was called for it; undefined where it need not. */
  currentCommit(id: ClientTransactionId, method?: string): Commit | undefined {
    const commit = this.#commit;
    if (commit?.id === id) return commit;
    if (method !== undefined) {
      if (!commit) log.warn`(${this.label}) no current transaction: ${method}()`;
      else {log.warn`(${this.label}) ${method}(${shown(id)}) invalid; current transaction = ${
          shown(commit.id)
        }`;}
    }
    return undefined;
  }

  /** Ends the connection when the client has read what it was sent. */
  end(): void {
    this.channel.end();
  }

  /** A transaction of this session has ended. */
  over(commit: Commit): void {
    this.#finishing.delete(commit);
    if (this.#commit === commit) this.#commit = undefined;
  }

  /** Votes; the reply may come later, when others have ended. */
  vote(call: Message, commit: Commit): void {
    commit.vote({
      voted: (resolved) => this.#reply(call, resolved.map(oidBytes)),
      unresolved: (conflicts) => this.#reply(call, conflicts.map(conflictValue)),
      refused: (error) => {
        if (error instanceof Error && error.name === "FileStorageError") {
          log.error`(${this.label}) While voting: ${error.message}`;
        }
        this.#replyError(call, error);
      },
    });
  }

  /** Answers a call, unless its caller wants no reply. */
  #reply(call: Message, value: Value): void {
    if (!call.flag) this.channel.reply(call.id, value);
  }

  /** Tells that a call failed, or disconnects a caller who wants no reply. */
  #replyError(call: Message, error: unknown): void {
    if (!call.flag) {
      this.channel.replyError(call.id, error);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.channel.close(new ProtocolError(`${call.name} failed and nobody waits for its answer: ${reason}`));
  }

  /** Finishes; the reply leaves when the transaction is durable and everybody else was told. */
  finish(call: Message, commit: Commit): Awaitable<void> {
    const { served } = this;
    this.#commit = undefined;
    this.#finishing.add(commit);
    const finishing = commit.finish((tid) => {
      // The client counts on the sizes before it has its answer.
      this.tellSizes();
      this.#reply(call, tidBytes(tid));
    });
    if (!isPromise(finishing)) return;
    return finishing.then(() => {}, (error) => {
      log.error`(${this.label}) finish of a transaction in storage ${served.id} failed: ${String(error)}`;
      this.#replyError(call, error);
    });
  }

  /** Answers what has changed after a transaction; null when that is too long ago. */
  tellMissed(call: Message, tid: Tid): Awaitable<void> {
    return this.served.missedSince(tid, (missed) => {
      if (missed) {
        log.info`(${this.label}) Return ${missed.oids.length} invalidations up to tid ${missed.tid}`;
      }
      this.#reply(call, missed ? new Tuple([tidBytes(missed.tid), missed.oids.map(oidBytes)]) : null);
    }, () => !this.channel.closed);
  }

  /** Long work for this client: one after the other, and others have their turns in between. */
  inLine<T>(work: () => Awaitable<T>): Promise<T> {
    const done = this.#line.then(async () => {
      await this.#slice.rest();
      return await work();
    });
    this.#line = done.catch(() => {});
    return done;
  }

  /** Tells the client how many objects and bytes the storage has. */
  tellSizes(): void {
    this.channel.notify("info", [this.sizes()]);
  }

  /** The number of objects and the bytes of the storage. */
  sizes(): Dict {
    const { storage } = this.served;
    return Dict.from([["length", storage.length()], ["size", storage.size()]]);
  }

  /** Tells the client that objects have changed. */
  invalidate(message: InvalidationMessage): void {
    this.channel.sendRaw(message.encoded(this.channel.codec.encoding));
  }

  /** Ends the connection, because the transaction takes too long. */
  timedOut(seconds: number): void {
    this.served.statistics.timeouts++;
    log.fatal`(${this.label}) Transaction timeout after ${seconds} seconds`;
    connectionLog.debug`Closing server protocol`;
    this.close();
    this.channel.close();
  }

  /**
   * Forgets the client: gives up its transaction, unless that is being made durable already.
   *
   * @param told Whether a line in the log has said that the connection ends.
   */
  close(told = false): void {
    if (this.#closed) return;
    this.#closed = true;
    const commits = this.#commits;
    if (commits.length > 0) {
      const state = commits.some((commit) => commit.isLocked) ? "locked" : "unlocked";
      log.info`(${this.label}) disconnected during ${state} transaction`;
    } else if (!told) log.info`(${this.label}) disconnected`;
    // Those that are being made durable are not given up any more.
    if (this.#commit) this.served.statistics.aborts++;
    this.#commit?.abort();
    this.iterators.closeAll();
    this.blobs.close();
    this.served.leave(this);
  }
}

/** A conflict as clients get it that resolve conflicts themselves. */
function conflictValue({ oid, committed, read, data }: UnresolvedConflict): Dict {
  return Dict.from([
    ["oid", oidBytes(oid)],
    ["serials", new Tuple([tidBytes(committed), tidBytes(read)])],
    ["data", data],
  ]);
}

/** A client's transaction id for the log. */
function shown(id: ClientTransactionId): string {
  return typeof id === "string" ? oneLine(id.slice(1), 128) : String(id);
}

/** A client's transaction id as it is sent back in an error. */
function wireId(id: ClientTransactionId): Value {
  if (typeof id !== "string") return id;
  return id[0] === "b" ? Uint8Array.fromHex(id.slice(1)) : id.slice(1);
}

/**
 * One client of one storage: what it may call, and what it is told.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Dict, Tuple, type Value } from "../pickle/mod.ts";
import { type Channel, type Message, PythonError } from "../protocol/mod.ts";
import type { StorageTransaction } from "../storage/mod.ts";
import {
  isPromise,
  oidBytes,
  ProtocolError,
  ReadOnlyError,
  StorageTransactionError,
  tidBytes,
  type UnresolvedConflict,
} from "../values/mod.ts";
import type { ClientTransactionId } from "./arguments.ts";
import { BlobTransfers } from "./blob_transfers.ts";
import { Commit } from "./commit.ts";
import { Iterators } from "./iteration_methods.ts";
import type { InvalidationMessage, ServedStorage } from "./served_storage.ts";

const log = getLogger(["zeo", "server"]);

/** See the module. */
export class Session {
  readonly served: ServedStorage;
  readonly channel: Channel;
  /** Whether this client may not change anything. */
  readonly readOnly: boolean;
  /** What log lines call it; a client may put a label of its own in front. */
  label: string;
  /** What it is iterating over. */
  readonly iterators: Iterators = new Iterators();
  /** The blobs on their way between it and the server. */
  readonly blobs: BlobTransfers;
  #commit?: Commit;
  #closed = false;

  constructor(served: ServedStorage, channel: Channel, readOnly: boolean, label: string) {
    this.served = served;
    this.channel = channel;
    this.blobs = new BlobTransfers(channel);
    this.readOnly = readOnly;
    this.label = label;
  }

  /** Whether a transaction has begun and not ended. */
  get hasTransaction(): boolean {
    return this.#commit !== undefined;
  }

  /** @throws {ReadOnlyError} when this client may not change anything. */
  requireWritable(): void {
    if (this.readOnly || this.served.readOnly) throw new ReadOnlyError();
  }

  /** Begins a transaction. The same id again is no error and changes nothing. */
  begin(id: ClientTransactionId, make: () => StorageTransaction): void {
    this.requireWritable();
    if (this.#commit) {
      if (this.#commit.id === id) return;
      throw new StorageTransactionError(
        `transaction ${id} can't begin while ${this.#commit.id} has not ended`,
      );
    }
    this.#commit = new Commit(id, make(), this, this.served);
  }

  /** The transaction with this id. @throws {StorageTransactionError} when it isn't the current one. */
  commit(id: ClientTransactionId): Commit {
    this.requireWritable();
    if (!this.#commit) {
      log.warn`(${this.label}) no current transaction: ${id}`;
      throw new PythonError("ZODB.POSException.StorageTransactionError", null, wireId(id));
    }
    if (this.#commit.id !== id) {
      log.warn`(${this.label}) ${id} invalid; current transaction = ${this.#commit.id}`;
      throw new PythonError("ZODB.POSException.StorageTransactionError", wireId(this.#commit.id), wireId(id));
    }
    return this.#commit;
  }

  /** The current transaction if it has this id. */
  currentCommit(id: ClientTransactionId): Commit | undefined {
    return this.#commit?.id === id ? this.#commit : undefined;
  }

  /** A transaction of this session has ended. */
  over(commit: Commit): void {
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
  finish(call: Message, commit: Commit): void {
    const { served } = this;
    const finishing = commit.finish((tid) => {
      // The client counts on the sizes before it has its answer.
      this.tellSizes();
      this.#reply(call, tidBytes(tid));
    });
    if (isPromise(finishing)) {
      finishing.catch((error) => {
        log.error`(${this.label}) finish of a transaction in storage ${served.id} failed: ${String(error)}`;
        this.#replyError(call, error);
      });
    }
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
    log.fatal`(${this.label}) Transaction timeout after ${seconds} seconds`;
    this.close();
    this.channel.close();
  }

  /** Forgets the client: gives up its transaction, unless that is being made durable already. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#commit) {
      const state = this.#commit.isLocked ? "locked" : "unlocked";
      log.info`(${this.label}) disconnected during ${state} transaction`;
      this.#commit.abort();
    } else log.info`(${this.label}) disconnected`;
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

/** A client's transaction id as it is sent back in an error. */
function wireId(id: ClientTransactionId): Value {
  if (typeof id !== "string") return id;
  return id[0] === "b" ? Uint8Array.fromHex(id.slice(1)) : id.slice(1);
}

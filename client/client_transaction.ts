/**
 * A transaction of a client storage.
 *
 *   open ─vote─▶ voting ─▶ voted ─finish─▶ finishing ─▶ finished
 *     └────────────┴─────────┴─ abort, or what goes wrong ─▶ aborted
 *
 * What is stored leaves at once while it is this transaction's turn. Everything is kept as well: until its vote it can be
 * sent again, when the connection is lost or another one votes first; and at its end the records go into the cache.
 *
 * @module
 */

import type { Value } from "../pickle/mod.ts";
import type {
  BeginOptions,
  BlobRestoringTransaction,
  Capability,
  DeletingTransaction,
  StorageTransaction,
  TransactionMetadata,
  UndoingTransaction,
} from "../storage/mod.ts";
import {
  type Awaitable,
  ClientDisconnected,
  ConflictError,
  NO_TID,
  type Oid,
  oidBytes,
  POSKeyError,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  tidBytes,
  type UnresolvedConflict,
  UnresolvedConflicts,
} from "../values/mod.ts";
import type { PendingBlob } from "./blob_seam.ts";
import { showOwnTransaction } from "./own_transaction.ts";
import { tidOf } from "./replies.ts";
import type { ServerConnection } from "./server_connection.ts";
import { StoredRecords } from "./stored_records.ts";
import type { TransactionHome } from "./transaction_home.ts";
import type { Player } from "./turns.ts";
import { type Vote, voteOf } from "./votes.ts";

type Phase = "open" | "voting" | "voted" | "finishing" | "finished" | "aborted";

/** One call of the transaction, without its id. */
interface Operation {
  readonly name: string;
  readonly args: () => Value[];
}

interface StoredBlob extends PendingBlob {
  /** Whether it replaces whatever revision is current. */
  readonly restores: boolean;
}

/** How often conflicts are resolved in one transaction before it is given up. */
const MOST_VOTES = 10;

/** See the module. It has those methods beyond a plain transaction's that the server's storage has. */
export class ClientTransaction implements StorageTransaction, Player {
  readonly changes: Oid[] = [];
  readonly checks: Oid[] = [];
  readonly exclusive: boolean;
  declare readonly deleteObject?: DeletingTransaction["deleteObject"];
  declare readonly restore?: BlobRestoringTransaction["restore"];
  declare readonly undo?: UndoingTransaction["undo"];
  declare readonly storeBlob?: BlobRestoringTransaction["storeBlob"];
  declare readonly restoreBlob?: BlobRestoringTransaction["restoreBlob"];
  readonly #home: TransactionHome;
  readonly #metadata: TransactionMetadata;
  readonly #options: BeginOptions;
  readonly #operations: Operation[] = [];
  readonly #records = new StoredRecords();
  /** The number of each object's last record; null where the record is not known here. */
  readonly #stored = new Map<Oid, number | null>();
  readonly #blobs: StoredBlob[] = [];
  #phase: Phase = "open";
  /** Where what was sent went; nothing was when it is undefined. */
  #connection?: ServerConnection;
  #id = 0;
  #sent = 0;
  #uploaded = 0;
  #voting?: PromiseWithResolvers<readonly Oid[]>;
  #failure?: unknown;

  /** @param offers What the server's storage can do. */
  constructor(
    home: TransactionHome,
    metadata: TransactionMetadata,
    options: BeginOptions,
    offers: readonly Capability[],
  ) {
    this.#home = home;
    this.#metadata = metadata;
    this.#options = options;
    this.exclusive = options.tid !== undefined;
    if (offers.includes("IExternalGC")) this.deleteObject = (oid, serial) => this.#delete(oid, serial);
    if (offers.includes("IStorageRestoreable")) this.restore = (...copy) => this.#restore(...copy);
    if (offers.includes("IStorageUndoable")) this.undo = (tid) => this.#undo(tid);
    if (home.blobs && offers.includes("IBlobStorage")) {
      this.storeBlob = (oid, serial, data, file) => this.#storeBlob(oid, serial, data, file, false);
      this.restoreBlob = (oid, _serial, data, _previous, file) =>
        this.#storeBlob(oid, NO_TID, data, file, true);
    }
  }

  get voting(): boolean {
    return this.#phase === "voting" || this.#phase === "voted" || this.#phase === "finishing";
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#require("open");
    const record = this.#records.add(data);
    this.changes.push(oid);
    this.#stored.set(oid, record);
    const args = () => [oidBytes(oid), tidBytes(serial), this.#records.get(record)];
    this.#add({ name: "storea", args });
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.checks.push(oid);
    this.#add({
      name: "checkCurrentSerialInTransaction",
      args: () => [oidBytes(oid), tidBytes(serial)],
    });
  }

  #delete(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.#changed(oid);
    this.#add({ name: "deleteObject", args: () => [oidBytes(oid), tidBytes(serial)] });
  }

  #restore(oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null): void {
    this.#require("open");
    const record = data && this.#records.add(data);
    this.#changed(oid);
    this.#add({
      name: "restorea",
      args: () => [
        oidBytes(oid),
        tidBytes(serial),
        record === null ? null : this.#records.get(record),
        previous === null ? null : tidBytes(previous),
      ],
    });
  }

  #undo(tid: Tid): void {
    this.#require("open");
    this.#add({ name: "undoa", args: () => [new TextEncoder().encode(tidBytes(tid).toBase64())] });
  }

  #storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string, restores: boolean): void {
    this.#require("open");
    this.changes.push(oid);
    this.#stored.set(oid, this.#records.add(data));
    this.#blobs.push({ oid, serial, data: data.slice(), temporaryFile, restores });
  }

  /** An object is changed in a way whose result is known to the server only. */
  #changed(oid: Oid): void {
    this.changes.push(oid);
    this.#stored.set(oid, null);
  }

  #add(operation: Operation): void {
    this.#operations.push(operation);
    if (this.#home.turns.tryTake(this)) this.#sendSome(this.#home.current);
  }

  /** Sends what the connection takes at the moment. */
  #sendSome(connection: ServerConnection | undefined): void {
    if (!connection || connection.closed || connection.readOnly) return;
    if (this.#connection !== connection) this.#begin(connection);
    while (this.#sent < this.#operations.length && !connection.room()) {
      const { name, args } = this.#operations[this.#sent++];
      connection.notify(name, [...args(), this.#id]);
    }
  }

  #begin(connection: ServerConnection): void {
    const { user, description, extension } = this.#metadata, { tid, status } = this.#options;
    this.#connection = connection;
    this.#id = this.#home.nextId();
    this.#sent = this.#uploaded = 0;
    const given = tid === undefined ? null : tidBytes(tid);
    connection.notify("tpc_begin", [this.#id, user, description, extension, given, status ?? " "]);
  }

  suspend(): void {
    this.#abortRemotely();
    this.#connection = undefined;
  }

  vote(): Promise<readonly Oid[]> {
    this.#require("open");
    this.#phase = "voting";
    const voting = this.#voting = Promise.withResolvers<readonly Oid[]>();
    this.#runVote().then((resolved) => {
      if (this.#phase !== "voting") return;
      this.#phase = "voted";
      voting.resolve(resolved);
    }).catch((error) => {
      if (this.#phase !== "voting") return;
      if (error instanceof UnresolvedConflicts) this.#phase = "open";
      else {
        // A server that has given it up already doesn't mind; one that leaves conflicts to the client has not.
        this.#abortRemotely();
        this.#end("aborted", error);
      }
      voting.reject(error);
    });
    return voting.promise;
  }

  async #runVote(): Promise<readonly Oid[]> {
    await this.#home.turns.take(this);
    const connection = await this.#home.connection();
    this.#require("voting");
    if (connection.readOnly) throw new ReadOnlyError();
    const resolved = new Set<Oid>();
    for (let round = 0; round < MOST_VOTES; round++) {
      await this.#sendAll(connection);
      const vote = await this.#askForVote(connection);
      for (const oid of vote.resolved) resolved.add(oid);
      if (vote.conflicts.length === 0) {
        for (const oid of resolved) this.#stored.set(oid, null);
        return [...resolved];
      }
      // Python's server has forgotten the blobs by its next vote.
      this.#uploaded = 0;
      if (this.#options.callerResolves) throw new UnresolvedConflicts(vote.conflicts);
      for (const conflict of vote.conflicts) {
        resolved.add(conflict.oid);
        this.#storeMerged(conflict, await this.#merge(conflict));
      }
    }
    throw new StorageTransactionError(`conflicts again after ${MOST_VOTES} votes`);
  }

  async #merge(conflict: UnresolvedConflict): Promise<Uint8Array> {
    try {
      return await this.#home.resolve(conflict);
    } catch (error) {
      if (error instanceof ConflictError) this.#home.doubt(error.conflict.oid);
      throw error;
    }
  }

  #storeMerged({ oid, committed }: UnresolvedConflict, merged: Uint8Array): void {
    const record = this.#records.add(merged);
    const args = () => [oidBytes(oid), tidBytes(committed), this.#records.get(record)];
    this.#operations.push({ name: "storea", args });
  }

  /** Sends everything that was not sent, as fast as the server takes it. */
  async #sendAll(connection: ServerConnection): Promise<void> {
    while (true) {
      this.#require("voting");
      this.#sendSome(connection);
      if (connection.closed) throw new ClientDisconnected("the connection was lost in the vote");
      if (this.#sent === this.#operations.length) break;
      await connection.room();
    }
    while (this.#uploaded < this.#blobs.length) {
      const blob = this.#blobs[this.#uploaded++], transaction = this.#id;
      const serial = blob.restores ? await this.#currentSerial(blob.oid) : blob.serial;
      const send = (name: string, ...args: Value[]) => {
        this.#require("voting");
        connection.notify(name, args);
      };
      await this.#home.blobs!.upload({ ...blob, serial }, {
        transaction,
        send,
        room: () => connection.room(),
      });
      this.#require("voting");
    }
  }

  async #currentSerial(oid: Oid): Promise<Tid> {
    try {
      return await this.#home.getTid(oid);
    } catch (error) {
      if (error instanceof POSKeyError) return NO_TID;
      throw error;
    }
  }

  #askForVote(connection: ServerConnection): Promise<Vote> {
    return connection.call("vote", [this.#id], voteOf, (error) => {
      // What this client has of the object is what led to the conflict.
      if (error instanceof ConflictError) this.#home.doubt(error.conflict.oid);
    });
  }

  /**
   * Makes it durable, then visible.
   * @param published Called when the answer is here, before `lastTransaction` shows the transaction and before anything
   * later is handled.
   * @param decided Called before that. The server has written the transaction by then: a failure can't stop it any more.
   * @throws {ClientDisconnected} when the connection was lost: whether it is committed is not known then, unless the
   * message says so, and what is known of its objects is asked for anew. Other errors are the server's.
   */
  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Promise<Tid> {
    this.#require("voted");
    this.#phase = "finishing";
    const finishing = this.#finish(this.#connection!, published, decided);
    this.#home.finishing(finishing);
    return finishing;
  }

  async #finish(
    connection: ServerConnection,
    published?: (tid: Tid) => void,
    decided?: (tid: Tid) => Awaitable<void>,
  ): Promise<Tid> {
    let decision: Promise<void> | undefined, visible: Promise<void> | undefined;
    try {
      const tid = await connection.call("tpc_finish", [this.#id], (value) => {
        if (value === null) throw new StorageTransactionError("the server has given the transaction up");
        const tid = tidOf(value);
        this.#home.written(tid);
        // An exception in it must not keep the transaction from being seen.
        decision = decided && (async () => await decided(tid))();
        decision?.catch(() => {});
        visible = showOwnTransaction(connection, tid, () => this.#committed(tid, published));
        visible?.catch(() => {});
        return tid;
      });
      if (visible) await visible;
      await decision;
      return tid;
    } catch (error) {
      if (this.#phase === "finishing") {
        this.#end("aborted", error);
        // It may be committed all the same: verification will tell.
        connection.close(
          new ClientDisconnected(`finishing a transaction failed: ${(error as Error).message}`),
        );
      }
      throw error;
    }
  }

  #committed(tid: Tid, published?: (tid: Tid) => void): void {
    this.#phase = "finished";
    // Who is told of it may begin the next one.
    this.#home.turns.release(this);
    const records = new Map<Oid, (() => Uint8Array) | null>();
    for (const [oid, record] of this.#stored) {
      records.set(oid, record === null ? null : () => this.#records.get(record));
    }
    try {
      if (this.#blobs.length > 0) this.#home.blobs!.committed(tid, this.#blobs);
    } finally {
      this.#home.committed(tid, records, published);
      this.#records.close();
    }
  }

  abort(): void {
    if (this.#phase === "aborted") return;
    this.#require("open", "voting", "voted");
    // First: the server gets the end of a blob that it has the start of.
    if (this.#blobs.length > 0) this.#home.blobs!.aborted(this.#blobs);
    this.#abortRemotely();
    const voting = this.#phase === "voting" ? this.#voting : undefined;
    this.#end("aborted", new StorageTransactionError("the transaction was aborted"));
    voting?.reject(this.#failure);
  }

  /** Has the server forget what it was sent. */
  #abortRemotely(): void {
    const connection = this.#connection;
    if (!connection || connection.closed) return;
    connection.call("tpc_abort", [this.#id], () => {}).catch(() => {});
  }

  #end(phase: "aborted", reason: unknown): void {
    this.#phase = phase;
    this.#failure = reason;
    this.#home.turns.release(this);
    this.#records.close();
    if (this.#blobs.length > 0) this.#home.blobs!.aborted(this.#blobs);
  }

  #require(...allowed: Phase[]): void {
    if (allowed.includes(this.#phase)) return;
    throw new StorageTransactionError(`transaction is ${this.#phase}, must be ${allowed.join(" or ")}`, {
      cause: this.#failure,
    });
  }
}

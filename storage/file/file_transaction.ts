/**
 * A transaction on its way into a Data.fs.
 *
 * @module
 */

import {
  type Awaitable,
  FileStorageError,
  isPromise,
  type Oid,
  ReadOnlyError,
  StorageTransactionError,
  type Tid,
  type UndoError,
  UnresolvedConflicts,
} from "../../values/mod.ts";
import type { BlobDirectory, PendingBlobs } from "../blob/mod.ts";
import type {
  BeginOptions,
  BlobRestoringTransaction,
  DeletingTransaction,
  TransactionMetadata,
  UndoingTransaction,
} from "../storage.ts";
import type { TransactionHeader } from "./format.ts";
import type { SpillFiles } from "./spill_files.ts";
import { TransactionBody } from "./transaction_body.ts";

/** What the transaction was asked to do, in the order of the calls. */
export type Step =
  | {
    readonly kind: "store" | "check" | "delete" | "restore";
    readonly oid: Oid;
    readonly serial: Tid;
    readonly record: number;
    /** Whether its record waits for those of an undo. */
    readonly late: boolean;
  }
  | {
    readonly kind: "undo";
    readonly tid: Tid;
    /** Where it was found by the time of the vote, or why it can't be undone. */
    found?: TransactionHeader | UndoError;
  };

/** The storage's side of a transaction. */
export interface TransactionHost {
  /** Whether it takes no transactions: then nothing may be written for one either. */
  readonly readOnly: boolean;
  /** Where big transactions put their bytes. */
  readonly spill: SpillFiles;
  /** Where blobs are. */
  readonly blobs?: BlobDirectory;
  /** The revision whose file has the content of the blob that the record at a position is; undefined for others. */
  blobRevision(position: number): Tid | undefined;
  /** Where a revision that is to be restored can share its data from; undefined when it has to be copied. */
  sharedData(oid: Oid, data: Uint8Array, previous: Tid): number | undefined;
  /** Goes up when positions in the file have changed. */
  generation(): number;
  /** Finds a transaction that is to be undone, or why it can't be. */
  findUndoable(tid: Tid): Promise<TransactionHeader | UndoError>;
  /** Checks the steps against the database and takes the objects for this transaction. */
  vote(transaction: FileTransaction): readonly Oid[];
  /** Holds back room on the disk for everything that has voted. */
  holdRoom(): Awaitable<void>;
  /** Writes, makes durable, publishes. */
  finish(
    transaction: FileTransaction,
    published?: (tid: Tid) => void,
    decided?: (tid: Tid) => Awaitable<void>,
  ): Awaitable<Tid>;
  /** Frees what `vote` took. */
  forget(transaction: FileTransaction): void;
}

type Phase = "open" | "voting" | "voted" | "finishing" | "finished" | "aborted";

/** Bytes that fit the 16-bit length of a string in a transaction's header. */
const LONGEST_TEXT = 0xffff;

/** See {@linkcode StorageTransaction}. */
export class FileTransaction implements BlobRestoringTransaction, DeletingTransaction, UndoingTransaction {
  readonly #host: TransactionHost;
  readonly #body: TransactionBody;
  /** What is asked for after an undo: its records come behind those of the undo, which are made by the vote. */
  #later?: TransactionBody;
  readonly #steps: Step[] = [];
  readonly #changes: Oid[] = [];
  readonly #checks: Oid[] = [];
  #blobs?: PendingBlobs;
  /** Blobs that got another content after an undo was asked for, which then is none of the undo's business. */
  readonly #laterBlobs = new Set<Oid>();
  #phase: Phase = "open";
  /** What was wrong with a call before the vote, which answers it. */
  #refusal?: Error;
  #exclusive = false;
  /** Objects whose conflicts the caller is to merge, with the numbers of their steps. */
  readonly #conflicting = new Map<Oid, number>();
  /** Whether the caller merges conflicts. */
  readonly callerResolves: boolean;
  #undoes = false;
  #generation?: number;
  /** The id that it has to have, where it was given one. */
  readonly tid?: Tid;
  /** Whether no other may vote beside it: it has its place in time already, or depends on everything. */
  get exclusive(): boolean {
    return this.tid !== undefined || this.#exclusive;
  }

  /** Status character of the finished transaction. */
  readonly status: string;

  constructor(host: TransactionHost, metadata: TransactionMetadata, options: BeginOptions = {}) {
    this.#host = host;
    this.tid = options.tid;
    this.callerResolves = options.callerResolves ?? false;
    this.status = options.status ?? " ";
    this.#refusal = host.readOnly ? new ReadOnlyError() : wrongMetadata(metadata, this.status);
    this.#body = new TransactionBody(this.#refusal ? noMetadata : metadata, host.spill);
  }

  /** Which generation of the file its positions are of, where it has any before its vote. */
  get generation(): number | undefined {
    return this.#generation;
  }

  /** What it was asked to do. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** Its bytes. */
  get body(): TransactionBody {
    return this.#body;
  }

  get changes(): readonly Oid[] {
    return this.#changes;
  }

  get checks(): readonly Oid[] {
    return this.#checks;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#require("open");
    if (data.length === 0) {
      // The format says "shares another record's data" with a length of 0.
      this.#refusal ??= new FileStorageError(`store of oid ${oid}: a record of 0 bytes can't be stored`);
      return;
    }
    if (this.#replaceConflicting(oid, serial, data)) return;
    this.#add("store", oid, serial, (body) => body.addData(oid, data));
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.#checks.push(oid);
    this.#steps.push({ kind: "check", oid, serial, record: -1, late: false });
  }

  deleteObject(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.#add("delete", oid, serial, (body) => body.addBackPointer(oid, 0));
  }

  restore(oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null): void {
    this.#require("open");
    this.#exclusive = true;
    this.#add("restore", oid, serial, (body) => {
      if (data === null || data.length === 0) {
        body.addBackPointer(oid, 0, serial);
        return;
      }
      const shared = previous === null ? undefined : this.#host.sharedData(oid, data, previous);
      if (shared === undefined) body.addData(oid, data, serial);
      else {
        this.#generation ??= this.#host.generation();
        body.addBackPointer(oid, shared, serial);
      }
    });
  }

  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void {
    this.#require("open");
    this.#addBlob(oid, temporaryFile);
    this.store(oid, serial, data);
  }

  restoreBlob(oid: Oid, serial: Tid, data: Uint8Array, previous: Tid | null, temporaryFile: string): void {
    this.#require("open");
    this.#addBlob(oid, temporaryFile, serial);
    this.restore(oid, serial, data, previous);
  }

  #addBlob(oid: Oid, temporaryFile: string, tid?: Tid): void {
    this.#pendingBlobs().add(oid, temporaryFile, tid);
    if (this.#undoes) this.#laterBlobs.add(oid);
  }

  #pendingBlobs(): PendingBlobs {
    if (!this.#host.blobs) throw new TypeError("Blobs are not supported");
    return this.#blobs ??= this.#host.blobs.begin();
  }

  undo(tid: Tid): void {
    this.#require("open");
    this.#exclusive = this.#undoes = true;
    this.#steps.push({ kind: "undo", tid });
  }

  /** Whether it takes other transactions back. */
  get undoes(): boolean {
    return this.#undoes;
  }

  /** The number of a step's record, which gets its place now if it was asked for after an undo. */
  settle({ record, late }: Exclude<Step, { kind: "undo" }>): number {
    if (!late) return record;
    const { oid, tid, back } = this.#later!.records[record];
    if (back === undefined) this.#body.addData(oid, this.#later!.dataOf(record), tid);
    else this.#body.addBackPointer(oid, back, tid);
    return this.#body.records.length - 1;
  }

  /**
   * Adds a record that takes an object back, during the vote.
   * @param state Position of the record whose state it has again, 0 for none; or the state itself, where it was
   * merged.
   */
  addUndone(oid: Oid, state: number | Uint8Array): void {
    this.#changes.push(oid);
    if (typeof state === "number") this.#body.addBackPointer(oid, state);
    else this.#body.addData(oid, state);
    if (!this.#host.blobs || this.#laterBlobs.has(oid)) return;
    const from = typeof state === "number" && state > 0 ? this.#host.blobRevision(state) : undefined;
    if (from === undefined) this.#blobs?.forget(oid);
    else this.#pendingBlobs().copyForUndo(oid, from);
  }

  /** Takes a step. When its bytes can't be kept the vote says so, and no more are taken. */
  #add(
    kind: "store" | "delete" | "restore",
    oid: Oid,
    serial: Tid,
    addBytes: (body: TransactionBody) => void,
  ): void {
    this.#changes.push(oid);
    if (this.#refusal) return;
    if (this.#undoes) this.#later ??= new TransactionBody(noMetadata, this.#host.spill);
    const body = this.#later ?? this.#body;
    this.#steps.push({ kind, oid, serial, record: body.records.length, late: body !== this.#body });
    try {
      addBytes(body);
    } catch (error) {
      this.#refusal = error instanceof Error ? error : new FileStorageError(String(error));
    }
  }

  vote(): Awaitable<readonly Oid[]> {
    this.#require("open");
    return this.#undoes && !this.#refusal ? this.#voteUndoing() : this.#vote();
  }

  async #voteUndoing(): Promise<readonly Oid[]> {
    this.#phase = "voting";
    try {
      for (let found = -1; found !== this.#host.generation();) {
        found = this.#host.generation();
        for (const step of this.#steps) {
          if (step.kind === "undo") step.found = await this.#host.findUndoable(step.tid);
        }
      }
      this.#require("voting");
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#phase = "open";
    return await this.#vote();
  }

  #vote(): Awaitable<readonly Oid[]> {
    try {
      if (this.#refusal) throw this.#refusal;
      const resolved = this.#host.vote(this);
      const room = this.#host.holdRoom();
      if (isPromise(room) || this.#blobs) return this.#prepare(room, resolved);
      this.#phase = "voted";
      return resolved;
    } catch (error) {
      if (error instanceof UnresolvedConflicts) this.#awaitMerged(error);
      else this.abort();
      throw error;
    }
  }

  /** The transaction stays open: the next records for these objects take the place of those that conflict. */
  #awaitMerged({ conflicts }: UnresolvedConflicts): void {
    const oids = new Set(conflicts.map(({ oid }) => oid));
    for (const [number, step] of this.#steps.entries()) {
      if (step.kind === "store" && oids.has(step.oid)) this.#conflicting.set(step.oid, number);
    }
  }

  /** Puts a merged record in place of the one that conflicted. @returns Whether there was one. */
  #replaceConflicting(oid: Oid, serial: Tid, data: Uint8Array): boolean {
    const number = this.#conflicting.get(oid);
    const step = number === undefined ? undefined : this.#steps[number];
    if (step?.kind !== "store") return false;
    this.#conflicting.delete(oid);
    this.#steps[number!] = { ...step, serial };
    this.#body.replace(step.record, data);
    return true;
  }

  async #prepare(room: Awaitable<void>, resolved: readonly Oid[]): Promise<readonly Oid[]> {
    this.#phase = "voting";
    try {
      await room;
      await this.#blobs?.prepare();
      this.#require("voting");
      this.#phase = "voted";
      return resolved;
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  async finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Promise<Tid> {
    this.#require("voted");
    this.#phase = "finishing";
    const blobs = this.#blobs;
    const placed = blobs
      ? async (tid: Tid) => {
        await blobs.place(tid);
        await decided?.(tid);
      }
      : decided;
    try {
      const tid = await this.#host.finish(this, published, placed);
      this.#phase = "finished";
      blobs?.settled();
      return tid;
    } catch (error) {
      this.#phase = "aborted";
      blobs?.discard();
      throw error;
    } finally {
      this.#host.forget(this);
      this.#release();
    }
  }

  abort(): void {
    if (this.#phase === "aborted") return;
    this.#require("open", "voting", "voted");
    this.#phase = "aborted";
    this.#host.forget(this);
    this.#release();
    this.#blobs?.discard();
  }

  #release(): void {
    this.#body.release();
    this.#later?.release();
  }

  #require(...allowed: Phase[]): void {
    if (!allowed.includes(this.#phase)) {
      throw new StorageTransactionError(`transaction is ${this.#phase}, must be ${allowed.join(" or ")}`);
    }
  }
}

const none = new Uint8Array(0);
const noMetadata: TransactionMetadata = { user: none, description: none, extension: none };

function wrongMetadata(metadata: TransactionMetadata, status: string): Error | undefined {
  const limit = `limit ${LONGEST_TEXT}`;
  if (metadata.user.length > LONGEST_TEXT) {
    return new FileStorageError(`user name too long: ${metadata.user.length} bytes, ${limit}`);
  }
  if (metadata.description.length > LONGEST_TEXT) {
    return new FileStorageError(`description too long: ${metadata.description.length} bytes, ${limit}`);
  }
  if (metadata.extension.length > LONGEST_TEXT) {
    return new FileStorageError(`too much extension data: ${metadata.extension.length} bytes, ${limit}`);
  }
  if (status !== " " && status !== "p") {
    return new FileStorageError(`transaction status ${JSON.stringify(status)}: expected " " or "p"`);
  }
}

/**
 * What one connection changes in a transaction, and how it is committed: the connection's part in the two phases.
 *
 *   registered   objects that were changed since the last savepoint, in the order of their first change
 *   added        new objects that were given to the connection, to be stored whether anything refers to them or not
 *   creating     new objects that have an id by now: without an end to the transaction they lose it again
 *   written      records of earlier savepoints
 *   stored       objects whose records the storage has got, in the commit under way
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type StorageTransaction, supportsBlobs } from "../storage/mod.ts";
import {
  type Awaitable,
  formatOid,
  isPromise,
  NO_TID,
  type Oid,
  ReadOnlyError,
  ReadOnlyHistoryError,
  then,
  type Tid,
  Unsupported,
} from "../values/mod.ts";
import { Blob } from "./blob/blob.ts";
import { claim, CommitLock } from "./commit_lock.ts";
import type { Connection } from "./connection.ts";
import { CHANGED, CONTROL, type Control, SAVED } from "./control.ts";
import { disown, type ObjectSpace } from "./object_space.ts";
import { OidsNeeded } from "./oid_supply.ts";
import { SavepointStore, type WrittenRecord } from "./savepoint_store.ts";
import { metadataOf } from "./serialization/transaction_metadata.ts";
import type { DataManager, DataManagerSavepoint } from "./transaction/data_manager.ts";
import type { Transaction } from "./transaction/transaction.ts";

/** A record of so many bytes is worth a warning. */
const LARGE_RECORD = 1 << 24;

const log = getLogger(["zeo", "zodb"]);

/** See the module. */
export class Changes implements DataManager {
  readonly #connection: Connection;
  readonly #space: () => ObjectSpace;
  readonly #registered = new Set<Control>();
  readonly #added = new Map<Oid, Control>();
  #creating = new Set<Oid>();
  #written: SavepointStore | undefined;
  /** New objects that were found while writing others, the last found first to be written. */
  readonly #found: Control[] = [];
  readonly #readCurrent = new Map<Oid, Tid>();
  readonly #stored = new Map<Oid, Control>();
  /** Objects of savepoints that nobody holds any more, among those stored. */
  readonly #storedUnseen: Oid[] = [];
  #storing: StorageTransaction | undefined;
  #lock: CommitLock | undefined;
  #joined: Transaction | undefined;
  #resolved: readonly Oid[] = [];

  /** @param space The connection's objects; they are made after this. */
  constructor(connection: Connection, space: () => ObjectSpace) {
    this.#connection = connection;
    this.#space = space;
  }

  /** Whether it takes part in a transaction. */
  get joined(): boolean {
    return this.#joined !== undefined;
  }

  /** Hears of an object's first change. @throws {TransactionFailedError} */
  register(control: Control): void {
    this.#join();
    if (!this.#added.has(control.oid!)) this.#registered.add(control);
  }

  /** Takes a new object in, to be stored in any case. */
  add(control: Control): Awaitable<void> {
    if (this.#connection.before !== undefined) {
      throw new ReadOnlyError("a historical connection takes no objects");
    }
    try {
      this.#giveId(control);
    } catch (error) {
      if (!(error instanceof OidsNeeded)) throw error;
      return then(this.#connection.db.oids.refill(), () => this.add(control));
    }
    this.#join();
    this.#added.set(control.oid!, control);
  }

  /** Gives a new object that is referred to an id, and has it stored. @throws {OidsNeeded} */
  adopt(control: Control): void {
    this.#giveId(control);
    this.#creating.add(control.oid!);
    this.#found.push(control);
  }

  #giveId(control: Control): void {
    control.oid = this.#connection.db.oids.take();
    control.jar = this.#space();
    control.serial = NO_TID;
    this.#space().cache.add(control);
  }

  /** Whether an object is in this transaction only. */
  isNew(oid: Oid): boolean {
    return this.#creating.has(oid) || this.#added.has(oid);
  }

  /** A record of an earlier savepoint. */
  writtenRecord(oid: Oid): WrittenRecord | undefined {
    return this.#written?.get(oid);
  }

  /** Has the commit check that a revision is still current. */
  readCurrent(oid: Oid, serial: Tid): void {
    if (serial !== NO_TID) this.#readCurrent.set(oid, serial);
  }

  #join(): void {
    if (this.#joined) {
      // Tells when that transaction takes no more changes.
      this.#joined.join(this);
      return;
    }
    const transaction = this.#connection.transactionManager.get();
    transaction.join(this);
    this.#joined = transaction;
  }

  sortKey(): string {
    return this.#connection.sortKey;
  }

  tpcBegin(transaction: Transaction): void {
    if (this.#connection.before !== undefined) throw new ReadOnlyHistoryError();
    const { db } = this.#connection;
    if (db.storage.readOnly) throw new ReadOnlyError();
    claim(db.storage, transaction);
    this.#storing = db.storage.begin(metadataOf(transaction));
  }

  async commit(): Promise<void> {
    if (this.#written) {
      // What was changed since the last savepoint goes the same way as what was changed before it.
      await this.#writeChanged((control, data, blob) => this.#writeAside(control, data, blob));
      this.#storeWritten(this.#written);
    } else {
      await this.#writeChanged((control, data, blob) => {
        this.#store(control.oid!, { data, serial: control.serial, blob });
        this.#stored.set(control.oid!, control);
        this.#settle(control, data.length);
      });
    }
    for (const [oid, serial] of this.#readCurrent) {
      if (!this.#stored.has(oid)) this.#storing!.checkCurrent(oid, serial);
    }
  }

  async tpcVote(transaction: Transaction): Promise<void> {
    const lock = CommitLock.of(this.#connection.db.storage);
    await lock?.acquire(transaction);
    this.#lock = lock;
    this.#resolved = await this.#storing!.vote();
  }

  async tpcFinish(): Promise<void> {
    try {
      await this.#storing!.finish((tid) => this.#published(tid));
    } finally {
      this.#unlock();
    }
    this.#clear();
  }

  tpcAbort(): void {
    this.#storing?.abort();
    this.#unlock();
    for (const control of this.#stored.values()) this.#revert(control);
    this.#disownCreated();
    this.#clear();
  }

  abort(): void {
    for (const control of this.#registered) this.#revert(control);
    const written = this.#written;
    this.#written = undefined;
    if (written) this.#space().invalidate(written.oids().filter((oid) => !this.isNew(oid)));
    written?.discard();
    this.#disownCreated();
    // During a commit the storage's transaction is still to be given up.
    if (!this.#storing) this.#clear();
  }

  /** Takes an object's changes back; a new one keeps its state, as there is none to go back to. */
  #revert(control: Control): void {
    if (!this.isNew(control.oid!)) control.empty();
  }

  async savepoint(): Promise<DataManagerSavepoint> {
    const written = this.#written ??= new SavepointStore();
    await this.#writeChanged((control, data, blob) => this.#writeAside(control, data, blob));
    const state = written.state(), creating = new Set(this.#creating);
    this.#space().cache.collect();
    return { rollback: () => this.#rollback(written, state, creating) };
  }

  #rollback(
    written: SavepointStore,
    state: ReturnType<SavepointStore["state"]>,
    creating: ReadonlySet<Oid>,
  ): void {
    for (const control of this.#registered) control.empty();
    this.#registered.clear();
    const changed = written.oids();
    written.reset(state);
    this.#space().invalidate(changed);
    for (const oid of [...this.#creating, ...this.#added.keys()]) {
      if (!creating.has(oid)) this.#disown(oid);
    }
    this.#added.clear();
    this.#creating = new Set(creating);
  }

  /** Writes the records of all changed objects, each followed by those of the new ones that it refers to. */
  async #writeChanged(use: (control: Control, data: Uint8Array, blob?: string) => void): Promise<void> {
    for (const control of [...this.#registered, ...this.#added.values()]) {
      const isAdded = control.oid !== undefined && this.#added.has(control.oid);
      if (control.jar !== this.#space() || control.state !== CHANGED && !isAdded) continue;
      this.#found.push(control);
      for (let next = this.#found.pop(); next; next = this.#found.pop()) {
        // One that was added may have been reached from another before.
        if (next !== control && this.#added.has(next.oid!)) continue;
        const data = this.#record(next),
          blob = next.object instanceof Blob ? await this.#contentOf(next.object) : undefined;
        if (next.object instanceof Blob && blob === undefined) {
          // Changed, and nothing written: it stays what it is.
          if (next.state === CHANGED) next.state = SAVED;
          continue;
        }
        use(next, isPromise(data) ? await data : data, blob);
      }
      if (isAdded) {
        this.#added.delete(control.oid!);
        this.#creating.add(control.oid!);
      }
    }
    this.#registered.clear();
  }

  #record(control: Control): Awaitable<Uint8Array> {
    try {
      return this.#space().write(control);
    } catch (error) {
      if (!(error instanceof OidsNeeded)) throw error;
      return then(this.#connection.db.oids.refill(), () => this.#record(control));
    }
  }

  #writeAside(control: Control, data: Uint8Array, blob?: string): void {
    const oid = control.oid!, written = this.#written!;
    const { serial } = written.get(oid) ?? control;
    written.set(oid, { data, serial, blob });
    this.#settle(control, data.length);
  }

  #storeWritten(written: SavepointStore): void {
    const { cache } = this.#space();
    for (const [oid, record] of written.sorted()) {
      this.#store(oid, record);
      const object = cache.get(oid);
      if (object) this.#stored.set(oid, object[CONTROL]);
      else this.#storedUnseen.push(oid);
    }
  }

  #settle(control: Control, size: number): void {
    if (control.state === CHANGED) control.state = SAVED;
    this.#space().cache.resized(control, size);
  }

  #store(oid: Oid, { data, serial, blob }: WrittenRecord): void {
    if (data.length >= LARGE_RECORD) {
      const size = data.length;
      log.warn("object {oid} has a record of {size} bytes: a blob may be better", {
        oid: formatOid(oid),
        size,
      });
    }
    const { storage } = this.#connection.db;
    if (blob === undefined) {
      this.#storing!.store(oid, serial, data);
      return;
    }
    if (!supportsBlobs(storage)) throw new Unsupported(`storing blobs in ${storage.name} is not supported`);
    const storing = this.#storing as ReturnType<typeof storage.begin>;
    storing.storeBlob(oid, serial, data, blob);
    this.#written?.handedOver(blob);
  }

  /** The file with a blob's new content; undefined when there is none. */
  async #contentOf(blob: Blob): Promise<string | undefined> {
    const directory = this.#space().blobDirectory;
    if (directory === undefined) {
      throw new Unsupported(`storing blobs in ${this.#connection.db.storage.name} is not supported`);
    }
    const { oid, serial } = blob[CONTROL];
    const content = await blob._p_takeUncommitted(directory);
    const isNew = serial === NO_TID && !this.#written?.get(oid!)?.blob;
    return content ?? (isNew ? await blob._p_emptyFile(directory) : undefined);
  }

  /**
   * Takes in records from elsewhere, as if they had been written at a savepoint.
   * @param records New objects, by ids that nobody has.
   */
  takeIn(records: Iterable<readonly [Oid, WrittenRecord]>): void {
    if (this.#connection.before !== undefined) {
      throw new ReadOnlyError("a historical connection takes no objects");
    }
    this.#join();
    const written = this.#written ??= new SavepointStore();
    for (const [oid, record] of records) {
      written.set(oid, record);
      this.#creating.add(oid);
    }
  }

  /** The transaction is durable and visible, and nobody has heard of it yet. */
  #published(tid: Tid): void {
    for (const control of this.#stored.values()) {
      control.serial = tid;
      // A blob finds its new file when it is loaded again.
      if (control.object instanceof Blob) control.empty();
    }
    this.#creating.clear();
    const oids = [...this.#stored.keys(), ...this.#storedUnseen];
    this.#connection.db.published(tid, oids, this.#connection);
    this.#space().invalidate(this.#resolved);
  }

  #disownCreated(): void {
    for (const oid of [...this.#creating, ...this.#added.keys()]) this.#disown(oid);
    this.#creating.clear();
    this.#added.clear();
  }

  #disown(oid: Oid): void {
    const object = this.#added.get(oid)?.object ?? this.#space().cache.get(oid);
    if (object) disown(object[CONTROL]);
  }

  #unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #clear(): void {
    this.#registered.clear();
    this.#readCurrent.clear();
    this.#stored.clear();
    this.#storedUnseen.length = 0;
    this.#found.length = 0;
    this.#written?.discard();
    this.#written = undefined;
    this.#storing = undefined;
    this.#joined = undefined;
    this.#resolved = [];
  }

  /** Hears that the transaction is over, also when this took no part in it. */
  transactionEnded(): void {
    this.#readCurrent.clear();
  }
}

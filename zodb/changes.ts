/**
 * What one connection changes in a transaction, and how it is committed: the connection's part in the two phases.
 *
 *   registered   objects that were changed or added since the last savepoint, in the order of the first time
 *   added        new objects that were given to the connection, to be stored whether anything refers to them or not
 *   creating     new objects that have an id by now: without an end to the transaction they lose it again
 *   written      records of earlier savepoints
 *   stored       objects whose records the storage has got, in the commit under way
 *
 * @module
 */

import type { StorageTransaction } from "../storage/mod.ts";
import {
  type Awaitable,
  isPromise,
  NO_TID,
  type Oid,
  ReadOnlyError,
  ReadOnlyHistoryError,
  type Tid,
  Unsupported,
  when,
} from "../values/mod.ts";
import { Blob } from "./blob/blob.ts";
import { CommitTurn } from "./commit_turn.ts";
import type { Connection } from "./connection.ts";
import { CHANGED, CONTROL, type Control, GHOST, SAVED } from "./control.ts";
import { disown, type ObjectSpace } from "./object_space.ts";
import { OidsNeeded } from "./oid_supply.ts";
import { storeRecord } from "./record_storing.ts";
import { run, type Steps, wait } from "./steps.ts";
import { SavepointStore, type WrittenRecord } from "./savepoint_store.ts";
import { metadataOf } from "./serialization/transaction_metadata.ts";
import type { DataManager, DataManagerSavepoint } from "./transaction/data_manager.ts";
import type { Transaction } from "./transaction/transaction.ts";

/** See the module. */
export class Changes implements DataManager {
  /** New objects that nobody has added: they were found while writing others of this database. */
  readonly adopted: Set<Oid> = new Set();
  readonly #connection: Connection;
  readonly #space: () => ObjectSpace;
  readonly #registered = new Set<Control>();
  readonly #added = new Map<Oid, Control>();
  #creating = new Set<Oid>();
  #written: SavepointStore | undefined;
  /** New objects that were found while writing others, the last found first to be written. */
  readonly #found: Control[] = [];
  readonly #readCurrent = new Map<Oid, Tid>();
  /** Objects whose records were written in the step under way. */
  readonly #settled = new Set<Control>();
  readonly #stored = new Map<Oid, Control>();
  /** Objects of savepoints that nobody holds any more, among those stored. */
  readonly #storedUnseen = new Set<Oid>();
  #storing: StorageTransaction | undefined;
  #turn: CommitTurn | undefined;
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
    this.#registered.add(control);
  }

  /** Takes a new object in, to be stored in any case. */
  add(control: Control): Awaitable<void> {
    if (this.#connection.before !== undefined) {
      throw new ReadOnlyError("a historical connection takes no objects");
    }
    let oid: Oid;
    try {
      oid = this.#connection.db.oids.take();
    } catch (error) {
      if (!(error instanceof OidsNeeded)) throw error;
      return when(this.#connection.db.oids.refill(), () => this.add(control));
    }
    // First, as it may refuse.
    this.#join();
    this.#giveId(control, oid);
    this.#added.set(oid, control);
    this.#registered.add(control);
  }

  /** Gives a new object that is referred to an id, and has it stored. @throws {OidsNeeded} */
  adopt(control: Control): void {
    const oid = this.#connection.db.oids.take();
    this.#giveId(control, oid);
    this.#creating.add(oid);
    this.adopted.add(oid);
    this.#found.push(control);
  }

  #giveId(control: Control, oid: Oid): void {
    control.oid = oid;
    control.jar = this.#space();
    control.serial = NO_TID;
    this.#space().cache.add(control);
  }

  /** Whether an object is in this transaction only. */
  isNew(oid: Oid): boolean {
    return this.#creating.has(oid) || this.#added.has(oid);
  }

  /** Whether an object's state is nowhere but in the object. */
  isUnwritten(oid: Oid): boolean {
    return this.isNew(oid) && !this.#written?.get(oid);
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
    // One that it has joined already tells when it takes no more changes.
    const transaction = this.#joined ?? this.#connection.transactionManager.get();
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
    this.#turn = CommitTurn.claim(db.storage, transaction);
    this.#storing = db.storage.begin(metadataOf(transaction));
  }

  commit(): Awaitable<void> {
    return run(this.#commit());
  }

  *#commit(): Steps<void> {
    if (this.#written) {
      // What was changed since the last savepoint goes the same way as what was changed before it.
      yield* this.#writeChanged((control, data, blob) => this.#writeAside(control, data, blob));
      this.#storeWritten(this.#written);
    } else {
      yield* this.#writeChanged((control, data, blob) => {
        this.#store(control.oid!, { data, serial: control.serial, blob });
        this.#stored.set(control.oid!, control);
      });
    }
    for (const [oid, serial] of this.#readCurrent) {
      if (!this.#stored.has(oid) && !this.#storedUnseen.has(oid)) this.#storing!.checkCurrent(oid, serial);
    }
  }

  tpcVote(): Awaitable<void> {
    return run(this.#vote());
  }

  *#vote(): Steps<void> {
    yield* wait(this.#turn!.take(this.#storing!));
    this.#resolved = yield* wait(this.#storing!.vote());
  }

  tpcFinish(): Awaitable<void> {
    return run(this.#finish());
  }

  *#finish(): Steps<void> {
    try {
      yield* wait(this.#storing!.finish((tid) => this.#published(tid)));
    } catch (error) {
      // Nobody knows whether it is stored: what the database has will show when the objects are loaded again.
      this.#giveUp();
      throw error;
    } finally {
      this.#endTurn();
    }
    this.#clear();
  }

  tpcAbort(): void {
    this.#storing?.abort();
    this.#endTurn();
    this.#giveUp();
  }

  #giveUp(): void {
    for (const control of this.#stored.values()) this.#revert(control);
    for (const control of this.#settled) this.#revert(control);
    this.#disownCreated();
    this.#clear();
  }

  abort(): void {
    for (const control of [...this.#registered, ...this.#settled]) this.#revert(control);
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

  savepoint(): Awaitable<DataManagerSavepoint> {
    return run(this.#savepoint());
  }

  *#savepoint(): Steps<DataManagerSavepoint> {
    const written = this.#written ??= new SavepointStore();
    yield* this.#writeChanged((control, data, blob) => this.#writeAside(control, data, blob));
    const state = written.state(), creating = new Set(this.#creating);
    this.#space().cache.collect();
    return { rollback: () => this.#rollback(written, state, creating) };
  }

  #rollback(
    written: SavepointStore,
    state: ReturnType<SavepointStore["state"]>,
    creating: ReadonlySet<Oid>,
  ): void {
    // What is new since the savepoint has no state to go back to, and keeps what it has.
    const isLater = (oid: Oid) => this.isNew(oid) && !creating.has(oid);
    for (const control of this.#registered) if (!isLater(control.oid!)) control.empty();
    this.#registered.clear();
    const changed = written.oids().filter((oid) => !isLater(oid));
    written.reset(state);
    this.#space().invalidate(changed);
    for (const oid of [...this.#creating, ...this.#added.keys()]) if (isLater(oid)) this.#disown(oid);
    this.#added.clear();
    this.#creating = new Set(creating);
  }

  /** Writes the records of all changed objects, each followed by those of the new ones that it refers to. */
  *#writeChanged(use: (control: Control, data: Uint8Array, blob?: string) => void): Steps<void> {
    for (const control of [...this.#registered]) {
      const isAdded = control.oid !== undefined && this.#added.has(control.oid);
      // One that was invalidated has nothing left to be taken back.
      if (control.state === GHOST && !isAdded) this.#registered.delete(control);
      if (control.jar !== this.#space() || control.state !== CHANGED && !isAdded) continue;
      this.#found.push(control);
      for (let next = this.#found.pop(); next; next = this.#found.pop()) {
        const answer = this.#record(next);
        // As `wait` would, without what that costs for each of many.
        const record = isPromise(answer) ? (yield answer) as Uint8Array : answer;
        if (next.object instanceof Blob) {
          const content = yield* this.#contentOf(next.object);
          // Without one it was marked as changed, and nothing was written: it stays what it is.
          if (content !== undefined) use(next, record, content);
        } else {
          use(next, record);
        }
      }
    }
    this.#settled.clear();
  }

  #record(control: Control): Awaitable<Uint8Array> {
    try {
      const data = this.#space().write(control);
      this.#settle(control, data.length);
      return data;
    } catch (error) {
      if (!(error instanceof OidsNeeded)) throw error;
      return when(this.#connection.db.oids.refill(), () => this.#record(control));
    }
  }

  /**
   * Takes an object for unchanged, as its record is written. At once, before anything is waited for: a change that comes
   * later is another one.
   */
  #settle(control: Control, size: number): void {
    if (control.state === CHANGED) control.state = SAVED;
    this.#registered.delete(control);
    if (this.#added.delete(control.oid!)) this.#creating.add(control.oid!);
    this.#settled.add(control);
    this.#space().cache.resized(control, size);
  }

  #writeAside(control: Control, data: Uint8Array, blob?: string): void {
    const oid = control.oid!, written = this.#written!;
    const { serial } = written.get(oid) ?? control;
    written.set(oid, { data, serial, blob });
  }

  #storeWritten(written: SavepointStore): void {
    const { cache } = this.#space();
    for (const [oid, record] of written.sorted()) {
      this.#store(oid, record);
      const object = cache.get(oid);
      if (object) this.#stored.set(oid, object[CONTROL]);
      else this.#storedUnseen.add(oid);
    }
  }

  #store(oid: Oid, record: WrittenRecord): void {
    storeRecord(this.#connection.db, this.#storing!, oid, record);
    if (record.blob !== undefined) this.#written?.handedOver(record.blob);
  }

  /** The file with a blob's new content; undefined when there is none. */
  *#contentOf(blob: Blob): Steps<string | undefined> {
    const directory = this.#space().blobDirectory;
    if (directory === undefined) {
      throw new Unsupported(`storing blobs in ${this.#connection.db.storage.name} is not supported`);
    }
    const { oid, serial } = blob[CONTROL];
    const content = yield* wait(blob._p_takeUncommitted(directory, this.#space().synchronous));
    const isNew = serial === NO_TID && !this.#written?.get(oid!)?.blob;
    return content ?? (isNew ? blob._p_emptyFile(directory) : undefined);
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

  #endTurn(): void {
    this.#turn?.release();
    this.#turn = undefined;
  }

  #clear(): void {
    this.#registered.clear();
    this.adopted.clear();
    this.#stored.clear();
    this.#settled.clear();
    this.#storedUnseen.clear();
    this.#found.length = 0;
    this.#written?.discard();
    this.#written = undefined;
    this.#storing = undefined;
    this.#joined = undefined;
    this.#resolved = [];
  }

  /** Hears that the view moves: at a transaction's beginning or end, also when this takes no part in it. */
  atBoundary(): void {
    this.#readCurrent.clear();
  }
}

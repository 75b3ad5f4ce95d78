/**
 * What a storage is: small interfaces that every kind of storage composes, and questions about which it has.
 *
 * A caller asks `supportsRestore(storage)`, never which class it is.
 *
 * @module
 */

import type { Awaitable, Oid, Tid } from "../values/mod.ts";

/** One revision of one object, as a load finds it. */
export interface Loaded {
  /** The record. It belongs to the storage: read it, never write to it. */
  readonly data: Uint8Array;
  /** The transaction that wrote this revision. */
  readonly serial: Tid;
  /** The transaction that wrote the next one; null when this revision is the current one. */
  readonly end: Tid | null;
}

/** What a transaction says about itself. */
export interface TransactionMetadata {
  /** Who, in UTF-8. At most 65,535 bytes. */
  readonly user: Uint8Array;
  /** What for, in UTF-8. At most 65,535 bytes. */
  readonly description: Uint8Array;
  /** A pickled dict with whatever else the application says; empty for an empty dict. At most 65,535 bytes. */
  readonly extension: Uint8Array;
}

/** A revision in an object's history. */
export interface Revision extends TransactionMetadata {
  /** The transaction that wrote it. */
  readonly tid: Tid;
  /** Bytes of its record; 0 for one that shares another's data. */
  readonly size: number;
}

/** How a transaction is begun when it copies one from elsewhere. */
export interface BeginOptions {
  /** The id that the transaction has to have; it must be later than all others. */
  readonly tid?: Tid;
  /** Its status character; " " is complete, "p" is before a pack. */
  readonly status?: string;
  /**
   * Whether the caller merges conflicts: the vote then throws `UnresolvedConflicts` and leaves the transaction open for
   * merged records and another vote. A storage that can't leave it open throws `ConflictError` as ever.
   */
  readonly callerResolves?: boolean;
}

/**
 * A transaction on its way into a storage: open, then voted, then finished or aborted.
 *
 * A call out of that order throws `StorageTransactionError`. Nothing is checked against the database before
 * `vote`, and nothing of it can be seen by anybody before `finish` has answered.
 */
export interface StorageTransaction {
  /** The objects that it changes, for the caller who locks them before the vote; may have duplicates. */
  readonly changes: readonly Oid[];
  /** The objects that it relies on without changing them. */
  readonly checks: readonly Oid[];
  /** Whether no other transaction may vote beside it, as for one that is copied with its id, or an undo. */
  readonly exclusive: boolean;
  /**
   * Stores a new revision.
   * @param serial The revision that the change started from; `NO_TID` for a new object.
   * @param data The record; copied, so the caller may use its buffer again.
   */
  store(oid: Oid, serial: Tid, data: Uint8Array): void;
  /** Has the vote check that `serial` is still the object's current revision. */
  checkCurrent(oid: Oid, serial: Tid): void;
  /**
   * Checks everything and promises that `finish` can't fail.
   * @returns The objects whose records are not those that were handed in: conflicts that were resolved.
   * @throws {ConflictError} when somebody else changed an object since; {@linkcode ReadConflictError} likewise
   * for one that was to be checked. The transaction is aborted then.
   */
  vote(): Awaitable<readonly Oid[]>;
  /**
   * Makes it durable, then visible.
   * @param published Called once, in the order of transactions, when everybody can see the transaction and
   * before anybody has: the place to tell others.
   * @param decided Called once when its id is known and nothing of it is written: for what has to be durable before it.
   * A storage that is durable itself waits for it; if it fails, so does `finish`, and nothing is written.
   */
  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Awaitable<Tid>;
  /** Gives it up. On one that was aborted already it does nothing. */
  abort(): void;
}

/** What every storage can do. */
export interface Storage extends AsyncDisposable {
  /** A name for people: a file's path, as given. */
  readonly name: string;
  /** What kind it is, as the original calls its class: `FileStorage`. */
  readonly kind: string;
  /** Whether it refuses changes. */
  readonly readOnly: boolean;
  /**
   * Whether transactions that touch different objects may be voted side by side. Where it is false the caller
   * lets one begin its vote after the other has finished.
   */
  readonly concurrentVotes: boolean;
  /**
   * The revision of an object that was current just before a transaction id.
   * @returns null when the object is known but was not there yet.
   * @throws {POSKeyError} when there is no such object, or it had been deleted.
   */
  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null>;
  /** The record of exactly that revision. @throws {POSKeyError} when there is none. */
  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array>;
  /** The object's current revision. @throws {POSKeyError} when there is no such object. */
  getTid(oid: Oid): Awaitable<Tid>;
  /** The last revisions of an object, newest first, at most `size`. */
  history(oid: Oid, size: number): Awaitable<Revision[]>;
  /** The last transaction that is visible; `NO_TID` in an empty storage. */
  lastTransaction(): Tid;
  /** The last transactions, oldest first, with the objects that each wrote. */
  lastInvalidations(count: number): Awaitable<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]>;
  /** Ids that nobody has had. */
  newOids(count: number): Awaitable<Oid[]>;
  /** How many objects there are. */
  length(): number;
  /** Bytes that the storage takes. */
  size(): number;
  /** Begins a transaction. Never waits and never fails: what is wrong with it comes out at `vote`. */
  begin(metadata: TransactionMetadata, options?: BeginOptions): StorageTransaction;
  /** Waits for what is being made durable, then closes the files. */
  close(): Awaitable<void>;
}

/** A transaction of a storage that can take copies of transactions from elsewhere. */
export interface RestoringTransaction extends StorageTransaction {
  /**
   * Stores a revision as another storage had it, without conflict checks.
   * @param serial The revision's transaction id.
   * @param data The record; null for one that says that the object is gone.
   * @param previous The transaction whose data this revision shares, as a hint; null when there is none.
   */
  restore(oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null): void;
}

/** A storage that can be a faithful copy of another. */
export interface RestorableStorage extends Storage {
  /** Begins a transaction that can take copies. */
  begin(metadata: TransactionMetadata, options?: BeginOptions): RestoringTransaction;
}

/** A transaction of a storage whose garbage is collected from outside. */
export interface DeletingTransaction extends StorageTransaction {
  /** Removes an object. @param serial Its current revision. */
  deleteObject(oid: Oid, serial: Tid): void;
}

/** A storage whose garbage is collected from outside. */
export interface ExternalGC extends Storage {
  /** Begins a transaction that can delete. */
  begin(metadata: TransactionMetadata, options?: BeginOptions): DeletingTransaction;
}

/** A record of a transaction, as it is iterated. */
export interface IteratedRecord {
  /** The object. */
  readonly oid: Oid;
  /** The revision; its transaction's id. */
  readonly tid: Tid;
  /** The record; null when it says that the object is gone. */
  readonly data: Uint8Array | null;
  /** The transaction whose data it shares; null when the data is its own. */
  readonly dataTid: Tid | null;
}

/** Something to be gone through once: at once, or with waiting. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** A transaction, as it is iterated. */
export interface IteratedTransaction extends TransactionMetadata {
  /** The transaction. */
  readonly tid: Tid;
  /** Its status character. */
  readonly status: string;
  /** Its records in their order. They can be read while the iteration of transactions has not ended. */
  records(): Items<IteratedRecord>;
}

/** A storage whose transactions can be gone through. */
export interface IterableStorage extends Storage {
  /**
   * The transactions from `start` to `stop`, both included, oldest first; without them, all that are visible now.
   * Files that it opens are closed when the iteration ends or is broken off.
   */
  transactions(start?: Tid, stop?: Tid): Items<IteratedTransaction>;
}

/** An object's current record, with the id of the next object. */
export interface CurrentRecord {
  /** The object. */
  readonly oid: Oid;
  /** Its revision. */
  readonly tid: Tid;
  /** The record. */
  readonly data: Uint8Array;
  /** The next larger id; null when this is the last object. */
  readonly next: Oid | null;
}

/** A storage whose current records can be gone through in the order of their ids. */
export interface CurrentRecordIteration extends Storage {
  /**
   * The current record of the object with the smallest id from `from` on.
   * @returns null when there is none.
   * @throws {POSKeyError} when that object was deleted.
   */
  currentRecord(from: Oid): Awaitable<CurrentRecord | null>;
}

/** A transaction that can be undone. */
export interface UndoEntry extends TransactionMetadata {
  /** The transaction. */
  readonly tid: Tid;
  /** Bytes that it takes. */
  readonly size: number;
}

/** A transaction of a storage that undoes others. */
export interface UndoingTransaction extends StorageTransaction {
  /**
   * Takes back what a transaction did; other transactions' later changes to its objects stand in the way, unless they
   * can be merged. What is wrong comes out at the vote, as an `UndoError` or `MultipleUndoErrors`.
   */
  undo(tid: Tid): void;
}

/** A storage that undoes transactions. */
export interface UndoableStorage extends Storage {
  /** Begins a transaction that can undo others. */
  begin(metadata: TransactionMetadata, options?: BeginOptions): UndoingTransaction;
  /**
   * The transactions that can be undone, newest first.
   * @param first How many of those that pass the filter are left out.
   * @param last Where to stop, counted from the newest; negative for a number of transactions.
   * @param filter Which transactions count; all unless told otherwise.
   */
  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Awaitable<UndoEntry[]>;
}

/** A transaction of a storage that keeps blobs. */
export interface BlobTransaction extends StorageTransaction {
  /**
   * Stores a new revision of a blob: its record, and its content.
   * @param temporaryFile The file with the content. From now on it belongs to the storage, which moves or removes it.
   */
  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void;
}

/** A transaction of a storage that can take copies of transactions with blobs. */
export interface BlobRestoringTransaction extends BlobTransaction, RestoringTransaction {
  /** Like `restore`, with the content of a blob; the file belongs to the storage from now on. */
  restoreBlob(oid: Oid, serial: Tid, data: Uint8Array, previous: Tid | null, temporaryFile: string): void;
}

/** A file that is being received, from its start to its end. */
export interface NewBlob {
  /** Where it lies: to be handed to `storeBlob`, or to be removed by who has received it. */
  readonly path: string;
  /** Adds bytes. */
  write(bytes: Uint8Array): void;
  /** Ends it; a second call does nothing. */
  close(): void;
  /** Ends and removes it, for one that is not handed on. */
  discard(): void;
}

/** A storage that keeps blobs: big contents in files of their own. */
export interface BlobStorage extends Storage {
  /** Begins a transaction that can store blobs. */
  begin(metadata: TransactionMetadata, options?: BeginOptions): BlobTransaction;
  /** Where files that are handed to `storeBlob` are made best. */
  readonly temporaryDirectory: string;
  /**
   * The file of a blob's revision; its content never changes. A storage that keeps it elsewhere fetches it first.
   * @throws {POSKeyError} when there is none.
   */
  loadBlob(oid: Oid, serial: Tid): Awaitable<string>;
  /** Begins a new temporary file. */
  receiveBlob(): NewBlob;
  /**
   * Takes a file that a client with access to the blob directory has put beside an object's revisions.
   * @param name Its name there, without a directory.
   * @returns Its path, to be handed to `storeBlob`.
   * @throws {RangeError} when the name isn't that of such a file.
   */
  takeSharedBlob(oid: Oid, name: string): string;
}

/** What a storage offers beyond {@linkcode Storage}; the names are the original's interfaces. */
export type Capability =
  | "IStorage"
  | "IStorageIteration"
  | "IStorageRestoreable"
  | "IStorageUndoable"
  | "IStorageCurrentRecordIteration"
  | "IExternalGC"
  | "IBlobStorage"
  | "IBlobStorageRestoreable";

/** Hears what others do to a storage: transactions that did not go through the storage object it observes. */
export interface StorageObserver {
  /**
   * A transaction of somebody else has changed these objects. Called once for each, in their order, before
   * `lastTransaction` or any load shows it.
   */
  invalidated(tid: Tid, oids: readonly Oid[]): void;
  /** Transactions were missed and nobody knows which objects they changed: any may have. */
  reset(): void;
}

/** A storage that others change too, as one that is behind a server. */
export interface ObservableStorage extends Storage {
  /** Has an observer hear of others' transactions until what is returned is disposed of. */
  observe(observer: StorageObserver): Disposable;
}

/** Whether others change a storage too, and it tells of that. */
export function isObservable(storage: Storage): storage is ObservableStorage {
  return "observe" in storage && typeof storage.observe === "function";
}

/** A storage that does some things faster when it need not think of others. */
export interface AdaptsToUsers extends Storage {
  /** How many use it at the moment; whoever serves it keeps this up to date. */
  users: number;
}

/** Whether a storage wants to know how many use it. */
export function adaptsToUsers(storage: Storage): storage is AdaptsToUsers {
  return "users" in storage;
}

/** Says which capabilities a storage has; storages carry the list under this key. */
export const capabilities: unique symbol = Symbol("capabilities");

/** A storage that says what it can do. */
export interface Described {
  /** What it offers, in the order in which clients are told. */
  readonly [capabilities]: readonly Capability[];
}

/** What a storage offers. */
export function capabilitiesOf(storage: Storage): readonly Capability[] {
  return (storage as Storage & Partial<Described>)[capabilities] ?? ["IStorage"];
}

/** Says which interfaces clients are told of, where that is not what the storage can do. */
export const announced: unique symbol = Symbol("announced");

/** The interfaces that clients are told of, in their order. */
export function announcedBy(storage: Storage): readonly Capability[] {
  return (storage as Storage & { readonly [announced]?: readonly Capability[] })[announced] ??
    capabilitiesOf(storage);
}

/** Whether a storage keeps blobs. */
export function supportsBlobs(storage: Storage): storage is BlobStorage {
  return capabilitiesOf(storage).includes("IBlobStorage");
}

/** Whether a storage takes copies of transactions. */
export function supportsRestore(storage: Storage): storage is RestorableStorage {
  return capabilitiesOf(storage).includes("IStorageRestoreable");
}

/** Whether a storage deletes objects on request. */
export function supportsDelete(storage: Storage): storage is ExternalGC {
  return capabilitiesOf(storage).includes("IExternalGC");
}

/** Whether a storage's transactions can be gone through. */
export function supportsIteration(storage: Storage): storage is IterableStorage {
  return capabilitiesOf(storage).includes("IStorageIteration");
}

/** Whether a storage's current records can be gone through. */
export function supportsCurrentRecordIteration(storage: Storage): storage is CurrentRecordIteration {
  return capabilitiesOf(storage).includes("IStorageCurrentRecordIteration");
}

/** Whether a storage undoes transactions. */
export function supportsUndo(storage: Storage): storage is UndoableStorage {
  return capabilitiesOf(storage).includes("IStorageUndoable");
}

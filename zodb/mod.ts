/**
 * Objects in a database, shared with Python programs: a ZODB.
 *
 * - {@linkcode DB}, {@linkcode Connection}: a database, and views of its objects
 * - {@linkcode Persistent}: objects whose attributes are stored; {@linkcode registerClass} says what they are in Python
 * - {@linkcode load}: fetches objects, and what they refer to
 * - {@linkcode PersistentMap}, {@linkcode PersistentList}, {@linkcode Length}, {@linkcode Blob}: Python's classes
 * - {@linkcode OOBTree}, {@linkcode IOBTree}, …: maps and sets of any size, in order; see `btrees/mod.ts`
 * - {@linkcode TransactionManager}: several connections, and others, in one transaction
 * - {@linkcode openSync}: for scripts, connections in which objects load themselves and nothing is awaited
 *
 * An object that is not loaded yet is a ghost. Touching a ghost throws a {@linkcode GhostError}; `await load(object)` or
 * `await object._p_activate()` fills it. What containers return from `get` is loaded.
 *
 * A class whose state is not its attributes extends {@linkcode PersistentBase}, whose page shows how. In short: its
 * constructor can be called without arguments (so ghosts are made); `__getstate__` returns the state (of numbers,
 * strings, `tuple(…)`s, arrays, maps and other persistent objects, be they ghosts), `__setstate__` takes it,
 * `__clearstate__` forgets it; every access calls `_p_touch()` first, every change `_p_change()`. Objects that it refers
 * to need no connection: they get theirs when it is stored. To work on another object, `await other._p_activate()`
 * first; `_p_sticky = true` keeps one loaded meanwhile.
 *
 * @example
 * ```ts
 * import { DB, Persistent, registerClass } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * class Account extends Persistent {
 *   balance = 0;
 *   history: string[] = [];
 * }
 * registerClass("bank.models.Account", Account);
 *
 * await using db = await DB.open();
 * await db.transaction((connection) => connection.root.set("ann", new Account()));
 * await db.transaction(async ({ root }) => {
 *   const ann = (await root.get<Account>("ann"))!;
 *   ann.balance += 10;
 *   ann.history.push("+10");
 * });
 *
 * await using connection = db.open();
 * const ann = (await connection.root.get<Account>("ann"))!;
 * assertEquals([ann.balance, ...ann.history], [10, "+10"]);
 * ```
 *
 * @module
 */

export { type Awaitable, type Oid, StorageError, type Tid } from "../values/mod.ts";
export type { ClientAddress } from "../client/mod.ts";
export { type Construction, Float, Global } from "../pickle/mod.ts";
export type { TlsClientOptions } from "../protocol/mod.ts";
export { type ConflictQuestion, ConflictResolver } from "../storage/mod.ts";
export type {
  BeginOptions,
  Loaded,
  PackOptions,
  PackProgress,
  PackResult,
  PackStage,
  Revision,
  Storage,
  StorageTransaction,
  TransactionMetadata,
} from "../storage/mod.ts";
export { Blob, type BlobSource } from "./blob/blob.ts";
export * from "./btrees/mod.ts";
export { resetCaches } from "./cache_resets.ts";
export {
  classes,
  type ClassOptions,
  ClassRegistry,
  type DictStyle,
  type PersistentClass,
  type PlainClass,
  registerClass,
  type RegisteredClass,
} from "./classes.ts";
export { conflictResolver, type ResolveConflict } from "./class_resolvers.ts";
export { Connection, type ConnectionOptions } from "./connection.ts";
export type { PoolLimits } from "./connection_pool.ts";
export type { Moment } from "./connection_pools.ts";
export type { State } from "./control.ts";
export {
  databaseFromFile,
  type DatabaseFromOptions,
  databaseFromString,
  databaseFromURL,
} from "./database_from.ts";
export { DB } from "./db.ts";
export type { DBOptions, TransactOptions } from "./db_options.ts";
export * from "./errors.ts";
export type { CacheSize, ConnectionInfo } from "./statistics.ts";
export { Length } from "./length.ts";
export { load, type LoadOptions } from "./load.ts";
export type { CacheInfo, CacheLimits } from "./object_cache.ts";
export { Persistent, PersistentBase } from "./persistent.ts";
export { PersistentList } from "./persistent_list.ts";
export { PersistentMap } from "./persistent_map.ts";
export { Root } from "./root.ts";
export { openSync } from "./sync/open_sync.ts";
export type { DataFile, SyncOptions } from "./sync/sync_options.ts";
export { SyncConnection, type SyncSavepoint } from "./sync/sync_connection.ts";
export { type SyncConnectionOptions, SyncDB, type SyncTransactOptions } from "./sync/sync_db.ts";
export {
  asSync,
  type BothIterable,
  type Sync,
  type SyncAnswer,
  type SyncMember,
  type SyncObject,
} from "./sync/sync_types.ts";
export type { DataManager, DataManagerSavepoint, Synchronizer } from "./transaction/data_manager.ts";
export { Savepoint } from "./transaction/savepoint.ts";
export {
  type AfterHook,
  type BeforeHook,
  Transaction,
  type TransactionStatus,
} from "./transaction/transaction.ts";
export {
  type RetryOptions,
  TransactionManager,
  type TransactionManagerOptions,
} from "./transaction/transaction_manager.ts";
export type { TransactionInfo } from "./transaction_info.ts";
export { DateTime, PlainDate, PlainTime } from "./types/datetime.ts";
export { Complex, Decimal } from "./types/decimal.ts";
export { FrozenSet } from "./types/frozen_set.ts";
export { Inert } from "./types/inert.ts";
export { TimeDelta, TimeZone } from "./types/timedelta.ts";
export { Tuple, tuple } from "./types/tuple.ts";
export { UUID } from "./types/uuid.ts";
export { ValueObject } from "./types/value_object.ts";
export { WeakReference, type WeakTarget } from "./types/weak_reference.ts";
export { UnknownPersistent } from "./unknown_persistent.ts";

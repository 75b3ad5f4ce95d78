/**
 * ZEO for Deno: a client-server database for ZODB objects, shared with Python programs.
 *
 * Three lines are a database:
 *
 * ```ts
 * import * as ZEO from "./mod.ts";
 *
 * const { address, stop } = await ZEO.server();
 * const connection = await ZEO.connection(address); // one view of the objects, on a client made on the fly
 * const db = await ZEO.DB(address); // what connection() is a shorthand for: as many views as one likes
 *
 * await connection[Symbol.asyncDispose]();
 * await db.close();
 * await stop();
 * ```
 *
 * Objects are of classes of one's own, whose names in Python are told:
 *
 * ```ts
 * import * as ZEO from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * class Account extends ZEO.Persistent {
 *   constructor(public owner: string, public balance = 0) {
 *     super();
 *   }
 * }
 * ZEO.registerClass("bank.models.Account", Account);
 *
 * await using server = await ZEO.server();
 * await using db = await ZEO.DB(server.address);
 * await db.transaction(({ root }) => root.set("ann", new Account("Ann", 10)));
 * // After a conflict with somebody else's transaction it is run again.
 * await db.transaction(async ({ root }) => {
 *   const ann = (await root.get<Account>("ann"))!;
 *   ann.balance += 5;
 * });
 *
 * await using connection = db.open();
 * assertEquals((await connection.root.get<Account>("ann"))!.balance, 15);
 * ```
 *
 * - {@linkcode server}: a server in this process; `server.ts` is the program
 * - {@linkcode DB}, {@linkcode connection}: objects on a server; {@linkcode Database}`.open("Data.fs")`: in a file
 * - {@linkcode openSync}: the same for scripts, without a single `await`
 * - {@linkcode databaseFromString}, …: databases as configuration files describe them
 * - {@linkcode client}: records instead of objects
 * - {@linkcode Persistent}, {@linkcode PersistentMap}, {@linkcode OOBTree}, {@linkcode Blob} …: what is stored; see `zodb/mod.ts`
 *
 * `docs/guide.md` begins at the beginning.
 *
 * @module
 */

import { client, type ClientAddress, type ClientOptions } from "./client.ts";
import { conflictResolver, type Connection, DB as Database, type DBOptions } from "./zodb/mod.ts";

export { server, type ServerOptions, StorageServer, type StorageServerOptions } from "./server.ts";
export { client, type ClientAddress, type ClientOptions, ClientStorage } from "./client.ts";
export { FileStorage, type FileStorageOptions, MappingStorage, type Storage } from "./storage/mod.ts";
export { type Address, formatAddress } from "./protocol/mod.ts";
export {
  type Awaitable,
  BlobError,
  ClientDisconnected,
  type Conflict,
  ConflictError,
  ConnectionStateError,
  CorruptedTransactionError,
  ExportError,
  FileStorageError,
  FileStorageFormatError,
  FileStorageQuotaError,
  formatOid,
  formatTid,
  InvalidObjectReference,
  LockError,
  MAX_OID,
  MAX_TID,
  MultipleUndoErrors,
  NO_TID,
  type Oid,
  oid,
  oidBytes,
  oidFromBytes,
  POSKeyError,
  ProtocolError,
  ReadConflictError,
  ReadOnlyError,
  ReadOnlyHistoryError,
  ROOT_OID,
  StorageError,
  StorageTransactionError,
  type Tid,
  tid,
  tidAfter,
  tidBytes,
  tidFromBytes,
  tidFromTime,
  tidSeconds,
  tidTime,
  UndoError,
  type UnresolvedConflict,
  UnresolvedConflicts,
  Unsupported,
} from "./values/mod.ts";
export * from "./zodb/mod.ts";
export { Database };

/** How a database on a server is opened: with a client's options, and those of the database itself. */
export interface DatabaseOptions extends ClientOptions {
  /** How the database is used. */
  readonly db?: DBOptions;
}

/** A database: what {@linkcode DB} as a function opens. */
export type DB = Database;

/**
 * Opens a database on a server.
 *
 * @param address A server, or several with the same database: any of them will do.
 * @throws {ClientDisconnected} when there is no connection within `waitTimeout`; why the servers refuse this client when all
 * do; {@linkcode ReadOnlyError} when it has no root object and can't get one. Nothing is left open then.
 */
export async function DB(
  address: ClientAddress | readonly ClientAddress[],
  options: DatabaseOptions = {},
): Promise<DB> {
  const { db, ...clientOptions } = options;
  const storage = await client(address, {
    conflictResolver: conflictResolver(db?.classes),
    ...clientOptions,
  });
  try {
    return await Database.open(storage, db);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/**
 * Opens a connection to a database on a server, for programs that need one only: closing it closes the database, too.
 *
 * @throws as {@linkcode DB}.
 */
export async function connection(
  address: ClientAddress | readonly ClientAddress[],
  options: DatabaseOptions = {},
): Promise<Connection> {
  return (await DB(address, options)).openThenClose();
}

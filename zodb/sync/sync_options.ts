/**
 * How synchronous connections are opened.
 *
 * @module
 */

import type { ClientOptions } from "../../client/mod.ts";
import type { DBOptions } from "../db_options.ts";
import type { TransactionManager } from "../transaction/transaction_manager.ts";

/** A Data.fs of this machine, which no other process has open. */
export interface DataFile {
  /** Its path. */
  readonly file: string;
  /** A directory for blobs; without one there are none. */
  readonly blobDir?: string;
  /** Whether only to read, perhaps beside a process that writes. */
  readonly readOnly?: boolean;
}

/**
 * How a synchronous connection is opened: with a client's options, but for what can't be handed to another thread. Times are
 * seconds, sizes bytes.
 */
export interface SyncOptions
  extends Omit<ClientOptions, "cache" | "conflictResolver" | "limits" | "serverSync" | "signal" | "wait"> {
  /** How the database is used. */
  readonly db?: DBOptions;
  /** Whose transactions the connection takes part in; a new manager, its own, unless told otherwise. */
  readonly transactionManager?: TransactionManager;
  /** Bytes of records that are kept in the program's own thread, besides the client's cache; 20 MB. */
  readonly recordCacheSize?: number;
  /** Where the module of the thread is, `zodb/sync/storage_worker.ts`: for programs that are bundled into one file. */
  readonly workerUrl?: string | URL;
  /**
   * Whether `begin` asks the server, so that it sees all that was committed before it; true. Otherwise it sees what the
   * server has told by then.
   */
  readonly serverSync?: boolean;
  /** The file of a cache of records that outlives this client. In memory unless told otherwise. */
  readonly cache?: string;
}

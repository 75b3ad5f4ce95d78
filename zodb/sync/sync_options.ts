/**
 * How synchronous connections are opened.
 *
 * @module
 */

import type { TlsClientOptions } from "../../protocol/mod.ts";
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
export interface SyncOptions {
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
  /** The storage's id on the server; `"1"`. */
  readonly storage?: string;
  /** What it is called in messages; its addresses unless told otherwise. */
  readonly name?: string;
  /** A short text that the server's log shows for this client. */
  readonly clientLabel?: string;
  /** Bytes that the client's cache of records may take; 20 MB. */
  readonly cacheSize?: number;
  /** The file of a cache of records that outlives this client. In memory unless told otherwise. */
  readonly cache?: string;
  /** A directory for blobs; without one there are none. */
  readonly blobDir?: string;
  /** Whether `blobDir` is the server's own directory, and not a cache. */
  readonly sharedBlobDir?: boolean;
  /** Bytes that the cache of blobs may take; any number unless told otherwise. */
  readonly blobCacheSize?: number;
  /** Per cent of `blobCacheSize` that are added between two looks at how much there is; 10. */
  readonly blobCacheSizeCheck?: number;
  /** Uses TLS: with the system's certificates (`true`), or as told. */
  readonly tls?: boolean | TlsClientOptions;
  /** The original's name for `tls`. */
  readonly ssl?: boolean | TlsClientOptions;
  /** The host name that the server's certificate must be for, where it isn't that of the address. Implies `checkHostname`. */
  readonly sslServerHostname?: string;
  /** Whether only to read. */
  readonly readOnly?: boolean;
  /** Whether a server that takes no changes will do while there is none that takes them; `readOnly` is ignored then. */
  readonly readOnlyFallback?: boolean;
  /** How long the first connection, and later any call, waits for a connection; 30. */
  readonly waitTimeout?: number;
  /** The time between two attempts to connect, at least; 1. A random part, as long at most, comes on top. */
  readonly disconnectPoll?: number;
  /** What becomes of a server that knows of fewer transactions than the cache; `"discard"`: the cache is dropped. */
  readonly onServerBehind?: "discard" | "refuse";
  /** The time between two signs of life on a connection where nothing else happens; 60. */
  readonly heartbeat?: number;
}

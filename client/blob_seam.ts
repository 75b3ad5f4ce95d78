/**
 * Where blobs meet the rest of a client: what the client does for them, and what they do for the client.
 *
 *   down   ClientBlobs.loadBlob ─▶ BlobServer.fetch ─▶ start, chunk*, stop ─▶ fetch has its answer
 *   up     vote ─▶ ClientBlobs.upload ─▶ BlobUpload.send* ─▶ finish ─▶ committed, or aborted
 *
 * @module
 */

import type { BlobCacheStatistics } from "../cache/mod.ts";
import type { Value } from "../pickle/mod.ts";
import type { NewBlob } from "../storage/mod.ts";
import type { Awaitable, Oid, Tid } from "../values/mod.ts";

/** Takes the contents that a server sends, in the order in which they come. */
export interface BlobReceiver {
  /** The content of a revision begins. */
  start(oid: Oid, serial: Tid): void;
  /** Bytes of it, which are the caller's: valid until this returns. */
  chunk(oid: Oid, serial: Tid, bytes: Uint8Array): void;
  /** It ends; the answer to the call that asked for it comes next. */
  stop(oid: Oid, serial: Tid): void;
  /** The connection is lost: of what has not ended nothing more will come. */
  lost(): void;
}

/** What blobs need of the server. */
export interface BlobServer {
  /**
   * Asks for the content of a revision and waits until it was received. Waits for a connection if there is none.
   * @throws {POSKeyError} when the server has none, {ClientDisconnected} when the connection is lost meanwhile.
   */
  fetch(oid: Oid, serial: Tid): Promise<void>;
}

/** A blob in a transaction. */
export interface PendingBlob {
  /** The object. */
  readonly oid: Oid;
  /** The revision that the change started from. */
  readonly serial: Tid;
  /** Its record. */
  readonly data: Uint8Array;
  /** The file with the content; it belongs to {@linkcode ClientBlobs} from `pending` on. */
  readonly temporaryFile: string;
}

/** The way to the server for one blob of a transaction. */
export interface BlobUpload {
  /** What the server calls the transaction: the last argument of `storeBlobEnd` and `storeBlobShared`. */
  readonly transaction: number;
  /** Sends a call that has no reply. Throws {@linkcode ClientDisconnected} when the connection is lost. */
  send(name: string, ...args: Value[]): void;
  /** When to send more; undefined for now. */
  room(): Promise<void> | undefined;
}

/** What a client has for blobs: a folder that it shares with the server, or a cache. */
export interface ClientBlobs extends BlobReceiver {
  /** Where files that are to be stored are made best. */
  readonly temporaryDirectory: string;
  /** The file of a revision's content, which is fetched when it isn't there. @throws {POSKeyError} when there is none. */
  loadBlob(oid: Oid, serial: Tid): Awaitable<string>;
  /**
   * Opens the file of a revision's content, to be read to its end whatever becomes of the file: a cache may have removed
   * what `loadBlob` names before it is opened. @throws {POSKeyError} when there is none.
   */
  openBlob(oid: Oid, serial: Tid): Promise<Deno.FsFile>;
  /** What the cache has done; undefined where there is none. */
  readonly statistics?: BlobCacheStatistics;
  /** Begins a new temporary file. */
  receiveBlob(): NewBlob;
  /** Takes a file that somebody with access to the blob directory has put beside an object's revisions. */
  takeSharedBlob(oid: Oid, name: string): string;
  /**
   * Sends a blob to the server. It may be asked for more than once for the same blob, when the connection is lost or
   * another transaction comes first; the file stays until `committed` or `aborted`. One at a time.
   */
  upload(blob: PendingBlob, to: BlobUpload): Promise<void>;
  /** The transaction with these blobs is committed; called before anybody can see it. */
  committed(tid: Tid, blobs: readonly PendingBlob[]): void;
  /**
   * The transaction with these blobs is given up: their files are to be removed. Called before the server is told, so that
   * it gets the end of what it has the start of.
   */
  aborted(blobs: readonly PendingBlob[]): void;
  /** Ends it: nothing is received any more. */
  close(): Awaitable<void>;
}

/** Makes what a client has for blobs. */
export type OpenBlobs = (server: BlobServer) => ClientBlobs;

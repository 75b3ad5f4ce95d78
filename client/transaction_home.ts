/**
 * What a transaction needs of its storage.
 *
 * @module
 */

import type { Awaitable, Oid, Tid, UnresolvedConflict } from "../values/mod.ts";
import type { ClientBlobs } from "./blob_seam.ts";
import type { ServerConnection } from "./server_connection.ts";
import type { Turns } from "./turns.ts";

/** See the module. */
export interface TransactionHome {
  readonly turns: Turns;
  readonly blobs?: ClientBlobs;
  /** The connection that is in use. */
  readonly current: ServerConnection | undefined;
  /** The same; waits for one. */
  connection(): Awaitable<ServerConnection>;
  /** A number that no other transaction has had. */
  nextId(): number;
  /** The object's current revision. */
  getTid(oid: Oid): Awaitable<Tid>;
  /** A merged record, where conflicts are the client's to resolve. @throws {ConflictError} when there can't be one. */
  resolve(conflict: UnresolvedConflict): Promise<Uint8Array>;
  /** The server has written it; it is visible later. */
  written(tid: Tid): void;
  /** It is committed; called in the order of transactions. */
  committed(
    tid: Tid,
    records: ReadonlyMap<Oid, (() => Uint8Array) | null>,
    published: ((tid: Tid) => void) | undefined,
  ): void;
  /** An object is not what it was thought to be. */
  doubt(oid: Oid): void;
  /** It is about to be committed: what is closed has to wait for it. */
  finishing(promise: Promise<unknown>): void;
}

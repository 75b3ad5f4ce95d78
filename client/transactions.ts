/**
 * The transactions of a client storage, one after the other.
 *
 * @module
 */

import type { BeginOptions, Capability, ConflictResolver, TransactionMetadata } from "../storage/mod.ts";
import {
  type Awaitable,
  ClientDisconnected,
  type Oid,
  type Tid,
  type UnresolvedConflict,
} from "../values/mod.ts";
import type { ClientBlobs } from "./blob_seam.ts";
import { ClientTransaction } from "./client_transaction.ts";
import type { Link } from "./link.ts";
import type { NewOids } from "./new_oids.ts";
import type { ServerConnection } from "./server_connection.ts";
import type { TransactionHome } from "./transaction_home.ts";
import { Turns } from "./turns.ts";
import { mergeConflict } from "./votes.ts";
import { unlessAborted } from "./waiting.ts";

/** What transactions have to do with. */
export interface TransactionsOptions {
  readonly link: Link;
  readonly oids: NewOids;
  readonly resolver: ConflictResolver;
  getTid(oid: Oid): Awaitable<Tid>;
  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array>;
}

/** See the module. */
export class Transactions implements TransactionHome {
  readonly turns: Turns = new Turns();
  readonly blobs?: ClientBlobs;
  readonly #options: TransactionsOptions;
  readonly #finishing = new Set<Promise<unknown>>();
  #lastId = 0;

  constructor(options: TransactionsOptions) {
    this.#options = options;
    this.blobs = options.link.blobs;
  }

  /** Begins one. @param offers What the server's storage can do. */
  begin(
    metadata: TransactionMetadata,
    options: BeginOptions,
    offers: readonly Capability[],
  ): ClientTransaction {
    return new ClientTransaction(this, metadata, options, offers);
  }

  get current(): ServerConnection | undefined {
    return this.#options.link.connections.current;
  }

  connection(): Awaitable<ServerConnection> {
    return this.#options.link.connections.get();
  }

  nextId(): number {
    return ++this.#lastId;
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return this.#options.getTid(oid);
  }

  resolve(conflict: UnresolvedConflict): Promise<Uint8Array> {
    const load = async (oid: Oid, serial: Tid) => await this.#options.loadSerial(oid, serial);
    return mergeConflict(conflict, this.#options.resolver, load);
  }

  written(tid: Tid): void {
    this.#options.link.known.written(tid);
  }

  committed(...[tid, records, published]: Parameters<TransactionHome["committed"]>): void {
    this.#options.oids.used(records.keys());
    this.#options.link.known.committed(tid, records, published);
  }

  doubt(oid: Oid): void {
    this.#options.link.known.doubt(oid);
  }

  finishing(promise: Promise<unknown>): void {
    this.#finishing.add(promise);
    promise.then(() => {}, () => {}).then(() => this.#finishing.delete(promise));
  }

  /** Refuses those that have not voted, and waits until nothing is being finished, for as long as calls wait at most. */
  async close(): Promise<void> {
    this.turns.close(new ClientDisconnected("the client storage is closed"));
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#options.link.waitTimeout);
    await unlessAborted(Promise.allSettled(this.#finishing), patience.signal).catch(() => {});
    clearTimeout(timer);
  }
}

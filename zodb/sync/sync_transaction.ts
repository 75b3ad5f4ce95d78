/**
 * A transaction of a storage in another thread, whose answers are waited for.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";
import type {
  BeginOptions,
  BlobTransaction,
  ConflictResolver,
  TransactionMetadata,
  UndoingTransaction,
} from "../../storage/mod.ts";
import {
  type Awaitable,
  ConflictError,
  type Oid,
  StorageTransactionError,
  type Tid,
  type UnresolvedConflict,
  UnresolvedConflicts,
} from "../../values/mod.ts";
import type { News } from "./hosted_storage.ts";
import type { Ask } from "./sync_storage.ts";

type Phase = "open" | "voted" | "finished" | "aborted";

/** What the transaction needs of its storage. */
export interface SyncTransactionHome {
  readonly ask: Ask;
  /** Its number in the other thread. */
  readonly id: number;
  readonly resolver: ConflictResolver;
  /** Hears what others have committed before it. */
  heard(before: News): void;
  /** Hears that it is committed. */
  committed(tid: Tid, oids: readonly Oid[], published?: (tid: Tid) => void): void;
}

/** How often conflicts are resolved in one transaction before it is given up. */
const MOST_VOTES = 10;

/** See the module. Conflicts that its storage leaves to it are resolved here, where the application's classes are. */
export class SyncTransaction implements BlobTransaction, UndoingTransaction {
  readonly changes: Oid[] = [];
  readonly checks: Oid[] = [];
  readonly exclusive: boolean;
  readonly #home: SyncTransactionHome;
  readonly #metadata: TransactionMetadata;
  readonly #options: BeginOptions;
  readonly #resolved = new Set<Oid>();
  #begun = false;
  #phase: Phase = "open";

  constructor(home: SyncTransactionHome, metadata: TransactionMetadata, options: BeginOptions) {
    this.#home = home;
    this.#metadata = metadata;
    this.#options = options;
    this.exclusive = options.tid !== undefined;
  }

  /** Its number, once it is begun: only then can that fail. */
  #id(): number {
    const { id, ask } = this.#home;
    if (!this.#begun) ask("begin", id, this.#metadata, { ...this.#options, callerResolves: true });
    this.#begun = true;
    return id;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#require("open");
    this.#home.ask("store", this.#id(), oid, serial, data);
    this.changes.push(oid);
  }

  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void {
    this.#require("open");
    this.#home.ask("storeBlob", this.#id(), oid, serial, data, temporaryFile);
    this.changes.push(oid);
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.#home.ask("checkCurrent", this.#id(), oid, serial);
    this.checks.push(oid);
  }

  undo(tid: Tid): void {
    this.#require("open");
    this.#home.ask("undo", this.#id(), tid);
  }

  vote(): readonly Oid[] {
    this.#require("open");
    try {
      for (let round = 0; round < MOST_VOTES; round++) {
        const conflicts = this.#vote();
        if (!conflicts) {
          this.#phase = "voted";
          return [...this.#resolved];
        }
        for (const conflict of conflicts) this.#merge(conflict);
      }
      throw new StorageTransactionError(`conflicts again after ${MOST_VOTES} votes`);
    } catch (error) {
      if (!(error instanceof UnresolvedConflicts)) this.#giveUp();
      throw error;
    }
  }

  /** @returns Conflicts to be resolved here, before another vote. */
  #vote(): readonly UnresolvedConflict[] | undefined {
    try {
      for (const oid of this.#home.ask("vote", this.#id())) this.#resolved.add(oid);
    } catch (error) {
      if (error instanceof UnresolvedConflicts && !this.#options.callerResolves) return error.conflicts;
      throw error;
    }
  }

  #merge(conflict: UnresolvedConflict): void {
    const { oid, committed, read, data } = conflict, { ask, id, resolver } = this.#home;
    const load = (serial: Tid) => ask("loadSerial", oid, serial);
    const merged = resolver.resolve({ oid, committed, read, newData: data, load });
    if (!merged) {
      const className = recordClass(data);
      throw new ConflictError({
        oid,
        committed,
        read,
        ...(className ? { className: String(className) } : {}),
      });
    }
    ask("store", id, oid, committed, merged);
    this.#resolved.add(oid);
  }

  /** Makes it durable, then visible. What `decided` is told is written by then: a failure in it stops nothing. */
  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Tid {
    this.#require("voted");
    this.#phase = "finished";
    const { tid, before } = this.#home.ask("finish", this.#home.id);
    this.#home.heard(before);
    this.#home.committed(tid, [...this.changes, ...this.#resolved], published);
    decided?.(tid);
    return tid;
  }

  abort(): void {
    if (this.#phase === "aborted") return;
    this.#require("open", "voted");
    this.#giveUp();
  }

  #giveUp(): void {
    this.#phase = "aborted";
    if (!this.#begun) return;
    try {
      this.#home.ask("abort", this.#home.id);
    } catch {
      // A thread that is gone has given it up, too.
    }
  }

  #require(...allowed: Phase[]): void {
    if (allowed.includes(this.#phase)) return;
    throw new StorageTransactionError(`transaction is ${this.#phase}, must be ${allowed.join(" or ")}`);
  }
}

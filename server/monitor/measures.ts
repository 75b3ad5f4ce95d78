/**
 * What is measured of a server: plain values at one moment, and the histograms that go on counting.
 *
 * @module
 */

import type { StorageStatistics } from "../../storage/mod.ts";
import type { Tid } from "../../values/mod.ts";
import type { Statistics } from "../statistics.ts";

/** Where a server is in its life. */
export type ServerState = "serving" | "stopping";

/** How far a transaction is: being told, waiting for its objects, voted, or being made durable. */
export type TransactionState = "collecting" | "waiting" | "voted" | "finishing";

/** One connection at one moment. */
export interface ConnectionMeasures {
  /** Who is at the other end. */
  readonly peer: string;
  /** When it was accepted, in milliseconds since 1970. */
  readonly since: number;
  /** The storage that it has registered with; undefined before that. */
  readonly storage?: string;
  /** What the client calls itself; empty where it doesn't say. */
  readonly client: string;
  /** Whether it may not change anything. */
  readonly readOnly: boolean;
  /** How far its transaction is; undefined when it has none. */
  readonly transaction?: TransactionState;
  /** How long ago the transaction began, in seconds; undefined when it has none. */
  readonly transactionSeconds?: number;
  /** Messages that it has sent since it registered. */
  readonly calls: number;
  /** Bytes that it has sent. */
  readonly received: number;
  /** Bytes that were sent to it. */
  readonly sent: number;
  /** Bytes that wait for it to read. */
  readonly buffered: number;
}

/** One storage at one moment. */
export interface StorageMeasures {
  /** The id by which clients ask for it. */
  readonly id: string;
  /** Its name: a file's path. */
  readonly name: string;
  /** What kind it is. */
  readonly kind: string;
  /** Whether changes are refused because that is how it is set up. */
  readonly readOnly: boolean;
  /** What its clients have done. */
  readonly statistics: Statistics;
  /** What it knows of its own work; undefined where it measures nothing. */
  readonly storage?: StorageStatistics;
  /** Why it takes no changes although it should; undefined when all is well. */
  readonly fault?: string;
  /** Registered connections. */
  readonly connections: number;
  /** Transactions that have begun and not ended. */
  readonly active: number;
  /** Votes that wait for objects. */
  readonly waiting: number;
  /** Transactions that hold objects. */
  readonly holding: number;
  /** Since when the oldest of those has held them, in milliseconds since 1970; null when there is none. */
  readonly lockedSince: number | null;
  /** Transactions that are remembered for clients that come back. */
  readonly remembered: number;
  /** The last transaction that is visible. */
  readonly lastTransaction: Tid;
  /** Objects. */
  readonly objects: number;
  /** Bytes that it takes. */
  readonly size: number;
}

/** A server at one moment. */
export interface ServerMeasures {
  /** Where it is in its life. */
  readonly state: ServerState;
  /** When it was started, in milliseconds since 1970. */
  readonly start: number;
  /** Connections that were accepted. */
  readonly accepted: number;
  /** Connections that were refused because there were too many. */
  readonly refused: number;
  /** Bytes from all connections, those that are gone included. */
  readonly received: number;
  /** Bytes to all connections, those that are gone included. */
  readonly sent: number;
  /** Its storages. */
  readonly storages: readonly StorageMeasures[];
  /** Its connections, those included that have not registered yet. */
  readonly connections: readonly ConnectionMeasures[];
}

/** What can be watched: a server. */
export interface Watched {
  /** Where it is in its life. */
  readonly state: ServerState;
  /** Measures everything. */
  measure(): ServerMeasures;
  /** Measures the storages alone. */
  measureStorages(): StorageMeasures[];
  /** Hears of every transaction of a client that is over; undefined for nobody. */
  observer: CommitObserver | undefined;
}

/** What became of a client's transaction. */
export type CommitOutcome = "committed" | "conflict" | "aborted" | "failed";

/** A client's transaction that is over. Times are milliseconds, as `performance.now()` says. */
export interface CommitTrace {
  /** The storage's id. */
  readonly storage: string;
  /** What became of it. */
  readonly outcome: CommitOutcome;
  /** Its id; undefined when it was not committed. */
  readonly tid?: Tid;
  /** Objects that it changes. */
  readonly objects: number;
  /** Bytes of the records that it stores. */
  readonly bytes: number;
  /** When it began. */
  readonly begin: number;
  /** When its last vote was asked for; undefined when none was. */
  readonly vote?: number;
  /** When it got its objects; undefined when it never did. */
  readonly locked?: number;
  /** When it was to be finished; undefined when it never was. */
  readonly finish?: number;
  /** The sync that made it durable, where the storage tells. */
  readonly sync?: readonly [start: number, end: number];
  /** When it was over. */
  readonly end: number;
  /** What went wrong, where something did. */
  readonly error?: unknown;
}

/** Hears of transactions that are over. Must not throw. */
export type CommitObserver = (trace: CommitTrace) => void;

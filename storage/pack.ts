/**
 * Packing: what it is asked for, what it tells, and which storages can do it.
 *
 * @module
 */

import type { Awaitable, Oid } from "../values/mod.ts";
import type { Storage } from "./storage.ts";

/** What a pack is doing: finding the current records, those to keep, copying them, and copying what came later. */
export type PackStage = "scan" | "reach" | "copy" | "follow";

/** How far a pack is. */
export interface PackProgress {
  /** What it is doing. */
  readonly stage: PackStage;
  /** Bytes done in this stage, read or written. */
  readonly bytes: number;
  /** Bytes of the stage, at most. */
  readonly totalBytes: number;
  /** Objects, or records, done in this stage. */
  readonly objects: number;
}

/** How a storage is packed. */
export interface PackOptions {
  /** Whether objects go that can't be reached from the root; as the storage is set up unless told otherwise. */
  readonly gc?: boolean;
  /** Finds the references in a record, where the records are not ones that ZODB writes (compressed ones included). */
  readonly references?: (record: Uint8Array) => readonly Oid[];
  /** Whether what was there before is kept beside; as the storage is set up unless told otherwise. */
  readonly keepOld?: boolean;
  /** A path for the list of blobs' revisions that were dropped: a line for each, hex, an oid or an oid and a tid. */
  readonly removedList?: string;
  /** Gives the pack up. */
  readonly signal?: AbortSignal;
  /** Told how far it is, several times a second. */
  readonly progress?: (progress: PackProgress) => void;
}

/** What came of a pack. */
export interface PackResult {
  /**
   * `redundant` when an earlier one had gone as far; `nothing` when there was nothing to drop. The storage is as it
   * was in both cases.
   */
  readonly outcome: "packed" | "redundant" | "nothing";
  /** Bytes of the storage before, and after. */
  readonly size: readonly [before: number, after: number];
  /** Objects before, and after. */
  readonly objects: readonly [before: number, after: number];
}

/** A storage that can forget what is no longer needed. */
export interface Packable extends Storage {
  /**
   * Drops revisions that were no longer current at a moment, and objects that nothing referred to then. Reads and
   * commits go on.
   *
   * @param time The moment: seconds since 1970, fractions count.
   * @throws {POSKeyError} when an object that is kept refers to one that is not there.
   * @throws {StorageError} when it is being packed already. Whatever is thrown, nothing has changed.
   */
  pack(time: number, options?: PackOptions): Awaitable<PackResult>;
}

/** Whether a storage can be packed. */
export function supportsPack(storage: Storage): storage is Packable {
  return typeof (storage as Partial<Packable>).pack === "function";
}

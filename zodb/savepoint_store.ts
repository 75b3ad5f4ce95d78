/**
 * Records of a transaction that are written to the side at its savepoints, until it is committed.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import { remove } from "./blob/blob.ts";

/** One record. */
export interface WrittenRecord {
  readonly data: Uint8Array;
  /** The revision that the change started from. */
  readonly serial: Tid;
  /** A file with a blob's new content. */
  readonly blob?: string;
}

/** Which records there were at some moment. */
export type SavepointState = ReadonlyMap<Oid, WrittenRecord>;

/** See the module. */
export class SavepointStore {
  #records = new Map<Oid, WrittenRecord>();
  /** Contents of blobs, also those that only an earlier savepoint still needs. */
  readonly #files = new Set<string>();

  get(oid: Oid): WrittenRecord | undefined {
    return this.#records.get(oid);
  }

  set(oid: Oid, record: WrittenRecord): void {
    this.#records.set(oid, record);
    if (record.blob !== undefined) this.#files.add(record.blob);
  }

  /** The objects, whatever was written of them. */
  oids(): Oid[] {
    return [...this.#records.keys()];
  }

  /** The records, in the order of their ids. */
  sorted(): (readonly [Oid, WrittenRecord])[] {
    return [...this.#records].sort(([a], [b]) => a < b ? -1 : 1);
  }

  /** What there is now. */
  state(): SavepointState {
    return new Map(this.#records);
  }

  /** Goes back to what there was. */
  reset(state: SavepointState): void {
    this.#records = new Map(state);
  }

  /** Hears that a file belongs to somebody else now. */
  handedOver(file: string): void {
    this.#files.delete(file);
  }

  /** Removes the files that nobody needs any more. */
  discard(): void {
    for (const file of this.#files) remove(file);
    this.#files.clear();
  }
}

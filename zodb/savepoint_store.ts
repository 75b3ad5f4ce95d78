/**
 * Records of a transaction that are written to the side at its savepoints, until it is committed.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import { remove } from "./blob/blob.ts";
import { SpillFile } from "./spill_file.ts";

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

/** Bytes of records that are kept in memory; what comes later goes into a file. */
const MOST_BYTES = 16 << 20;

/** See the module. */
export class SavepointStore {
  readonly #mostBytes: number;
  /** Bytes of all records that there have been, as earlier savepoints may need them. */
  #bytes = 0;
  #spill: SpillFile | undefined;
  #records = new Map<Oid, WrittenRecord>();
  /** Contents of blobs, also those that only an earlier savepoint still needs. */
  readonly #files = new Set<string>();

  constructor(mostBytes: number = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  get(oid: Oid): WrittenRecord | undefined {
    return this.#records.get(oid);
  }

  set(oid: Oid, record: WrittenRecord): void {
    this.#records.set(oid, this.#kept(record));
    if (record.blob !== undefined) this.#files.add(record.blob);
  }

  #kept(record: WrittenRecord): WrittenRecord {
    this.#bytes += record.data.length;
    if (this.#bytes <= this.#mostBytes) return record;
    const data = (this.#spill ??= new SpillFile()).add(record.data), { serial, blob } = record;
    return {
      get data() {
        return data();
      },
      serial,
      blob,
    };
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
    this.#spill?.remove();
    this.#spill = undefined;
    for (const file of this.#files) remove(file);
    this.#files.clear();
  }
}

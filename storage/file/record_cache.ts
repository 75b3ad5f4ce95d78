/**
 * Records in memory, by their position in the file.
 *
 * What lies at a position below the end of the committed part never changes, so nothing here ever goes stale;
 * only a pack, which gives the file new positions, starts with a new cache.
 *
 * Data is copied into slabs of a megabyte and handed out as views of them. A slab is never written twice: when
 * the cache is full its oldest slab is forgotten, and its memory goes when the last view of it does. A record that
 * is asked for while in the older half moves to the newest slab, so that what is hot stays.
 *
 * @module
 */

import type { Oid, Tid } from "../../values/mod.ts";

/** A record as it lies in the file: the fields of its header that reads need, and its own data. */
export interface StoredRecord {
  /** Whose it is. */
  readonly oid: Oid;
  /** The transaction that wrote it. */
  readonly tid: Tid;
  /** Position of the object's previous record; 0 for none. */
  readonly previous: number;
  /** Position of its transaction. */
  readonly transaction: number;
  /** Its data; null when it shares another record's. */
  readonly data: Uint8Array | null;
  /** Position of the record whose data it shares; 0 when the object is gone. Only where `data` is null. */
  readonly back: number;
}

interface Slab {
  readonly number: number;
  readonly bytes: Uint8Array;
  used: number;
  readonly positions: number[];
}

/**
 * A record that is kept. The view of its data is made when somebody asks: most that are written are never read, and
 * views of little pieces are what the garbage collector would have most to do with.
 */
class KeptRecord implements StoredRecord {
  readonly oid: Oid;
  readonly tid: Tid;
  readonly previous: number;
  readonly transaction: number;
  readonly back: number;
  readonly slab: Slab;
  readonly #start: number;
  /** Negative for one without data. */
  readonly #size: number;
  #data?: Uint8Array;

  constructor(fields: RecordFields, slab: Slab, start: number, size: number) {
    this.oid = fields.oid;
    this.tid = fields.tid;
    this.previous = fields.previous;
    this.transaction = fields.transaction;
    this.back = fields.back;
    this.slab = slab;
    this.#start = start;
    this.#size = size;
  }

  get data(): Uint8Array | null {
    if (this.#size < 0) return null;
    return this.#data ??= this.slab.bytes.subarray(this.#start, this.#start + this.#size);
  }
}

/** A record without its data. */
type RecordFields = Omit<StoredRecord, "data">;

const SLAB = 1 << 20;
const NOTHING = new Uint8Array(0);

/** What an entry costs beyond its data: objects, the view, the map's slot. Measured, rounded up. */
const ENTRY_COST = 256;

/** A bounded cache of records. */
export class RecordCache {
  readonly #limit: number;
  readonly #entries = new Map<number, KeptRecord>();
  /** Slabs by number; the numbers go up and are never used again. */
  readonly #slabs = new Map<number, Slab>();
  #newest = 0;
  #oldest = 1;
  #bytes = 0;
  /** The slab that was copied into last, and where in it that is which `hold` was given last. */
  #last!: Slab;
  #held = 0;
  /** How many lookups found their record. */
  hits = 0;
  /** How many did not. */
  misses = 0;

  /** @param limit Bytes that the cache may take, overhead included; 0 switches it off. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Goes on with the counts of one that this one takes the place of. */
  countOn({ hits, misses }: RecordCache): void {
    this.hits += hits;
    this.misses += misses;
  }

  /** Bytes taken, overhead included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The record at a position, if it is here. */
  get(position: number): StoredRecord | undefined {
    const record = this.#entries.get(position);
    if (record === undefined) {
      this.misses++;
      return undefined;
    }
    this.hits++;
    if (record.slab.number >= this.#oldest + ((this.#newest - this.#oldest) >> 1)) return record;
    this.#entries.delete(position);
    return this.#place(position, record);
  }

  /**
   * Takes in a record whose `data` the caller may overwrite afterwards.
   * @returns The same record with data that stays.
   */
  add(position: number, record: StoredRecord): StoredRecord {
    const size = record.data?.length ?? 0;
    // One big record must not sweep everything else out.
    if (size > SLAB / 4 || !this.#isOn) {
      return record.data ? { ...record, data: record.data.slice() } : record;
    }
    return this.#place(position, record);
  }

  /**
   * Copies what was written in one piece, for `keep`.
   * @returns Whether there is a copy; otherwise nothing of it is kept.
   */
  hold(written: Uint8Array): boolean {
    if (written.length > SLAB || !this.#isOn) return false;
    this.#held = this.#copy(written);
    return true;
  }

  /** Takes in a record that is a part of what was held last. @param start Where its data starts in that. */
  keep(position: number, fields: RecordFields, start: number, size: number): void {
    this.#enter(position, new KeptRecord(fields, this.#last, this.#held + start, size));
  }

  get #isOn(): boolean {
    return this.#limit >= 4 * SLAB;
  }

  #place(position: number, record: StoredRecord): StoredRecord {
    const { data } = record;
    const start = this.#copy(data ?? NOTHING);
    const kept = new KeptRecord(record, this.#last, start, data?.length ?? -1);
    this.#enter(position, kept);
    return kept;
  }

  /** Copies bytes into the newest slab that has room. @returns Where they are in it. */
  #copy(bytes: Uint8Array): number {
    let slab = this.#slabs.get(this.#newest);
    if (slab === undefined || slab.used + bytes.length > SLAB || slab.positions.length * ENTRY_COST >= SLAB) {
      slab = this.#open();
    }
    const start = slab.used;
    slab.bytes.set(bytes, start);
    slab.used += bytes.length;
    this.#last = slab;
    return start;
  }

  #enter(position: number, record: KeptRecord): void {
    record.slab.positions.push(position);
    this.#bytes += ENTRY_COST;
    this.#entries.set(position, record);
  }

  #open(): Slab {
    while (this.#slabs.size > 0 && this.#bytes + SLAB + SLAB > this.#limit) this.#forgetOldest();
    const slab: Slab = { number: ++this.#newest, bytes: new Uint8Array(SLAB), used: 0, positions: [] };
    this.#slabs.set(slab.number, slab);
    this.#bytes += SLAB;
    return slab;
  }

  #forgetOldest(): void {
    const number = this.#oldest++;
    const slab = this.#slabs.get(number)!;
    this.#slabs.delete(number);
    for (const position of slab.positions) {
      // A record that has moved on to a newer slab stays.
      if (this.#entries.get(position)?.slab === slab) this.#entries.delete(position);
    }
    this.#bytes -= SLAB + slab.positions.length * ENTRY_COST;
  }
}

/**
 * The blocks of a cache file: where the next record goes, what has to make room for it, and how it gets there.
 *
 * Records are written at one place that goes round the file. A current record in the way that has been asked for since
 * it was written is written again in front of the new one and so goes round once more; others go.
 *
 * Each step leaves a file whose blocks fit together, as far as writes reach the file in order (a killed process): a write
 * within a page is one step; a longer one is hidden in a free block until its first five bytes make it a record.
 * Where writes may be lost in any order (a power failure), seals show which records are whole. Free blocks never
 * hide the start of an old record in their middle, so that none can come back when a block around it is lost.
 *
 * @module
 */

import { NO_TID, type Oid, type Tid, write16, write32, write64 } from "../values/mod.ts";
import {
  ALLOCATED,
  END_OFFSET,
  FREE,
  HEADER_LENGTH,
  headSum,
  MAX_BLOCK,
  RECORD_HEADER,
  RECORD_OVERHEAD,
  RING_START,
  SEAL_LENGTH,
  writeFree,
  writeHeader,
  writeRecord,
} from "./block_format.ts";
import type { CacheFile } from "./cache_file.ts";
import type { CacheCounters } from "./counters.ts";
import { FileEntry } from "./file_entry.ts";
import { readAround, recordIn } from "./record_reading.ts";

/** The smallest size of a cache file. */
export const MIN_FILE_SIZE: number = RING_START + RECORD_OVERHEAD + SEAL_LENGTH;

/** How much is written again at most to make room for one record. */
const MAX_KEPT = 64;
const MAX_KEPT_BYTES = 256 * 1024;

/** Writes that stay within a page are done or not done when the process is killed. */
const PAGE = 4096;
const MAX_SCRATCH = 4 * 1024 * 1024;

/** The ring of blocks in a file. */
export class BlockRing {
  readonly #file: CacheFile;
  readonly #size: number;
  readonly #counters: CacheCounters;
  #scratch = new Uint8Array(64 * 1024);
  readonly #small = new Uint8Array(RECORD_HEADER);
  /** How many records have no seal. */
  #unsealed = 0;
  #first: FileEntry | undefined;
  #last: FileEntry | undefined;
  /** Where the next record goes: the start of a block, or the file's end. */
  #position = RING_START;
  /** The first record that is not before `#position`. */
  #ahead: FileEntry | undefined;
  /** Where the free block at `#position` ends, if it is known to be one block. */
  #freeUntil = -1;

  constructor(file: CacheFile, size: number, counters: CacheCounters) {
    this.#file = file;
    this.#size = size;
    this.#counters = counters;
  }

  /** Where the next record goes. */
  get position(): number {
    return this.#position;
  }

  /** Makes an empty file, whatever was in it. It says that nothing was ever taken in. */
  format(): void {
    const bytes = new Uint8Array(RING_START);
    writeHeader(bytes, NO_TID, RING_START, false);
    this.#file.write(bytes, 0, HEADER_LENGTH, 0);
    // Cutting the file takes the old records away for good, where a free block over them would hide them only.
    this.#file.truncate(HEADER_LENGTH);
    this.#file.write(bytes, HEADER_LENGTH, RING_START, HEADER_LENGTH);
    this.#fill(RING_START, this.#size);
    this.#file.truncate(this.#size);
    this.#first = this.#last = this.#ahead = undefined;
    this.#unsealed = 0;
    this.#position = RING_START;
    this.#freeUntil = -1;
  }

  /** Writes the header and the stamp. */
  writeHeader(lastTid: Tid): void {
    const bytes = new Uint8Array(RING_START);
    writeHeader(bytes, lastTid, this.#position, this.#unsealed > 0);
    this.#file.write(bytes, 0, RING_START, 0);
  }

  /**
   * Takes over what is in the file, and brings it to its size.
   *
   * @param entries In the order of their positions; returns the ones that have no place in a file of this size.
   * @param start Where to go on, as far as the file tells.
   */
  adopt(
    entries: readonly FileEntry[],
    stamped: boolean,
    start: number | undefined,
    lastTid: Tid,
  ): FileEntry[] {
    const homeless: FileEntry[] = [];
    for (const entry of entries) {
      if (entry.offset + entry.size > this.#size || entry.offset < RING_START) homeless.push(entry);
      else this.#link(entry, undefined);
    }
    const end = this.#last === undefined ? RING_START : this.#last.offset + this.#last.size;
    if (this.#file.size() !== this.#size) {
      for (const { offset } of homeless) {
        if (offset >= end && offset < this.#size) this.#write(offset, FREE);
      }
      if (end > RING_START || stamped) this.#fill(end, this.#size);
    }
    if (!stamped) {
      const bytes = new Uint8Array(RING_START + 5);
      writeHeader(bytes, lastTid, RING_START, this.#unsealed > 0);
      const free = (this.#first?.offset ?? this.#size) - RING_START;
      const filler = writeFree(bytes, RING_START, Math.min(free, MAX_BLOCK));
      if (free > MAX_BLOCK) this.#fill(RING_START + MAX_BLOCK, RING_START + free);
      this.#file.write(bytes, 0, RING_START + filler, 0);
    }
    if (this.#file.size() !== this.#size) this.#file.truncate(this.#size);
    this.#resume(start ?? RING_START);
    return homeless;
  }

  /** Goes on at the start of the record, or of the free space, that `start` is in. */
  #resume(start: number): void {
    this.#position = RING_START;
    this.#ahead = this.#first;
    for (let entry = this.#first; entry !== undefined && entry.offset <= start; entry = entry.next) {
      const inside = start < entry.offset + entry.size;
      this.#position = inside ? entry.offset : entry.offset + entry.size;
      this.#ahead = inside ? entry : entry.next;
    }
    this.#freeUntil = -1;
  }

  /**
   * Writes a record, after making room; `undefined` when it is too large.
   *
   * @param evict is told of each record that goes for it.
   */
  place(
    oid: Oid,
    serial: Tid,
    end: Tid | null,
    data: Uint8Array,
    evict: (victim: FileEntry) => void,
  ): FileEntry | undefined {
    const size = RECORD_OVERHEAD + data.length + SEAL_LENGTH;
    if (size > this.#size - RING_START || size > MAX_BLOCK) return undefined;
    if (this.#position + size > this.#size) this.#rewind();
    const kept: FileEntry[] = [];
    let room = this.#makeRoom(size, kept, evict);
    if (room === undefined) {
      this.#writeRecords(kept, this.#size);
      this.#rewind();
      kept.length = 0;
      room = this.#makeRoom(size, kept, evict)!;
    }
    const entry = new FileEntry(oid, serial, end, data.length);
    entry.pending = data;
    kept.push(entry);
    this.#writeRecords(kept, room);
    return entry;
  }

  #rewind(): void {
    this.#position = RING_START;
    this.#ahead = this.#first;
    this.#freeUntil = -1;
  }

  /**
   * Takes what is ahead out of the ring until `size` bytes fit besides what is kept; returns where the room ends.
   * `undefined` when what is kept leaves too little before the file's end. At the start of the ring that can't be.
   */
  #makeRoom(size: number, kept: FileEntry[], evict: (victim: FileEntry) => void): number | undefined {
    const atStart = this.#position === RING_START;
    let atEnd = false;
    let needed = size;
    let keptBytes = 0;
    let stranded = false;
    const absorbed: number[] = [];
    let end = this.#ahead?.offset ?? this.#size;
    while (end - this.#position < needed) {
      const victim = this.#ahead;
      if (victim === undefined) {
        atEnd = !atStart && needed - size <= end - this.#position;
        if (atEnd) break;
        const last = kept.pop()!;
        needed -= RECORD_OVERHEAD + last.length + SEAL_LENGTH;
        stranded = true;
        last.pending = undefined;
        evict(last);
        continue;
      }
      this.#ahead = victim.next;
      this.#unlink(victim);
      absorbed.push(victim.offset);
      let keep = victim.seen && victim.end === null && kept.length < MAX_KEPT &&
        keptBytes + victim.length <= MAX_KEPT_BYTES;
      if (keep) {
        victim.pending = victim.data ?? this.read(victim);
        keep = victim.pending !== undefined;
        if (!keep) this.#counters.corrupt++;
      }
      if (keep) {
        kept.push(victim);
        keptBytes += victim.length;
        needed += RECORD_OVERHEAD + victim.length + SEAL_LENGTH;
      } else {
        evict(victim);
      }
      end = this.#ahead?.offset ?? this.#size;
    }
    if (atEnd) needed -= size;
    if (atEnd || stranded) {
      for (const offset of absorbed) if (offset >= this.#position + needed) this.#write(offset, FREE);
    }
    if (absorbed.length > 0) this.#freeUntil = -1;
    return atEnd ? undefined : end;
  }

  /** Writes records, which have their data, one behind the other, and a free block up to `end`. */
  #writeRecords(records: readonly FileEntry[], end: number): void {
    const start = this.#position;
    let size = 0;
    for (const { length } of records) size += RECORD_OVERHEAD + length + SEAL_LENGTH;
    const bytes = this.#buffer(size + 5);
    let at = 0;
    for (const record of records) {
      record.offset = start + at;
      record.sealed = true;
      record.seen = false;
      at = writeRecord(bytes, at, record.oid, record.serial, record.end, record.pending!);
      record.pending = undefined;
    }
    const filler = Math.min(end - start - size, MAX_BLOCK);
    at += writeFree(bytes, at, filler);
    if (start + size + filler < end) this.#fill(start + size + filler, end);
    if (Math.floor(start / PAGE) === Math.floor((start + at - 1) / PAGE)) {
      this.#file.write(bytes, 0, at, start);
    } else {
      if (this.#freeUntil !== end) {
        const small = this.#small;
        writeFree(small, 0, size + filler);
        this.#file.write(small, 0, 5, start);
      }
      this.#file.write(bytes, 5, at, start + 5);
      this.#file.write(bytes, 0, 5, start);
    }
    for (const record of records) this.#link(record, this.#ahead);
    this.#position = start + size;
    this.#freeUntil = end;
    if (this.#scratch.length > MAX_SCRATCH) this.#scratch = new Uint8Array(64 * 1024);
  }

  /** Frees a record's block. */
  free(entry: FileEntry): void {
    if (this.#ahead === entry) this.#ahead = entry.next;
    this.#unlink(entry);
    this.#freeUntil = -1;
    this.#write(entry.offset, FREE);
  }

  /** Writes down that a record has ended. */
  end(entry: FileEntry): void {
    const header = this.#small;
    header[0] = ALLOCATED;
    write32(header, 1, RECORD_OVERHEAD + entry.length);
    write64(header, 5, entry.oid);
    write64(header, 13, entry.serial);
    write64(header, END_OFFSET, entry.end ?? NO_TID);
    write16(header, 29, 0);
    write32(header, 31, entry.length);
    this.#file.write(header, END_OFFSET, END_OFFSET + 8, entry.offset + END_OFFSET);
    if (!entry.sealed) return;
    const sum = headSum(header, 0);
    write32(header, 0, sum);
    this.#file.write(header, 0, 4, entry.offset + RECORD_OVERHEAD + entry.length + 5);
  }

  /** Reads a record; `undefined` when the bytes are not those that were written. */
  read(entry: FileEntry): Uint8Array | undefined {
    const { size } = entry;
    const bytes = this.#buffer(size);
    if (this.#file.read(bytes, size, entry.offset) < size) return undefined;
    return recordIn(bytes, 0, entry)?.slice();
  }

  /** As `read`, with the neighbours that come along: see {@linkcode readAround}. */
  readAround(
    entry: FileEntry,
    use: (neighbour: FileEntry, data: Uint8Array) => void,
  ): Uint8Array | undefined {
    return readAround(this.#file, entry, use);
  }

  /** Writes free blocks over a range, the last one first. */
  #fill(start: number, end: number): void {
    const bytes = new Uint8Array(5);
    const blocks = Math.ceil((end - start) / MAX_BLOCK);
    for (let i = blocks - 1; i >= 0; i--) {
      const position = start + i * MAX_BLOCK;
      this.#file.write(bytes, 0, writeFree(bytes, 0, Math.min(MAX_BLOCK, end - position)), position);
    }
  }

  #write(position: number, byte: number): void {
    this.#small[0] = byte;
    this.#file.write(this.#small, 0, 1, position);
  }

  #buffer(length: number): Uint8Array {
    if (length > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(length, this.#scratch.length * 2));
    }
    return this.#scratch;
  }

  #link(entry: FileEntry, before: FileEntry | undefined): void {
    const previous = before === undefined ? this.#last : before.previous;
    if (!entry.sealed) this.#unsealed++;
    entry.previous = previous;
    entry.next = before;
    if (previous === undefined) this.#first = entry;
    else previous.next = entry;
    if (before === undefined) this.#last = entry;
    else before.previous = entry;
  }

  #unlink(entry: FileEntry): void {
    if (!entry.sealed) this.#unsealed--;
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = entry.next = undefined;
  }
}

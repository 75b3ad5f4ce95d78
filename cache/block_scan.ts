/**
 * Reading a cache file from end to end: which records are in it, and whether it is a cache file at all.
 *
 * @module
 */

import { NO_TID, oidFromBytes, read16, read32, readPosition, type Tid, tidFromBytes } from "../values/mod.ts";
import {
  ALLOCATED,
  END_OFFSET,
  FREE,
  HEADER_LENGTH,
  headSum,
  isSeal,
  MAGIC,
  MAX_BLOCK,
  RECORD_HEADER,
  RECORD_OVERHEAD,
  RING_START,
  SEAL_LENGTH,
  STAMP_LENGTH,
  stampSum,
  TINY,
} from "./block_format.ts";
import type { CacheFile } from "./cache_file.ts";
import { FileEntry } from "./file_entry.ts";

/** The file is not a cache file, or one whose blocks don't fit together. */
export class CacheFileError extends Error {
  /** Tells what was found, and where. */
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** What is in a cache file. */
export interface CacheFileContents {
  /** The last transaction that the file can be believed to have taken in. */
  readonly lastTid: Tid;
  /** Where the ring goes on; `undefined` when the file doesn't say. */
  readonly next: number | undefined;
  /** Where the first free block is that is neither stamp nor seal: where the original would go on. */
  readonly firstFree: number | undefined;
  /** Whether the stamp is there: only then may `RING_START` be taken for a block's start. */
  readonly stamped: boolean;
  /** The records, in the order of their positions. */
  readonly entries: FileEntry[];
  /** Of these, the ones that are not to be believed, although their blocks fit: to be freed. */
  readonly unbelieved: Set<FileEntry>;
  /** How many of the unbelieved have a checksum that doesn't fit. */
  readonly corrupt: number;
}

const WINDOW = 256 * 1024;

/** Reads of a file in order, of which many come from memory. */
class Window {
  readonly #bytes: Uint8Array;
  #start = 0;
  #length = 0;

  constructor(readonly file: CacheFile, readonly fileSize: number) {
    this.#bytes = new Uint8Array(Math.min(WINDOW, fileSize));
  }

  /** Where in `bytes` the file's `position` is, with `length` bytes behind it that are there. */
  at(position: number, length: number): number {
    if (position < this.#start || position + length > this.#start + this.#length) {
      this.#start = position;
      this.#length = this.file.read(
        this.#bytes,
        Math.min(this.#bytes.length, this.fileSize - position),
        position,
      );
      if (this.#length < length) throw new CacheFileError(`at ${position}: ${length} bytes can't be read`);
    }
    return position - this.#start;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/**
 * Reads the blocks of a file that is not empty.
 *
 * What is newer than the last transaction that the file says it has taken in is not believed: nothing would tell if the
 * server had lost those transactions, and no replay of later invalidations would end them.
 *
 * @throws {CacheFileError} when it is not a cache file, or is damaged in a way that hides where blocks start.
 */
export function scanBlocks(file: CacheFile): CacheFileContents {
  const size = file.size();
  const window = new Window(file, size);
  if (size < HEADER_LENGTH) throw new CacheFileError(`${size} bytes: expected a header of ${HEADER_LENGTH}`);
  const start = window.at(0, HEADER_LENGTH);
  const magic = read32(window.bytes, start);
  if (magic !== MAGIC) {
    throw new CacheFileError(`starts with ${hex(magic, 8)}: expected ${hex(MAGIC, 8)} ("ZEC3")`);
  }
  let lastTid = tidFromBytes(window.bytes, start + 4);
  const stamp = readStamp(window, size);
  // Where they differ, the original has used the file since, or a bit of the header has fallen over. The older one is
  // true in both cases.
  if (stamp !== undefined && stamp.lastTid < lastTid) lastTid = stamp.lastTid;

  const entries: FileEntry[] = [];
  const unbelieved = new Set<FileEntry>();
  let corrupt = 0;
  let firstFree: number | undefined;
  for (let position = HEADER_LENGTH; position < size;) {
    const at = window.at(position, 1);
    const status = window.bytes[at];
    const free = status !== ALLOCATED && (position !== HEADER_LENGTH || stamp === undefined);
    if (free) firstFree ??= position;
    if (status >= TINY && status < TINY + 4) {
      position += status - TINY + 1;
    } else if (status === FREE) {
      position += blockSize(window, position, size);
    } else if (status === ALLOCATED) {
      const blockEnd = position + blockSize(window, position, size);
      // A block that the file ends in: the original doesn't read on there either.
      if (blockEnd > size) break;
      const entry = readEntry(window, position, blockEnd, size);
      entries.push(entry);
      const sealed = entry.sealed || stamp === undefined || stamp.unsealed;
      const fits = sealed && entry.intact && (entry.end === null || entry.end > entry.serial);
      if (!fits) corrupt++;
      if (!fits || entry.serial > lastTid || (entry.end !== null && entry.end > lastTid)) {
        unbelieved.add(entry);
      }
      position = entry.offset + entry.size;
    } else {
      throw new CacheFileError(
        `at ${position}: block starts with 0x${hex(status, 2)}: expected a, f, 1, 2, 3 or 4`,
      );
    }
  }
  return {
    lastTid,
    next: stamp?.next,
    firstFree,
    stamped: stamp !== undefined,
    entries,
    unbelieved,
    corrupt,
  };
}

interface Stamp {
  readonly lastTid: Tid;
  readonly next: number;
  readonly unsealed: boolean;
}

function readStamp(window: Window, size: number): Stamp | undefined {
  if (size < RING_START) return undefined;
  const at = window.at(0, RING_START);
  const start = window.bytes.subarray(at, at + RING_START);
  if (start[HEADER_LENGTH] !== FREE || read32(start, HEADER_LENGTH + 1) !== STAMP_LENGTH) return undefined;
  if (read32(start, HEADER_LENGTH + 22) !== stampSum(start)) return undefined;
  return {
    lastTid: tidFromBytes(start, HEADER_LENGTH + 5),
    next: readPosition(start, HEADER_LENGTH + 13),
    unsealed: start[HEADER_LENGTH + 21] !== 0,
  };
}

function blockSize(window: Window, position: number, fileSize: number): number {
  const left = fileSize - position;
  const size = left < 5 ? left : read32(window.bytes, window.at(position, 5) + 1);
  // The original may leave a free block of up to twice the limit behind; no record is that large.
  if (size < 5 || size > 2 * MAX_BLOCK) {
    throw new CacheFileError(`at ${position}: block of ${size} bytes: expected 5 to ${MAX_BLOCK}`);
  }
  return size;
}

function readEntry(window: Window, position: number, blockEnd: number, fileSize: number): FileEntry {
  const size = blockEnd - position;
  if (size < RECORD_OVERHEAD) {
    throw new CacheFileError(
      `at ${position}: record's block of ${size} bytes: expected ${RECORD_OVERHEAD} or more`,
    );
  }
  let at = window.at(position, RECORD_HEADER);
  const { bytes } = window;
  const end = tidFromBytes(bytes, at + END_OFFSET);
  const oid = oidFromBytes(bytes, at + 5);
  const entry = new FileEntry(
    oid,
    tidFromBytes(bytes, at + 13),
    end === NO_TID ? null : end,
    size - RECORD_OVERHEAD,
  );
  entry.offset = position;
  entry.intact = read32(bytes, at + 31) === entry.length && read16(bytes, at + 29) === 0;
  const headerSum = headSum(bytes, at);
  if (blockEnd + SEAL_LENGTH > fileSize) return entry;
  at = window.at(blockEnd, SEAL_LENGTH);
  if (!isSeal(bytes, at)) return entry;
  entry.sealed = true;
  const sum = read32(bytes, at + 5);
  if (sum === headerSum) return entry;
  // Ended by the original, which doesn't know of seals, or by a process that was killed between the end and the seal.
  at = window.at(position, RECORD_HEADER);
  const header = bytes.slice(at, at + RECORD_HEADER).fill(0, END_OFFSET, END_OFFSET + 8);
  entry.intact = sum === headSum(header, 0);
  return entry;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}

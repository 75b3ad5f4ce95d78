/**
 * The cache file: one ring of blocks that fill it exactly. All numbers big-endian.
 *
 *   header   "ZEC3" | last tid 8
 *   block    "a" | size 4 | oid 8 | serial 8 | end 8 (0: current) | 0 2 | length 4 | data… | oid 8     a record
 *            "f" | size 4 | anything…                                                                  free
 *            "1" "2" "3" "4" | anything…                                              free, that many bytes
 *
 * That is the original's format. Its readers don't look into free blocks, which leaves room for what it lacks: a way to
 * tell that the bytes are those that were written. Two kinds of free block carry it:
 *
 *   stamp    "f" | 26 | last tid 8 | next 8 | unsealed 1 | crc 4         at 12, written together with the header
 *   seal     "f" | 13 | crc of the record's bytes 1 to 35 | crc of its data      right behind the record
 *
 * `next` is where the ring goes on; `unsealed` is 1 while there are records without seals, which the original wrote.
 * Its first write in a file of ours goes over the stamp, the first free block that there is.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { NO_TID, type Oid, read32, type Tid, write16, write32, write64 } from "../values/mod.ts";

/** The first four bytes, as a number: "ZEC3". */
export const MAGIC = 0x5a454333;

/** Where blocks start. */
export const HEADER_LENGTH = 12;

/** Bytes of a stamp. */
export const STAMP_LENGTH = 26;

/** Where records of ours start. */
export const RING_START: number = HEADER_LENGTH + STAMP_LENGTH;

/** Bytes of a record's block before its data. */
export const RECORD_HEADER = 35;

/** Bytes of a record's block besides its data. */
export const RECORD_OVERHEAD: number = RECORD_HEADER + 8;

/** Bytes of a seal. */
export const SEAL_LENGTH = 13;

/** The largest size that a block may have. */
export const MAX_BLOCK = 0x7fff_ffff;

/** First byte of a record's block, "a". */
export const ALLOCATED = 0x61;

/** First byte of a free block, "f". */
export const FREE = 0x66;

/** First byte of a free block of one byte, "1"; those of two, three and four follow. */
export const TINY = 0x31;

/** Where in a record's block its end is. */
export const END_OFFSET = 21;

/** Writes the header and the stamp: `RING_START` bytes at the start of `out`. */
export function writeHeader(out: Uint8Array, lastTid: Tid, next: number, unsealed: boolean): void {
  write32(out, 0, MAGIC);
  write64(out, 4, lastTid);
  out[HEADER_LENGTH] = FREE;
  write32(out, HEADER_LENGTH + 1, STAMP_LENGTH);
  write64(out, HEADER_LENGTH + 5, lastTid);
  write64(out, HEADER_LENGTH + 13, BigInt(next));
  out[HEADER_LENGTH + 21] = unsealed ? 1 : 0;
  write32(out, HEADER_LENGTH + 22, stampSum(out));
}

/** The checksum that the stamp in the first bytes of a file should have: over all of it that precedes. */
export function stampSum(start: Uint8Array): number {
  return crc32(start.subarray(HEADER_LENGTH, HEADER_LENGTH + 22));
}

/** Writes a record's block and its seal at `at`; returns where they end. */
export function writeRecord(
  out: Uint8Array,
  at: number,
  oid: Oid,
  serial: Tid,
  end: Tid | null,
  data: Uint8Array,
): number {
  out[at] = ALLOCATED;
  write32(out, at + 1, RECORD_OVERHEAD + data.length);
  write64(out, at + 5, oid);
  write64(out, at + 13, serial);
  write64(out, at + END_OFFSET, end ?? NO_TID);
  write16(out, at + 29, 0);
  write32(out, at + 31, data.length);
  out.set(data, at + RECORD_HEADER);
  const seal = at + RECORD_OVERHEAD + data.length;
  write64(out, seal - 8, oid);
  out[seal] = FREE;
  write32(out, seal + 1, SEAL_LENGTH);
  write32(out, seal + 5, headSum(out, at));
  write32(out, seal + 9, crc32(data));
  return seal + SEAL_LENGTH;
}

/** The checksum of a record's header at `at`. */
export function headSum(bytes: Uint8Array, at: number): number {
  return crc32(bytes.subarray(at + 1, at + RECORD_HEADER));
}

/** Whether the bytes at `at` look like a seal. */
export function isSeal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === FREE && read32(bytes, at + 1) === SEAL_LENGTH;
}

/** Writes the start of a free block of `size` bytes (at most `MAX_BLOCK`) at `at`; returns how many bytes it wrote. */
export function writeFree(out: Uint8Array, at: number, size: number): number {
  if (size < 5) {
    if (size > 0) out[at] = TINY + size - 1;
    return Math.min(size, 1);
  }
  out[at] = FREE;
  write32(out, at + 1, size);
  return 5;
}

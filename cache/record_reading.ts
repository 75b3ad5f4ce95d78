/**
 * Reading records out of a cache file: one, or all that lie around one.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { NO_TID, oidFromBytes, read16, read32, tidFromBytes } from "../values/mod.ts";
import { ALLOCATED, END_OFFSET, isSeal, RECORD_HEADER, RECORD_OVERHEAD } from "./block_format.ts";
import type { CacheFile } from "./cache_file.ts";
import type { FileEntry } from "./file_entry.ts";

/** Bytes that are read around a record; windows don't overlap. */
export const WINDOW: number = 64 * 1024;

/** The data of a record whose block lies at `at`, a view; undefined when it is damaged. */
export function recordIn(bytes: Uint8Array, at: number, entry: FileEntry): Uint8Array | undefined {
  const { length } = entry;
  if (
    bytes[at] !== ALLOCATED || read32(bytes, at + 1) !== RECORD_OVERHEAD + length ||
    read32(bytes, at + 31) !== length ||
    read16(bytes, at + 29) !== 0 || oidFromBytes(bytes, at + 5) !== entry.oid ||
    tidFromBytes(bytes, at + 13) !== entry.serial ||
    tidFromBytes(bytes, at + END_OFFSET) !== (entry.end ?? NO_TID) ||
    oidFromBytes(bytes, at + RECORD_HEADER + length) !== entry.oid
  ) {
    return undefined;
  }
  const data = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
  if (entry.sealed) {
    const seal = at + RECORD_OVERHEAD + length;
    // The header has been compared with what is known, which the scan compared with its sum.
    if (!isSeal(bytes, seal) || read32(bytes, seal + 9) !== crc32(data)) return undefined;
  }
  return data;
}

/**
 * The data of a record and of its neighbours, with one call of the system for all.
 *
 * @param use Gets the neighbours that are whole, undamaged and not in memory. They are views that share theirs, unless
 * that would keep much that is of no use.
 * @returns undefined when the record itself is damaged.
 */
export function readAround(
  file: CacheFile,
  entry: FileEntry,
  use: (neighbour: FileEntry, data: Uint8Array) => void,
): Uint8Array | undefined {
  // One that lies across a border is read alone.
  const crosses = entry.offset % WINDOW + entry.size > WINDOW;
  const start = crosses ? entry.offset : entry.offset - entry.offset % WINDOW;
  const bytes = new Uint8Array(crosses ? entry.size : WINDOW);
  const end = start + file.read(bytes, bytes.length, start);
  let first = entry;
  while (first.previous !== undefined && first.previous.offset >= start) first = first.previous;
  const found: { readonly entry: FileEntry; readonly data: Uint8Array }[] = [];
  let useful = 0;
  for (let next: FileEntry | undefined = first; next !== undefined && endOf(next) <= end; next = next.next) {
    if (next !== entry && next.data !== undefined) continue;
    const data = recordIn(bytes, next.offset - start, next);
    if (data === undefined) continue;
    found.push({ entry: next, data });
    useful += next.size;
  }
  const sparse = useful < bytes.length / 2;
  let own: Uint8Array | undefined;
  for (const { entry: each, data } of found) {
    const kept = sparse ? data.slice() : data;
    if (each === entry) own = kept;
    else use(each, kept);
  }
  return own;
}

function endOf({ offset, size }: FileEntry): number {
  return offset + size;
}

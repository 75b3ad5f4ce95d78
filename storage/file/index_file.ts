/**
 * Data.fs.index: the index as it was when the file was last closed, so that opening needn't read all of it.
 *
 *   pickle of an int           where the last transaction covered ends
 *   pickle of a pair, for each six-byte prefix of oids, ascending:
 *     prefix 6
 *     bucket 8n                n suffixes of oids, 2 each, ascending; then their n positions, 6 each
 *   pickle of None
 *
 * All pickles are of protocol 3 and without memo. A file by a very old ZODB has one pickle, of a dict.
 *
 * The index only saves time. One that can't be read, or doesn't belong to the data, is put aside and made anew.
 *
 * @module
 */

import { dirname } from "@std/path";
import { PickleReader, PickleWriter, Tuple, tuple, type Value } from "../../pickle/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import { FIRST_TRANSACTION } from "./format.ts";
import { buckets, MAX_POSITION, readBucket } from "./index_file_bucket.ts";
import { readLegacyIndex } from "./index_file_legacy.ts";
import { OidIndex } from "./oid_index.ts";

const WRITE_SIZE = 1 << 20;

/** An index read from a file. */
export interface LoadedIndex {
  /** Where the newest record of each object is. */
  readonly index: OidIndex;
  /** Where the last transaction that it covers ends. */
  readonly end: number;
  /** Whether it has the form of old, and should be written anew. */
  readonly legacy: boolean;
}

/** The path of a data file's index. */
export function indexPath(dataPath: string): string {
  return `${dataPath}.index`;
}

/**
 * Reads the index of a data file. Answers what is wrong with it, in words, when it can't be used; it throws nothing.
 * Whether it fits the data is for {@linkcode indexFault} to say.
 *
 * @param dataPath The path of the data file.
 */
export function loadIndex(dataPath: string, disk: Disk = realDisk): LoadedIndex | string {
  let file: DiskFile | undefined, data: DiskFile | undefined;
  try {
    file = disk.open(indexPath(dataPath), "read");
    data = disk.open(dataPath, "read");
    const size = file.size(), limit = data.size() + WRITE_SIZE;
    // An object needs more room in the data than here.
    if (size > limit) return `has ${size} bytes, expected no more than ${limit} for its data`;
    const bytes = new Uint8Array(size);
    file.read(bytes, 0);
    return parseIndex(bytes);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    file?.close();
    data?.close();
  }
}

/**
 * Writes the index of a data file, so that there is always either the old one or the new one. Answers why it could
 * not, in words; it throws nothing, since the data is safe without.
 *
 * @param dataPath The path of the data file.
 * @param end Position behind the last transaction that the index covers.
 */
export function saveIndex(
  dataPath: string,
  index: OidIndex,
  end: number,
  disk: Disk = realDisk,
): string | undefined {
  const path = indexPath(dataPath);
  const temporary = `${path}.index_tmp`;
  try {
    const file = disk.open(temporary, "create");
    try {
      let written = 0;
      for (const bytes of gathered(indexPickles(index, end))) {
        file.write(bytes, written);
        written += bytes.length;
      }
      file.syncNow();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
    disk.syncDirectory(dirname(path));
  } catch (error) {
    try {
      disk.remove(temporary);
    } catch {
      // What kept it from being written keeps it from being removed; the next attempt starts it afresh.
    }
    return error instanceof Error ? error.message : String(error);
  }
}

function parseIndex(bytes: Uint8Array): LoadedIndex {
  const reader = new PickleReader(bytes, { nonAscii: "latin1" });
  const first = reader.read();
  if (typeof first !== "number") {
    const { index, end } = readLegacyIndex(first);
    return { index, end: checkedEnd(end), legacy: true };
  }
  const end = checkedEnd(first);
  const index = new OidIndex();
  for (let pair = reader.read(); pair !== null; pair = reader.read()) {
    const [prefix, bucket] = pair instanceof Tuple ? pair.items : [];
    if (!(prefix instanceof Uint8Array && bucket instanceof Uint8Array)) {
      throw new Error(`entry before byte ${reader.position}: expected a pair of bytes`);
    }
    readBucket(index, prefix, bucket, end);
  }
  return { index, end, legacy: false };
}

function checkedEnd(end: Value): number {
  if (typeof end === "number" && end >= FIRST_TRANSACTION && end <= MAX_POSITION) return end;
  throw new Error(`says that the data ends at ${end}, expected ${FIRST_TRANSACTION} to ${MAX_POSITION}`);
}

function* indexPickles(index: OidIndex, end: number): Generator<Uint8Array, void> {
  if (end > MAX_POSITION) throw new Error(`position ${end} doesn't fit its six bytes`);
  yield pickle(end);
  for (const { prefix, bucket } of buckets(index)) yield pickle(tuple(prefix, bucket));
  yield pickle(null);
}

function pickle(value: Value): Uint8Array {
  return new PickleWriter({ memo: false }).write(value).bytes();
}

/** The same bytes in pieces of about a mebibyte, so that a sparse index doesn't take a write for each object. */
function* gathered(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  const buffer = new Uint8Array(WRITE_SIZE);
  let filled = 0;
  for (const piece of pieces) {
    if (filled + piece.length > buffer.length) {
      yield buffer.subarray(0, filled);
      filled = 0;
    }
    buffer.set(piece, filled);
    filled += piece.length;
  }
  yield buffer.subarray(0, filled);
}

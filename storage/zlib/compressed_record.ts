/**
 * Compressed records, as `zc.zlibstorage` writes them.
 *
 *   2e 7a       ".z": no pickle begins so, as "." ends one
 *   zlib…       the record, in zlib's format, with its check sum
 *
 * Records of at most 20 bytes, and those that would not become smaller, stay as they are.
 *
 * @module
 */

import { deflateSync, inflateSync } from "node:zlib";
import { StorageError } from "../../values/mod.ts";

const MARK = 2;

/** Records up to this many bytes are not worth the time. */
const SMALLEST = 20;

/** Bytes that a record may have when it is unpacked: a few compressed ones can stand for any number. */
const LARGEST = 1 << 30;

/** Whether a record is a compressed one. */
export function isCompressed(record: Uint8Array): boolean {
  return record[0] === 0x2e && record[1] === 0x7a;
}

/**
 * A record in its compressed form, or itself where that would not be smaller or it has that form already.
 *
 * @example
 * ```ts
 * import { compressRecord, decompressRecord } from "./compressed_record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const record = new Uint8Array(1000);
 * assertEquals(decompressRecord(compressRecord(record)), record);
 * ```
 */
export function compressRecord(record: Uint8Array): Uint8Array {
  if (record.length <= SMALLEST || isCompressed(record)) return record;
  const body = deflateSync(record);
  if (body.length + MARK >= record.length) return record;
  const compressed = new Uint8Array(body.length + MARK);
  compressed[0] = 0x2e;
  compressed[1] = 0x7a;
  compressed.set(body, MARK);
  return compressed;
}

/**
 * The record that a compressed one stands for; one that isn't compressed is answered as it is.
 *
 * @throws {StorageError} when it begins as a compressed one and is damaged, or would have more than a gibibyte.
 */
export function decompressRecord(record: Uint8Array): Uint8Array {
  if (!isCompressed(record)) return record;
  try {
    const { buffer, byteOffset, length } = inflateSync(record.subarray(MARK), { maxOutputLength: LARGEST });
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new StorageError(
      `record of ${record.length} bytes begins with ".z" and can't be decompressed: ${reason}`,
      { cause: error },
    );
  }
}

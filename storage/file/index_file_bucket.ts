/**
 * How the index file packs objects whose oids share their first six bytes.
 *
 *   prefix 6
 *   bucket 8n     n suffixes of oids, 2 each, ascending; then their n positions, 6 each
 *
 * @module
 */

import { type Oid, oidBytes, read16, read32, read64, write16, write32 } from "../../values/mod.ts";
import { FIRST_TRANSACTION } from "./format.ts";
import type { OidIndex } from "./oid_index.ts";

const PREFIX_LENGTH = 6;
const SUFFIX_LENGTH = 2;
const POSITION_LENGTH = 6;
const MAX_COUNT = 2 ** 16;

/** The largest position that fits its six bytes. */
export const MAX_POSITION: number = 2 ** 48 - 1;

/** The first six bytes of some oids, and the packed rest of them with their positions. */
export interface Bucket {
  /** The first six bytes of each oid. */
  readonly prefix: Uint8Array<ArrayBuffer>;
  /** The last two bytes of each oid, then the positions. */
  readonly bucket: Uint8Array<ArrayBuffer>;
}

/**
 * Puts a bucket's oids and positions into an index.
 *
 * @throws {Error} when its lengths are wrong, or a position is not in the data that the index covers.
 */
export function readBucket(index: OidIndex, prefix: Uint8Array, bucket: Uint8Array, end: number): void {
  const count = bucket.length / (SUFFIX_LENGTH + POSITION_LENGTH);
  if (prefix.length !== PREFIX_LENGTH || !Number.isInteger(count) || count > MAX_COUNT) {
    throw new Error(
      `prefix of ${prefix.length} bytes with a bucket of ${bucket.length}, ` +
        `expected ${PREFIX_LENGTH} and a multiple of ${SUFFIX_LENGTH + POSITION_LENGTH}`,
    );
  }
  const key = new Uint8Array(8);
  key.set(prefix);
  const first = read64(key, 0);
  for (let place = 0; place < count; place++) {
    const at = SUFFIX_LENGTH * count + POSITION_LENGTH * place;
    const position = read16(bucket, at) * 2 ** 32 + read32(bucket, at + 2);
    const suffix = read16(bucket, SUFFIX_LENGTH * place);
    if (position <= FIRST_TRANSACTION || position >= end) {
      throw new Error(
        `position ${position} for oid ${first + BigInt(suffix)}, expected one before the end at ${end}`,
      );
    }
    index.set(first + BigInt(suffix), position);
  }
}

/** An index's objects in buckets, ascending. */
export function* buckets(index: OidIndex): Generator<Bucket, void> {
  const suffixes = new Uint8Array(MAX_COUNT * SUFFIX_LENGTH);
  const positions = new Uint8Array(MAX_COUNT * POSITION_LENGTH);
  let first: Oid | undefined, prefix = -1n, count = 0;
  for (const [oid, position] of index.entries()) {
    if (oid >> 16n !== prefix) {
      if (first !== undefined) yield packed(first, suffixes, positions, count);
      first = oid;
      prefix = oid >> 16n;
      count = 0;
    }
    write16(suffixes, count * SUFFIX_LENGTH, Number(oid & 0xffffn));
    write16(positions, count * POSITION_LENGTH, position / 2 ** 32);
    write32(positions, count * POSITION_LENGTH + 2, position >>> 0);
    count++;
  }
  if (first !== undefined) yield packed(first, suffixes, positions, count);
}

function packed(first: Oid, suffixes: Uint8Array, positions: Uint8Array, count: number): Bucket {
  const bucket = new Uint8Array(count * (SUFFIX_LENGTH + POSITION_LENGTH));
  bucket.set(suffixes.subarray(0, count * SUFFIX_LENGTH));
  bucket.set(positions.subarray(0, count * POSITION_LENGTH), count * SUFFIX_LENGTH);
  return { prefix: oidBytes(first).slice(0, PREFIX_LENGTH), bucket };
}

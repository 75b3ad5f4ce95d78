/**
 * The hot message of a commit: `storea`, recognized in msgpack without decoding anything else.
 *
 *   94 | 00 | c3 | a6 "storea" | 94 | c4 08 oid | c4 08 serial | c4 n, c5 nn or c6 nnnn record | transaction
 *
 * The transaction's id is an integer that is not negative. Whatever looks different in any way takes the general path,
 * which does the same; tests compare the two.
 *
 * @module
 */

import { read16, read32, read64 } from "../values/mod.ts";

const HEAD = Uint8Array.of(0x94, 0, 0xc3, 0xa6, ...new TextEncoder().encode("storea"), 0x94, 0xc4, 8);
/** Bytes of the record's length by its tag, from 0xc4 on. */
const LENGTH_BYTES = [1, 2, 4];

/** Recognizes stores; each connection has its own. No closure, no object a call. */
export class StoreFormat {
  /** Where the oid's eight bytes lie. */
  oidAt = 0;
  /** Where the serial's eight bytes lie. */
  serialAt = 0;
  /** Where the record lies. */
  recordAt = 0;
  /** Bytes of the record. */
  recordLength = 0;
  /** The client's id for the transaction, as the general path decodes it. */
  transaction: number | bigint = 0;

  /** Whether the bytes from `start` to `end` are a store that can take this path; then the fields say what is in it. */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const oidAt = start + HEAD.length, tagAt = oidAt + 18;
    if (end < tagAt + 3) return false;
    for (let i = 0; i < HEAD.length; i++) if (bytes[start + i] !== HEAD[i]) return false;
    if (bytes[oidAt + 8] !== 0xc4 || bytes[oidAt + 9] !== 8) return false;
    const lengthBytes = LENGTH_BYTES[bytes[tagAt] - 0xc4];
    const recordAt = tagAt + 1 + lengthBytes;
    // Also where there is no such tag: a comparison with NaN is false.
    if (!(recordAt < end)) return false;
    const length = lengthBytes === 1
      ? bytes[tagAt + 1]
      : lengthBytes === 2
      ? read16(bytes, tagAt + 1)
      : read32(bytes, tagAt + 1);
    this.oidAt = oidAt;
    this.serialAt = oidAt + 10;
    this.recordAt = recordAt;
    this.recordLength = length;
    return this.#takeTransaction(bytes, recordAt + length, end);
  }

  #takeTransaction(bytes: Uint8Array, at: number, end: number): boolean {
    const tag = bytes[at];
    switch (end - at) {
      case 1:
        this.transaction = tag;
        return tag < 0x80;
      case 2:
        this.transaction = bytes[at + 1];
        return tag === 0xcc;
      case 3:
        this.transaction = read16(bytes, at + 1);
        return tag === 0xcd;
      case 5:
        this.transaction = read32(bytes, at + 1);
        return tag === 0xce;
      case 9: {
        const large = read64(bytes, at + 1);
        this.transaction = large <= Number.MAX_SAFE_INTEGER ? Number(large) : large;
        return tag === 0xcf;
      }
    }
    return false;
  }
}

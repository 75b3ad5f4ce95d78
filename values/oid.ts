/**
 * Object ids: 64-bit unsigned numbers, eight bytes big-endian on disk and on the wire.
 *
 * @module
 */

import { read64, write64 } from "./bytes.ts";

/** The id of one object in a storage: an unsigned 64-bit number. A {@linkcode Tid} can't be passed for it. */
export type Oid = bigint & { readonly __brand: "Oid" };

/** The root object's id, 0. */
export const ROOT_OID: Oid = 0n as Oid;

/** The largest id there can be. */
export const MAX_OID: Oid = 0xffff_ffff_ffff_ffffn as Oid;

/**
 * The object id that a number or bigint stands for.
 *
 * @throws {RangeError} when it is negative, not whole, or needs more than 64 bits.
 *
 * @example
 * ```ts
 * import { oid } from "./mod.ts";
 *
 * const first = oid(1);
 * ```
 */
export function oid(value: number | bigint): Oid {
  const number = BigInt(value);
  if (number < 0n || number > MAX_OID) throw new RangeError(`oid ${number}: expected 0 to 2^64 - 1`);
  return number as Oid;
}

/** The object id in eight bytes, big-endian. The caller has checked that there are eight. */
export function oidFromBytes(bytes: Uint8Array, offset = 0): Oid {
  return read64(bytes, offset) as Oid;
}

/** An object id as its eight bytes. */
export function oidBytes(id: Oid): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  write64(bytes, 0, id);
  return bytes;
}

/** An object id as Python's tools print it: `0x00`, `0x1f`, `0x0102`. */
export function formatOid(id: Oid): string {
  const hex = id.toString(16);
  return `0x${hex.length % 2 ? "0" : ""}${hex}`;
}

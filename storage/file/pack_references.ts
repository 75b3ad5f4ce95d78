/**
 * The references in a record, compressed or not.
 *
 * @module
 */

import { inflateSync } from "node:zlib";
import { recordReferences } from "../../pickle/mod.ts";
import type { Oid } from "../../values/mod.ts";

/** How the compressing storage marks its records: ".z". No pickle starts so, as "." ends one. */
const DOT = 0x2e, Z = 0x7a;

/**
 * The objects that a record refers to and keeps alive; one that is compressed as `zlibstorage` does is looked into.
 *
 * @throws {PickleError} when the record is malformed.
 */
export function packReferences(record: Uint8Array): Oid[] {
  const compressed = record[0] === DOT && record[1] === Z;
  return recordReferences(compressed ? new Uint8Array(inflateSync(record.subarray(2))) : record);
}

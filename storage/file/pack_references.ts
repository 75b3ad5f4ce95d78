/**
 * The references in a record, compressed or not.
 *
 * @module
 */

import { recordReferences } from "../../pickle/mod.ts";
import type { Oid } from "../../values/mod.ts";
import { decompressRecord } from "../zlib/compressed_record.ts";

/**
 * The objects that a record refers to and keeps alive; one that is compressed as `zlibstorage` does is looked into.
 *
 * @throws {PickleError} when the record is malformed.
 * @throws {StorageError} when it can't be decompressed, or would have more than a gibibyte.
 */
export function packReferences(record: Uint8Array): Oid[] {
  return recordReferences(decompressRecord(record));
}

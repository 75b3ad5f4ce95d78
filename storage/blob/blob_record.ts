/**
 * Which records are blobs'.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";

/** Whether a record is that of a blob: an object of exactly the class `ZODB.blob.Blob`. */
export function isBlobRecord(record: Uint8Array): boolean {
  const found = recordClass(record);
  return found !== undefined && found.module === "ZODB.blob" && found.name === "Blob";
}

/**
 * Export files, `.zexp`: some objects and all that they refer to, to be taken into another database.
 *
 *   ZEXP, then objects, the one that was asked for first
 *   object   oid 8 | length 8 | record…
 *   blob     the same, and: 00 "BLOBSTART" | length 8 | content…
 *   end      ff × 16
 *
 * Weak references and those into other databases are not followed.
 *
 * @module
 */

import { recordClass, recordReferences } from "../pickle/mod.ts";
import { type Storage, supportsBlobs } from "../storage/mod.ts";
import {
  BlobError,
  concatBytes,
  formatOid,
  type Oid,
  oidBytes,
  POSKeyError,
  type Tid,
  writePosition,
} from "../values/mod.ts";

/** How an export file begins. */
export const EXPORT_HEADER: Uint8Array = new TextEncoder().encode("ZEXP");
/** What stands before a blob's content. */
export const BLOB_START: Uint8Array = new TextEncoder().encode("\0BLOBSTART");
/** How it ends. */
export const EXPORT_END: Uint8Array = new Uint8Array(16).fill(0xff);

/**
 * An export file, piece by piece.
 *
 * @throws {POSKeyError} when the first object isn't there; others are left out.
 * @throws {BlobError} at a blob, where the storage keeps none.
 */
export async function* exportGraph(
  storage: Storage,
  root: Oid,
  before: Tid,
): AsyncGenerator<Uint8Array, void> {
  yield EXPORT_HEADER;
  const seen = new Set([root]);
  // A set gives what is added while it is gone through, too: so the order is breadth first.
  for (const oid of seen) {
    let loaded;
    try {
      loaded = await storage.loadBefore(oid, before);
      if (!loaded) throw new POSKeyError(oid);
    } catch (error) {
      if (oid !== root && error instanceof POSKeyError) continue;
      throw error;
    }
    const { data, serial } = loaded;
    for (const referred of recordReferences(data)) seen.add(referred);
    yield concatBytes(oidBytes(oid), number64(data.length), data);
    if (isBlobRecord(data)) {
      if (!supportsBlobs(storage)) {
        throw new BlobError(`${formatOid(oid)} is a blob, and there is no blob directory with its contents`);
      }
      const path = await storage.loadBlob(oid, serial);
      yield concatBytes(BLOB_START, number64((await Deno.stat(path)).size));
      yield* (await Deno.open(path)).readable;
    }
  }
  yield EXPORT_END;
}

/** Whether a record is that of a blob, whose contents follow. */
export function isBlobRecord(data: Uint8Array): boolean {
  return recordClass(data)?.toString() === "ZODB.blob.Blob";
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writePosition(bytes, 0, value);
  return bytes;
}

/**
 * The files of a transaction's blobs.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { PendingBlob } from "./blob_seam.ts";

const log = getLogger(["zeo", "client", "blob"]);

/** Of several contents that a transaction has for one blob, the last one, which is the one that counts. */
export function lastOfEach(blobs: readonly PendingBlob[]): Set<PendingBlob> {
  return new Set(new Map(blobs.map((blob) => [blob.oid, blob])).values());
}

/** Removes a file; one that is not there is fine. Never fails. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    log.warn`${path}: a temporary file can't be removed: ${String(error)}`;
  }
}

/**
 * Handing a record to a storage's transaction.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Storage, type StorageTransaction, supportsBlobs } from "../storage/mod.ts";
import { formatOid, type Oid, Unsupported } from "../values/mod.ts";
import type { WrittenRecord } from "./savepoint_store.ts";

const log = getLogger(["zeo", "zodb"]);

/** Where a record goes. */
export interface Destination {
  readonly storage: Storage;
  /** A record of so many bytes is worth a warning. */
  readonly largeRecordSize: number;
}

/** Stores a record, and a blob's content with it. @throws {Unsupported} for a blob, where the storage keeps none. */
export function storeRecord(
  { storage, largeRecordSize }: Destination,
  storing: StorageTransaction,
  oid: Oid,
  { data, serial, blob }: WrittenRecord,
): void {
  const size = data.length;
  if (size >= largeRecordSize) {
    log.warn("object {oid} has a record of {size} bytes: a blob may be better", {
      oid: formatOid(oid),
      size,
    });
  }
  if (blob === undefined) {
    storing.store(oid, serial, data);
    return;
  }
  if (!supportsBlobs(storage)) throw new Unsupported(`storing blobs in ${storage.name} is not supported`);
  (storing as ReturnType<typeof storage.begin>).storeBlob(oid, serial, data, blob);
}

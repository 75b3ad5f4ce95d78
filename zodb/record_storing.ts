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

/**
 * Stores a record, and a blob's content with it.
 *
 * @param large A record of so many bytes is worth a warning.
 * @throws {Unsupported} for a blob, where the storage keeps none.
 */
export function storeRecord(
  storage: Storage,
  storing: StorageTransaction,
  oid: Oid,
  { data, serial, blob }: WrittenRecord,
  large: number,
): void {
  const size = data.length;
  if (size >= large) {
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

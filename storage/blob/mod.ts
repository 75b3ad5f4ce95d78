/**
 * Blobs: their directory, their files on the way into a transaction and out with a pack, and giving them to a storage
 * that has none.
 *
 * @module
 */

export { BlobDirectory, type BlobDirectoryOptions, type BlobEntry } from "./blob_directory.ts";
export { type BlobFiles, type BlobWriter, errorCode, type FileKind, realBlobFiles } from "./blob_files.ts";
export { BlobPacking } from "./blob_packing.ts";
export { isBlobRecord } from "./blob_record.ts";
export { type LayoutName, LAYOUTS } from "./layout.ts";
export { PendingBlobs } from "./pending_blobs.ts";
export {
  hasRemovals,
  type RemovalOptions,
  removedListOf,
  removeListed,
  removeOld,
  removeStrays,
} from "./removal.ts";
export { StorageWithBlobs, TransactionWithBlobs } from "./storage_with_blobs.ts";

/**
 * Storages: what one is, and every kind of it.
 *
 * @module
 */

export * from "./disk.ts";
export * from "./pack.ts";
export * from "./storage.ts";
export { FileStorage, type FileStorageOptions, type FileStorageTransaction } from "./file/file_storage.ts";
export { type Divergence, type Merge, mergeNothing, mergeWith } from "./file/merge.ts";
export { MappingStorage } from "./mapping/mapping_storage.ts";
export { BlobDirectory, type BlobDirectoryOptions, type LayoutName, StorageWithBlobs } from "./blob/mod.ts";

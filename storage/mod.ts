/**
 * Storages: what one is, and every kind of it.
 *
 * @module
 */

export * from "./disk.ts";
export * from "./storage.ts";
export { FileStorage, type FileStorageOptions, type FileStorageTransaction } from "./file/file_storage.ts";
export { type Divergence, type Merge, mergeNothing } from "./file/merge.ts";
export { MappingStorage } from "./mapping/mapping_storage.ts";

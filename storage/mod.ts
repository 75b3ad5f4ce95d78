/**
 * Storages: what one is, and every kind of it.
 *
 * @module
 */

export * from "./disk.ts";
export * from "./storage.ts";
export { FileStorage, type FileStorageOptions } from "./file/file_storage.ts";
export { MappingStorage } from "./mapping/mapping_storage.ts";

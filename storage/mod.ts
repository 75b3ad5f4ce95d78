/**
 * Storages: what one is, and every kind of it.
 *
 * @module
 */

export * from "./disk.ts";
export * from "./backup/mod.ts";
export * from "./compare.ts";
export * from "./copy.ts";
export * from "./inspect/mod.ts";
export * from "./object_locks.ts";
export * from "./pack.ts";
export * from "./shared_storage.ts";
export { Slice } from "./slice.ts";
export * from "./statistics.ts";
export * from "./storage.ts";
export * from "./wrapping_storage.ts";
export { FileStorage, type FileStorageTransaction } from "./file/file_storage.ts";
export type { FileStorageOptions } from "./file/options.ts";
export { type Divergence, type Merge, mergeNothing, mergeWith } from "./file/merge.ts";
export { MappingStorage } from "./mapping/mapping_storage.ts";
export {
  BlobDirectory,
  type BlobDirectoryOptions,
  type BlobEntry,
  type BlobFiles,
  type BlobWriter,
  type FileKind,
  type LayoutName,
  PendingBlobs,
  realBlobFiles,
  StorageWithBlobs,
  TransactionWithBlobs,
} from "./blob/mod.ts";
export { BeforeStorage } from "./before/before_storage.ts";
export { RefusingTransaction } from "./before/refusing_transaction.ts";
export { DemoStorage, type DemoStorageOptions } from "./demo/demo_storage.ts";
export {
  checkDataFile,
  type CheckOptions,
  type CheckReport,
  type Finding,
  type FindingKind,
  type PaceOptions,
} from "./file/check.ts";
export { openVerified } from "./file/verified.ts";
export { salvage, type SalvageOptions, type SalvageReport } from "./file/salvage.ts";
export { compressRecord, decompressRecord, isCompressed } from "./zlib/compressed_record.ts";
export {
  type Transform,
  type TransformedTransaction,
  TransformingStorage,
} from "./zlib/transforming_storage.ts";
export {
  mergeCompressed,
  ServerZlibStorage,
  ZlibStorage,
  type ZlibStorageOptions,
} from "./zlib/zlib_storage.ts";
export {
  BTreeConflict,
  compareBytes,
  compareText,
  type ConflictQuestion,
  ConflictResolver,
  PythonOrder,
  type Resolver,
  type ResolverModule,
  ResolverRegistry,
  Unresolvable,
} from "./conflict/mod.ts";

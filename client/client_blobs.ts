/**
 * Where a client keeps blobs.
 *
 * @module
 */

import { BlobCache } from "../cache/mod.ts";
import { BlobDirectory } from "../storage/mod.ts";
import type { OpenBlobs } from "./blob_seam.ts";
import { CachedBlobs } from "./cached_blobs.ts";
import { SharedBlobs } from "./shared_blobs.ts";

/** See the module. */
export interface ClientBlobsOptions {
  /** A directory; without one there are no blobs. */
  readonly blobDir?: string;
  /** Whether it is the server's own directory; a cache otherwise. */
  readonly sharedBlobDir?: boolean;
  /** Bytes that the cache may take; any number unless told otherwise. */
  readonly blobCacheSize?: number;
  /** Per cent of that size that are added between two looks at how much there is; 10 unless told otherwise. */
  readonly blobCacheSizeCheck?: number;
}

/**
 * Opens the directory for a client's blobs, when it is called with the client's server.
 *
 * @returns undefined when there is to be none. What is returned throws `StorageError` when it is another kind of
 * directory, and `RangeError` when an option can't be.
 */
export function clientBlobs(options: ClientBlobsOptions): OpenBlobs | undefined {
  const { blobDir, sharedBlobDir, blobCacheSize: size, blobCacheSizeCheck: sizeCheck } = options;
  if (blobDir === undefined) return undefined;
  if (sharedBlobDir) return () => new SharedBlobs(BlobDirectory.open(blobDir, { readOnly: true }));
  return (server) => new CachedBlobs(BlobCache.open(blobDir, { size, sizeCheck }), server);
}

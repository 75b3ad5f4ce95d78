/**
 * A client's blobs, in a cache of its own: what is asked for is fetched once, what is stored is sent and kept.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { BlobCache, BlobCacheStatistics } from "../cache/mod.ts";
import type { NewBlob } from "../storage/mod.ts";
import { type Awaitable, ClientDisconnected, type Oid, StorageError, type Tid } from "../values/mod.ts";
import { BlobDownloads } from "./blob_downloads.ts";
import type { BlobServer, BlobUpload, ClientBlobs, PendingBlob } from "./blob_seam.ts";
import { BlobUploads } from "./blob_uploads.ts";
import { lastOfEach, removeFile } from "./pending_files.ts";

const log = getLogger(["zeo", "client", "blob"]);

/** See the module. */
export class CachedBlobs implements ClientBlobs {
  readonly #cache: BlobCache;
  readonly #downloads: BlobDownloads;
  readonly #uploads = new BlobUploads();

  /** @param cache The cache, which is closed with this. */
  constructor(cache: BlobCache, server: BlobServer) {
    this.#cache = cache;
    this.#downloads = new BlobDownloads(server);
  }

  /** Where files that are to be stored are made best. */
  get temporaryDirectory(): string {
    return this.#cache.temporaryDirectory;
  }

  /** What the cache has done. */
  get statistics(): BlobCacheStatistics {
    return this.#cache.statistics;
  }

  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    return this.#cache.load(oid, serial, (file) => this.#downloads.fetch(oid, serial, file));
  }

  openBlob(oid: Oid, serial: Tid): Promise<Deno.FsFile> {
    return this.#cache.open(oid, serial, (file) => this.#downloads.fetch(oid, serial, file));
  }

  receiveBlob(): NewBlob {
    return this.#cache.receive();
  }

  /** @throws {StorageError} always: nobody but the server knows what is in a cache. */
  takeSharedBlob(_oid: Oid, name: string): string {
    throw new StorageError(
      `${JSON.stringify(name)}: the blob directory is a cache, not one to be shared with clients`,
    );
  }

  upload(blob: PendingBlob, to: BlobUpload): Promise<void> {
    return this.#uploads.send(blob, to);
  }

  committed(tid: Tid, blobs: readonly PendingBlob[]): void {
    const last = lastOfEach(blobs);
    for (const blob of blobs) {
      if (!last.has(blob)) removeFile(blob.temporaryFile);
      else {
        this.#cache.adopt(blob.oid, tid, blob.temporaryFile).catch((error) => {
          // It will be fetched when it is wanted.
          log.warn`${this.#cache.pathOf(blob.oid, tid)}: a stored blob can't be kept: ${String(error)}`;
        });
      }
    }
  }

  aborted(blobs: readonly PendingBlob[]): void {
    for (const blob of blobs) {
      try {
        this.#uploads.end(blob.temporaryFile);
      } catch (error) {
        if (!(error instanceof ClientDisconnected)) throw error;
      } finally {
        removeFile(blob.temporaryFile);
      }
    }
  }

  start(oid: Oid, serial: Tid): void {
    this.#downloads.start(oid, serial);
  }

  chunk(oid: Oid, serial: Tid, bytes: Uint8Array): void {
    this.#downloads.chunk(oid, serial, bytes);
  }

  stop(oid: Oid, serial: Tid): void {
    this.#downloads.stop(oid, serial);
  }

  lost(): void {
    this.#downloads.lost();
  }

  close(): Promise<void> {
    return this.#cache.close();
  }
}

/**
 * Contents on their way to the server: `storeBlobStart`, `storeBlobChunk`… while little waits for the server, and
 * `storeBlobEnd` with the record.
 *
 * @module
 */

import { oidBytes, StorageError, tidBytes } from "../values/mod.ts";
import type { BlobUpload, PendingBlob } from "./blob_seam.ts";

/** Bytes of a chunk, as the original sends them. */
const CHUNK = 59_000;

/** Chunks that are read at once. */
const CHUNKS_READ = 8;

/** See the module. One server takes one content of a client at a time. */
export class BlobUploads {
  /** Those that the server has the start of and not the end, by their files. */
  readonly #begun = new Map<string, { readonly blob: PendingBlob; readonly to: BlobUpload }>();

  /**
   * Sends a content and its record.
   * @throws {StorageError} when there is no such file. The server has the end of what it has the start of in any case.
   */
  async send(blob: PendingBlob, to: BlobUpload): Promise<void> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(blob.temporaryFile);
    } catch (error) {
      throw new StorageError(`${blob.temporaryFile}: expected a blob's file`, { cause: error });
    }
    using _file = file;
    to.send("storeBlobStart");
    this.#begun.set(blob.temporaryFile, { blob, to });
    try {
      await this.#sendChunks(file, blob, to);
    } finally {
      // Without its end the server would take no other one of this client.
      this.end(blob.temporaryFile);
    }
  }

  /** Sends the end of a file's content, where one has been begun, and no more of it: its transaction is given up. */
  end(file: string): void {
    const begun = this.#begun.get(file);
    if (!begun) return;
    this.#begun.delete(file);
    const { blob, to } = begun;
    to.send("storeBlobEnd", oidBytes(blob.oid), tidBytes(blob.serial), blob.data, to.transaction);
  }

  async #sendChunks(file: Deno.FsFile, blob: PendingBlob, to: BlobUpload): Promise<void> {
    const buffer = new Uint8Array(CHUNK * CHUNKS_READ);
    while (true) {
      const length = await fill(file, buffer);
      for (let start = 0; start < length; start += CHUNK) {
        await to.room();
        if (!this.#begun.has(blob.temporaryFile)) return;
        to.send("storeBlobChunk", buffer.subarray(start, Math.min(start + CHUNK, length)));
      }
      if (length < buffer.length) return;
    }
  }
}

/** Reads until the buffer is full or the file has ended. */
async function fill(file: Deno.FsFile, buffer: Uint8Array): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const count = await file.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  return length;
}

/**
 * A client's blobs, in the server's own directory: nothing is sent but names.
 *
 * A content to be stored is put beside the object's revisions under a name that ends in `.tmp-`, and the server takes it
 * from there.
 *
 * @module
 */

import { join } from "@std/path";
import type { BlobDirectory, NewBlob } from "../storage/mod.ts";
import {
  formatTid,
  type Oid,
  oidBytes,
  POSKeyError,
  StorageError,
  type Tid,
  tidBytes,
} from "../values/mod.ts";
import type { BlobUpload, ClientBlobs, PendingBlob } from "./blob_seam.ts";
import { removeFile } from "./pending_files.ts";

/** How often a file is put where the server looks for it before that counts as failed. */
const MOST_ATTEMPTS = 5;

/** See the module. */
export class SharedBlobs implements ClientBlobs {
  readonly #directory: BlobDirectory;
  /** What was put there for the server to take, by the file that it has the content of. */
  readonly #put = new Map<string, string[]>();

  /** @param directory The server's, opened only to read. */
  constructor(directory: BlobDirectory) {
    this.#directory = directory;
  }

  /** Where files that are to be stored are made best. */
  get temporaryDirectory(): string {
    return this.#directory.temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): string {
    return this.#directory.load(oid, serial);
  }

  async openBlob(oid: Oid, serial: Tid): Promise<Deno.FsFile> {
    const path = this.loadBlob(oid, serial);
    try {
      return await Deno.open(path);
    } catch (error) {
      // A pack may have been faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new POSKeyError(oid, serial, `No blob file at ${path}`);
    }
  }

  receiveBlob(): NewBlob {
    const { files, temporaryDirectory } = this.#directory;
    // Not one of the names that the server takes for its own when it cleans up.
    const path = join(temporaryDirectory, `BUC${randomName(4)}`);
    const writer = files.create(path);
    return {
      path,
      write: (bytes) => writer.write(bytes),
      close: () => writer.close(),
      discard() {
        writer.close();
        files.remove(path);
      },
    };
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#directory.takeShared(oid, name);
  }

  async upload(blob: PendingBlob, to: BlobUpload): Promise<void> {
    const name = await this.#putBeside(blob);
    const { oid, serial, data } = blob;
    to.send("storeBlobShared", oidBytes(oid), tidBytes(serial), data, name, to.transaction);
  }

  /** Gives the content a name beside the object's revisions; the file stays, to be put there again. */
  async #putBeside(blob: PendingBlob): Promise<string> {
    const { files } = this.#directory;
    const directory = this.#directory.directoryOf(blob.oid);
    const name = `0x${formatTid(blob.serial)}${randomName(6)}.tmp-`;
    const path = join(directory, name);
    for (let attempt = 1;; attempt++) {
      if (files.kind(blob.temporaryFile) !== "file") {
        throw new StorageError(`${blob.temporaryFile}: expected a blob's file`);
      }
      files.makeDirectories(directory);
      this.#put.set(blob.temporaryFile, [...this.#put.get(blob.temporaryFile) ?? [], path]);
      try {
        files.link(blob.temporaryFile, path);
        return name;
      } catch {
        // Another file system, or one without links.
      }
      try {
        await files.copy(blob.temporaryFile, path);
        return name;
      } catch (error) {
        // The server removes directories that are empty.
        if (!(error instanceof Deno.errors.NotFound) || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  committed(_tid: Tid, blobs: readonly PendingBlob[]): void {
    this.#remove(blobs);
  }

  aborted(blobs: readonly PendingBlob[]): void {
    this.#remove(blobs);
  }

  #remove(blobs: readonly PendingBlob[]): void {
    for (const { temporaryFile } of blobs) {
      removeFile(temporaryFile);
      for (const path of this.#put.get(temporaryFile) ?? []) removeFile(path);
      this.#put.delete(temporaryFile);
    }
  }

  /** Nothing is ever asked for. */
  start(): void {}

  /** See {@linkcode SharedBlobs.start}. */
  chunk(): void {}

  /** See {@linkcode SharedBlobs.start}. */
  stop(): void {}

  /** Nothing is under way. */
  lost(): void {}

  /** There is nothing to close. */
  close(): void {}
}

function randomName(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

/**
 * The blobs of one client on their way: one at a time up, one at a time down.
 *
 * Up, each chunk goes to a temporary file as it comes. Down, chunks are read and sent while little waits for the
 * client; a second blob that was asked for waits for the end of the first, since clients can't take two mixed. Other
 * calls of the client are answered meanwhile.
 *
 * @module
 */

import { Tuple } from "../pickle/mod.ts";
import { type Channel, encodeBlobChunk } from "../protocol/mod.ts";
import type { NewBlob } from "../storage/mod.ts";
import {
  type Awaitable,
  type Oid,
  oidBytes,
  POSKeyError,
  StorageError,
  type Tid,
  tidBytes,
} from "../values/mod.ts";

/** Bytes of a chunk, as the original sends them. */
export const CHUNK = 59_000;

/** Chunks that are read at once. */
const CHUNKS_READ = 8;

/** How often a file that is gone when it is opened is asked for again. */
const MOST_ATTEMPTS = 10;

/** Blobs that a client may wait for. */
const MOST_WAITING = 1000;

/** A blob that is being received. */
export interface Upload {
  /** Where its chunks go; undefined when they go nowhere, since it can't be stored. */
  blob?: NewBlob;
  /** Why it can't be stored. */
  failure?: Error;
}

/** See the module. */
export class BlobTransfers {
  readonly #channel: Channel;
  #upload?: Upload;
  #sending: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param channel The client's connection. */
  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** The upload that is under way. */
  get upload(): Upload | undefined {
    return this.#upload;
  }

  /** Begins an upload. */
  begin(upload: Upload): void {
    this.#upload = upload;
  }

  /** Adds a chunk to the upload. One that can't be written is told at the vote. */
  add(upload: Upload, chunk: Uint8Array): void {
    try {
      upload.blob?.write(chunk);
    } catch (error) {
      upload.failure = error instanceof Error ? error : new StorageError(String(error));
      upload.blob?.discard();
      upload.blob = undefined;
    }
  }

  /** Ends the upload. */
  end(): Upload | undefined {
    const upload = this.#upload;
    this.#upload = undefined;
    upload?.blob?.close();
    return upload;
  }

  /** The client is gone: what it was sending goes too. */
  close(): void {
    this.end()?.blob?.discard();
  }

  /**
   * Sends a blob, after those that were asked for before.
   * @param load Tells the blob's file when its turn has come.
   * @throws {POSKeyError} when there is none.
   */
  send(oid: Oid, serial: Tid, load: () => Awaitable<string>): Promise<void> {
    if (this.#waiting >= MOST_WAITING) throw new StorageError(`${MOST_WAITING} blobs are waited for already`);
    this.#waiting++;
    const sent = this.#sending.then(() => this.#send(oid, serial, load)).finally(() => this.#waiting--);
    this.#sending = sent.catch(() => {});
    return sent;
  }

  async #send(oid: Oid, serial: Tid, load: () => Awaitable<string>): Promise<void> {
    if (this.#channel.closed) return;
    const { path, file } = await open(oid, serial, load);
    using _file = file;
    const key = new Tuple([oidBytes(oid), tidBytes(serial)]);
    this.#channel.send(0, true, "receiveBlobStart", key);
    try {
      await this.#sendChunks(file, oid, serial);
    } catch (error) {
      // What the client has is a part that nothing marks as one: it has to throw it away.
      this.#channel.close(
        new StorageError(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error }),
      );
      return;
    }
    this.#channel.send(0, true, "receiveBlobStop", key);
  }

  async #sendChunks(file: Deno.FsFile, oid: Oid, serial: Tid): Promise<void> {
    const buffer = new Uint8Array(CHUNK * CHUNKS_READ);
    while (!this.#channel.closed) {
      const length = await fill(file, buffer);
      for (let start = 0; start < length; start += CHUNK) {
        await this.#channel.room();
        if (this.#channel.closed) return;
        const chunk = buffer.subarray(start, Math.min(start + CHUNK, length));
        encodeBlobChunk(this.#channel.out, this.#channel.codec.encoding, oid, serial, chunk);
        this.#channel.flushSoon();
      }
      if (length < buffer.length) return;
    }
  }
}

/**
 * Opens a blob's file. It may be removed before it is open: by a pack, and then there is none any more, or from a cache,
 * and then it is fetched again.
 */
async function open(
  oid: Oid,
  serial: Tid,
  load: () => Awaitable<string>,
): Promise<{ path: string; file: Deno.FsFile }> {
  for (let attempt = 1;; attempt++) {
    const path = await load();
    try {
      return { path, file: await Deno.open(path) };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      if (attempt === MOST_ATTEMPTS) throw new POSKeyError(oid, serial, `No blob file at ${path}`);
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

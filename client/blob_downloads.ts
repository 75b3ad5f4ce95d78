/**
 * Blobs on their way from the server to files.
 *
 * Every message of a content says which blob it belongs to, so several may come mixed.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { BlobFile } from "../cache/mod.ts";
import {
  ClientDisconnected,
  formatOid,
  formatTid,
  type Oid,
  POSKeyError,
  ProtocolError,
  type Tid,
} from "../values/mod.ts";
import type { BlobReceiver, BlobServer } from "./blob_seam.ts";

const log = getLogger(["zeo", "client", "blob"]);

/** Blobs that are asked for at the same time; a server need not take any number. */
const AT_ONCE = 16;

type State = "asked for" | "begun" | "complete";

interface Download {
  readonly file: BlobFile;
  state: State;
  /** Why it can't be kept. */
  failure?: unknown;
}

/** See the module. */
export class BlobDownloads implements BlobReceiver {
  readonly #server: BlobServer;
  readonly #downloads = new Map<string, Download>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param server Who is asked. */
  constructor(server: BlobServer) {
    this.#server = server;
  }

  /**
   * Asks the server for a blob, and writes it to a file.
   * @throws {POSKeyError} when the server has none.
   * @throws {ClientDisconnected} when the connection is lost before it is there.
   */
  async fetch(oid: Oid, serial: Tid, file: BlobFile): Promise<void> {
    await this.#turn();
    const key = keyOf(oid, serial);
    const download: Download = { file, state: "asked for" };
    this.#downloads.set(key, download);
    try {
      await this.#server.fetch(oid, serial);
      if (download.failure) throw download.failure;
      if (download.state !== "complete") throw new POSKeyError(oid, serial, "No blob file");
    } finally {
      this.#downloads.delete(key);
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    while (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }

  /** See {@linkcode BlobReceiver.start}. @throws {ProtocolError} when it has begun already. */
  start(oid: Oid, serial: Tid): void {
    const download = this.#find("receiveBlobStart", oid, serial, "asked for");
    if (download) download.state = "begun";
  }

  /** See {@linkcode BlobReceiver.chunk}. @throws {ProtocolError} when it has not begun, or has ended. */
  chunk(oid: Oid, serial: Tid, bytes: Uint8Array): void {
    const download = this.#find("receiveBlobChunk", oid, serial, "begun");
    if (!download || download.failure) return;
    try {
      download.file.write(bytes);
    } catch (error) {
      // It is told to who has asked when the server has sent all of it.
      download.failure = error;
    }
  }

  /** See {@linkcode BlobReceiver.stop}. @throws {ProtocolError} when it has not begun, or has ended. */
  stop(oid: Oid, serial: Tid): void {
    const download = this.#find("receiveBlobStop", oid, serial, "begun");
    if (download) download.state = "complete";
  }

  /** See {@linkcode BlobReceiver.lost}. */
  lost(): void {
    for (const download of this.#downloads.values()) {
      if (download.state !== "begun") continue;
      download.failure = new ClientDisconnected("the connection was lost while a blob was received");
    }
  }

  #find(call: string, oid: Oid, serial: Tid, state: State): Download | undefined {
    const download = this.#downloads.get(keyOf(oid, serial));
    if (!download) {
      log.debug`${call} of ${keyOf(oid, serial)}: nobody waits for it any more`;
    } else if (download.state !== state) {
      throw new ProtocolError(
        `${call} of ${keyOf(oid, serial)}, which is ${download.state}: expected one that is ${state}`,
      );
    }
    return download;
  }
}

function keyOf(oid: Oid, serial: Tid): string {
  return `${formatOid(oid)} at ${formatTid(serial)}`;
}

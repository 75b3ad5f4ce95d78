/**
 * Packing a storage together with its blobs: the files go once the packed storage is in its place.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Oid, Tid } from "../../values/mod.ts";
import type { PackResult } from "../pack.ts";
import type { BlobDirectory } from "./blob_directory.ts";
import { hasRemovals, removedListOf, removeListed, removeOld } from "./removal.ts";

const log = getLogger(["zeo", "storage", "blob"]);

/** See the module. */
export class BlobPacking {
  readonly #directory: BlobDirectory;
  readonly #known: (oid: Oid, tid: Tid) => boolean;
  readonly #stop = new AbortController();
  #removing: Promise<void> = Promise.resolve();

  /**
   * Sweeps what a crash has left, and goes on with what it has interrupted.
   * @param known Whether the storage has a record of that revision.
   * @param keepOld Whether the files that a pack drops are kept in the directory's `.old`.
   * @param gaveUp Whether the last pack never got into place: then nothing of what it has listed was dropped. `known`
   * alone can't tell, as a pack keeps records for later undos that are in no object's chain.
   */
  static open(
    directory: BlobDirectory,
    known: (oid: Oid, tid: Tid) => boolean,
    keepOld: boolean,
    gaveUp: boolean,
  ): BlobPacking {
    directory.sweep(known);
    const packing = new BlobPacking(directory, known);
    if (gaveUp) directory.files.remove(removedListOf(directory));
    packing.#resume(keepOld);
    return packing;
  }

  private constructor(directory: BlobDirectory, known: (oid: Oid, tid: Tid) => boolean) {
    this.#directory = directory;
    this.#known = known;
  }

  #resume(keepOld: boolean): void {
    if (!hasRemovals(this.#directory)) return;
    log.info`${this.#directory.path}: removing the blobs that the last pack has dropped`;
    this.#remove(keepOld, true).catch((error) => {
      log.error`${this.#directory.path}: blobs could not be removed: ${String(error)}`;
    });
  }

  /**
   * Packs.
   * @param pack Packs the storage, and lists what it drops in the file whose path it gets.
   * @param keepOld Whether the files that go are kept in the directory's `.old`.
   */
  async pack(pack: (removedList: string) => Promise<PackResult>, keepOld: boolean): Promise<PackResult> {
    // The list that is being worked off must not be written over.
    await this.#removing;
    const result = await pack(removedListOf(this.#directory));
    if (result.outcome === "packed") await this.#remove(keepOld, false);
    return result;
  }

  /** Stops to remove; the next start goes on with it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#removing;
  }

  #remove(keepOld: boolean, resumed: boolean): Promise<void> {
    const { signal } = this.#stop;
    const run = async () => {
      if (!resumed) await removeOld(this.#directory);
      await removeListed(this.#directory, { known: this.#known, keepOld, resumed, signal });
    };
    const removing = run();
    this.#removing = removing.catch(() => {});
    return removing;
  }
}

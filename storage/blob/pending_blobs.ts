/**
 * The blob files of one transaction, from the call that brings them to the end of the transaction.
 *
 *   add ─▶ prepare (vote) ─▶ place (the id is known, the record is not written yet) ─▶ settled (durable)
 *    └──────────┴─▶ discard
 *
 * What needs room or time is done by `prepare`: content and directories are durable then, and all that is left for
 * `place` is to rename.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { dirname, join } from "@std/path";
import { type Oid, StorageError, StorageTransactionError, type Tid } from "../../values/mod.ts";
import type { BlobDirectory } from "./blob_directory.ts";
import { errorCode, linkOrCopy } from "./blob_files.ts";
import { fileOf } from "./layout.ts";

const log = getLogger(["zeo", "storage", "blob"]);

/** Files that are made durable side by side. */
const AT_ONCE = 8;

type Phase = "open" | "prepared" | "placing" | "settled" | "discarded";

interface Pending {
  readonly oid: Oid;
  /** The revision that it has to be, where that is not the transaction's id. */
  readonly tid?: Tid;
  /** The file; for one that is copied from a committed revision, unset until it was. */
  file?: string;
  /** The revision to copy. */
  readonly from?: Tid;
  /** The empty file that says what is under way. */
  marker?: string;
  /** The final name, once it has it. */
  place?: string;
}

/** See the module. */
export class PendingBlobs {
  readonly #directory: BlobDirectory;
  readonly #pending = new Map<string, Pending>();
  #phase: Phase = "open";

  /** No files yet, for a transaction that stores into `directory`. */
  constructor(directory: BlobDirectory) {
    this.#directory = directory;
  }

  /** How many files there are. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Adds a revision's content.
   * @param file The file; it is moved or removed by the end of the transaction. A later one takes the place of an
   * earlier one of the same object.
   * @param tid The revision, where it isn't the transaction's id.
   */
  add(oid: Oid, file: string, tid?: Tid): void {
    this.#put({ oid, tid, file });
  }

  /**
   * Adds a revision with the content of an earlier one, for an undo.
   * @param from The revision that has the content. One without a file is no error: nothing is added then.
   * @returns Whether it has a file.
   */
  copyForUndo(oid: Oid, from: Tid): boolean {
    if (!this.#directory.has(oid, from)) return false;
    this.#put({ oid, from });
    return true;
  }

  /** Takes back what was added for an object. */
  forget(oid: Oid): void {
    for (const [key, pending] of this.#pending) {
      if (pending.oid !== oid) continue;
      this.#pending.delete(key);
      this.#removeTemporary(pending);
    }
  }

  #put(pending: Pending): void {
    if (this.#phase !== "open") {
      throw new StorageTransactionError(`no blob can be added to a transaction that is ${this.#phase}`);
    }
    const key = `${pending.oid} ${pending.tid ?? ""}`;
    const earlier = this.#pending.get(key);
    if (earlier && earlier.file !== pending.file) this.#removeTemporary(earlier);
    this.#pending.set(key, pending);
  }

  /** Makes everything durable but the final names. @throws what the file system throws; then `discard`. */
  async prepare(): Promise<void> {
    const waiting = [...this.#pending.values()];
    const { files, temporaryDirectory } = this.#directory;
    const directories = new Set<string>([temporaryDirectory]);
    const one = async () => {
      for (let pending = waiting.pop(); pending; pending = waiting.pop()) {
        await this.#prepareOne(pending, directories);
      }
    };
    const workers = await Promise.allSettled(Array.from({ length: AT_ONCE }, one));
    if (this.#phase === "open") {
      // Files that are given up beside these may take empty directories with them; `place` makes what is missing.
      const there = [...directories].filter((path) => files.kind(path) === "directory");
      workers.push(...await Promise.allSettled(there.map((path) => files.sync(path))));
    }
    if (this.#phase === "discarded") {
      // Given up meanwhile: what was made since then goes as well.
      this.#removeAll();
      throw new StorageTransactionError("transaction is aborted");
    }
    for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
    this.#phase = "prepared";
  }

  async #prepareOne(pending: Pending, directories: Set<string>): Promise<void> {
    const { files } = this.#directory;
    await this.#bring(pending);
    if (this.#phase === "discarded") return;
    const target = this.#directory.directoryOf(pending.oid);
    for (const made of files.makeDirectories(target)) directories.add(dirname(made));
    files.protect(pending.file!, target);
    pending.marker = this.#directory.temporaryPath("voted", pending.oid);
    files.create(pending.marker).close();
    await files.sync(pending.file!);
  }

  /** Brings the file to where renaming is all that is left. */
  async #bring(pending: Pending): Promise<void> {
    const { files } = this.#directory;
    if (pending.file !== undefined && dirname(pending.file) === this.#directory.temporaryDirectory) return;
    const own = this.#directory.temporaryPath("upload");
    if (pending.file === undefined) {
      const committed = this.#directory.load(pending.oid, pending.from!);
      pending.file = own;
      await linkOrCopy(files, committed, own);
      return;
    }
    const given = pending.file;
    if (files.kind(given) !== "file") throw new StorageError(`${given}: expected a blob's file`);
    try {
      files.rename(given, own);
    } catch (error) {
      if (errorCode(error) !== "EXDEV") throw error;
      await files.copy(given, own);
      files.remove(given);
    }
    pending.file = own;
  }

  /**
   * Gives the files their final names: at once, and durably when the promise resolves. The record is to be written after
   * that, and not if it fails.
   * @param tid The transaction's id.
   */
  place(tid: Tid): Promise<void> {
    if (this.#phase !== "prepared") {
      throw new StorageTransactionError(`blobs are ${this.#phase}, must be prepared`);
    }
    this.#phase = "placing";
    const { files } = this.#directory;
    const changed = new Set<string>([this.#directory.temporaryDirectory]);
    for (const pending of this.#pending.values()) {
      const revision = pending.tid ?? tid;
      const marker = this.#directory.placingPath(pending.oid, revision);
      files.rename(pending.marker!, marker);
      pending.marker = marker;
      const target = this.#directory.directoryOf(pending.oid);
      const place = join(target, fileOf(revision));
      this.#directory.markPlacing(place, true);
      pending.place = place;
      try {
        files.rename(pending.file!, place);
      } catch (error) {
        // Whoever cleaned up may have taken the directory, empty as it was, for one that nobody needs.
        if (errorCode(error) !== "ENOENT" || files.kind(target) !== undefined) throw error;
        for (const made of files.makeDirectories(target)) changed.add(dirname(made));
        files.rename(pending.file!, place);
      }
      changed.add(target);
    }
    return Promise.all([...changed].map((path) => files.sync(path))).then(() => {});
  }

  /** The records are durable and visible. Never fails. */
  settled(): void {
    if (this.#phase !== "placing") return;
    this.#phase = "settled";
    for (const { place, marker } of this.#pending.values()) {
      this.#directory.markPlacing(place!, false);
      this.#attempt(() => this.#directory.files.remove(marker!));
    }
  }

  /**
   * Gives the files up. A second call does nothing. Where they have got their final names already, nobody knows whether
   * their records are on the disk: then they stay, and the next start looks. Never fails.
   */
  discard(): void {
    if (this.#phase === "settled" || this.#phase === "placing" || this.#phase === "discarded") return;
    this.#phase = "discarded";
    this.#removeAll();
  }

  #removeAll(): void {
    for (const pending of this.#pending.values()) this.#removeTemporary(pending);
  }

  #removeTemporary({ oid, file, marker }: Pending): void {
    this.#attempt(() => {
      if (file !== undefined) this.#directory.files.remove(file);
      if (marker !== undefined) this.#directory.files.remove(marker);
      this.#directory.prune(this.#directory.directoryOf(oid));
    });
  }

  #attempt(removal: () => void): void {
    try {
      removal();
    } catch (error) {
      log.warn`${this.#directory.path}: a temporary file could not be removed: ${String(error)}`;
    }
  }
}

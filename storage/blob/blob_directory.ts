/**
 * A directory of blobs: one file for each revision of each blob, never changed once it is there.
 *
 *   .layout                           the layout's name
 *   tmp/zeo-RANDOM.upload             what is being received
 *   tmp/zeo-OID-RANDOM.voted          a revision that is about to get its place; empty
 *   tmp/zeo-OID-TID.placing           a revision that has got its place while its record is being written; empty
 *   0x00/…/0x01/0x040d2eb1cd7472dd.blob
 *   .removed                          what a pack removes, see `removal.ts`
 *
 * A record must never be without its file, and a file without its record should not stay. So a revision's file is
 * written and made durable at the vote; when the transaction has its id, the file gets its final name, durably, and
 * only then the record is written. A crash in between leaves a file without a record: the `.placing` file beside it
 * says which, and the next start removes it if there really is no such record.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { dirname, join, resolve } from "@std/path";
import {
  type Awaitable,
  isPromise,
  type Oid,
  POSKeyError,
  StorageError,
  type Tid,
} from "../../values/mod.ts";
import type { NewBlob } from "../storage.ts";
import { type BlobFiles, errorCode, realBlobFiles } from "./blob_files.ts";
import {
  depthOf,
  directoryOf,
  fileOf,
  type LayoutName,
  LAYOUTS,
  oidOfDirectory,
  tidOfFile,
} from "./layout.ts";
import { PendingBlobs } from "./pending_blobs.ts";

const log = getLogger(["zeo", "storage", "blob"]);

/** How a blob directory is opened. */
export interface BlobDirectoryOptions {
  /** Only to read: nothing is made or removed. */
  readonly readOnly?: boolean;
  /** The layout that it has to have; what is there decides unless told otherwise, and bushy where nothing is. */
  readonly layout?: LayoutName;
  /** Where the files are; the machine's own unless a test puts others in their place. */
  readonly files?: BlobFiles;
}

/** The files of one object. */
export interface BlobEntry {
  /** The object. */
  readonly oid: Oid;
  /** The revisions that have a file, oldest first. */
  readonly tids: readonly Tid[];
}

/** Milliseconds after which a temporary file of another program counts as left behind. */
const FOREIGN_AGE = 24 * 3600 * 1000;

/** See the module. */
export class BlobDirectory {
  /** The directory, absolute. */
  readonly path: string;
  /** How the files are laid out. */
  readonly layout: LayoutName;
  /** Where files are before they get their place. */
  readonly temporaryDirectory: string;
  /** The files it works with. */
  readonly files: BlobFiles;
  /** Files that have their place while their records are being written. */
  readonly #placing = new Set<string>();

  /**
   * Opens a directory, or makes one.
   * @throws {StorageError} when its layout is another one, or unknown.
   */
  static open(path: string, options: BlobDirectoryOptions = {}): BlobDirectory {
    return new BlobDirectory(path, options);
  }

  private constructor(given: string, { readOnly, layout, files = realBlobFiles }: BlobDirectoryOptions) {
    const path = this.path = resolve(given);
    this.files = files;
    this.temporaryDirectory = join(path, "tmp");
    const marker = join(path, ".layout");
    const marked = files.readText(marker)?.trim();
    this.layout = layout ?? this.#foundLayout(given, marked);
    if (marked !== undefined && marked !== this.layout) {
      throw new StorageError(
        `Directory layout \`${this.layout}\` selected for blob directory ${path}, but marker found for layout \`${marked}\``,
      );
    }
    if (readOnly) return;
    if (files.makeDirectories(path).length > 0) {
      log.info`(${Deno.pid}) Blob directory ${`'${path}/'`} does not exist. Created new directory.`;
    }
    if (files.makeDirectories(this.temporaryDirectory).length > 0) {
      const temporary = `'${join(given, "tmp")}'`;
      log.info`(${Deno.pid}) Blob temporary directory ${temporary} does not exist. Created new directory.`;
    }
    if (marked === undefined) files.writeText(marker, this.layout);
  }

  #foundLayout(given: string, marked: string | undefined): LayoutName {
    if (marked === undefined) {
      const kind = this.files.kind(this.path);
      if (kind === undefined) {
        log.info`(${Deno.pid}) Blob directory ${given} does not exist. Selected \`bushy\` layout. `;
        return "bushy";
      }
      const directory = `\`${given}\``;
      if (!this.files.list(this.path).some((name) => !name.startsWith("."))) {
        log
          .info`(${Deno.pid}) Blob directory ${directory} is unused and has no layout marker set. Selected \`bushy\` layout. `;
        return "bushy";
      }
      log
        .info`(${Deno.pid}) Blob directory ${directory} is used but has no layout marker set. Selected \`lawn\` layout. `;
      log.warn`(${Deno.pid}) The \`lawn\` blob directory layout is deprecated: one directory has all objects`;
      return "lawn";
    }
    const found = LAYOUTS.find((name) => name === marked);
    if (found) {
      log
        .debug`(${Deno.pid}) Blob directory ${`\`${given}\``} has layout marker set. Selected ${`\`${found}\``} layout. `;
      return found;
    }
    throw new StorageError(
      `${this.path}/.layout: layout ${JSON.stringify(marked)}, expected ${LAYOUTS.join(" or ")}`,
    );
  }

  /** The directory of an object's files. */
  directoryOf(oid: Oid): string {
    return join(this.path, directoryOf(this.layout, oid));
  }

  /** Where a revision's file lies, or would lie. */
  pathOf(oid: Oid, tid: Tid): string {
    return join(this.directoryOf(oid), fileOf(tid));
  }

  /** Whether a revision has a file. */
  has(oid: Oid, tid: Tid): boolean {
    return this.files.kind(this.pathOf(oid, tid)) === "file";
  }

  /** A revision's file. @throws {POSKeyError} when there is none. */
  load(oid: Oid, serial: Tid): string {
    const path = this.pathOf(oid, serial);
    if (this.files.kind(path) === "file") return path;
    throw new POSKeyError(oid, serial, `No blob file at ${path}`);
  }

  /** A name for a temporary file that nobody has. */
  temporaryPath(kind: "upload" | "voted", oid?: Oid): string {
    const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
    return join(this.temporaryDirectory, `zeo-${oid === undefined ? "" : `${hex(oid)}-`}${random}.${kind}`);
  }

  /** The name of the file that says that a revision is getting its place. */
  placingPath(oid: Oid, tid: Tid): string {
    return join(this.temporaryDirectory, `zeo-${hex(oid)}-${hex(tid)}.placing`);
  }

  /** Begins a new file. */
  receive(): NewBlob {
    const path = this.temporaryPath("upload");
    const writer = this.files.create(path);
    return {
      path,
      write: (bytes) => writer.write(bytes),
      close: () => writer.close(),
      discard: () => {
        writer.close();
        this.files.remove(path);
      },
    };
  }

  /**
   * Takes a file that a client with the same directory has put beside an object's revisions.
   *
   * @param name Its name there: `0x00_hpl3rzz.tmp-`. A plain one that ends in `.tmp` and at most one character more.
   * @returns Where it lies now: a temporary file to be handed to `storeBlob`.
   * @throws {RangeError} when the name is another kind of name.
   * @throws {StorageError} when there is no such file, or it is a link.
   */
  takeShared(oid: Oid, name: string): string {
    if (!isSharedName(name)) {
      throw new RangeError(`file name ${JSON.stringify(name)}: expected a plain name that ends in .tmp`);
    }
    const missing = () => new StorageError(`${join(this.directoryOf(oid), name)}: expected a blob's file`);
    let directory = this.path;
    for (const level of directoryOf(this.layout, oid).split("/")) {
      directory = join(directory, level);
      if (this.files.kind(directory) !== "directory") throw missing();
    }
    const path = this.temporaryPath("upload");
    try {
      this.files.rename(join(directory, name), path);
    } catch (error) {
      if (errorCode(error) === "ENOENT") throw missing();
      throw error;
    }
    // Looked at in its new place, where nobody else puts another thing in its stead.
    if (this.files.kind(path) === "file") return path;
    this.files.rename(path, join(directory, name));
    throw missing();
  }

  /** The files of one transaction. */
  begin(): PendingBlobs {
    return new PendingBlobs(this);
  }

  /** Notices that a file has its place and its record is being written, or that this is over. */
  markPlacing(path: string, placing: boolean): void {
    if (placing) this.#placing.add(path);
    else this.#placing.delete(path);
  }

  /** Whether a file has its place while its record is being written. */
  isPlacing(path: string): boolean {
    return this.#placing.has(path);
  }

  /** Removes a directory that is empty, and those above it that are empty then. */
  prune(directory: string): void {
    while (directory.length > this.path.length && this.files.removeEmpty(directory)) {
      directory = dirname(directory);
    }
  }

  /** All objects with files, in no order that matters. */
  *entries(): Generator<BlobEntry> {
    yield* this.#entriesIn(this.path, []);
  }

  *#entriesIn(directory: string, names: readonly string[]): Generator<BlobEntry> {
    const oid = oidOfDirectory(this.layout, names);
    if (oid !== undefined) {
      yield { oid, tids: this.tidsIn(directory) };
    } else if (names.length < depthOf(this.layout)) {
      for (const name of this.files.list(directory)) {
        const inner = join(directory, name);
        if (name.startsWith("0x") && this.files.kind(inner) === "directory") {
          yield* this.#entriesIn(inner, [...names, name]);
        }
      }
    }
  }

  /** The revisions that have files in an object's directory, oldest first. */
  tidsIn(directory: string): Tid[] {
    const tids = this.files.list(directory).map(tidOfFile).filter((tid) => tid !== undefined);
    return tids.sort((a, b) => a < b ? -1 : 1);
  }

  /**
   * Removes what a crash has left: what was being received, and files whose records were never written. To be called
   * before the first transaction.
   *
   * Clients that share the directory have their own temporary files here: those go only when they are a day old.
   *
   * @param known Whether the storage has a record of that revision.
   * @returns A promise only where `known` does. What is received meanwhile is not touched.
   */
  sweep(known: (oid: Oid, tid: Tid) => Awaitable<boolean>): Awaitable<void> {
    const asked: Promise<void>[] = [];
    for (const name of this.files.list(this.temporaryDirectory)) {
      const path = join(this.temporaryDirectory, name);
      if (this.files.kind(path) !== "file") continue;
      const placed = /^zeo-([0-9a-f]{16})-([0-9a-f]{16})\.placing$/.exec(name);
      if (placed) {
        const [oid, tid] = [BigInt(`0x${placed[1]}`) as Oid, BigInt(`0x${placed[2]}`) as Tid];
        const settle = (isKnown: boolean) => {
          if (!isKnown) this.removeRevision(oid, tid);
          this.files.remove(path);
        };
        const answer = known(oid, tid);
        if (isPromise(answer)) asked.push(answer.then(settle));
        else settle(answer);
        continue;
      } else if (/^zeo-.+\.(?:upload|voted)$/.test(name)) {
        log.info`${path}: left behind, removed`;
      } else if (
        !/^(?:BUC|tmp)\w{8}$/.test(name) || Date.now() - this.files.modified(path)! < FOREIGN_AGE
      ) continue;
      this.files.remove(path);
    }
    if (asked.length > 0) return Promise.all(asked).then(() => {});
  }

  /** Removes all revisions' files: the database that they belong to is begun anew. */
  clear(): void {
    for (const { oid, tids } of this.entries()) for (const tid of tids) this.removeRevision(oid, tid);
  }

  /** Removes a revision's file, and its directory if that was the last. */
  removeRevision(oid: Oid, tid: Tid): void {
    this.files.remove(this.pathOf(oid, tid));
    this.prune(this.directoryOf(oid));
  }
}

function hex(id: bigint): string {
  return id.toString(16).padStart(16, "0");
}

function isSharedName(name: string): boolean {
  return /^[^/\\\0]+\.tmp[^/\\\0]?$/u.test(name) && name.length <= 255;
}

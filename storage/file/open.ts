/**
 * Opening a Data.fs: making it, finding its good part, and loading or making the index.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { dirname } from "@std/path";
import {
  FileStorageError,
  FileStorageFormatError,
  NO_TID,
  type Oid,
  ROOT_OID,
  type Tid,
  tidTime,
} from "../../values/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import { FIRST_TRANSACTION, MAGIC } from "./format.ts";
import { indexPath, loadIndex, saveIndex } from "./index_file.ts";
import { checkIndex } from "./index_file_check.ts";
import { OidIndex } from "./oid_index.ts";
import { oldPath, packPath } from "./pack_paths.ts";
import { cutTail, type IndexRange, indexTransactions } from "./recovery.ts";

const log = getLogger(["zeo", "storage", "file"]);

/** Records this far ahead of the clock, in seconds, are more than two machines' clocks that differ. */
const ALARMING_FUTURE = 1800;

/** How a data file is opened. */
export interface OpenDataFileOptions {
  /** Where the files are; the machine's own disk unless told otherwise. */
  readonly disk?: Disk;
  /** Change nothing: no file is made, cut or written. */
  readonly readOnly?: boolean;
  /** Start with an empty file, whatever is there. */
  readonly create?: boolean;
  /** Show the database as it was before this transaction. Needs `readOnly`. */
  readonly stop?: Tid;
  /** What time it is, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** An opened data file, and what is known of it. */
export interface OpenedDataFile {
  /** The file, open to be changed unless it was opened to be read only. The caller closes it. */
  readonly file: DiskFile;
  /** Where the newest record of each object is. */
  readonly index: OidIndex;
  /** Position behind the last good transaction, where the next one goes. */
  readonly end: number;
  /** The last transaction that is there; 0 when there is none. */
  readonly lastTid: Tid;
  /** The largest object id that is there; 0 when there is none. */
  readonly maxOid: Oid;
  /** Whether the file was made, or was empty. */
  readonly created: boolean;
  /** Where the unfinished end of the file is kept, when there was one and it was cut off. */
  readonly cutTo?: string;
}

/**
 * Opens a Data.fs and brings it in order: makes it when it is missing, cuts off an unfinished transaction, loads
 * the saved index when it fits, and makes and saves a new one when it doesn't. The caller has the lock, unless it
 * only reads.
 *
 * @throws {FileStorageFormatError} when it is no Data.fs.
 * @throws {CorruptedTransactionError} when a transaction contradicts itself in a way that no crash explains.
 * @throws {FileStorageError} when the options contradict each other, or there is no file and none may be made.
 */
export function openDataFile(path: string, options: OpenDataFileOptions = {}): OpenedDataFile {
  const { disk = realDisk, readOnly = false, stop, now = Date.now } = options;
  if (readOnly && options.create) {
    throw new FileStorageError(`${path}: can't create it and open it read-only`);
  }
  if (stop !== undefined && !readOnly) {
    throw new FileStorageError(`${path}: a storage as it was before a transaction can only be read-only`);
  }
  const { file, created } = openOrMake(path, disk, readOnly, options.create ?? false);
  try {
    const start = created ? {} as SavedIndex : savedIndex(file, disk, stop);
    const index = start.index ?? new OidIndex();
    const range: IndexRange = {
      from: start.end ?? FIRST_TRANSACTION,
      lastTid: start.lastTid ?? NO_TID,
      stop,
    };
    const { end, lastTid, tail } = indexTransactions(file, index, range);
    let cutTo: string | undefined;
    if (tail !== undefined) {
      if (readOnly) log.warn(`${path}: transaction at ${end} ${tail.fault}: ignored, as all that follows`);
      else cutTo = cutTail(file, end, tail, disk);
    }
    if (!readOnly && !created) makeDurable(file, disk);
    if (!readOnly && (start.index === undefined || start.legacy)) {
      const fault = saveIndex(path, index, end, disk);
      if (fault !== undefined) log.warn(`${indexPath(path)}: not written: ${fault}`);
    }
    warnOfFuture(path, lastTid, now());
    return { file, index, end, lastTid, maxOid: index.maxOid ?? ROOT_OID, created, cutTo };
  } catch (error) {
    file.close();
    throw error;
  }
}

function openOrMake(path: string, disk: Disk, readOnly: boolean, create: boolean): {
  file: DiskFile;
  created: boolean;
} {
  if (isBetweenNames(path, disk) && !create) giveNameBack(path, disk, readOnly);
  const missing = !disk.exists(path);
  if (missing && readOnly) throw new FileStorageError(`${path}: no such file, and read-only none is made`);
  const file = disk.open(path, readOnly ? "read" : missing || create ? "create" : "update");
  try {
    const size = file.size();
    if (size === 0) {
      if (!readOnly) makeEmpty(file, disk);
      return { file, created: true };
    }
    const magic = new Uint8Array(MAGIC.length);
    const count = file.read(magic, 0);
    if (count < MAGIC.length || !MAGIC.every((byte, place) => byte === magic[place])) {
      const found = JSON.stringify(String.fromCharCode(...magic.subarray(0, count)));
      throw new FileStorageFormatError(`${path}: starts with ${found}, expected "FS30": not a Data.fs`);
    }
    return { file, created: false };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Where no file can have two names a pack renames the old one first, and Python's always does. A crash just then leaves no
 * Data.fs, and an empty one must not take its place.
 */
function isBetweenNames(path: string, disk: Disk): boolean {
  return !disk.exists(path) && disk.exists(oldPath(path)) && disk.exists(packPath(path));
}

function giveNameBack(path: string, disk: Disk, readOnly: boolean): void {
  const fault = `${path}: missing after a pack that was interrupted, ${oldPath(path)} is it`;
  if (readOnly) throw new FileStorageError(`${fault}; a server gives it its name back`);
  disk.rename(oldPath(path), path);
  disk.syncDirectory(dirname(path));
  log.warn(`${fault}, and has its name again`);
}

function makeEmpty(file: DiskFile, disk: Disk): void {
  // An index that another file left behind must not be taken for this one's.
  disk.remove(indexPath(file.path));
  file.write(MAGIC, 0);
  file.syncNow();
  disk.syncDirectory(dirname(file.path));
}

/**
 * A process that was killed may have left what is in no disk yet: transactions, or a packed file under its new name. From
 * now on they are shown, and built upon.
 */
function makeDurable(file: DiskFile, disk: Disk): void {
  file.syncNow();
  try {
    disk.syncDirectory(dirname(file.path));
  } catch (error) {
    // Some network file systems can't.
    log.warn(`${dirname(file.path)}: could not be made durable: ${error}`);
  }
}

interface SavedIndex {
  readonly index?: OidIndex;
  readonly end?: number;
  readonly lastTid?: Tid;
  readonly legacy?: boolean;
}

/** The saved index, if there is one that can be used. */
function savedIndex(file: DiskFile, disk: Disk, stop: Tid | undefined): SavedIndex {
  const path = indexPath(file.path);
  if (!disk.exists(path)) return {};
  const loaded = loadIndex(file.path, disk);
  const checked = typeof loaded === "string" ? loaded : checkIndex(file, loaded.index, loaded.end);
  if (typeof loaded === "string" || typeof checked === "string") {
    log.warn(`Ignoring index for ${file.path}: ${checked}`);
    return {};
  }
  // It knows only what came last, which is too late.
  if (stop !== undefined && checked.lastTid >= stop) return {};
  return { ...loaded, lastTid: checked.lastTid };
}

function warnOfFuture(path: string, lastTid: Tid, now: number): void {
  const seconds = (tidTime(lastTid) - now) / 1000;
  if (seconds <= 0) return;
  const message = `${path} Database records ${Math.floor(seconds)} seconds in the future`;
  if (seconds > ALARMING_FUTURE) log.fatal(message);
  else log.warn(message);
}

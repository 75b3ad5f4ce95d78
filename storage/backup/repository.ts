/**
 * A directory with backups of a Data.fs, as `repozo` makes and reads it.
 *
 *   2026-11-22-15-17-21.fs         a full backup: the file's first bytes, up to the end of a transaction
 *   2026-11-22-15-17-21.index      the data file's index as it was then
 *   2026-11-22-15-17-21.dat        the backups that belong together: a line for the full one and each increment,
 *                                    PATH START END MD5
 *                                  with the bytes of the data file that it holds, and their check sum
 *   2026-11-24-02-00-07.deltafs    an increment: what was added since
 *   2026-11-24-02-00-07.index
 *
 * Names are UTC times. What is compressed with gzip is called `.fsz` and `.deltafsz`; the check sum is that of the
 * uncompressed bytes. Only the last part of a PATH means anything, so that the directory can be moved.
 *
 * The `.dat` file says what there is. A backup that it doesn't know, or knows and is not there, makes the directory
 * unsound: `repozo` takes the names of files for the truth, and the two must not part.
 *
 * @module
 */

import { basename, join } from "@std/path";
import { StorageError } from "../../values/mod.ts";

/** A directory of backups is not sound, a backup in it is damaged, or there is none. */
export class BackupError extends StorageError {}

/** One backup: a stretch of the data file. */
export interface BackupPart {
  /** The file's name in the directory. */
  readonly name: string;
  /** Its time, `2026-11-22-15-17-21`. */
  readonly stamp: string;
  /** Whether it is compressed. */
  readonly compressed: boolean;
  /** Where it begins in the data file; 0 for a full backup. */
  readonly start: number;
  /** Where it ends in the data file. */
  readonly end: number;
  /** MD5 of its uncompressed bytes, in hex. */
  readonly checksum: string;
}

/** A full backup and the increments on it: what a data file is restored from. */
export interface BackupChain {
  /** The time of the full backup. */
  readonly stamp: string;
  /** The full backup, then the increments, each beginning where the one before ends. */
  readonly parts: readonly BackupPart[];
}

const NAME = /^(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)\.(fs|fsz|deltafs|deltafsz|dat|index)$/;
const LINE = /^(.+) (\d{1,16}) (\d{1,16}) ([0-9a-f]{32})$/;

/** A name of a file in such a directory, taken apart. */
export interface BackupName {
  readonly name: string;
  readonly stamp: string;
  readonly kind: "full" | "increment" | "dat" | "index";
  readonly compressed: boolean;
}

/** Takes a file's name apart; undefined for one that has no business in such a directory. */
export function parseBackupName(name: string): BackupName | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  const [, stamp, extension] = match;
  const compressed = extension.endsWith("fsz");
  const kind = extension === "dat" || extension === "index"
    ? extension
    : extension.startsWith("delta")
    ? "increment"
    : "full";
  return { name, stamp, kind, compressed };
}

/** The extension of a backup. */
export function backupExtension(kind: "full" | "increment", compressed: boolean): string {
  return `${kind === "full" ? "fs" : "deltafs"}${compressed ? "z" : ""}`;
}

/** A moment as backups are called by it, UTC. @param time Milliseconds since 1970. */
export function backupStamp(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replaceAll(/[T:]/g, "-");
}

/**
 * The files of a directory of backups, in the order of their names.
 *
 * @throws {BackupError} when it can't be read.
 */
export function listBackups(directory: string): BackupName[] {
  try {
    return Array.from(Deno.readDirSync(directory), ({ name }) => parseBackupName(name))
      .filter((name) => name !== undefined)
      .sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    throw new BackupError(`${directory}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** The directories' chains, oldest first, by their full backups. */
function fullStamps(names: readonly BackupName[]): string[] {
  return [...new Set(names.filter(({ kind }) => kind === "full").map(({ stamp }) => stamp))];
}

/**
 * What is needed to restore the state of a moment: the last full backup until then with its increments until then.
 *
 * @param until A time like `2026-11-22-15-17-21`; the last there is unless told otherwise.
 * @returns undefined when there is no backup until then.
 * @throws {BackupError} when the directory can't be read, and when what it has and what its `.dat` file says differ.
 */
export function findChain(directory: string, until?: string): BackupChain | undefined {
  const names = listBackups(directory);
  const stamps = fullStamps(names);
  const strayed = names.find(({ kind, stamp }) => kind !== "full" && !(stamps[0] <= stamp));
  const stamp = stamps.findLast((each) => until === undefined || each <= until);
  if (stamp === undefined) {
    if (strayed && (until === undefined || strayed.stamp <= until)) {
      throw new BackupError(`${join(directory, strayed.name)}: has no full backup before it`);
    }
    return undefined;
  }
  const next = stamps[stamps.indexOf(stamp) + 1];
  const own = names.filter((name) => name.stamp >= stamp && (next === undefined || name.stamp < next));
  // What came later may be damaged: it isn't needed.
  const inTime = (each: { readonly stamp: string }) => until === undefined || each.stamp <= until;
  const parts = readChain(directory, stamp).filter(inTime);
  checkFiles(directory, own.filter(inTime), parts);
  return { stamp, parts };
}

function readChain(directory: string, stamp: string): BackupPart[] {
  const path = join(directory, `${stamp}.dat`);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new BackupError(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (text !== "" && !text.endsWith("\n")) {
    throw new BackupError(`${path}: its last line is cut off`);
  }
  const parts: BackupPart[] = [];
  for (const [number, line] of text.split("\n").slice(0, -1).entries()) {
    const refuse = (fault: string) =>
      new BackupError(`${path}:${number + 1}: ${JSON.stringify(line)}: ${fault}`);
    const match = LINE.exec(line), name = match && parseBackupName(basename(match[1]));
    if (!match || !name || name.kind === "dat" || name.kind === "index") {
      throw refuse("expected PATH START END MD5 of a backup");
    }
    const [start, end] = [Number(match[2]), Number(match[3])], last = parts.at(-1);
    if (start !== (last?.end ?? 0)) {
      throw refuse(`begins at ${start}, expected ${last?.end ?? 0}, where the one before ends`);
    }
    if (end < start) throw refuse(`ends at ${end}, before it begins`);
    if (last ? name.kind !== "increment" : name.kind !== "full" || name.stamp !== stamp) {
      throw refuse(last ? "expected an increment" : `expected the full backup ${stamp}`);
    }
    if (last && name.stamp <= last.stamp) throw refuse(`is not later than ${last.name}`);
    parts.push({
      name: name.name,
      stamp: name.stamp,
      compressed: name.compressed,
      start,
      end,
      checksum: match[4],
    });
  }
  if (parts.length === 0) throw new BackupError(`${path}: says nothing, expected a line for ${stamp}`);
  return parts;
}

/** Checks that the files and what the `.dat` file says are the same. */
function checkFiles(directory: string, own: readonly BackupName[], parts: readonly BackupPart[]): void {
  const known = new Set(parts.map(({ name }) => name)), stamps = new Set(parts.map(({ stamp }) => stamp));
  const there = new Set(own.map(({ name }) => name));
  for (const { name, kind, stamp } of own) {
    const path = join(directory, name);
    if (kind === "index" ? !stamps.has(stamp) : kind !== "dat" && !known.has(name)) {
      throw new BackupError(
        `${path}: the .dat file doesn't know it; a backup that was broken off, or a damaged .dat file`,
      );
    }
    if (kind === "dat" && stamp !== parts[0].stamp) {
      throw new BackupError(`${path}: has no full backup`);
    }
  }
  for (const { name } of parts) {
    if (!there.has(name)) throw new BackupError(`${join(directory, name)}: is missing`);
  }
}

/** The line of a `.dat` file for a backup. */
export function chainLine(directory: string, { name, start, end, checksum }: BackupPart): string {
  return `${join(directory, name)} ${start} ${end} ${checksum}\n`;
}

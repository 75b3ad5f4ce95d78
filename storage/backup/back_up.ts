/**
 * Backing up a Data.fs, in full or what was added since the last time.
 *
 * A data file only grows at its end, so its bytes up to the end of a finished transaction are a state of the database,
 * whoever writes to it meanwhile; and those since the last backup are all that is new, unless it was packed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "@std/path";
import { type DiskFile, realDisk } from "../disk.ts";
import { saveIndex } from "../file/index_file.ts";
import { openDataFile, type OpenedDataFile } from "../file/open.ts";
import { pause } from "../slice.ts";
import { type BackupPace, checksumOf, chunksOf, writeNew } from "./part_file.ts";
import {
  BackupError,
  backupExtension,
  type BackupPart,
  backupStamp,
  chainLine,
  findChain,
  listBackups,
} from "./repository.ts";

/** How a data file is backed up. */
export interface BackUpOptions extends BackupPace {
  /** A full backup in any case; an increment where one can be made unless told otherwise. */
  readonly full?: boolean;
  /** Compare only the last increment with the data file, to see whether another fits; all of them otherwise. */
  readonly quick?: boolean;
  /** Whether it is compressed. */
  readonly compress?: boolean;
  /** Whether a full backup, once it is durable, makes those before it disappear. */
  readonly killOld?: boolean;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
  /** What time it is, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** What a backup did, or would do. */
export interface BackUpReport {
  /** `none` when the last backup has everything. */
  readonly kind: "full" | "increment" | "none";
  /** Why it is a full one, where an increment was not possible. */
  readonly reason?: string;
  /** The backup; undefined when there is none, and for a dry run. */
  readonly part?: BackupPart;
  /** Where the part of the data file begins that is backed up now. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** Names of files in the directory that were removed, or would be. */
  readonly removed: readonly string[];
}

/**
 * Backs a data file up into a directory, while others may write to it.
 *
 * @param directory Where backups of this one data file are; it has to be there.
 * @throws {BackupError} when the directory can't be used.
 * @throws {FileStorageError} when it is no data file, or a damaged one.
 */
export async function backUp(
  path: string,
  directory: string,
  options: BackUpOptions = {},
): Promise<BackUpReport> {
  const opened = openDataFile(path, { readOnly: true });
  try {
    return await backUpOpened(opened, directory, options);
  } finally {
    opened.file.close();
  }
}

async function backUpOpened(
  opened: OpenedDataFile,
  directory: string,
  options: BackUpOptions,
): Promise<BackUpReport> {
  const { file, end } = opened;
  if (file.size() === 0) throw new BackupError(`${file.path}: is empty, there is nothing to back up`);
  const watch = new Watch(end, options);
  const base = await incrementBase(file, end, directory, options, watch);
  const full = typeof base === "string";
  const start = full ? 0 : base.at(-1)!.end;
  if (!full && start === end) return { kind: "none", start, end, removed: [] };
  const kind = full ? "full" : "increment", compressed = options.compress ?? false;
  const before = full && options.killOld ? listBackups(directory).map(({ name }) => name) : [];
  const summary = { kind, reason: full && base !== "" ? base : undefined, start, end } as const;
  if (options.dryRun) return { ...summary, removed: before };
  watch.begin(end - start);
  const stamp = await freeStamp(directory, options.now ?? Date.now);
  const name = `${stamp}.${backupExtension(kind, compressed)}`;
  const made = [name, `${stamp}.index`];
  try {
    const checksum = await writePart(join(directory, name), file, start, end, compressed, watch);
    const fault = saveIndex(join(directory, stamp), opened.index, end);
    if (fault !== undefined) throw new BackupError(`${join(directory, stamp)}.index: ${fault}`);
    const part: BackupPart = { name, stamp, compressed, start, end, checksum };
    const chain = full ? [part] : [...base, part];
    // The last thing: with it the backup is there.
    await writeNew(join(directory, `${chain[0].stamp}.dat`), (add) => {
      for (const each of chain) add(new TextEncoder().encode(chainLine(directory, each)));
    });
    for (const old of before) realDisk.remove(join(directory, old));
    return { ...summary, part, removed: before };
  } catch (error) {
    for (const each of made) realDisk.remove(join(directory, each));
    throw error;
  }
}

/** The backups that an increment continues, or why it has to be a full one; an empty text when that was wanted. */
async function incrementBase(
  file: DiskFile,
  end: number,
  directory: string,
  { full, quick }: BackUpOptions,
  watch: Watch,
): Promise<readonly BackupPart[] | string> {
  // Before anything else: a directory that isn't there is no reason for a full backup.
  listBackups(directory);
  if (full) return "";
  let parts: readonly BackupPart[];
  try {
    const chain = findChain(directory);
    if (chain === undefined) return "there is none yet";
    parts = chain.parts;
    for (const part of parts) checkSize(directory, part);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return `the backups so far are not sound: ${error.message}`;
  }
  const last = parts.at(-1)!;
  if (end < last.end) return `the file has become shorter, ${end} bytes after ${last.end}: it was packed`;
  watch.begin(quick ? last.end - last.start : last.end);
  for (const part of quick ? [last] : parts) {
    const found = await checksumOf(file, part.start, part.end, (bytes) => watch.add(bytes));
    if (found !== part.checksum) {
      return `bytes ${part.start} to ${part.end} of the file are not those of ${part.name}: it was packed`;
    }
  }
  return parts;
}

/** A quick look whether a backup is still there as a whole. */
function checkSize(directory: string, { name, compressed, start, end }: BackupPart): void {
  const path = join(directory, name);
  const { size } = Deno.statSync(path);
  if (!compressed && size !== end - start) {
    throw new BackupError(`${path}: has ${size} bytes, expected ${end - start}`);
  }
  if (compressed && size < 18) throw new BackupError(`${path}: has ${size} bytes, too few for gzip`);
}

/** A name that nothing in the directory has. */
async function freeStamp(directory: string, now: () => number): Promise<string> {
  const last = listBackups(directory).at(-1)?.stamp ?? "";
  for (let time = now();; time = now()) {
    const stamp = backupStamp(time);
    if (stamp > last) return stamp;
    if (last > backupStamp(time + 60_000)) {
      throw new BackupError(
        `${directory}: has a backup of ${last}, now it is ${stamp}: the clock was set back`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function writePart(
  path: string,
  file: DiskFile,
  start: number,
  end: number,
  compressed: boolean,
  watch: Watch,
): Promise<string> {
  const hash = createHash("md5");
  await writeNew(path, async (add) => {
    const source = async function* () {
      for (const chunk of chunksOf(file, start, end)) {
        hash.update(chunk);
        await watch.add(chunk.length);
        yield chunk;
      }
    };
    if (!compressed) {
      for await (const chunk of source()) add(chunk);
      return;
    }
    const stream = ReadableStream.from(source()).pipeThrough(new CompressionStream("gzip"));
    for await (const chunk of stream) add(chunk);
  });
  return hash.digest("hex");
}

/** Tells how far it is, and hears when it is to stop. */
class Watch {
  readonly #pace: BackupPace;
  #done = 0;
  #total: number;

  constructor(total: number, pace: BackupPace) {
    this.#total = total;
    this.#pace = pace;
  }

  begin(total: number): void {
    this.#done = 0;
    this.#total = total;
  }

  async add(bytes: number): Promise<void> {
    this.#done += bytes;
    this.#pace.progress?.(this.#done, this.#total);
    await pause();
    this.#pace.signal?.throwIfAborted();
  }
}

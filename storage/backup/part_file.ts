/**
 * Reading and writing the files that a backup is made of, a chunk at a time.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join } from "@std/path";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import { BackupError, type BackupPart } from "./repository.ts";

const CHUNK = 1 << 20;

/** How long work on backups is watched and broken off. */
export interface BackupPace {
  /** Breaks it off; it throws the signal's reason then, and what was written is removed. */
  readonly signal?: AbortSignal;
  /** Told now and then how many bytes of how many are done. */
  readonly progress?: (done: number, total: number) => void;
}

/** The bytes of a stretch of a file, in chunks. */
export function* chunksOf(
  file: DiskFile,
  start: number,
  end: number,
): Generator<Uint8Array<ArrayBuffer>, void> {
  for (let position = start; position < end;) {
    const chunk = new Uint8Array(Math.min(CHUNK, end - position));
    const count = file.read(chunk, position);
    if (count < chunk.length) {
      throw new BackupError(
        `${file.path}: ends at ${position + count}, expected ${end}: it was cut meanwhile`,
      );
    }
    yield chunk;
    position += count;
  }
}

/** MD5 of a stretch of a file, in hex. */
export async function checksumOf(
  file: DiskFile,
  start: number,
  end: number,
  told: (bytes: number) => Promise<void>,
): Promise<string> {
  const hash = createHash("md5");
  for (const chunk of chunksOf(file, start, end)) {
    hash.update(chunk);
    await told(chunk.length);
  }
  return hash.digest("hex");
}

/** The uncompressed bytes of a backup. @throws {BackupError} when they can't be had. */
export async function* readPart(directory: string, part: BackupPart): AsyncGenerator<Uint8Array, void> {
  const path = join(directory, part.name);
  try {
    const file = await Deno.open(path);
    // Whoever stops early cancels the stream, which closes the file.
    yield* part.compressed ? file.readable.pipeThrough(new DecompressionStream("gzip")) : file.readable;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/**
 * Goes through a backup and checks its length, and its check sum where wanted.
 *
 * @param take Is handed the bytes, chunk by chunk, before it is known whether they are right.
 * @throws {BackupError} when they are not.
 */
export async function checkPart(
  directory: string,
  part: BackupPart,
  checksum: boolean,
  take: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const path = join(directory, part.name), expected = part.end - part.start;
  if (!checksum && !part.compressed) {
    const { size } = await Deno.stat(path);
    if (size !== expected) throw new BackupError(`${path}: has ${size} bytes, expected ${expected}`);
    return;
  }
  const hash = createHash("md5");
  let size = 0;
  for await (const chunk of readPart(directory, part)) {
    size += chunk.length;
    if (size > expected) throw new BackupError(`${path}: has more than ${expected} bytes`);
    if (checksum) hash.update(chunk);
    await take(chunk);
  }
  if (size !== expected) throw new BackupError(`${path}: has ${size} bytes, expected ${expected}`);
  const found = checksum ? hash.digest("hex") : part.checksum;
  if (found !== part.checksum) {
    throw new BackupError(`${path}: has the check sum ${found}, expected ${part.checksum}: it is damaged`);
  }
}

/**
 * Writes a new file durably: under another name first, so that what has its name is whole.
 *
 * @param write Hands it its bytes.
 */
export async function writeNew(
  path: string,
  write: (add: (bytes: Uint8Array) => void) => Promise<void> | void,
  disk: Disk = realDisk,
): Promise<void> {
  const temporary = `${path}.part`;
  const file = disk.open(temporary, "create");
  try {
    let position = 0;
    await write((bytes) => {
      file.write(bytes, position);
      position += bytes.length;
    });
    await file.sync();
    file.close();
    disk.rename(temporary, path);
  } catch (error) {
    file.close();
    disk.remove(temporary);
    throw error;
  }
  disk.syncDirectory(dirname(path));
}

/**
 * Removing the blob files whose records a pack has dropped.
 *
 * The pack lists them in `.removed`, one a line in hexadecimal: 16 digits are an object with all its revisions, 32 an
 * object and one revision. When the packed file is in its place the list is worked off. A crash at any moment leaves
 * a list that may be worked off again, or a list of a pack that never got into place: so a file goes only if its
 * record is really gone.
 *
 * @module
 */

import { dirname, join } from "@std/path";
import { type Awaitable, isPromise, type Oid, StorageError, type Tid } from "../../values/mod.ts";
import type { BlobDirectory } from "./blob_directory.ts";
import { linkOrCopy } from "./blob_files.ts";
import { directoryOf, fileOf } from "./layout.ts";
import { Slice } from "../slice.ts";

/** Milliseconds that a removal works before others are served. */
const SLICE = 5;

/** What a removal goes by. */
export interface RemovalOptions {
  /** Whether the storage still has a record of that revision. */
  readonly known: (oid: Oid, tid: Tid) => Awaitable<boolean>;
  /** Whether to keep what is removed, with the rest, in the directory's `.old`. */
  readonly keepOld: boolean;
  /** Whether the list is one that a crash has left, so that nobody knows whether its pack got into place. */
  readonly resumed?: boolean;
  /** Stops it; the list stays, to go on with it. */
  readonly signal?: AbortSignal;
}

/** Removes what the last pack has kept; a pack begins with that. */
export function removeOld(directory: BlobDirectory): Promise<void> {
  return directory.files.removeTree(oldPath(directory));
}

/** Where a pack writes the list. */
export function removedListOf(directory: BlobDirectory): string {
  return join(directory.path, ".removed");
}

/** Whether there is a list that has something in it. */
export function hasRemovals(directory: BlobDirectory): boolean {
  return (directory.files.readText(removedListOf(directory)) ?? "") !== "";
}

/**
 * Works the list off, with pauses in which others are served, and removes it.
 *
 * @throws {StorageError} when a line is neither an object nor a revision; nothing is removed then.
 */
export async function removeListed(directory: BlobDirectory, options: RemovalOptions): Promise<void> {
  const { files } = directory;
  const listed = readList(directory);
  const slice = new Slice(SLICE);
  let removed = 0;
  for (const { oid, tid } of listed) {
    const tids = tid === undefined ? directory.tidsIn(directory.directoryOf(oid)) : [tid];
    if (options.signal?.aborted) return;
    removed += await removeUnknown(directory, oid, tids, options);
    await slice.rest();
  }
  if (options.keepOld && (removed > 0 || !options.resumed)) {
    await keepLayout(directory);
    for (const { oid, tids } of directory.entries()) {
      if (options.signal?.aborted) return;
      for (const tid of tids) await keep(directory, oid, tid, (from, to) => linkOrCopy(files, from, to));
      await slice.rest();
    }
  }
  files.remove(removedListOf(directory));
}

/** Removes every file without a record, for a storage that can't tell what a pack has dropped. */
export async function removeStrays(
  directory: BlobDirectory,
  known: (oid: Oid, tid: Tid) => Awaitable<boolean>,
): Promise<void> {
  const slice = new Slice(SLICE);
  for (const { oid, tids } of directory.entries()) {
    await removeUnknown(directory, oid, tids, { known, keepOld: false });
    await slice.rest();
  }
}

async function removeUnknown(
  directory: BlobDirectory,
  oid: Oid,
  tids: readonly Tid[],
  { known, keepOld }: RemovalOptions,
): Promise<number> {
  let removed = 0;
  for (const tid of tids) {
    // A revision that is being written has no record yet. In this order: once it isn't written any more it is known.
    if (directory.isPlacing(directory.pathOf(oid, tid))) continue;
    const answer = known(oid, tid);
    if (isPromise(answer) ? await answer : answer) continue;
    removed++;
    if (keepOld) await keep(directory, oid, tid, (from, to) => directory.files.rename(from, to));
    directory.removeRevision(oid, tid);
  }
  directory.prune(directory.directoryOf(oid));
  return removed;
}

async function keepLayout(directory: BlobDirectory): Promise<void> {
  const { files, path } = directory;
  const old = oldPath(directory);
  files.makeDirectories(old);
  if (files.kind(join(old, ".layout")) === undefined) {
    await linkOrCopy(files, join(path, ".layout"), join(old, ".layout"));
  }
}

async function keep(
  directory: BlobDirectory,
  oid: Oid,
  tid: Tid,
  how: (from: string, to: string) => Awaitable<void>,
): Promise<void> {
  const from = directory.pathOf(oid, tid);
  const to = join(oldPath(directory), directoryOf(directory.layout, oid), fileOf(tid));
  if (directory.files.kind(from) === undefined || directory.files.kind(to) !== undefined) return;
  directory.files.makeDirectories(dirname(to));
  await how(from, to);
}

function readList(directory: BlobDirectory): { oid: Oid; tid?: Tid }[] {
  const path = removedListOf(directory);
  const lines = (directory.files.readText(path) ?? "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, number) => {
    if (!/^(?:[0-9a-f]{16}){1,2}$/i.test(line)) {
      throw new StorageError(
        `${path}:${number + 1}: ${JSON.stringify(line.slice(0, 64))}, expected 16 or 32 hexadecimal digits`,
      );
    }
    const oid = BigInt(`0x${line.slice(0, 16)}`) as Oid;
    return line.length === 16 ? { oid } : { oid, tid: BigInt(`0x${line.slice(16)}`) as Tid };
  });
}

function oldPath(directory: BlobDirectory): string {
  return `${directory.path}.old`;
}

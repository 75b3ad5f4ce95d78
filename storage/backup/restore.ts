/**
 * Making a Data.fs of its backups.
 *
 * @module
 */

import { equalBytes } from "../../values/mod.ts";
import { join } from "@std/path";
import { realDisk } from "../disk.ts";
import { indexPath, saveIndex } from "../file/index_file.ts";
import { openDataFile } from "../file/open.ts";
import { type BackupPace, checkPart, writeNew } from "./part_file.ts";
import { BackupError, type BackupPart } from "./repository.ts";
import { chainUntil } from "./verify.ts";

/** How a backup is restored. */
export interface RestoreOptions extends BackupPace {
  /** The moment whose state is wanted, `2026-11-22-15-17-21`; the last there is unless told otherwise. */
  readonly until?: string;
}

/** What was restored. */
export interface RestoreReport {
  /** The new data file. */
  readonly target: string;
  /** Bytes of it. */
  readonly size: number;
  /** Transactions' last id in it, `NO_TID` for none. */
  readonly lastTid: bigint;
  /** The backups that it was made of. */
  readonly parts: readonly BackupPart[];
  /** Whether the saved index was the right one; undefined when there was none. A new one is written in any case. */
  readonly indexMatched?: boolean;
}

/**
 * Makes a data file and its index of backups. Every byte is checked on the way: the backups' check sums, then that they
 * are whole transactions. The file gets its name when all is right.
 *
 * @param target The new file. There must be nothing there, nor an index for it.
 * @throws {BackupError} when a backup is missing or damaged, or the target is there already. There is no new file then.
 */
export async function restoreBackup(
  directory: string,
  target: string,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  for (const taken of [target, indexPath(target)]) {
    if (realDisk.exists(taken)) throw new BackupError(`${taken}: is there already, and is not overwritten`);
  }
  const { parts } = chainUntil(directory, options.until);
  const size = parts.at(-1)!.end;
  let lastTid = 0n, indexMatched: boolean | undefined, done = 0;
  await writeNew(target, async (add) => {
    for (const part of parts) {
      await checkPart(directory, part, true, (chunk) => {
        options.signal?.throwIfAborted();
        add(chunk);
        done += chunk.length;
        options.progress?.(done, size);
      });
    }
  });
  try {
    const opened = openDataFile(target, { readOnly: true });
    try {
      if (opened.end !== size) {
        throw new BackupError(
          `${directory}: the backups have ${size} bytes, whole transactions end at ${opened.end}`,
        );
      }
      lastTid = opened.lastTid;
      const fault = saveIndex(target, opened.index, opened.end);
      if (fault !== undefined) throw new BackupError(`${indexPath(target)}: ${fault}`);
    } finally {
      opened.file.close();
    }
    indexMatched = sameIndex(join(directory, `${parts.at(-1)!.stamp}.index`), indexPath(target));
  } catch (error) {
    for (const made of [target, indexPath(target)]) realDisk.remove(made);
    throw error;
  }
  return { target, size, lastTid, parts, indexMatched };
}

function sameIndex(saved: string, made: string): boolean | undefined {
  if (!realDisk.exists(saved)) return undefined;
  return equalBytes(Deno.readFileSync(saved), Deno.readFileSync(made));
}

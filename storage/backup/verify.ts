/**
 * Checking that a directory of backups is whole.
 *
 * @module
 */

import { type BackupPace, checkPart } from "./part_file.ts";
import { type BackupChain, BackupError, findChain } from "./repository.ts";

/** How backups are checked. */
export interface BackupVerifyOptions extends BackupPace {
  /** Only whether the files are there and have the right lengths; their check sums, too, unless told otherwise. */
  readonly quick?: boolean;
  /** The moment whose state is checked, `2026-11-22-15-17-21`; the last there is unless told otherwise. */
  readonly until?: string;
}

/**
 * Checks the last full backup and its increments.
 *
 * @returns What was checked.
 * @throws {BackupError} on the first thing that is wrong.
 */
export async function verifyBackup(
  directory: string,
  options: BackupVerifyOptions = {},
): Promise<BackupChain> {
  const chain = chainUntil(directory, options.until);
  const total = chain.parts.at(-1)!.end;
  let done = 0;
  for (const part of chain.parts) {
    await checkPart(directory, part, !options.quick, (chunk) => {
      options.signal?.throwIfAborted();
      done += chunk.length;
      options.progress?.(done, total);
    });
  }
  options.progress?.(total, total);
  return chain;
}

/** The backups that a state is restored from. @throws {BackupError} when there are none. */
export function chainUntil(directory: string, until: string | undefined): BackupChain {
  const chain = findChain(directory, until);
  if (chain !== undefined) return chain;
  throw new BackupError(`${directory}: no backups${until === undefined ? "" : ` until ${until}`}`);
}

/**
 * Opening a Data.fs only when it is sound.
 *
 * @module
 */

import { CorruptedTransactionError } from "../../values/mod.ts";
import { checkDataFile, type CheckOptions, type FindingKind } from "./check.ts";
import { FileStorage } from "./file_storage.ts";
import type { FileStorageOptions } from "./options.ts";

/** What opening mends by itself: an unfinished transaction at the end, and an index that doesn't fit. */
const MENDED: readonly FindingKind[] = ["tail", "index"];

/**
 * Reads a whole Data.fs, and opens it when nothing in it is damaged. Opening alone looks only at what the saved index
 * doesn't cover.
 *
 * @param check How the file is checked: progress, a signal to give up, whether references are followed.
 * @throws {CorruptedTransactionError} with the first damage that opening doesn't mend. Nothing has changed then.
 */
export async function openVerified(
  path: string,
  options: FileStorageOptions = {},
  check: CheckOptions = {},
): Promise<FileStorage> {
  const report = await checkDataFile(path, { disk: options.disk, ...check });
  const damage = report.findings.find(({ kind }) => !MENDED.includes(kind));
  if (damage) {
    throw new CorruptedTransactionError(
      `${path}: ${report.total} findings; the first, at ${damage.position}: ${damage.message}`,
    );
  }
  return FileStorage.open(path, options);
}

/**
 * Rescuing what is whole in a damaged data file.
 *
 * Every transaction that can be made out is copied to a new file, its records byte for byte; the damaged file is only
 * read. What was left out is reported. The copy is a sound Data.fs, but the database in it may not be: an object that
 * was in a lost transaction is as it was before, or missing. `checkDataFile` with `references` finds the missing ones.
 *
 * @module
 */

import { dirname } from "@std/path";
import { FileStorageError } from "../../values/mod.ts";
import { type Disk, type DiskFile, realDisk } from "../disk.ts";
import { type Finding, type FindingKind, Findings } from "./check_findings.ts";
import { Pace, type PaceOptions } from "./check_pace.ts";
import { MAGIC } from "./format.ts";
import { indexPath } from "./index_file.ts";
import { RecordReader } from "./record_reader.ts";
import { SalvageCopy } from "./salvage_copy.ts";
import { SalvageOutput } from "./salvage_output.ts";
import { survey } from "./salvage_survey.ts";
import { FileWindow } from "./scan_window.ts";

/** How a damaged file is salvaged. */
export interface SalvageOptions extends PaceOptions {
  /** Where the files are; the machine's own disk unless told otherwise. */
  readonly disk?: Disk;
  /**
   * Whether the whole records of damaged transactions are copied, too. Without it a transaction is there as a whole or
   * not at all.
   */
  readonly partial?: boolean;
  /** How many findings are kept; 1000 unless told otherwise. */
  readonly limit?: number;
}

/** What a salvage did. */
export interface SalvageReport {
  /** The damaged file. */
  readonly path: string;
  /** The new one. */
  readonly target: string;
  /** Bytes of the damaged file. */
  readonly size: number;
  /** Bytes of the new one. */
  readonly written: number;
  /** Transactions that were copied, those in part included. */
  readonly transactions: number;
  /** Transactions of which only a part was copied. */
  readonly partial: number;
  /** Transactions that were made out and left out. */
  readonly skipped: number;
  /** Bytes in which no transaction could be made out. */
  readonly lostBytes: number;
  /** Records that were copied. */
  readonly records: number;
  /** What is wrong with the damaged file, in its order, up to the limit. */
  readonly findings: readonly Finding[];
  /** How many findings there were of each kind, those beyond the limit included. */
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  /** How many findings there were. */
  readonly total: number;
}

const DEFAULT_LIMIT = 1000;

/**
 * Copies every undamaged transaction of a data file to a new one.
 *
 * @param path The damaged file; it is never changed, and nor is anything beside it.
 * @param target The new file. There must be nothing there, nor an index for it.
 * @returns What was copied and what was not. Damage throws nothing.
 * @throws {FileStorageError} when there is something at `target` already; the signal's reason. What was written is
 * removed again when something is thrown.
 *
 * @example
 * ```ts ignore
 * const report = await salvage("Data.fs", "Data.fs.rescued", { partial: true });
 * console.log(`${report.transactions} transactions, ${report.total} findings`);
 * ```
 */
export async function salvage(
  path: string,
  target: string,
  options: SalvageOptions = {},
): Promise<SalvageReport> {
  const { disk = realDisk } = options;
  for (const taken of [target, indexPath(target)]) {
    if (disk.exists(taken)) throw new FileStorageError(`${taken}: is there already, and is not overwritten`);
  }
  const file = disk.open(path, "read");
  try {
    return await salvageTo(file, target, disk, options);
  } finally {
    file.close();
  }
}

async function salvageTo(
  file: DiskFile,
  target: string,
  disk: Disk,
  options: SalvageOptions,
): Promise<SalvageReport> {
  const size = file.size();
  const pace = new Pace(size, options);
  const findings = new Findings(options.limit ?? DEFAULT_LIMIT);
  const temporary = `${target}.part`;
  const copy = disk.open(temporary, "create");
  try {
    const window = new FileWindow(file), output = new SalvageOutput(copy);
    const copier = new SalvageCopy(
      window,
      new RecordReader(file, 0),
      output,
      findings,
      options.partial ?? false,
    );
    output.add(MAGIC);
    let lostBytes = 0;
    for await (const piece of survey(window, size, pace)) {
      if (piece.kind === "transaction") {
        await copier.transaction(piece, pace);
      } else {
        const length = piece.end - piece.position;
        lostBytes += length;
        findings.add(piece.position, piece.kind, `transaction ${piece.fault}: ${length} bytes left out`);
      }
    }
    output.flush();
    copy.syncNow();
    copy.close();
    disk.rename(temporary, target);
    disk.syncDirectory(dirname(target));
    pace.finish();
    return {
      path: file.path,
      target,
      size,
      written: output.position,
      ...copier.counts,
      lostBytes,
      findings: findings.list,
      counts: findings.counts,
      total: findings.total,
    };
  } catch (error) {
    copy.close();
    disk.remove(temporary);
    throw error;
  }
}

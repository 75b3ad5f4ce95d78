/**
 * Temporary files for transactions that have outgrown memory: `Data.fs.tmp1`, `.tmp2` …, beside the data, where there is
 * room for it and the server may write.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Disk } from "../disk.ts";

/** Names that a killed process may have left; more transactions of that size at once are not to be expected. */
const SWEPT = 100;

const log = getLogger(["zeo", "storage", "file"]);

/** Gives out names, the lowest that is free first. */
export class SpillFiles {
  /** Where the files are. */
  readonly disk: Disk;
  readonly #dataPath: string;
  readonly #used = new Set<number>();

  /** For the data file at a path. */
  constructor(disk: Disk, dataPath: string) {
    this.disk = disk;
    this.#dataPath = dataPath;
  }

  /** Removes what a process that was killed has left behind, its ballast too. Never fails. */
  sweep(): void {
    this.#sweep(`${this.#dataPath}.ballast`);
    for (let number = 1; number <= SWEPT; number++) this.#sweep(`${this.#dataPath}.tmp${number}`);
  }

  #sweep(path: string): void {
    try {
      if (this.disk.exists(path)) this.disk.remove(path);
    } catch (error) {
      // It is replaced when its name is used again.
      log.warn(`${path}: could not be removed: ${error}`);
    }
  }

  /** A path for a temporary file that nobody else uses. */
  path(): string {
    let number = 1;
    while (this.#used.has(number)) number++;
    this.#used.add(number);
    return `${this.#dataPath}.tmp${number}`;
  }

  /** The file of that path is gone, and the name may be used again. */
  released(path: string): void {
    this.#used.delete(Number(path.slice(this.#dataPath.length + ".tmp".length)));
  }
}

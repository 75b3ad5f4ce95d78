/**
 * Comparing the saved index of a data file with what is in the data.
 *
 * @module
 */

import { formatOid } from "../../values/mod.ts";
import type { Disk } from "../disk.ts";
import type { Findings } from "./check_findings.ts";
import type { Pace } from "./check_pace.ts";
import { indexPath, loadIndex } from "./index_file.ts";
import type { OidIndex } from "./oid_index.ts";

/** See the module. It holds the saved index until the data has been read to where that ends. */
export class IndexCheck {
  readonly #findings: Findings;
  #saved?: OidIndex;
  readonly #end: number = 0;
  #compared = false;

  /** Loads the index of a data file, if there is one. */
  constructor(path: string, disk: Disk, size: number, findings: Findings) {
    this.#findings = findings;
    if (!disk.exists(indexPath(path))) return;
    const loaded = loadIndex(path, disk);
    if (typeof loaded === "string") {
      findings.add(0, "index", `index can't be read: ${loaded}`);
    } else if (loaded.end > size) {
      findings.add(0, "index", `index covers ${loaded.end} bytes, the data has ${size}`);
    } else {
      this.#saved = loaded.index;
      this.#end = loaded.end;
    }
  }

  /** Whether an index was there and has been compared. */
  get compared(): boolean {
    return this.#compared;
  }

  /** Compares, if the data has been read to where the index ends. @param end Where the data read so far ends. */
  async reached(end: number, index: OidIndex, pace: Pace): Promise<void> {
    if (this.#saved === undefined || end < this.#end) return;
    const saved = this.#saved;
    this.#saved = undefined;
    this.#compared = true;
    if (end > this.#end) {
      this.#findings.add(this.#end, "index", `index ends at ${this.#end}, where no transaction ends`);
      return;
    }
    const ours = index.entries(), theirs = saved.entries();
    let our = ours.next(), their = theirs.next();
    while (!our.done || !their.done) {
      if (pace.due()) await pace.rest(end);
      // One that has ended is behind all others.
      const order = our.done
        ? 1
        : their.done
        ? -1
        : our.value[0] < their.value[0]
        ? -1
        : our.value[0] > their.value[0]
        ? 1
        : 0;
      if (order < 0) {
        const [oid, position] = our.value!;
        this.#findings.add(
          position,
          "index",
          `index lacks ${formatOid(oid)}, which the data has at ${position}`,
        );
      } else if (order > 0) {
        const [oid, position] = their.value!;
        this.#findings.add(
          position,
          "index",
          `index has ${formatOid(oid)} at ${position}, the data doesn't have it`,
        );
      } else if (our.value![1] !== their.value![1]) {
        const [oid, position] = our.value!;
        this.#findings.add(
          position,
          "index",
          `index has ${formatOid(oid)} at ${their.value![1]}, the data has it at ${position}`,
        );
      }
      if (order <= 0) our = ours.next();
      if (order >= 0) their = theirs.next();
    }
  }
}

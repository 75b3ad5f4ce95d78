/**
 * What the log says of a pack.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { PackProgress, PackResult, PackStage } from "../pack.ts";

const log = getLogger(["zeo", "storage", "file"]);

/** Milliseconds between two lines. */
const EVERY = 5000;

const STAGES: Readonly<Record<PackStage, string>> = {
  scan: "finding the current records",
  reach: "finding what is in use",
  copy: "copying what is kept",
  follow: "copying later transactions",
};

/** See the module. */
export class PackLog {
  readonly #path: string;
  readonly #listener?: (progress: PackProgress) => void;
  readonly #started = performance.now();
  #stage?: PackStage;
  #stageStarted = 0;
  #told = performance.now();

  /** @param listener Told of all progress, not only of what is logged. */
  constructor(path: string, listener?: (progress: PackProgress) => void) {
    this.#path = path;
    this.#listener = listener;
  }

  /** Takes a report. */
  progress(progress: PackProgress): void {
    const now = performance.now();
    if (progress.stage !== this.#stage) {
      this.#stage = progress.stage;
      this.#stageStarted = now;
    }
    if (now - this.#told >= EVERY) {
      this.#told = now;
      const { stage, bytes, totalBytes, objects } = progress;
      const rate = bytes / 1e6 / Math.max((now - this.#stageStarted) / 1000, 0.001);
      log.info(
        `${this.#path}: packing, ${STAGES[stage]}: ${objects} objects, ${bytes} of ${totalBytes} bytes, ` +
          `${rate.toFixed(1)} MB a second`,
      );
    }
    this.#listener?.(progress);
  }

  /** It is over. */
  end({ outcome, size, objects }: PackResult): void {
    if (outcome === "redundant") {
      log.info(
        "The database has already been packed to a later time or no changes have been made since the last pack",
      );
      return;
    }
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    log.info(
      outcome === "nothing"
        ? `${this.#path}: nothing to pack, found in ${seconds} seconds`
        : `${this.#path}: packed in ${seconds} seconds: ${size[0]} bytes to ${size[1]}, ` +
          `${objects[0]} objects to ${objects[1]}`,
    );
  }
}

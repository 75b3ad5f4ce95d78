/**
 * What a file storage knows of its own work.
 *
 * @module
 */

import { isPromise } from "../../values/mod.ts";
import type { PackOptions, PackProgress, PackResult } from "../pack.ts";
import type {
  PackStatistics,
  PastPack,
  RecordCacheStatistics,
  StorageStatistics,
  SyncStatistics,
} from "../statistics.ts";
import type { Appender } from "./appender.ts";
import type { Ballast } from "./ballast.ts";
import type { VisibleFile } from "./visible_file.ts";
import type { Voting } from "./voting.ts";

/** Milliseconds between two attempts to find room on a disk that was full, however often somebody asks. */
const TRY_EVERY = 1000;

/** See the module. */
export class FileStatistics implements StorageStatistics {
  readonly packs: PackMeter = new PackMeter();
  readonly #visible: VisibleFile;
  readonly #appender: Appender;
  readonly #ballast: Ballast;
  readonly #voting: Voting;
  /** Before this it is not tried again, as `performance.now()` says. */
  #tryFrom = 0;

  constructor(visible: VisibleFile, appender: Appender, ballast: Ballast, voting: Voting) {
    this.#visible = visible;
    this.#appender = appender;
    this.#ballast = ballast;
    this.#voting = voting;
  }

  get recordCache(): RecordCacheStatistics {
    return this.#visible.reader.cache;
  }

  get syncs(): SyncStatistics {
    return this.#appender.syncs;
  }

  fault(): string | undefined {
    if (this.#appender.failure) return this.#appender.failure.message;
    if (this.#ballast.refusal !== undefined && performance.now() >= this.#tryFrom) this.#tryAgain();
    return this.#ballast.refusal;
  }

  /** Whether there is room again the next vote would find out; but there may be none before somebody says so. */
  #tryAgain(): void {
    this.#tryFrom = performance.now() + TRY_EVERY;
    try {
      const holding = this.#ballast.hold(this.#voting.reserved);
      if (isPromise(holding)) holding.catch(() => {});
    } catch {
      // There is none; the ballast has said so.
    }
  }
}

/** Counts packs, and knows how far the one under way is. */
export class PackMeter implements PackStatistics {
  running = false;
  progress?: PackProgress;
  last?: PastPack;
  done = 0;
  failed = 0;

  /** Runs a pack, with options that make it tell how far it is. */
  async run(
    options: PackOptions,
    pack: (options: PackOptions) => Promise<PackResult>,
  ): Promise<PackResult> {
    // A second one beside it fails at once, and says nothing of the first.
    if (this.running) return await pack(options);
    this.running = true;
    const start = performance.now();
    let outcome: PastPack["outcome"] = "failed";
    try {
      const result = await pack({
        ...options,
        progress: (progress) => {
          this.progress = progress;
          options.progress?.(progress);
        },
      });
      outcome = result.outcome;
      this.done++;
      return result;
    } catch (error) {
      this.failed++;
      throw error;
    } finally {
      this.running = false;
      this.progress = undefined;
      this.last = { at: Date.now(), seconds: (performance.now() - start) / 1000, outcome };
    }
  }
}

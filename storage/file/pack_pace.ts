/**
 * The pace of a pack: from time to time it says how far it is, and looks whether it is to go on.
 *
 * @module
 */

import type { Awaitable } from "../../values/mod.ts";
import type { PackProgress, PackStage } from "../pack.ts";

/** Work between two looks: bytes read or written. Everything that a pack does takes a few milliseconds for it. */
const STEP = 1 << 20;

/** What a small thing counts for, beyond its bytes. */
const OBJECT_COST = 200;

/** See the module. */
export class Pace {
  readonly #report: (progress: PackProgress) => void;
  readonly #breathe: () => Promise<void> | undefined;
  #stage: PackStage = "scan";
  #bytes = 0;
  #totalBytes = 0;
  #objects = 0;
  #work = 0;

  /**
   * @param report Told how far the pack is, often.
   * @param breathe Called often: throws when the pack is to stop, and answers a promise when others are to have
   * their turn first.
   */
  constructor(
    report: (progress: PackProgress) => void,
    breathe: () => Promise<void> | undefined = () => undefined,
  ) {
    this.#report = report;
    this.#breathe = breathe;
  }

  /** Another stage begins. */
  begin(stage: PackStage, totalBytes: number): void {
    this.#stage = stage;
    this.#bytes = this.#objects = 0;
    this.#totalBytes = totalBytes;
    this.#tell();
  }

  /** So much was done. Waits if that is asked for; most calls answer undefined. */
  step(bytes: number, objects: number): Promise<void> | undefined {
    this.#bytes += bytes;
    this.#objects += objects;
    this.#work += bytes + objects * OBJECT_COST;
    if (this.#work < STEP) return undefined;
    this.#work = 0;
    this.#tell();
    return this.#breathe();
  }

  /** Whether it is to stop, asked between stages. */
  check(): Awaitable<void> {
    return this.#breathe();
  }

  #tell(): void {
    this.#report({
      stage: this.#stage,
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      objects: this.#objects,
    });
  }
}

/**
 * The second part of a pack: which records are kept.
 *
 * From the root on, object by object, those that are found are marked in the index of current records and gathered
 * by position, one number each:
 *
 *   [ looked into, sorted runs … | found, not yet looked into … | room for the rest ]
 *
 * A run of what was found is sorted before it is looked into, so that the file is read from its start to its end
 * some few times and not back and forth for each object.
 *
 * @module
 */

import { CorruptedTransactionError, formatOid, type Oid, POSKeyError, ROOT_OID } from "../../values/mod.ts";
import type { OidIndex } from "./oid_index.ts";
import type { Pace } from "./pack_pace.ts";
import type { PackReader } from "./pack_reader.ts";

/** Added to a position in the index of an object that was found. Positions are below 2^48. */
const MARK = 2 ** 52;

const RUN = 1 << 18;

/** Records this close to each other, in bytes on average, are read along with what lies between. */
const NEAR = 8 << 10;

/** Finds the references in a record. */
export type References = (record: Uint8Array) => readonly Oid[];

/** See the module. */
export class Reachable {
  readonly #current: OidIndex;
  readonly #reader: PackReader;
  readonly #references: References;
  readonly #pace: Pace;
  readonly #path: string;
  readonly #found: Float64Array<ArrayBuffer>;
  #count = 0;
  #done = 0;
  /** Records that are kept though they were not current at the pack time. */
  readonly #extra = new Map<number, Oid>();
  readonly #extraOids = new Set<Oid>();
  readonly #broughtBack = new Set<number>();
  readonly #needed = new Set<Oid>();

  /** @param path The file's, for errors. */
  constructor(current: OidIndex, reader: PackReader, references: References, pace: Pace, path: string) {
    this.#current = current;
    this.#reader = reader;
    this.#references = references;
    this.#pace = pace;
    this.#path = path;
    this.#found = new Float64Array(current.size);
  }

  /** Whether an object keeps any record. */
  has(oid: Oid): boolean {
    return (this.#current.get(oid) ?? 0) >= MARK || this.#extraOids.has(oid);
  }

  /** Whether an object was there at the pack time and is to go. */
  drops(oid: Oid): boolean {
    const position = this.#current.get(oid);
    return position !== undefined && position < MARK && !this.#extraOids.has(oid);
  }

  /** Whether an object keeps records that were not current. */
  hasExtra(oid: Oid): boolean {
    return this.#extraOids.has(oid);
  }

  /** The record that was current at the pack time, of an object that is kept. */
  currentOf(oid: Oid): number | undefined {
    const position = this.#current.get(oid);
    return position !== undefined && position >= MARK ? position - MARK : undefined;
  }

  /** Keeps what can be reached from the root. @throws {POSKeyError} when something refers to nothing. */
  async addFromRoot(): Promise<void> {
    if (this.#current.size === 0) return;
    this.#add(ROOT_OID, 0);
    await this.#follow(true);
  }

  /** Keeps all objects. */
  addAll(): void {
    for (const [oid, position] of this.#current.entries()) {
      // An object that has a place in the index keeps it: that doesn't disturb the walk.
      this.#current.set(oid, position + MARK);
      this.#found[this.#count++] = position;
    }
    this.#done = this.#count;
  }

  /**
   * Keeps the record that one after the pack time shares its data with.
   * Call {@linkcode Reachable.followLater} at the end.
   */
  addShared(oid: Oid, position: number): void {
    // With its data it brings back what it refers to.
    if (this.has(oid)) this.#broughtBack.add(position);
    this.#extra.set(position, oid);
    this.#extraOids.add(oid);
  }

  /**
   * Keeps an object that a transaction after the pack time refers to, as it was at the pack time.
   * Call {@linkcode Reachable.followLater} at the end.
   */
  addNeeded(oid: Oid): void {
    if ((this.#current.get(oid) ?? MARK) < MARK) this.#needed.add(oid);
  }

  /** Keeps what can be reached from what was added last, as far as it is there. */
  async followLater(): Promise<void> {
    for (const position of this.#broughtBack) {
      for (const oid of this.#referencesAt(position, false)) {
        if (!this.#extraOids.has(oid)) this.#add(oid);
      }
    }
    await this.#follow(false, this.#extraOids);
    for (const oid of this.#needed) this.#add(oid);
    await this.#follow(false);
  }

  /** The records to keep by position, ascending. No more can be added. */
  kept(): Float64Array<ArrayBuffer> {
    const found = this.#found.subarray(0, this.#count);
    const extra = [...this.#extra].filter(([position, oid]) => this.currentOf(oid) !== position);
    let kept = found;
    if (extra.length > 0) {
      kept = new Float64Array(this.#count + extra.length);
      kept.set(found);
      kept.set(extra.map(([position]) => position), this.#count);
    }
    return kept.sort();
  }

  /** Whether a kept record is one that was not current. */
  isExtra(position: number): boolean {
    return this.#extra.has(position);
  }

  /** Marks an object. @param referrer Position of a record that refers to it; missing when it may be missing. */
  #add(oid: Oid, referrer?: number): void {
    const position = this.#current.get(oid);
    if (position === undefined) {
      if (referrer === undefined) return;
      const by = referrer === 0
        ? "the root is missing"
        : `${formatOid(this.#reader.oid(referrer))} refers to`;
      throw new POSKeyError(
        oid,
        undefined,
        `${this.#path}: ${by}, and there is no such object at the pack time`,
      );
    }
    if (position >= MARK) return;
    this.#current.set(oid, position + MARK);
    this.#found[this.#count++] = position;
  }

  /** @param except Objects of which the current record is not what is referred to. */
  async #follow(strict: boolean, except?: ReadonlySet<Oid>): Promise<void> {
    while (this.#done < this.#count) {
      const run = this.#found.subarray(this.#done, Math.min(this.#count, this.#done + RUN)).sort();
      this.#done += run.length;
      const near = run.length > 1 && (run[run.length - 1] - run[0]) / run.length < NEAR;
      for (const position of run) {
        const references = this.#referencesAt(position, near);
        for (const oid of references) {
          if (!except?.has(oid)) this.#add(oid, strict ? position : undefined);
        }
        const pause = this.#pace.step(this.#bytes, 1);
        if (pause) await pause;
      }
    }
  }

  /** Bytes of the record that was looked into last. */
  #bytes = 0;

  #referencesAt(position: number, near: boolean): readonly Oid[] {
    const data = this.#reader.data(position, near);
    this.#bytes = data?.length ?? 0;
    if (data === null) return [];
    try {
      return this.#references(data);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CorruptedTransactionError(
        `${this.#path}: record of ${formatOid(this.#reader.oid(position))} at ${position}: ${reason}`,
      );
    }
  }
}

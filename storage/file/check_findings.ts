/**
 * What is found wrong with a data file: a list that can't grow without bounds, and counts that are complete.
 *
 * @module
 */

/**
 * What a finding is about.
 *
 * - `format`: the file is no Data.fs, or its first bytes are damaged
 * - `lost`: bytes in which no transaction, or no record, can be made out
 * - `tail`: an unfinished transaction at the end, which opening the file cuts off
 * - `length`: the two copies of a transaction's length, or its header's lengths, contradict each other
 * - `status`: a transaction's status has no place there
 * - `tid`: a transaction id that is not later than the one before, or differs between transaction and record
 * - `metadata`: user or description that is no UTF-8, extension that is no pickle of a dict
 * - `record`: a record's header contradicts its transaction
 * - `previous`: a record doesn't name its object's previous record
 * - `back`: a back pointer doesn't lead to an earlier record of the same object
 * - `data`: a record's data is not two pickles
 * - `index`: the saved index contradicts the data
 * - `reference`: an object refers to one that isn't there
 */
export type FindingKind =
  | "format"
  | "lost"
  | "tail"
  | "length"
  | "status"
  | "tid"
  | "metadata"
  | "record"
  | "previous"
  | "back"
  | "data"
  | "index"
  | "reference";

/** One thing that is wrong. */
export interface Finding {
  /** Byte offset in the file of the transaction or record that it is about. */
  readonly position: number;
  /** What it is about. */
  readonly kind: FindingKind;
  /** What is wrong, in words, with what was found and what was expected. */
  readonly message: string;
}

/** See the module. */
export class Findings {
  readonly #limit: number;
  readonly #list: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  #total = 0;

  /** @param limit How many are kept; all are counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Those that were kept: the first ones. */
  get list(): readonly Finding[] {
    return this.#list;
  }

  /** How many there were of each kind. */
  get counts(): Readonly<Partial<Record<FindingKind, number>>> {
    return Object.fromEntries(this.#counts);
  }

  /** How many there were. */
  get total(): number {
    return this.#total;
  }

  /** Adds one. */
  add(position: number, kind: FindingKind, message: string): void {
    this.#total++;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (this.#list.length < this.#limit) this.#list.push({ position, kind, message });
  }
}

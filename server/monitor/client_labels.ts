/**
 * Which clients' labels get numbers of their own: a monitoring system keeps each combination of labels for good, and
 * clients choose theirs freely.
 *
 * The first fifty that are seen keep their places as long as the server runs; all others are counted together, as
 * `other`. A label that is very long is cut.
 *
 * @module
 */

/** How many labels there are at most, besides `other`. */
export const MOST_LABELS = 50;

/** The longest label, in characters. */
const LONGEST = 64;

/** See the module. */
export class ClientLabels {
  readonly #known = new Set<string>();

  /** The label under which a client is counted. */
  of(label: string): string {
    const short = label.slice(0, LONGEST).toWellFormed();
    if (this.#known.has(short)) return short;
    if (this.#known.size >= MOST_LABELS) return "other";
    this.#known.add(short);
    return short;
  }
}

/**
 * Merging concurrent changes to one object.
 *
 * @module
 */

import type { Oid } from "../../values/mod.ts";

/** Two changes of one state. */
export interface Divergence {
  readonly oid: Oid;
  /** The record that both started from. */
  readonly old: Uint8Array;
  /** The record that is committed now. */
  readonly committed: Uint8Array;
  /** The record that would replace it. */
  readonly changed: Uint8Array;
}

/** Makes one record of two changes; undefined when they contradict each other or nobody knows how. */
export type Merge = (divergence: Divergence) => Uint8Array | undefined;

/** Merges nothing: every divergence is a conflict. */
export const mergeNothing: Merge = () => undefined;

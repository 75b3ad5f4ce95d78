/**
 * Merging concurrent changes to one object.
 *
 * @module
 */

import { type Oid, tid } from "../../values/mod.ts";
import type { ConflictResolver } from "../conflict/mod.ts";

/** Two changes of one state. */
export interface Divergence {
  /** The object. */
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

/** The resolver tells the records apart by serials; which these are doesn't matter, the records are at hand. */
const OLD = tid(1), COMMITTED = tid(2);

/** Merges with the resolvers of the objects' classes. */
export function mergeWith(resolver: ConflictResolver): Merge {
  return ({ oid, old, committed, changed }) =>
    resolver.resolve({
      oid,
      committed: COMMITTED,
      read: OLD,
      newData: changed,
      load: (serial) => serial === OLD ? old : committed,
    });
}

/** Merges nothing: every divergence is a conflict. */
export const mergeNothing: Merge = (): undefined => undefined;

/**
 * Python's frozenset.
 *
 * @module
 */

/** Python's frozenset: a set that can't be changed once it is stored, and so can be a key of a dict. */
export class FrozenSet<T = unknown> extends Set<T> {}

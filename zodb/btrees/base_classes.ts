/**
 * The four kinds of classes that each family has.
 *
 * @module
 */

import { SortedMap } from "./sorted_map.ts";
import { SortedSet } from "./sorted_set.ts";

/**
 * A map of any size: its items are spread over many records, and only those that are used are loaded.
 *
 * A class that extends one of a family can have nodes of other sizes, by a static `maxLeafSize` and `maxInternalSize`, as
 * with `max_leaf_size` and `max_internal_size` in Python. Both sides have to agree.
 */
export abstract class BTree<K = unknown, V = unknown> extends SortedMap<K, V> {
  /** A new tree with these items. Throws as {@linkcode SortedMap.set}. */
  constructor(items?: Iterable<readonly [K, V]>) {
    super("tree", items);
  }
}

/** A set of any size: its keys are spread over many records, and only those that are used are loaded. */
export abstract class TreeSet<K = unknown> extends SortedSet<K> {
  /** A new set with these keys. Throws as {@linkcode SortedSet.add}. */
  constructor(keys?: Iterable<K>) {
    super("tree", keys);
  }
}

/** A small map: all its items are in one record. What trees keep their items in, and what set operations return. */
export abstract class Bucket<K = unknown, V = unknown> extends SortedMap<K, V> {
  /** A new bucket with these items. Throws as {@linkcode SortedMap.set}. */
  constructor(items?: Iterable<readonly [K, V]>) {
    super("leaf", items);
  }
}

/** A small set: all its keys are in one record. What tree sets keep their keys in, and what set operations return. */
export abstract class BucketSet<K = unknown> extends SortedSet<K> {
  /** A new set with these keys. Throws as {@linkcode SortedSet.add}. */
  constructor(keys?: Iterable<K>) {
    super("leaf", keys);
  }
}

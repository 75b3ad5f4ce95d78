/**
 * Trees whose keys are objects of any type that has an order.
 *
 * @module
 */

import { BTree, Bucket, BucketSet, TreeSet } from "./base_classes.ts";
import { defineFamily } from "./family.ts";

/** Python's `BTrees.OOBTree.OOBTree`: a map from objects to objects, of any size. */
export class OOBTree<K = unknown, V = unknown> extends BTree<K, V> {}

/** Python's `BTrees.OOBTree.OOTreeSet`: a set of objects, of any size. */
export class OOTreeSet<K = unknown> extends TreeSet<K> {}

/** Python's `BTrees.OOBTree.OOBucket`: a small map from objects to objects, in one record. */
export class OOBucket<K = unknown, V = unknown> extends Bucket<K, V> {}

/** Python's `BTrees.OOBTree.OOSet`: a small set of objects, in one record. */
export class OOSet<K = unknown> extends BucketSet<K> {}

defineFamily("OO", { BTree: OOBTree, TreeSet: OOTreeSet, Bucket: OOBucket, Set: OOSet });

/** Python's `BTrees.OIBTree.OIBTree`: a map from objects to ints of 32 bits, of any size. */
export class OIBTree<K = unknown> extends BTree<K, number> {}

/** Python's `BTrees.OIBTree.OITreeSet`: a set of objects, of any size. */
export class OITreeSet<K = unknown> extends TreeSet<K> {}

/** Python's `BTrees.OIBTree.OIBucket`: a small map from objects to ints of 32 bits, in one record. */
export class OIBucket<K = unknown> extends Bucket<K, number> {}

/** Python's `BTrees.OIBTree.OISet`: a small set of objects, in one record. */
export class OISet<K = unknown> extends BucketSet<K> {}

defineFamily("OI", { BTree: OIBTree, TreeSet: OITreeSet, Bucket: OIBucket, Set: OISet });

/** Python's `BTrees.OUBTree.OUBTree`: a map from objects to unsigned ints of 32 bits, of any size. */
export class OUBTree<K = unknown> extends BTree<K, number> {}

/** Python's `BTrees.OUBTree.OUTreeSet`: a set of objects, of any size. */
export class OUTreeSet<K = unknown> extends TreeSet<K> {}

/** Python's `BTrees.OUBTree.OUBucket`: a small map from objects to unsigned ints of 32 bits, in one record. */
export class OUBucket<K = unknown> extends Bucket<K, number> {}

/** Python's `BTrees.OUBTree.OUSet`: a small set of objects, in one record. */
export class OUSet<K = unknown> extends BucketSet<K> {}

defineFamily("OU", { BTree: OUBTree, TreeSet: OUTreeSet, Bucket: OUBucket, Set: OUSet });

/** Python's `BTrees.OLBTree.OLBTree`: a map from objects to ints of 64 bits, of any size. */
export class OLBTree<K = unknown> extends BTree<K, number | bigint> {}

/** Python's `BTrees.OLBTree.OLTreeSet`: a set of objects, of any size. */
export class OLTreeSet<K = unknown> extends TreeSet<K> {}

/** Python's `BTrees.OLBTree.OLBucket`: a small map from objects to ints of 64 bits, in one record. */
export class OLBucket<K = unknown> extends Bucket<K, number | bigint> {}

/** Python's `BTrees.OLBTree.OLSet`: a small set of objects, in one record. */
export class OLSet<K = unknown> extends BucketSet<K> {}

defineFamily("OL", { BTree: OLBTree, TreeSet: OLTreeSet, Bucket: OLBucket, Set: OLSet });

/** Python's `BTrees.OQBTree.OQBTree`: a map from objects to unsigned ints of 64 bits, of any size. */
export class OQBTree<K = unknown> extends BTree<K, number | bigint> {}

/** Python's `BTrees.OQBTree.OQTreeSet`: a set of objects, of any size. */
export class OQTreeSet<K = unknown> extends TreeSet<K> {}

/** Python's `BTrees.OQBTree.OQBucket`: a small map from objects to unsigned ints of 64 bits, in one record. */
export class OQBucket<K = unknown> extends Bucket<K, number | bigint> {}

/** Python's `BTrees.OQBTree.OQSet`: a small set of objects, in one record. */
export class OQSet<K = unknown> extends BucketSet<K> {}

defineFamily("OQ", { BTree: OQBTree, TreeSet: OQTreeSet, Bucket: OQBucket, Set: OQSet });

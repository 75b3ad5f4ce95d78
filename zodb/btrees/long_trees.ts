/**
 * Trees whose keys are ints of 64 bits, signed or unsigned: `number`, or `bigint` where a number isn't exact.
 *
 * @module
 */

import { BTree, Bucket, BucketSet, TreeSet } from "./base_classes.ts";
import { defineFamily } from "./family.ts";

/** Python's `BTrees.LOBTree.LOBTree`: a map from ints of 64 bits to objects, of any size. */
export class LOBTree<V = unknown> extends BTree<number | bigint, V> {}

/** Python's `BTrees.LOBTree.LOTreeSet`: a set of ints of 64 bits, of any size. */
export class LOTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.LOBTree.LOBucket`: a small map from ints of 64 bits to objects, in one record. */
export class LOBucket<V = unknown> extends Bucket<number | bigint, V> {}

/** Python's `BTrees.LOBTree.LOSet`: a small set of ints of 64 bits, in one record. */
export class LOSet extends BucketSet<number | bigint> {}

defineFamily("LO", { BTree: LOBTree, TreeSet: LOTreeSet, Bucket: LOBucket, Set: LOSet });

/** Python's `BTrees.LLBTree.LLBTree`: a map from ints of 64 bits to ints of 64 bits, of any size. */
export class LLBTree extends BTree<number | bigint, number | bigint> {}

/** Python's `BTrees.LLBTree.LLTreeSet`: a set of ints of 64 bits, of any size. */
export class LLTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.LLBTree.LLBucket`: a small map from ints of 64 bits to ints of 64 bits, in one record. */
export class LLBucket extends Bucket<number | bigint, number | bigint> {}

/** Python's `BTrees.LLBTree.LLSet`: a small set of ints of 64 bits, in one record. */
export class LLSet extends BucketSet<number | bigint> {}

defineFamily("LL", { BTree: LLBTree, TreeSet: LLTreeSet, Bucket: LLBucket, Set: LLSet });

/** Python's `BTrees.LFBTree.LFBTree`: a map from ints of 64 bits to floats of 32 bits, of any size. */
export class LFBTree extends BTree<number | bigint, number> {}

/** Python's `BTrees.LFBTree.LFTreeSet`: a set of ints of 64 bits, of any size. */
export class LFTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.LFBTree.LFBucket`: a small map from ints of 64 bits to floats of 32 bits, in one record. */
export class LFBucket extends Bucket<number | bigint, number> {}

/** Python's `BTrees.LFBTree.LFSet`: a small set of ints of 64 bits, in one record. */
export class LFSet extends BucketSet<number | bigint> {}

defineFamily("LF", { BTree: LFBTree, TreeSet: LFTreeSet, Bucket: LFBucket, Set: LFSet });

/** Python's `BTrees.LQBTree.LQBTree`: a map from ints of 64 bits to unsigned ints of 64 bits, of any size. */
export class LQBTree extends BTree<number | bigint, number | bigint> {}

/** Python's `BTrees.LQBTree.LQTreeSet`: a set of ints of 64 bits, of any size. */
export class LQTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.LQBTree.LQBucket`: a small map from ints of 64 bits to unsigned ints of 64 bits, in one record. */
export class LQBucket extends Bucket<number | bigint, number | bigint> {}

/** Python's `BTrees.LQBTree.LQSet`: a small set of ints of 64 bits, in one record. */
export class LQSet extends BucketSet<number | bigint> {}

defineFamily("LQ", { BTree: LQBTree, TreeSet: LQTreeSet, Bucket: LQBucket, Set: LQSet });

/** Python's `BTrees.QOBTree.QOBTree`: a map from unsigned ints of 64 bits to objects, of any size. */
export class QOBTree<V = unknown> extends BTree<number | bigint, V> {}

/** Python's `BTrees.QOBTree.QOTreeSet`: a set of unsigned ints of 64 bits, of any size. */
export class QOTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.QOBTree.QOBucket`: a small map from unsigned ints of 64 bits to objects, in one record. */
export class QOBucket<V = unknown> extends Bucket<number | bigint, V> {}

/** Python's `BTrees.QOBTree.QOSet`: a small set of unsigned ints of 64 bits, in one record. */
export class QOSet extends BucketSet<number | bigint> {}

defineFamily("QO", { BTree: QOBTree, TreeSet: QOTreeSet, Bucket: QOBucket, Set: QOSet });

/** Python's `BTrees.QLBTree.QLBTree`: a map from unsigned ints of 64 bits to ints of 64 bits, of any size. */
export class QLBTree extends BTree<number | bigint, number | bigint> {}

/** Python's `BTrees.QLBTree.QLTreeSet`: a set of unsigned ints of 64 bits, of any size. */
export class QLTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.QLBTree.QLBucket`: a small map from unsigned ints of 64 bits to ints of 64 bits, in one record. */
export class QLBucket extends Bucket<number | bigint, number | bigint> {}

/** Python's `BTrees.QLBTree.QLSet`: a small set of unsigned ints of 64 bits, in one record. */
export class QLSet extends BucketSet<number | bigint> {}

defineFamily("QL", { BTree: QLBTree, TreeSet: QLTreeSet, Bucket: QLBucket, Set: QLSet });

/** Python's `BTrees.QQBTree.QQBTree`: a map from unsigned ints of 64 bits to unsigned ints of 64 bits, of any size. */
export class QQBTree extends BTree<number | bigint, number | bigint> {}

/** Python's `BTrees.QQBTree.QQTreeSet`: a set of unsigned ints of 64 bits, of any size. */
export class QQTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.QQBTree.QQBucket`: a small map from unsigned ints of 64 bits to unsigned ints of 64 bits, in one record. */
export class QQBucket extends Bucket<number | bigint, number | bigint> {}

/** Python's `BTrees.QQBTree.QQSet`: a small set of unsigned ints of 64 bits, in one record. */
export class QQSet extends BucketSet<number | bigint> {}

defineFamily("QQ", { BTree: QQBTree, TreeSet: QQTreeSet, Bucket: QQBucket, Set: QQSet });

/** Python's `BTrees.QFBTree.QFBTree`: a map from unsigned ints of 64 bits to floats of 32 bits, of any size. */
export class QFBTree extends BTree<number | bigint, number> {}

/** Python's `BTrees.QFBTree.QFTreeSet`: a set of unsigned ints of 64 bits, of any size. */
export class QFTreeSet extends TreeSet<number | bigint> {}

/** Python's `BTrees.QFBTree.QFBucket`: a small map from unsigned ints of 64 bits to floats of 32 bits, in one record. */
export class QFBucket extends Bucket<number | bigint, number> {}

/** Python's `BTrees.QFBTree.QFSet`: a small set of unsigned ints of 64 bits, in one record. */
export class QFSet extends BucketSet<number | bigint> {}

defineFamily("QF", { BTree: QFBTree, TreeSet: QFTreeSet, Bucket: QFBucket, Set: QFSet });

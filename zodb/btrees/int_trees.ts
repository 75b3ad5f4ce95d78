/**
 * Trees whose keys are ints of 32 bits, signed or unsigned.
 *
 * @module
 */

import { BTree, Bucket, BucketSet, TreeSet } from "./base_classes.ts";
import { defineFamily } from "./family.ts";

/** Python's `BTrees.IOBTree.IOBTree`: a map from ints of 32 bits to objects, of any size. */
export class IOBTree<V = unknown> extends BTree<number, V> {}

/** Python's `BTrees.IOBTree.IOTreeSet`: a set of ints of 32 bits, of any size. */
export class IOTreeSet extends TreeSet<number> {}

/** Python's `BTrees.IOBTree.IOBucket`: a small map from ints of 32 bits to objects, in one record. */
export class IOBucket<V = unknown> extends Bucket<number, V> {}

/** Python's `BTrees.IOBTree.IOSet`: a small set of ints of 32 bits, in one record. */
export class IOSet extends BucketSet<number> {}

defineFamily("IO", { BTree: IOBTree, TreeSet: IOTreeSet, Bucket: IOBucket, Set: IOSet });

/** Python's `BTrees.IIBTree.IIBTree`: a map from ints of 32 bits to ints of 32 bits, of any size. */
export class IIBTree extends BTree<number, number> {}

/** Python's `BTrees.IIBTree.IITreeSet`: a set of ints of 32 bits, of any size. */
export class IITreeSet extends TreeSet<number> {}

/** Python's `BTrees.IIBTree.IIBucket`: a small map from ints of 32 bits to ints of 32 bits, in one record. */
export class IIBucket extends Bucket<number, number> {}

/** Python's `BTrees.IIBTree.IISet`: a small set of ints of 32 bits, in one record. */
export class IISet extends BucketSet<number> {}

defineFamily("II", { BTree: IIBTree, TreeSet: IITreeSet, Bucket: IIBucket, Set: IISet });

/** Python's `BTrees.IFBTree.IFBTree`: a map from ints of 32 bits to floats of 32 bits, of any size. */
export class IFBTree extends BTree<number, number> {}

/** Python's `BTrees.IFBTree.IFTreeSet`: a set of ints of 32 bits, of any size. */
export class IFTreeSet extends TreeSet<number> {}

/** Python's `BTrees.IFBTree.IFBucket`: a small map from ints of 32 bits to floats of 32 bits, in one record. */
export class IFBucket extends Bucket<number, number> {}

/** Python's `BTrees.IFBTree.IFSet`: a small set of ints of 32 bits, in one record. */
export class IFSet extends BucketSet<number> {}

defineFamily("IF", { BTree: IFBTree, TreeSet: IFTreeSet, Bucket: IFBucket, Set: IFSet });

/** Python's `BTrees.IUBTree.IUBTree`: a map from ints of 32 bits to unsigned ints of 32 bits, of any size. */
export class IUBTree extends BTree<number, number> {}

/** Python's `BTrees.IUBTree.IUTreeSet`: a set of ints of 32 bits, of any size. */
export class IUTreeSet extends TreeSet<number> {}

/** Python's `BTrees.IUBTree.IUBucket`: a small map from ints of 32 bits to unsigned ints of 32 bits, in one record. */
export class IUBucket extends Bucket<number, number> {}

/** Python's `BTrees.IUBTree.IUSet`: a small set of ints of 32 bits, in one record. */
export class IUSet extends BucketSet<number> {}

defineFamily("IU", { BTree: IUBTree, TreeSet: IUTreeSet, Bucket: IUBucket, Set: IUSet });

/** Python's `BTrees.UOBTree.UOBTree`: a map from unsigned ints of 32 bits to objects, of any size. */
export class UOBTree<V = unknown> extends BTree<number, V> {}

/** Python's `BTrees.UOBTree.UOTreeSet`: a set of unsigned ints of 32 bits, of any size. */
export class UOTreeSet extends TreeSet<number> {}

/** Python's `BTrees.UOBTree.UOBucket`: a small map from unsigned ints of 32 bits to objects, in one record. */
export class UOBucket<V = unknown> extends Bucket<number, V> {}

/** Python's `BTrees.UOBTree.UOSet`: a small set of unsigned ints of 32 bits, in one record. */
export class UOSet extends BucketSet<number> {}

defineFamily("UO", { BTree: UOBTree, TreeSet: UOTreeSet, Bucket: UOBucket, Set: UOSet });

/** Python's `BTrees.UIBTree.UIBTree`: a map from unsigned ints of 32 bits to ints of 32 bits, of any size. */
export class UIBTree extends BTree<number, number> {}

/** Python's `BTrees.UIBTree.UITreeSet`: a set of unsigned ints of 32 bits, of any size. */
export class UITreeSet extends TreeSet<number> {}

/** Python's `BTrees.UIBTree.UIBucket`: a small map from unsigned ints of 32 bits to ints of 32 bits, in one record. */
export class UIBucket extends Bucket<number, number> {}

/** Python's `BTrees.UIBTree.UISet`: a small set of unsigned ints of 32 bits, in one record. */
export class UISet extends BucketSet<number> {}

defineFamily("UI", { BTree: UIBTree, TreeSet: UITreeSet, Bucket: UIBucket, Set: UISet });

/** Python's `BTrees.UUBTree.UUBTree`: a map from unsigned ints of 32 bits to unsigned ints of 32 bits, of any size. */
export class UUBTree extends BTree<number, number> {}

/** Python's `BTrees.UUBTree.UUTreeSet`: a set of unsigned ints of 32 bits, of any size. */
export class UUTreeSet extends TreeSet<number> {}

/** Python's `BTrees.UUBTree.UUBucket`: a small map from unsigned ints of 32 bits to unsigned ints of 32 bits, in one record. */
export class UUBucket extends Bucket<number, number> {}

/** Python's `BTrees.UUBTree.UUSet`: a small set of unsigned ints of 32 bits, in one record. */
export class UUSet extends BucketSet<number> {}

defineFamily("UU", { BTree: UUBTree, TreeSet: UUTreeSet, Bucket: UUBucket, Set: UUSet });

/** Python's `BTrees.UFBTree.UFBTree`: a map from unsigned ints of 32 bits to floats of 32 bits, of any size. */
export class UFBTree extends BTree<number, number> {}

/** Python's `BTrees.UFBTree.UFTreeSet`: a set of unsigned ints of 32 bits, of any size. */
export class UFTreeSet extends TreeSet<number> {}

/** Python's `BTrees.UFBTree.UFBucket`: a small map from unsigned ints of 32 bits to floats of 32 bits, in one record. */
export class UFBucket extends Bucket<number, number> {}

/** Python's `BTrees.UFBTree.UFSet`: a small set of unsigned ints of 32 bits, in one record. */
export class UFSet extends BucketSet<number> {}

defineFamily("UF", { BTree: UFBTree, TreeSet: UFTreeSet, Bucket: UFBucket, Set: UFSet });

/**
 * Trees with keys of two bytes and values of six, as in the index of a `FileStorage`.
 *
 * @module
 */

import { BTree, Bucket, BucketSet, TreeSet } from "./base_classes.ts";
import { defineFamily } from "./family.ts";

/** Python's `BTrees.fsBTree.fsBTree`: a map from two bytes to six bytes, of any size. */
export class fsBTree extends BTree<Uint8Array, Uint8Array> {}

/** Python's `BTrees.fsBTree.fsTreeSet`: a set of two bytes, of any size. */
export class fsTreeSet extends TreeSet<Uint8Array> {}

/** Python's `BTrees.fsBTree.fsBucket`: a small map from two bytes to six bytes, in one record. */
export class fsBucket extends Bucket<Uint8Array, Uint8Array> {}

/** Python's `BTrees.fsBTree.fsSet`: a small set of two bytes, in one record. */
export class fsSet extends BucketSet<Uint8Array> {}

defineFamily("fs", { BTree: fsBTree, TreeSet: fsTreeSet, Bucket: fsBucket, Set: fsSet });

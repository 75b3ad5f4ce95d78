/**
 * Packing a storage in memory.
 *
 * @module
 */

import { type Oid, POSKeyError, ROOT_OID, type Tid } from "../../values/mod.ts";

/** One revision of an object. */
export interface PackedVersion {
  readonly tid: Tid;
  readonly data: Uint8Array;
}

/**
 * What is left of the revisions of each object: those after a moment and the last before it, and, with garbage
 * collection, only of objects that can be reached from any of the root's.
 *
 * @param until The last transaction that belongs to the time before.
 * @param references Finds the references in a record; undefined without garbage collection.
 * @throws {POSKeyError} when an object that is kept refers to one that is not there.
 */
export function packVersions<V extends PackedVersion>(
  versions: ReadonlyMap<Oid, readonly V[]>,
  until: Tid,
  references: ((record: Uint8Array) => readonly Oid[]) | undefined,
): Map<Oid, V[]> {
  const current = new Map<Oid, V[]>();
  for (const [oid, all] of versions) {
    const last = all.findLastIndex(({ tid }) => tid <= until);
    current.set(oid, all.slice(Math.max(last, 0)));
  }
  if (!references || current.size === 0) return current;
  const kept = new Map<Oid, V[]>();
  const todo: Oid[] = [ROOT_OID];
  for (let oid = todo.pop(); oid !== undefined; oid = todo.pop()) {
    if (kept.has(oid)) continue;
    const left = current.get(oid);
    if (!left) throw new POSKeyError(oid);
    kept.set(oid, left);
    for (const { data } of left) todo.push(...references(data));
  }
  return kept;
}

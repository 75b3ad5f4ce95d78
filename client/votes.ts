/**
 * What a server answers to a vote.
 *
 *   [oid, …]                                       objects whose records are not those that were sent
 *   [{oid, serials: (committed, read), data}, …]   conflicts that the client is to resolve
 *
 * @module
 */

import { Dict, recordClass, type Value } from "../pickle/mod.ts";
import type { ConflictResolver } from "../storage/mod.ts";
import { ConflictError, type Oid, type Tid, type UnresolvedConflict } from "../values/mod.ts";
import { bytesOf, itemsOf, oidOf, tidOf } from "./replies.ts";

/** See the module. */
export interface Vote {
  /** Objects whose records are not those that were sent. */
  readonly resolved: readonly Oid[];
  /** Conflicts to resolve; then it is to be voted again. */
  readonly conflicts: readonly UnresolvedConflict[];
}

/** The answer to `vote`. */
export function voteOf(value: Value): Vote {
  const resolved: Oid[] = [], conflicts: UnresolvedConflict[] = [];
  for (const item of itemsOf(value ?? [], "oids or conflicts")) {
    if (!(item instanceof Dict)) {
      resolved.push(oidOf(item));
      continue;
    }
    const [committed, read] = itemsOf(item.get("serials"), "two serials");
    conflicts.push({
      oid: oidOf(item.get("oid")),
      committed: tidOf(committed),
      read: tidOf(read),
      data: bytesOf(item.get("data")),
    });
  }
  return { resolved, conflicts };
}

/**
 * Merges what this client wants to store with what somebody else has.
 * @throws {ConflictError} when that can't be done.
 */
export async function mergeConflict(
  conflict: UnresolvedConflict,
  resolver: ConflictResolver,
  load: (oid: Oid, serial: Tid) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const { oid, committed, read, data } = conflict;
  const failure = () => new ConflictError({ oid, committed, read, ...classNameOf(data) });
  let records: [Uint8Array, Uint8Array];
  try {
    records = await Promise.all([load(oid, committed), load(oid, read)]);
  } catch (cause) {
    const error = failure();
    error.cause = cause;
    throw error;
  }
  const merged = resolver.resolve({
    oid,
    committed,
    read,
    newData: data,
    load: (serial) => records[serial === committed ? 0 : 1],
  });
  if (!merged) throw failure();
  return merged;
}

function classNameOf(data: Uint8Array): { readonly className?: string } {
  const found = recordClass(data);
  return found ? { className: String(found) } : {};
}

/**
 * The index files of old: one pickle, of a dict.
 *
 *   {"pos": int, "index": fsIndex with the state {"_data": [(prefix 6, bucket 8n), …]}}
 *   {"pos": int, "index": {oid 8: position, …}}
 *
 * Python 2 wrote bytes as its str; Python 3, in the protocols without bytes, as a call of `_codecs.encode`.
 *
 * @module
 */

import { read64 } from "../../values/mod.ts";
import { Dict, Global, Instance, Tuple, type Value } from "../../pickle/mod.ts";
import { readBucket } from "./index_file_bucket.ts";
import { OidIndex } from "./oid_index.ts";

/**
 * The index that an old file's pickle holds, and where the data that it covers ends.
 *
 * @throws {Error} when it is something else.
 */
export function readLegacyIndex(value: Value): { index: OidIndex; end: number } {
  const end = value instanceof Dict ? value.get("pos") : undefined;
  const content = value instanceof Dict ? value.get("index") : undefined;
  if (typeof end !== "number" || content === undefined) {
    throw new Error('expected an int, or a dict with "index" and "pos"');
  }
  const index = new OidIndex();
  for (const [key, positions] of pairs(content)) {
    if (typeof positions === "number") readEntry(index, bytesOf(key), positions, end);
    else readBucket(index, bytesOf(key), bytesOf(positions), end);
  }
  return { index, end };
}

/** Oids with positions, or prefixes with buckets. */
function* pairs(content: Value): Generator<readonly Value[], void> {
  if (content instanceof Dict) {
    yield* content.entries();
    return;
  }
  const data = isFsIndex(content) && content.state instanceof Dict ? content.state.get("_data") : undefined;
  if (!Array.isArray(data)) throw new Error("expected an fsIndex with its buckets in a list, or a dict");
  for (const pair of data) {
    if (!(pair instanceof Tuple && pair.length === 2)) {
      throw new Error("expected a pair of prefix and bucket");
    }
    yield pair.items;
  }
}

function isFsIndex(value: Value): value is Instance {
  if (!(value instanceof Instance)) return false;
  if (value.isA("ZODB.fsIndex", "fsIndex")) return true;
  const [made] = value.args.items;
  return value.isA("copyreg", "_reconstructor") && made instanceof Global &&
    made.toString() === "ZODB.fsIndex.fsIndex";
}

function readEntry(index: OidIndex, oid: Uint8Array, position: number, end: number): void {
  if (oid.length !== 8 || position >= end) {
    throw new Error(
      `position ${position} for an oid of ${oid.length} bytes, expected one before ${end} and 8`,
    );
  }
  index.set(read64(oid, 0), position);
}

/** Bytes in any of the ways that they were pickled; a str stands for its characters' codes. */
function bytesOf(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text = value instanceof Instance && value.isA("_codecs", "encode") ? value.args.items[0] : value;
  if (typeof text !== "string") throw new Error("expected bytes");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

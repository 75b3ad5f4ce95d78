/**
 * Storages whose records are compressed, compatible with `zc.zlibstorage`.
 *
 * {@linkcode ZlibStorage} compresses what it is given and gives it back as it was. {@linkcode ServerZlibStorage} is
 * for a server whose clients do that themselves: records pass through as they are, and only merging looks into them,
 * with {@linkcode mergeCompressed}. (A pack looks into compressed records anyway.)
 *
 * @module
 */

import { ConflictResolver } from "../conflict/mod.ts";
import { type Merge, mergeWith } from "../file/merge.ts";
import type { Storage } from "../storage.ts";
import { compressRecord, decompressRecord } from "./compressed_record.ts";
import { type Transform, TransformingStorage } from "./transforming_storage.ts";

const unchanged: Transform = (record) => record;

/**
 * Merges compressed records: their content is merged, and the result is compressed if one of the changes was.
 *
 * @param merge How their content is merged; as ZODB's own classes say, unless told otherwise.
 */
export function mergeCompressed(merge: Merge = mergeWith(new ConflictResolver())): Merge {
  return ({ oid, old, committed, changed }) => {
    const merged = merge({
      oid,
      old: decompressRecord(old),
      committed: decompressRecord(committed),
      changed: decompressRecord(changed),
    });
    if (merged === undefined) return undefined;
    return decompressRecord(changed) !== changed || decompressRecord(committed) !== committed
      ? compressRecord(merged)
      : merged;
  };
}

/** How a {@linkcode ZlibStorage} treats new records. */
export interface ZlibStorageOptions {
  /** Whether new records are compressed; true unless told otherwise. Compressed ones are always understood. */
  readonly compress?: boolean;
}

/**
 * A storage that keeps its records compressed in another one, as `zc.zlibstorage` does.
 *
 * The storage inside sees compressed records: where it merges changes, it has to be opened with
 * {@linkcode mergeCompressed}.
 *
 * @example
 * ```ts
 * import { MappingStorage, ZlibStorage } from "../mod.ts";
 *
 * await using storage = new ZlibStorage(new MappingStorage());
 * ```
 */
export class ZlibStorage extends TransformingStorage {
  /** Puts compression around a storage. @param base The storage for the compressed records; it is closed with this one. */
  constructor(base: Storage, options: ZlibStorageOptions = {}) {
    super("ZlibStorage", base, options.compress ?? true ? compressRecord : unchanged, decompressRecord);
  }
}

/**
 * A storage for a server whose clients compress their records: it passes them on as they are.
 */
export class ServerZlibStorage extends TransformingStorage {
  /** Puts it around a storage. @param base The storage for the records; it is closed with this one. */
  constructor(base: Storage) {
    super("ServerZlibStorage", base, unchanged, unchanged);
  }
}

/**
 * Reading export files; `export.ts` shows their bytes.
 *
 * @module
 */

import {
  Dict,
  Instance,
  PersistentReference,
  readRecord,
  Tuple,
  type Value,
  type Writable,
  writeRecord,
} from "../pickle/mod.ts";
import {
  type Awaitable,
  equalBytes,
  ExportError,
  formatOid,
  NO_TID,
  type Oid,
  oidBytes,
  oidFromBytes,
  readPosition,
  Unsupported,
} from "../values/mod.ts";
import { remove } from "./blob/blob.ts";
import { BLOB_START, EXPORT_END, EXPORT_HEADER, isBlobRecord } from "./export.ts";
import type { WrittenRecord } from "./savepoint_store.ts";
import { parsePersistentId } from "./serialization/persistent_id.ts";

/** What an import needs. */
export interface ImportOptions {
  readonly newOids: { newOids(count: number): Awaitable<Oid[]> };
  /** Where contents of blobs are put; undefined where there can't be any. */
  readonly blobDirectory: string | undefined;
}

/** What was in an export file, under new ids. */
export interface Imported {
  readonly root: Oid;
  readonly records: (readonly [Oid, WrittenRecord])[];
}

/** A record of this length is not one. */
const MAX_RECORD = 1 << 30;
const COPY = 1 << 16;

/** Reads an export file. @throws {ExportError} when it is none, or ends too early. */
export async function importGraph(path: string, options: ImportOptions): Promise<Imported> {
  using file = await Deno.open(path);
  const objects = new Map<Oid, { readonly data: Uint8Array; readonly blob?: string }>();
  try {
    for await (const [oid, object] of readObjects(file, options)) objects.set(oid, object);
    const [first] = objects.keys();
    if (first === undefined) throw new ExportError(`${path}: there is no object in it`);
    const fresh = await options.newOids.newOids(objects.size);
    const ids = new Map([...objects.keys()].map((oid, i) => [oid, fresh[i]]));
    const records = [...objects].map(([oid, { data, blob }]) =>
      [ids.get(oid)!, { data: renumbered(data, ids), serial: NO_TID, blob }] as const
    );
    return { root: ids.get(first)!, records };
  } catch (error) {
    for (const { blob } of objects.values()) if (blob !== undefined) remove(blob);
    throw error;
  }
}

type ReadObject = readonly [Oid, { readonly data: Uint8Array; readonly blob?: string }];

async function* readObjects(file: Deno.FsFile, options: ImportOptions): AsyncGenerator<ReadObject> {
  const start = new Uint8Array(EXPORT_HEADER.length);
  if (await readFully(file, start) < start.length || !equalBytes(start, EXPORT_HEADER)) {
    throw new ExportError("invalid export header: expected ZEXP");
  }
  const header = new Uint8Array(16), mark = new Uint8Array(BLOB_START.length);
  while (true) {
    await readAll(file, header);
    if (equalBytes(header, EXPORT_END)) return;
    const oid = oidFromBytes(header), length = readPosition(header, 8);
    if (length > MAX_RECORD) throw new ExportError(`object ${oid}: a record of ${length} bytes`);
    const data = new Uint8Array(length);
    await readAll(file, data);
    const read = await readFully(file, mark);
    if (read === mark.length && equalBytes(mark, BLOB_START)) {
      yield [oid, { data, blob: await readBlob(file, options) }];
    } else {
      if (isBlobRecord(data)) {
        throw new ExportError(`blob ${formatOid(oid)}: its contents are not in the file`);
      }
      await file.seek(-read, Deno.SeekMode.Current);
      yield [oid, { data }];
    }
  }
}

async function readBlob(file: Deno.FsFile, { blobDirectory }: ImportOptions): Promise<string> {
  if (blobDirectory === undefined) throw new Unsupported("the export has blobs, the storage keeps none");
  const length = new Uint8Array(8);
  await readAll(file, length);
  const path = await Deno.makeTempFile({ dir: blobDirectory, prefix: "blob-" });
  try {
    using blob = await Deno.open(path, { write: true });
    for (let left = readPosition(length, 0); left > 0;) {
      const piece = new Uint8Array(Math.min(left, COPY));
      await readAll(file, piece);
      left -= piece.length;
      for (let at = 0; at < piece.length;) at += await blob.write(piece.subarray(at));
    }
  } catch (error) {
    remove(path);
    throw error;
  }
  return path;
}

async function readAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  if (await readFully(file, bytes) < bytes.length) throw new ExportError("truncated export file");
}

async function readFully(file: Deno.FsFile, bytes: Uint8Array): Promise<number> {
  let at = 0;
  while (at < bytes.length) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) break;
    at += count;
  }
  return at;
}

/** The record with references to the imported objects under their new ids. Others stay as they are. */
function renumbered(data: Uint8Array, ids: ReadonlyMap<Oid, Oid>): Uint8Array {
  const parts = readRecord(data), bytes = new Map<Oid, Uint8Array>(), seen = new Set<object>();
  const idOf = (oid: Oid) => {
    const renamed = ids.get(oid);
    if (renamed === undefined) return undefined;
    let id = bytes.get(renamed);
    if (!id) bytes.set(renamed, id = oidBytes(renamed));
    return id;
  };
  const waiting: Value[] = [parts.class, parts.state];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PersistentReference) {
      (value as { pid: Value }).pid = renumberedId(value.pid, idOf);
    } else if (value instanceof Dict) waiting.push(...value.flat());
    else if (value instanceof Tuple) waiting.push(...value.items);
    else if (Array.isArray(value)) waiting.push(...value);
    else if (value instanceof Instance) {
      waiting.push(value.class, value.args, value.state ?? null, value.keywords ?? null);
      waiting.push(value.dictItems ?? null, value.listItems ?? null);
    }
  }
  return writeRecord(parts.class as Writable, parts.state as Writable);
}

function renumberedId(pid: Value, idOf: (oid: Oid) => Uint8Array | undefined): Value {
  const { oid, class: description, database, weak } = parsePersistentId(pid);
  const id = database === undefined ? idOf(oid) : undefined;
  if (id === undefined) return pid;
  if (weak) return ["w", new Tuple([id])];
  return description === undefined ? id : new Tuple([id, description]);
}

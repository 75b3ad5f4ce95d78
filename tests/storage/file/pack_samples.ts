/**
 * Databases to pack.
 *
 * @module
 */

import { Global, PersistentReference, recordReferences, tuple, writeRecord } from "../../../pickle/mod.ts";
import { FileStorage, type FileStorageOptions, realDisk } from "../../../storage/mod.ts";
import { MAX_TID, NO_TID, type Oid, oid, oidBytes, POSKeyError, type Tid } from "../../../values/mod.ts";
import { nobody } from "../samples.ts";

const mapping = new Global("persistent.mapping", "PersistentMapping");

/** The machine's disk, under which this thread does the packing itself. */
export const thisThread = { ...realDisk };

/** A record with some text and references. */
export function linked(text: string, references: readonly number[] = []): Uint8Array {
  const links = references.map((id) => new PersistentReference(tuple(oidBytes(oid(id)), mapping)));
  return writeRecord(mapping, { text, links });
}

/** What an object is now; its serial is NO_TID when it is not there. */
export function current(storage: FileStorage, id: number | Oid): { serial: Tid; data: Uint8Array | null } {
  try {
    const loaded = storage.loadBefore(oid(id), MAX_TID);
    return loaded ?? { serial: NO_TID, data: null };
  } catch (error) {
    if (error instanceof POSKeyError) return { serial: NO_TID, data: null };
    throw error;
  }
}

/** An object's newest revision, be it that it is gone. */
function newestSerial(storage: FileStorage, id: Oid): Tid {
  try {
    return storage.history(id, 1)[0].tid;
  } catch (error) {
    if (error instanceof POSKeyError) return NO_TID;
    throw error;
  }
}

/** Stores new revisions of objects, from their current ones. */
export async function put(storage: FileStorage, records: Readonly<Record<number, Uint8Array>>): Promise<Tid> {
  const transaction = storage.begin(nobody);
  for (const [id, data] of Object.entries(records)) {
    transaction.store(oid(Number(id)), newestSerial(storage, oid(Number(id))), data);
  }
  await transaction.vote();
  return await transaction.finish();
}

/** What can be reached from the root just before a transaction, each with its serial and text. */
export function reachable(storage: FileStorage, before: Tid = MAX_TID): Map<Oid, string> {
  const found = new Map<Oid, string>();
  const todo: Oid[] = [oid(0)];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (found.has(next)) continue;
    let loaded;
    try {
      loaded = storage.loadBefore(next, before);
    } catch (error) {
      if (!(error instanceof POSKeyError)) throw error;
    }
    found.set(next, loaded ? `${loaded.serial} ${loaded.data.toHex()}` : "missing");
    if (loaded) todo.push(...recordReferences(loaded.data));
  }
  return found;
}

/** Opens a storage in a new folder, and removes that afterwards. */
export async function withDatabase(
  body: (storage: FileStorage, path: string) => Promise<void>,
  options: FileStorageOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using storage = FileStorage.open(`${folder}/Data.fs`, options);
    await body(storage, `${folder}/Data.fs`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A root with some objects, each in a few revisions, and as many that nothing refers to. */
export async function fill(storage: FileStorage, count = 20): Promise<void> {
  const ids = Array.from({ length: count }, (_, place) => place + 1);
  const all = (text: string) => Object.fromEntries(ids.map((id) => [id, linked(`${text} ${id}`)]));
  await put(storage, { 0: linked("root", ids.filter((id) => id % 2 === 1)), ...all("first") });
  await put(storage, all("second"));
  await put(storage, all("third"));
}

/** The present, for the pack time. */
export const now = (): number => Date.now() / 1000 + 1;

/**
 * A FileStorage on a disk of the test's choice.
 *
 * @module
 */

import { FileStorage, type FileStorageOptions } from "../../../storage/mod.ts";
import { MAX_TID, oid, POSKeyError } from "../../../values/mod.ts";
import { FaultyDisk } from "../faulty_disk.ts";
import { textOf } from "../samples.ts";

/** What a test has: a disk, and a path for its data file. */
export interface Place {
  disk: FaultyDisk;
  readonly path: string;
  /** Opens the storage; closed after the test, if the test hasn't. */
  open(options?: FileStorageOptions): FileStorage;
}

/** Gives a test an empty disk. The folder of the path is real, since the lock file needs one. */
export async function onDisk(body: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const opened: FileStorage[] = [];
  const place: Place = {
    disk: new FaultyDisk(),
    path: `${folder}/Data.fs`,
    open(options = {}) {
      const storage = FileStorage.open(place.path, { disk: place.disk, ...options });
      opened.push(storage);
      return storage;
    },
  };
  try {
    await body(place);
  } finally {
    place.disk.releaseSyncs();
    for (const storage of opened) await storage.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The texts of the current records of objects 0 to `count - 1`; null where there is none. */
export function texts(storage: FileStorage, count: number): (string | null)[] {
  return Array.from({ length: count }, (_, id) => {
    try {
      return textOf(storage.loadBefore(oid(id), MAX_TID)!.data);
    } catch (error) {
      if (error instanceof POSKeyError) return null;
      throw error;
    }
  });
}

/** Lets everything that can go on without the disk go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

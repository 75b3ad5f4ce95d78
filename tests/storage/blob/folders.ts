/**
 * Storages with blobs in a folder that goes away with the test, and what is in it.
 *
 * @module
 */

import {
  BlobDirectory,
  type BlobDirectoryOptions,
  type BlobStorage,
  type Disk,
  FileStorage,
  MappingStorage,
  realDisk,
  StorageWithBlobs,
} from "../../../storage/mod.ts";
import { NO_TID, oid, type Tid } from "../../../values/mod.ts";
import { bytes, nobody } from "../samples.ts";

/** The record that Python writes for every blob. */
export const BLOB_RECORD = Uint8Array.fromHex("800363" + "5a4f44422e626c6f620a426c6f620a" + "71002e80034e2e");

/** A kind of storage that keeps blobs, in `Data.fs` and `blobs` of a folder. */
export interface Kind {
  readonly name: string;
  /** Whether what it has is there when it is opened again. */
  readonly durable: boolean;
  open(folder: string, options?: BlobDirectoryOptions, disk?: Disk): BlobStorage;
}

export const kinds: readonly Kind[] = [
  {
    name: "FileStorage",
    durable: true,
    open: (folder, options, disk = realDisk) =>
      FileStorage.open(`${folder}/Data.fs`, {
        blobDir: BlobDirectory.open(`${folder}/blobs`, options),
        disk,
      }),
  },
  {
    name: "blobs around a FileStorage",
    durable: true,
    open: (folder, options, disk = realDisk) =>
      new StorageWithBlobs(
        FileStorage.open(`${folder}/Data.fs`, { disk }),
        BlobDirectory.open(`${folder}/blobs`, options),
      ),
  },
  {
    name: "blobs around a MappingStorage",
    durable: false,
    open: (folder, options) =>
      new StorageWithBlobs(new MappingStorage(), BlobDirectory.open(`${folder}/blobs`, options)),
  },
];

/** Gives a test a folder. */
export async function inFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A test for every kind of storage with blobs. */
export function everyBlobStorage(
  name: string,
  body: (storage: BlobStorage, folder: string) => Promise<void>,
): void {
  for (const kind of kinds) {
    Deno.test(`${name} (${kind.name})`, () =>
      inFolder(async (folder) => {
        await using storage = kind.open(folder);
        await body(storage, folder);
      }));
  }
}

/** Writes a temporary file, as a server does. */
export function received(storage: BlobStorage, content: string): string {
  const blob = storage.receiveBlob();
  blob.write(bytes(content));
  blob.close();
  return blob.path;
}

/** Commits one blob. */
export async function commitBlob(
  storage: BlobStorage,
  id: number,
  serial: Tid,
  content: string,
): Promise<Tid> {
  const transaction = storage.begin(nobody);
  transaction.storeBlob(oid(id), serial, BLOB_RECORD, received(storage, content));
  await transaction.vote();
  return await transaction.finish();
}

/** Commits revisions of one blob. */
export async function blobRevisions(
  storage: BlobStorage,
  id: number,
  contents: readonly string[],
): Promise<Tid[]> {
  const tids: Tid[] = [];
  for (const content of contents) tids.push(await commitBlob(storage, id, tids.at(-1) ?? NO_TID, content));
  return tids;
}

/** The content of a blob's revision. */
export function contentOf(storage: BlobStorage, id: number, serial: Tid): string {
  return Deno.readTextFileSync(storage.loadBlob(oid(id), serial) as string);
}

/** All files below a folder and their texts; `.layout` is left out. */
export function filesBelow(folder: string, prefix = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (
    const { name, isDirectory } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)
  ) {
    if (isDirectory) Object.assign(found, filesBelow(`${folder}/${name}`, `${prefix}${name}/`));
    else if (name !== ".layout") found[`${prefix}${name}`] = Deno.readTextFileSync(`${folder}/${name}`);
  }
  return found;
}

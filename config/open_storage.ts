/**
 * Opening the storages that a configuration describes.
 *
 * @module
 */

import {
  BeforeStorage,
  BlobDirectory,
  DemoStorage,
  FileStorage,
  MappingStorage,
  type Merge,
  mergeCompressed,
  ServerZlibStorage,
  type Storage,
  StorageWithBlobs,
  ZlibStorage,
} from "../storage/mod.ts";
import { firstUnseen } from "./before_section.ts";
import { clientKeysWithoutEffect, openClientStorage } from "./open_client.ts";
import type { DemoStorageSection, StorageSection } from "./storage_sections.ts";

/** What a storage is opened with, and what about it has no effect yet. */
export interface OpenedStorage {
  /** The storage, open. */
  readonly storage: Storage;
  /** For the log: keys that are understood and do nothing so far. */
  readonly withoutEffect: readonly string[];
}

/** What the original calls the class behind a kind of section, for the log. */
export function storageKind(section: StorageSection): string {
  const kinds: Readonly<Record<string, string>> = {
    filestorage: "FileStorage",
    mappingstorage: "MappingStorage",
    blobstorage: "BlobStorage",
    demostorage: "DemoStorage",
    zlibstorage: "ZlibStorage",
    serverzlibstorage: "ServerZlibStorage",
    before: "Before",
    clientstorage: "ClientStorage",
    zeoclient: "ZEOClient",
  };
  return kinds[section.type] ?? section.type;
}

/**
 * Opens a storage, and those inside it. One that another server serves is connected.
 *
 * @param options.merge How concurrent changes to one object are merged; as ZODB's own classes say, unless told
 * otherwise.
 * @throws what opening it throws: {@linkcode LockError}, {@linkcode FileStorageError}, {@linkcode ClientDisconnected} …
 */
export async function openStorage(
  section: StorageSection,
  options: { readonly merge?: Merge } = {},
): Promise<OpenedStorage> {
  switch (section.type) {
    case "filestorage": {
      const { path, create, readOnly, quota, recordCacheSize: cacheSize, blobDir, packGc, packKeepOld } =
        section;
      const { merge } = options;
      const storage = FileStorage.open(path, {
        ...{ create, readOnly, quota, cacheSize, blobDir, packGc, packKeepOld, merge },
      });
      return {
        storage,
        withoutEffect: section.packer === undefined ? [] : ["packer"],
      };
    }
    case "mappingstorage":
      return { storage: new MappingStorage(section.label), withoutEffect: [] };
    case "blobstorage": {
      // The directory first: what is wrong with it is known before anything is open.
      const directory = BlobDirectory.open(section.blobDir);
      const { storage, withoutEffect } = await openStorage(section.base, options);
      return { storage: new StorageWithBlobs(storage, directory), withoutEffect };
    }
    case "before": {
      const before = firstUnseen(section);
      const { storage, withoutEffect } = await openStorage(section.base, options);
      return { storage: new BeforeStorage(storage, before), withoutEffect };
    }
    case "demostorage":
      return await openDemoStorage(section, options);
    case "zlibstorage":
    case "serverzlibstorage": {
      // The storage inside sees compressed records when it merges.
      const merge = mergeCompressed(options.merge);
      const { storage, withoutEffect } = await openStorage(section.base, { ...options, merge });
      return {
        storage: section.type === "zlibstorage"
          ? new ZlibStorage(storage, { compress: section.compress })
          : new ServerZlibStorage(storage),
        withoutEffect,
      };
    }
    case "clientstorage":
    case "zeoclient":
      return {
        storage: await openClientStorage(section),
        withoutEffect: clientKeysWithoutEffect(section),
      };
  }
}

async function openDemoStorage(
  section: DemoStorageSection,
  options: { readonly merge?: Merge },
): Promise<OpenedStorage> {
  const base = section.base && await openStorage(section.base, options);
  try {
    const changes = section.changes && await openStorage(section.changes, options);
    return {
      storage: new DemoStorage({
        name: section.label,
        base: base?.storage,
        changes: changes?.storage,
        merge: options.merge,
      }),
      withoutEffect: [...base?.withoutEffect ?? [], ...changes?.withoutEffect ?? []],
    };
  } catch (error) {
    // Nobody else can close it; that it could not be closed either is not what was wrong first.
    Promise.resolve(base?.storage.close()).catch(() => {});
    throw error;
  }
}

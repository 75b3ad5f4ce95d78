/**
 * Opening the storages that a configuration describes.
 *
 * @module
 */

import {
  BlobDirectory,
  FileStorage,
  MappingStorage,
  type Storage,
  StorageWithBlobs,
} from "../storage/mod.ts";
import { ConfigurationError } from "./errors.ts";
import type { StorageSection } from "./storage_sections.ts";

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
  };
  return kinds[section.type] ?? section.type;
}

/**
 * Opens a storage.
 *
 * @throws {ConfigurationError} for a kind that can't be opened by this version.
 * @throws what opening it throws: {@linkcode LockError}, {@linkcode FileStorageError} …
 */
export function openStorage(section: StorageSection): OpenedStorage {
  switch (section.type) {
    case "filestorage": {
      const { path, create, readOnly, quota, blobDir } = section;
      const storage = FileStorage.open(path, { create, readOnly, quota, blobDir });
      const withoutEffect = [
        section.packer !== undefined && "packer",
        !section.packGc && "pack-gc",
        !section.packKeepOld && "pack-keep-old",
      ].filter((key) => typeof key === "string");
      return { storage, withoutEffect };
    }
    case "mappingstorage":
      return { storage: new MappingStorage(section.label), withoutEffect: [] };
    case "blobstorage": {
      // The directory first: what is wrong with it is known before anything is open.
      const directory = BlobDirectory.open(section.blobDir);
      const { storage, withoutEffect } = openStorage(section.base);
      return { storage: new StorageWithBlobs(storage, directory), withoutEffect };
    }
  }
  throw new ConfigurationError(
    section.position,
    "this version can't open it yet; expected <filestorage>, <mappingstorage> or <blobstorage>",
    { section: section.type },
  );
}

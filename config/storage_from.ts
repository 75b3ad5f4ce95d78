/**
 * Opening the storage that a text, a file or a URI describes.
 *
 * @module
 */

import type { Merge, Storage } from "../storage/mod.ts";
import { readStorageText } from "./database_configuration.ts";
import { parseDatabaseUri } from "./database_uri.ts";
import { configurationHost } from "./host.ts";
import { openStorage } from "./open_storage.ts";
import { type ConfigurationOptions, readConfigurationFile } from "./server_configuration.ts";

/** How a description is read, and what it describes opened. */
export interface StorageFromOptions extends ConfigurationOptions {
  /** How concurrent changes to one object are merged; as ZODB's own classes say, unless told otherwise. */
  readonly merge?: Merge;
}

/**
 * Opens the storage that a configuration text describes: one storage section, with the `%import` that it needs.
 *
 * @param file What error messages call the text; `%include` looks for files beside it.
 * @throws {ConfigurationError} which says where the mistake is, and what was expected.
 * @throws what opening it throws: `LockError`, `FileStorageError`, `ClientDisconnected` …
 *
 * @example
 * ```ts
 * import { storageFromString } from "./mod.ts";
 *
 * await using storage = await storageFromString("<mappingstorage/>");
 * ```
 */
export async function storageFromString(
  text: string,
  options: StorageFromOptions = {},
  file = "storage.conf",
): Promise<Storage> {
  const { storage } = await openStorage(readStorageText(text, options, file), { merge: options.merge });
  return storage;
}

/**
 * Opens the storage that a configuration file describes.
 *
 * @param location Path or `file:` URL.
 * @throws what {@linkcode storageFromString} throws.
 */
export async function storageFromFile(location: string, options: StorageFromOptions = {}): Promise<Storage> {
  const { path, text } = readConfigurationFile(location, configurationHost(options));
  return await storageFromString(text, options, path);
}

/**
 * Opens the storage that a URI names: see {@linkcode parseDatabaseUri}.
 *
 * @throws what {@linkcode storageFromString} throws.
 *
 * @example
 * ```ts ignore
 * await using storage = await storageFromURL("zeo://localhost:8100/main?wait_timeout=5");
 * ```
 */
export async function storageFromURL(uri: string | URL, options: StorageFromOptions = {}): Promise<Storage> {
  const section = parseDatabaseUri(String(uri), options).storage;
  const { storage } = await openStorage(section, { merge: options.merge });
  return storage;
}

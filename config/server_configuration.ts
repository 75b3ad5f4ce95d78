/**
 * The configuration of a server: one `<zeo>`, the storages that it serves, and where its log goes.
 *
 * @module
 */

import { ConfigurationError } from "./errors.ts";
import { type PlacedEventlog, readEventlog } from "./handler_sections.ts";
import { type ConfigurationHost, configurationHost } from "./host.ts";
import { LocationError, toPath } from "./location.ts";
import { applyOverrides } from "./overrides.ts";
import { readRunnerSection, type RunnerSection } from "./runner_section.ts";
import { PACKAGE_NAMES, readKeys, readSections, sectionError } from "./schema.ts";
import { readStorageSection, type StorageSection, storageSlot } from "./storage_sections.ts";
import { type ParsedSection, parseSyntax } from "./syntax.ts";
import { readZeoSection, type ZeoSection } from "./zeo_section.ts";

/** All that a server is told. */
export interface ServerConfiguration {
  /** How to serve. */
  readonly zeo: ZeoSection;
  /** At least one; their names differ. */
  readonly storages: readonly StorageSection[];
  /** Where the log goes; undefined where nothing is said about it. */
  readonly eventlog?: PlacedEventlog;
  /** What a supervisor is told; undefined where nothing is said about it. */
  readonly runner?: RunnerSection;
  /** The file that it was read from; undefined for none. */
  readonly source?: string;
}

/** How a configuration is read. */
export interface ConfigurationOptions extends Partial<ConfigurationHost> {
  /** Values in place of those in the file, as `path/to/key=value`: `zeo/read-only=true`. */
  readonly overrides?: readonly string[];
}

/** The name that clients ask for when nobody names a storage. */
export const DEFAULT_STORAGE_NAME = "1";

/** The text of a configuration file, named by path or `file:` URL. Throws {@link ConfigurationError}. */
export function readConfigurationFile(
  location: string,
  host: ConfigurationHost,
): { readonly path: string; readonly text: string } {
  const refuse = (problem: string) => new ConfigurationError({ file: location, line: 0 }, problem);
  let path: string;
  try {
    path = toPath(location);
  } catch (error) {
    throw error instanceof LocationError ? refuse(error.message) : error;
  }
  try {
    return { path, text: host.read(path) };
  } catch (error) {
    throw refuse(`can't read it: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function nameStorages(
  sections: readonly ParsedSection[],
  storages: readonly StorageSection[],
): StorageSection[] {
  const unnamed = sections.filter(({ name }) => name === undefined);
  if (unnamed.length > 1) {
    throw sectionError(
      unnamed[1],
      `expected a name, for example <${unnamed[1].type} 2>; ` +
        `the storage of line ${unnamed[0].position.line} is the one that may have none`,
    );
  }
  const one = sections.find(({ name }) => name === DEFAULT_STORAGE_NAME);
  if (unnamed.length === 1 && one !== undefined) {
    throw sectionError(
      unnamed[0],
      `expected a name: without one it is "${DEFAULT_STORAGE_NAME}", and so is the storage of line ${one.position.line}`,
    );
  }
  return storages.map((storage) => ({ ...storage, name: storage.name || DEFAULT_STORAGE_NAME }));
}

/**
 * What a server's configuration says.
 *
 * Throws {@link ConfigurationError} on the first mistake.
 *
 * @param file What positions call the text; `%include` looks for files beside it.
 *
 * @example
 * ```ts
 * import { parseServerConfiguration } from "./mod.ts";
 *
 * const configuration = parseServerConfiguration(`
 *   <zeo>
 *     address localhost:8100
 *   </zeo>
 *   <mappingstorage>
 *   </mappingstorage>
 * `);
 * configuration.storages[0].name; // "1"
 * ```
 */
export function parseServerConfiguration(
  text: string,
  options: ConfigurationOptions = {},
  file = "zeo.conf",
): ServerConfiguration {
  const host = configurationHost(options);
  const parsed = parseSyntax(text, file, { host, packages: PACKAGE_NAMES });
  const root = applyOverrides(parsed, options.overrides ?? []);
  readKeys(root, {}, host);
  const { zeo: [zeo], storages, eventlog: [eventlog], runner: [runner] } = readSections(root, {
    zeo: { noun: "a <zeo> section", types: ["zeo"], least: 1, most: 1 },
    storages: storageSlot(1, Infinity),
    eventlog: { noun: "<eventlog>", types: ["eventlog"], least: 0, most: 1 },
    runner: { noun: "<runner>", types: ["runner"], least: 0, most: 1 },
  });
  return {
    zeo: readZeoSection(zeo, host),
    storages: nameStorages(storages, storages.map((storage) => readStorageSection(storage, host))),
    eventlog: eventlog === undefined ? undefined : readEventlog(eventlog, host),
    runner: runner === undefined ? undefined : readRunnerSection(runner, host),
  };
}

/**
 * What the configuration file of a server says.
 *
 * Throws {@link ConfigurationError} when it can't be read, and on its first mistake.
 *
 * @param location Path or `file:` URL.
 */
export function loadServerConfiguration(
  location: string,
  options: ConfigurationOptions = {},
): ServerConfiguration {
  const { path, text } = readConfigurationFile(location, configurationHost(options));
  return { ...parseServerConfiguration(text, options, path), source: path };
}

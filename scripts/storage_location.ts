/**
 * Opening a storage that a command line names: a Data.fs, a server, a URI, or a configuration file that describes one.
 *
 * @module
 */

import { resolve } from "@std/path";
import {
  type FileStorageSection,
  openStorage,
  parseDatabaseConfiguration,
  parseDatabaseUri,
  parseServerConfiguration,
  type StorageSection,
} from "../config/mod.ts";
import { FileStorage, type Storage } from "../storage/mod.ts";
import { Failure } from "./command.ts";

/** A storage that isn't open yet. */
export type StorageLocation =
  | { readonly kind: "file"; readonly path: string; readonly blobDir?: string }
  | { readonly kind: "section"; readonly name: string; readonly section: StorageSection };

/** How a storage is opened. */
export interface OpenLocationOptions {
  /** Change nothing. */
  readonly readOnly?: boolean;
  /** Start with an empty one. */
  readonly create?: boolean;
  /** Refuse a Data.fs that isn't there, instead of making one. */
  readonly existing?: boolean;
}

/** Bytes that a configuration file may have. */
const LONGEST_CONFIGURATION = 1 << 20;

const URI = /^(zeo|file|memory|zconfig):\/\//i;
const SERVER = /^(\[[^\]/]*\]|[^/:[\]]*):\d+$/;

/**
 * What a name stands for: a path of a Data.fs; a server, as `HOST:PORT`, the path of its Unix socket or `zeo://…`; another
 * URI (see `parseDatabaseUri`); `FILE.conf` or `FILE.conf#NAME` for a storage of a configuration.
 *
 * A configuration is a server's, a client's with `<zodb>` sections, or just storages. Without a name the first counts.
 *
 * @throws {ConfigurationError} when the configuration has a mistake; {@linkcode Failure} when it has no such storage.
 */
export function locateStorage(name: string, blobDir?: string): StorageLocation {
  const location = locate(name, blobDir);
  if (blobDir === undefined || location.kind === "file") return location;
  return { ...location, section: withBlobs(location, blobDir) };
}

function locate(name: string, blobDir: string | undefined): StorageLocation {
  if (URI.test(name)) return locateUri(name);
  const kind = kindOf(name);
  if (kind === "socket") return locateUri(`zeo://${resolve(name)}`);
  if (kind === "nothing" && SERVER.test(name)) return locateUri(`zeo://${name}`);
  const match = /^(.*\.conf)(?:#(.*))?$/.exec(name);
  if (match) return locateSection(match[1], match[2]);
  return { kind: "file", path: name, blobDir };
}

function locateUri(uri: string): StorageLocation {
  const section = parseDatabaseUri(uri).storage;
  // The position shows no password.
  return { kind: "section", name: section.position.file, section };
}

/** Has a client keep blobs, where the name says nothing about them. */
function withBlobs(
  { name, section }: StorageLocation & { kind: "section" },
  blobDir: string,
): StorageSection {
  if (section.type === "clientstorage" && section.blobDir === undefined) return { ...section, blobDir };
  throw new Failure(`${name}: says itself where its blobs are`);
}

function kindOf(path: string): "file" | "socket" | "nothing" {
  try {
    return Deno.statSync(path).isSocket ? "socket" : "file";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return "nothing";
    throw error;
  }
}

/** A storage of a configuration file. @param wanted Its name; the first storage unless told otherwise. */
export function locateSection(file: string, wanted: string | undefined): StorageLocation {
  const sections = sectionsOf(file);
  const section = wanted === undefined
    ? sections[0]
    : sections.find(({ name }) => name === wanted.toLowerCase());
  if (section !== undefined) return { kind: "section", name: `${file}#${section.name}`, section };
  const names = sections.map(({ name }) => JSON.stringify(name)).join(", ");
  throw new Failure(`${file}: has no storage ${JSON.stringify(wanted)}, but ${names}`);
}

function sectionsOf(file: string): readonly StorageSection[] {
  const { size } = Deno.statSync(file);
  if (size > LONGEST_CONFIGURATION) {
    throw new Failure(`${file}: has ${size} bytes, a configuration has at most ${LONGEST_CONFIGURATION}`);
  }
  const text = Deno.readTextFileSync(file);
  if (/^\s*<zodb\b/im.test(text)) {
    return parseDatabaseConfiguration(text, {}, file).databases
      .map(({ databaseName, storage }) => ({ ...storage, name: databaseName.toLowerCase() }));
  }
  // Storages alone are a server's without its address; the lines keep their numbers.
  const server = /^\s*<zeo\b(?!client)/im.test(text) ? text : `${text}\n<zeo>\naddress 0\n</zeo>\n`;
  return parseServerConfiguration(server, {}, file).storages;
}

/** Opens a storage. @throws what opening it throws. */
export async function openLocation(
  location: StorageLocation,
  options: OpenLocationOptions = {},
): Promise<Storage> {
  const { readOnly = false, create = false, existing = false } = options;
  if (location.kind === "file") {
    if (existing && kindOf(location.path) === "nothing") {
      throw new Failure(`${location.path}: no such file, expected a Data.fs, a server or FILE.conf#NAME`);
    }
    return FileStorage.open(location.path, { readOnly, create, blobDir: location.blobDir });
  }
  const { section, name } = location;
  if (create && fileSectionOf(section) === undefined) {
    throw new Failure(`${name}: only a <filestorage> can be cleared, this is a <${section.type}>`);
  }
  return (await openStorage(adapted(section, readOnly, create))).storage;
}

function adapted(section: StorageSection, readOnly: boolean, create: boolean): StorageSection {
  if (section.type === "filestorage") {
    // `create` in a configuration is for servers: a copy must not lose what was copied before it was broken off.
    return { ...section, readOnly: section.readOnly || readOnly, create };
  }
  if (section.type === "demostorage") {
    const { base, changes } = section;
    return {
      ...section,
      base: base && adapted(base, true, false),
      changes: changes && adapted(changes, readOnly, create),
    };
  }
  if (section.type === "clientstorage" || section.type === "zeoclient") {
    return { ...section, readOnly: section.readOnly || readOnly, wait: true };
  }
  return "base" in section ? { ...section, base: adapted(section.base, readOnly, create) } : section;
}

/** The `<filestorage>` that a section is, perhaps with blobs beside it. */
function fileSectionOf(section: StorageSection): FileStorageSection | undefined {
  if (section.type === "blobstorage") return fileSectionOf(section.base);
  return section.type === "filestorage" ? section : undefined;
}

/** The Data.fs that a location stands for, where it is one. */
export function dataFileOf(location: StorageLocation): string | undefined {
  return location.kind === "file" ? location.path : fileSectionOf(location.section)?.path;
}

/** The blob directory of such a file, where it has one. */
export function blobDirectoryOf(location: StorageLocation): string | undefined {
  if (location.kind === "file") return location.blobDir;
  return "blobDir" in location.section ? location.section.blobDir : undefined;
}

/** What a location is called in messages. */
export function locationName(location: StorageLocation): string {
  return location.kind === "file" ? location.path : location.name;
}

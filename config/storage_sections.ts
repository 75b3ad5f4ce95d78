/**
 * The sections that describe storages.
 *
 * @module
 */

import { BEFORE_KEYS, type BeforeKeys } from "./before_section.ts";
import {
  type ClientStorageSection,
  readClientStorage,
  readZeoClient,
  type ZeoClientSection,
} from "./client_sections.ts";
import { boolean, byteSize, existingDirpath, restricted, string } from "./datatypes.ts";
import type { Position } from "./errors.ts";
import type { ConfigurationHost } from "./host.ts";
import {
  type KeyTable,
  optional,
  readKeys,
  readSections,
  required,
  sectionError,
  type SectionSlot,
  withDefault,
} from "./schema.ts";
import type { ParsedSection } from "./syntax.ts";

/** What every storage section has. */
export interface StorageSectionBase {
  /** Name of the section, in lower case: the storage's id on a server. Empty for an unnamed one inside another. */
  readonly name: string;
  /** Where the section starts. */
  readonly position: Position;
}

/** `<filestorage>`: a Data.fs. */
export interface FileStorageSection extends StorageSectionBase {
  /** The type of the section. */
  readonly type: "filestorage";
  /** The file. */
  readonly path: string;
  /** Directory for blobs. */
  readonly blobDir?: string;
  /** Whether to throw away what the file has in it. */
  readonly create: boolean;
  /** Whether to make no changes. */
  readonly readOnly: boolean;
  /** Bytes that the file may grow to. */
  readonly quota?: number;
  /** Bytes of memory for records; what the storage takes by itself where it isn't said. A key of our own. */
  readonly recordCacheSize?: number;
  /** Dotted name of what packs, instead of the storage itself. */
  readonly packer?: string;
  /** Whether packing removes objects that nothing refers to. */
  readonly packGc: boolean;
  /** Whether packing keeps the old file. */
  readonly packKeepOld: boolean;
}

/** `<mappingstorage>`: memory only. */
export interface MappingStorageSection extends StorageSectionBase {
  /** The type of the section. */
  readonly type: "mappingstorage";
  /** What it is called in messages. */
  readonly label: string;
}

/** `<demostorage>`: changes beside a base that stays as it is. */
export interface DemoStorageSection extends StorageSectionBase {
  /** The type of the section. */
  readonly type: "demostorage";
  /** What it is called in messages. */
  readonly label?: string;
  /** What is there to begin with; undefined for nothing. */
  readonly base?: StorageSection;
  /** Where changes go; undefined for memory. */
  readonly changes?: StorageSection;
}

/** `<blobstorage>`: gives blobs to a storage that has none. */
export interface BlobStorageSection extends StorageSectionBase {
  /** The type of the section. */
  readonly type: "blobstorage";
  /** Directory for blobs. */
  readonly blobDir: string;
  /** The storage inside. */
  readonly base: StorageSection;
}

/** `<zlibstorage>`, and `<serverzlibstorage>` for records that clients compress. Known after `%import zc.zlibstorage`. */
export interface ZlibStorageSection extends StorageSectionBase {
  /** The type of the section. */
  readonly type: "zlibstorage" | "serverzlibstorage";
  /** Whether new records are compressed; compressed ones are always understood. */
  readonly compress: boolean;
  /** The storage inside. */
  readonly base: StorageSection;
}

/** `<before>`: a storage as it was. Known after `%import zc.beforestorage`. */
export interface BeforeStorageSection extends StorageSectionBase, BeforeKeys {
  /** The type of the section. */
  readonly type: "before";
  /** The storage inside. */
  readonly base: StorageSection;
}

/** A storage as a configuration describes it. */
export type StorageSection =
  | FileStorageSection
  | MappingStorageSection
  | DemoStorageSection
  | BlobStorageSection
  | ZlibStorageSection
  | BeforeStorageSection
  | ClientStorageSection
  | ZeoClientSection;

/** Reads a section of one type. */
type Reader = (section: ParsedSection, host: ConfigurationHost) => StorageSection;

/** Bytes, none included. */
const memorySize = restricted(
  byteSize,
  "bytes as an integer from 0 on, with or without KB, MB or GB, for example 128MB",
  (bytes) => bytes >= 0,
);

const FILESTORAGE_KEYS = {
  "path": required(existingDirpath),
  "blob-dir": optional(existingDirpath),
  "create": withDefault(boolean, "false"),
  "read-only": withDefault(boolean, "false"),
  "quota": optional(byteSize),
  "record-cache-size": optional(memorySize),
  "packer": optional(string),
  "pack-gc": withDefault(boolean, "true"),
  "pack-keep-old": withDefault(boolean, "true"),
} satisfies KeyTable;

const MAPPINGSTORAGE_KEYS = { "name": withDefault(string, "Mapping Storage") } satisfies KeyTable;

const DEMOSTORAGE_KEYS = { "name": optional(string) } satisfies KeyTable;

const BLOBSTORAGE_KEYS = { "blob-dir": required(string) } satisfies KeyTable;

const ZLIBSTORAGE_KEYS = { "compress": withDefault(boolean, "true") } satisfies KeyTable;

function common(section: ParsedSection): StorageSectionBase {
  return { name: section.name ?? "", position: section.position };
}

function readFileStorage(section: ParsedSection, host: ConfigurationHost): FileStorageSection {
  readSections(section, {});
  return { type: "filestorage", ...common(section), ...readKeys(section, FILESTORAGE_KEYS, host) };
}

function readMappingStorage(section: ParsedSection, host: ConfigurationHost): MappingStorageSection {
  readSections(section, {});
  const { name } = readKeys(section, MAPPINGSTORAGE_KEYS, host);
  return { type: "mappingstorage", ...common(section), label: name };
}

function readDemoStorage(section: ParsedSection, host: ConfigurationHost): DemoStorageSection {
  const { name } = readKeys(section, DEMOSTORAGE_KEYS, host);
  const { storages } = readSections(section, { storages: storageSlot(0, Infinity) });
  const changes = storages.find((storage) => storage.name === "changes");
  const [base, second] = storages.filter((storage) => storage !== changes);
  if (second !== undefined) {
    throw sectionError(
      second,
      `expected one base storage in <demostorage>; line ${base.position.line} has it`,
    );
  }
  return {
    type: "demostorage",
    ...common(section),
    label: name,
    base: base && readStorageSection(base, host),
    changes: changes && readStorageSection(changes, host),
  };
}

function readBase(section: ParsedSection, host: ConfigurationHost): StorageSection {
  return readStorageSection(readSections(section, { base: storageSlot(1, 1) }).base[0], host);
}

function readBlobStorage(section: ParsedSection, host: ConfigurationHost): BlobStorageSection {
  const { blobDir } = readKeys(section, BLOBSTORAGE_KEYS, host);
  return { type: "blobstorage", ...common(section), blobDir, base: readBase(section, host) };
}

function zlibReader(type: ZlibStorageSection["type"]): Reader {
  return (section, host) => ({
    type,
    ...common(section),
    ...readKeys(section, ZLIBSTORAGE_KEYS, host),
    base: readBase(section, host),
  });
}

function readBefore(section: ParsedSection, host: ConfigurationHost): BeforeStorageSection {
  const keys = readKeys(section, BEFORE_KEYS, host);
  if (keys.before !== undefined && keys.beforeFromFile !== undefined) {
    throw sectionError(section, "expected before or before-from-file, not both");
  }
  return { type: "before", ...common(section), ...keys, base: readBase(section, host) };
}

const READERS: Readonly<Record<string, Reader>> = {
  filestorage: readFileStorage,
  mappingstorage: readMappingStorage,
  demostorage: readDemoStorage,
  blobstorage: readBlobStorage,
  zlibstorage: zlibReader("zlibstorage"),
  serverzlibstorage: zlibReader("serverzlibstorage"),
  before: readBefore,
  clientstorage: readClientStorage,
  zeoclient: readZeoClient,
};

/** The place of one or more storages in a section. */
export function storageSlot(least: 0 | 1, most: 1 | typeof Infinity): SectionSlot {
  return {
    noun: "a storage section, for example <filestorage>",
    types: Object.keys(READERS),
    least,
    most,
  };
}

/** What a storage section says. Throws {@link ConfigurationError}. */
export function readStorageSection(section: ParsedSection, host: ConfigurationHost): StorageSection {
  return READERS[section.type](section, host);
}

/** A file storage of which nothing but the path is said. */
export function plainFileStorage(name: string, path: string, position: Position): FileStorageSection {
  return {
    type: "filestorage",
    name,
    position,
    path,
    create: false,
    readOnly: false,
    packGc: true,
    packKeepOld: true,
  };
}

/**
 * Every kind of storage, opened for a test that all of them have to pass.
 *
 * @module
 */

import {
  DemoStorage,
  type ExternalGC,
  FileStorage,
  MappingStorage,
  type RestorableStorage,
  type Storage,
  supportsDelete,
  supportsRestore,
  ZlibStorage,
} from "../../../storage/mod.ts";

/** How a test wants its storage. */
export interface Wish {
  /** What time it is, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** A kind of storage. */
export interface Kind {
  readonly name: string;
  /** Whether it deletes objects on request. */
  readonly deletes: boolean;
  /** Whether it takes copies of transactions. */
  readonly restores: boolean;
  /** Opens an empty one that uses `folder` for its files. */
  open(folder: string, wish: Wish): Storage;
}

/** All of them. A new kind is one entry here. */
export const kinds: readonly Kind[] = [
  {
    name: "FileStorage",
    deletes: true,
    restores: true,
    open: (folder, { now }) => FileStorage.open(`${folder}/Data.fs`, { now }),
  },
  // Each read takes the way through the file.
  {
    name: "FileStorage without a cache",
    deletes: true,
    restores: true,
    open: (folder, { now }) => FileStorage.open(`${folder}/Data.fs`, { now, cacheSize: 0 }),
  },
  {
    name: "MappingStorage",
    deletes: false,
    restores: false,
    open: (_folder, { now }) => new MappingStorage("Mapping", now),
  },
  // It says how big records are as they are stored, so those of these tests have to stay as they are.
  {
    name: "ZlibStorage that compresses nothing",
    deletes: true,
    restores: true,
    open: (folder, { now }) =>
      new ZlibStorage(FileStorage.open(`${folder}/Data.fs`, { now }), { compress: false }),
  },
  {
    name: "DemoStorage",
    deletes: false,
    restores: false,
    open: (_folder, { now }) => new DemoStorage({ now }),
  },
  {
    name: "DemoStorage of files",
    deletes: false,
    restores: false,
    open: (folder, { now }) =>
      new DemoStorage({
        base: FileStorage.open(`${folder}/Base.fs`),
        changes: FileStorage.open(`${folder}/Changes.fs`, { now }),
      }),
  },
];

/** What a test does with a new, empty storage. */
export type Body<S extends Storage> = (storage: S) => Promise<void> | void;

/** Opens an empty storage of a kind, and clears away after it. */
export async function withStorage(kind: Kind, wish: Wish, body: Body<Storage>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using storage = kind.open(folder, wish);
    await body(storage);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A test for every kind of storage. */
export function everyStorage(name: string, body: Body<Storage>, wish: Wish = {}): void {
  for (const kind of kinds) Deno.test(`${name} (${kind.name})`, () => withStorage(kind, wish, body));
}

/** A test for every storage that deletes objects on request. */
export function everyDeletingStorage(name: string, body: Body<ExternalGC>): void {
  for (const kind of kinds.filter(({ deletes }) => deletes)) {
    Deno.test(`${name} (${kind.name})`, () =>
      withStorage(kind, {}, (storage) => {
        if (!supportsDelete(storage)) throw new Error(`${kind.name} should delete objects`);
        return body(storage);
      }));
  }
}

/** A test for every storage that takes copies of transactions. */
export function everyRestoringStorage(name: string, body: Body<RestorableStorage>): void {
  for (const kind of kinds.filter(({ restores }) => restores)) {
    Deno.test(`${name} (${kind.name})`, () =>
      withStorage(kind, {}, (storage) => {
        if (!supportsRestore(storage)) throw new Error(`${kind.name} should take copies`);
        return body(storage);
      }));
  }
}

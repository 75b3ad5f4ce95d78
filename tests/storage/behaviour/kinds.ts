/**
 * Every kind of storage, opened for a test that all of them have to pass.
 *
 * @module
 */

import {
  FileStorage,
  MappingStorage,
  type Storage,
  supportsDelete,
  supportsRestore,
} from "../../../storage/mod.ts";

/** How a test wants its storage. */
export interface Wish {
  /** What time it is, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** A kind of storage. */
export interface Kind {
  readonly name: string;
  /** Opens an empty one that uses `folder` for its files. */
  open(folder: string, wish: Wish): Storage;
}

/** All of them. A new kind is one line here. */
export const kinds: readonly Kind[] = [
  { name: "FileStorage", open: (folder, { now }) => FileStorage.open(`${folder}/Data.fs`, { now }) },
  // Without a cache each read takes the way through the file.
  {
    name: "FileStorage without a cache",
    open: (folder, { now }) => FileStorage.open(`${folder}/Data.fs`, { now, cacheSize: 0 }),
  },
  { name: "MappingStorage", open: (_folder, { now }) => new MappingStorage("Mapping", now) },
];

/** What a test does with a new, empty storage. */
export type Body<S extends Storage> = (storage: S) => Promise<void> | void;

async function withStorage(kind: Kind, wish: Wish, body: Body<Storage>): Promise<void> {
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

/** A test for those that pass `supports`, of which there has to be one. */
function everyStorageThat<S extends Storage>(
  supports: (storage: Storage) => storage is S,
  name: string,
  body: Body<S>,
  wish: Wish,
): void {
  const folder = Deno.makeTempDirSync();
  const able = kinds.filter((kind, number) => {
    Deno.mkdirSync(`${folder}/${number}`);
    const storage = kind.open(`${folder}/${number}`, {});
    const is = supports(storage);
    void storage.close();
    return is;
  });
  Deno.removeSync(folder, { recursive: true });
  if (able.length === 0) throw new Error(`${name}: no kind of storage can do that`);
  for (const kind of able) {
    Deno.test(`${name} (${kind.name})`, () =>
      withStorage(kind, wish, (storage) => {
        if (!supports(storage)) throw new Error(`${kind.name} has changed its mind`);
        return body(storage);
      }));
  }
}

/** A test for every storage that deletes objects on request. */
export function everyDeletingStorage(
  name: string,
  body: Body<Storage & Parameters<typeof asDeleting>[0]>,
  wish: Wish = {},
): void {
  everyStorageThat(supportsDelete, name, body, wish);
}

/** A test for every storage that takes copies of transactions. */
export function everyRestoringStorage(
  name: string,
  body: Body<Storage & Parameters<typeof asRestoring>[0]>,
  wish: Wish = {},
): void {
  everyStorageThat(supportsRestore, name, body, wish);
}

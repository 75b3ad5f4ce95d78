/**
 * Every kind of storage, opened for a test that all of them have to pass: as it is, and through a server.
 *
 * @module
 */

import { ClientStorage } from "../../../client.ts";
import type { Encoding } from "../../../protocol/mod.ts";
import {
  DemoStorage,
  type ExternalGC,
  FileStorage,
  type IterableStorage,
  MappingStorage,
  type Packable,
  type RestorableStorage,
  type Storage,
  supportsDelete,
  supportsIteration,
  supportsPack,
  supportsRestore,
  supportsUndo,
  type UndoableStorage,
  ZlibStorage,
} from "../../../storage/mod.ts";
import type { Awaitable } from "../../../values/mod.ts";
import { RemoteStorage } from "../../server/remote_storage.ts";
import { Serving } from "../../server/serving.ts";

/** What a client of a server can't see or do, and why. Tests that need one of these run beside the storage only. */
export const BEYOND_THE_WIRE = {
  refusal:
    "the server lets a vote wait for objects that others have; a storage refuses it (server/votes_test.ts)",
  order: "most calls have no reply: the server ends the connection when they are out of order " +
    "(server/bad_input_test.ts)",
  publishing:
    "each connection hears of its own transactions, in no order with those of another; what the server " +
    "tells everybody, and when, is in server/invalidations_test.ts",
  locks: "which objects a transaction has is for the server, which locks them",
  restart:
    "a client hears of the transactions since it came, and of earlier ones only which objects changed " +
    "(server/invalidations_test.ts)",
  filters:
    "a client filters the undo log by equal values, not by a function (undoInfo in interop/differential_test.ts)",
} as const;

/** How a test wants its storage. */
export interface Wish {
  /** What time it is, in milliseconds since 1970. */
  readonly now?: () => number;
  /** What it looks at that is {@linkcode BEYOND_THE_WIRE}. */
  readonly beyond?: keyof typeof BEYOND_THE_WIRE;
  /** Whether it votes on a second transaction before it ends the first. */
  readonly sideBySide?: boolean;
}

/** How a storage is opened. */
export interface Opening extends Wish {
  /** Whether only to read. */
  readonly readOnly?: boolean;
}

/** A kind of storage. */
export interface Kind {
  readonly name: string;
  /** Whether it deletes objects on request. */
  readonly deletes: boolean;
  /** Whether it takes copies of transactions. */
  readonly restores: boolean;
  /** Whether it undoes transactions. */
  readonly undoes: boolean;
  /** Whether its transactions can be gone through. */
  readonly iterates: boolean;
  /** Whether packing it drops what can't be reached. */
  readonly collects: boolean;
  /** Whether what it has is there when it is opened again, and can be opened to read only. */
  readonly durable: boolean;
  /** Whether it is behind a server. */
  readonly remote?: boolean;
  /** Whether it lets a vote wait until no other transaction is voted. */
  readonly oneAtATime?: boolean;
  /** Whether it can't be told what time it is. */
  readonly ownClock?: boolean;
  /** Opens what is in `folder`, or makes an empty one there. */
  open(folder: string, opening: Opening): Awaitable<Storage>;
}

const OF_FILES = {
  deletes: true,
  restores: true,
  undoes: true,
  iterates: true,
  collects: true,
  durable: true,
};
const OF_MEMORY = {
  deletes: false,
  restores: false,
  undoes: false,
  iterates: true,
  collects: true,
  durable: false,
};

/** All of them. A new kind is one entry here. */
const own: readonly Kind[] = [
  {
    name: "FileStorage",
    ...OF_FILES,
    open: (folder, { now, readOnly }) => FileStorage.open(`${folder}/Data.fs`, { now, readOnly }),
  },
  // Each read takes the way through the file.
  {
    name: "FileStorage without a cache",
    ...OF_FILES,
    open: (folder, { now, readOnly }) =>
      FileStorage.open(`${folder}/Data.fs`, { now, readOnly, cacheSize: 0 }),
  },
  {
    name: "MappingStorage",
    ...OF_MEMORY,
    open: (_folder, { now }) => new MappingStorage("Mapping", now),
  },
  // It says how big records are as they are stored, so those of these tests have to stay as they are.
  {
    name: "ZlibStorage that compresses nothing",
    ...OF_FILES,
    open: (folder, { now, readOnly }) =>
      new ZlibStorage(FileStorage.open(`${folder}/Data.fs`, { now, readOnly }), { compress: false }),
  },
  {
    name: "DemoStorage",
    ...OF_MEMORY,
    collects: false,
    open: (_folder, { now }) => new DemoStorage({ now }),
  },
  {
    name: "DemoStorage of files",
    ...OF_FILES,
    deletes: false,
    restores: false,
    collects: false,
    open: (folder, { now, readOnly }) =>
      new DemoStorage({
        base: FileStorage.open(`${folder}/Base.fs`),
        changes: FileStorage.open(`${folder}/Changes.fs`, { now, readOnly }),
      }),
  },
];

/** The same kind behind a server, spoken to in an encoding. */
function throughServer(kind: Kind, encoding: Encoding): Kind {
  return {
    ...kind,
    name: `${kind.name}, through a server, ${encoding}`,
    remote: true,
    open: async (folder, opening) =>
      await RemoteStorage.open(await kind.open(folder, opening), { encoding, folder }),
  };
}

/** A client with the server that it is connected to. */
class ServedClient extends ClientStorage {
  readonly #serving: Serving;

  constructor(serving: Serving, readOnly: boolean) {
    const { address } = serving;
    if (address.transport !== "tcp") throw new Error("expected a server on a port");
    super(address, { readOnly });
    this.#serving = serving;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#serving[Symbol.asyncDispose]();
  }
}

/** The same kind as a client storage has it that is connected to its server. */
function throughClient(kind: Kind, encoding: Encoding): Kind {
  return {
    ...kind,
    name: `${kind.name}, through a client, ${encoding}`,
    remote: true,
    oneAtATime: true,
    open: async (folder, opening) => {
      const storage = await kind.open(folder, opening);
      const client = new ServedClient(await Serving.start({ storage, encoding }), storage.readOnly);
      await client.ready;
      return client;
    },
  };
}

const [file, , mapping] = own;

/** All of them, as they are, through a server, and through a client. Another list may take their place. */
export const kinds: Kind[] = [
  ...own,
  ...own.map((kind) => throughServer(kind, "M")),
  throughServer(file, "Z"),
  throughClient(file, "M"),
  throughClient(file, "Z"),
  throughClient(mapping, "M"),
];

/** Whether a kind can do what a test looks at. */
export function fitting(kind: Kind, { beyond, sideBySide, now }: Wish): boolean {
  return !(kind.remote && beyond) && !(kind.oneAtATime && sideBySide) && !(kind.ownClock && now);
}

/** What a test does with a new, empty storage. */
export type Body<S extends Storage> = (storage: S, kind: Kind) => Promise<void> | void;

/** Gives a test a folder. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens an empty storage of a kind, and clears away after it. */
export function withStorage(kind: Kind, wish: Wish, body: Body<Storage>): Promise<void> {
  return inFolder(async (folder) => {
    await using storage = await kind.open(folder, wish);
    await body(storage, kind);
  });
}

/** A test for every kind that fits, whose storage has to be what the kind says. */
function every<S extends Storage>(
  name: string,
  body: Body<S>,
  wish: Wish,
  fits: (kind: Kind) => boolean,
  is: (storage: Storage) => storage is S,
): void {
  for (const kind of kinds.filter((kind) => fits(kind) && fitting(kind, wish))) {
    Deno.test(`${name} (${kind.name})`, () =>
      withStorage(kind, wish, (storage) => {
        if (!is(storage)) throw new Error(`${kind.name} can't do what it should`);
        return body(storage, kind);
      }));
  }
}

/** A test for every kind of storage. */
export function everyStorage(name: string, body: Body<Storage>, wish: Wish = {}): void {
  every(name, body, wish, () => true, (storage): storage is Storage => storage !== undefined);
}

/** A test for every storage that deletes objects on request. */
export function everyDeletingStorage(name: string, body: Body<ExternalGC>, wish: Wish = {}): void {
  every(name, body, wish, ({ deletes }) => deletes, supportsDelete);
}

/** A test for every storage that takes copies of transactions. */
export function everyRestoringStorage(name: string, body: Body<RestorableStorage>, wish: Wish = {}): void {
  every(name, body, wish, ({ restores }) => restores, supportsRestore);
}

/** A test for every storage that undoes transactions. */
export function everyUndoingStorage(name: string, body: Body<UndoableStorage>, wish: Wish = {}): void {
  every(name, body, wish, ({ undoes }) => undoes, supportsUndo);
}

/** A test for every storage whose transactions can be gone through. */
export function everyIterableStorage(name: string, body: Body<IterableStorage>, wish: Wish = {}): void {
  every(name, body, wish, ({ iterates }) => iterates, supportsIteration);
}

/** A test for every storage that can be packed, on a clock that goes a second further with each transaction. */
export function everyPackableStorage(name: string, body: Body<Packable>): void {
  for (const kind of kinds.filter((kind) => fitting(kind, { now: ticking() }))) {
    Deno.test(`${name} (${kind.name})`, () =>
      withStorage(kind, { now: ticking() }, (storage) => {
        if (!supportsPack(storage)) throw new Error(`${kind.name} can't be packed`);
        return body(storage, kind);
      }));
  }
}

/** Opens a storage in the test's folder. */
export type Open = (opening?: Opening) => Promise<Storage>;

/** A test for every kind that has what it had when it is opened again. */
export function everyDurableStorage(
  name: string,
  body: (open: Open, folder: string, kind: Kind) => Promise<void>,
  wish: Wish = {},
): void {
  for (const kind of kinds.filter((kind) => kind.durable && fitting(kind, wish))) {
    Deno.test(`${name} (${kind.name})`, () =>
      inFolder((folder) =>
        body(async (opening = {}) => await kind.open(folder, { ...wish, ...opening }), folder, kind)
      ));
  }
}

/** A clock that goes a second further each time, from 2024 on. */
export function ticking(): () => number {
  let time = Date.UTC(2024, 0, 1);
  return () => time += 1000;
}

/**
 * Opening synchronous connections.
 *
 * @module
 */

import { DEFAULT_CACHE_SIZE } from "../../cache/mod.ts";
import type { ClientAddress, ClientOptions } from "../../client/mod.ts";
import type { Storage } from "../../storage/mod.ts";
import { conflictResolver } from "../class_resolvers.ts";
import { DB } from "../db.ts";
import { now, run } from "../steps.ts";
import type { StorageSource } from "./hosted_storage.ts";
import type { SyncConnection } from "./sync_connection.ts";
import { requireImmediate, SyncDB } from "./sync_db.ts";
import type { DataFile, SyncOptions } from "./sync_options.ts";
import { SyncStorage } from "./sync_storage.ts";

/**
 * Opens a synchronous connection: one whose objects load themselves when they are touched, as in Python. Meant for
 * scripts, the REPL and tools: the whole program stands still while an object is fetched, or a transaction committed.
 *
 * A thread of its own is the client; it goes when the connection is closed, and doesn't keep a program from ending. It must
 * not be used for a server in the same thread, which couldn't answer.
 *
 * Each object that a program meets takes some hundred bytes until the program returns to the event loop, whatever the
 * cache's size: one that goes through millions should `await` a timer now and then, or use an asynchronous
 * connection.
 *
 * @typeParam R What the root object holds.
 * @param source A server, or several with the same database; a Data.fs; or a storage that answers at once, as one in
 * memory, which then belongs to the connection.
 * @throws {ClientDisconnected} when there is no connection within `waitTimeout`; why the servers refuse this client when
 * all do; {TypeError} for an option that another thread can't be given. Nothing is left open then.
 *
 * @example
 * ```ts
 * import { openSync, Persistent, registerClass } from "../mod.ts";
 * import { MappingStorage } from "../../storage/mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * class Account extends Persistent {
 *   balance = 0;
 * }
 * registerClass("bank.Account", Account);
 *
 * using connection = openSync<{ ann: Account }>(new MappingStorage());
 * connection.root.ann = new Account();
 * connection.commit();
 * connection.root.ann.balance += 10;
 * connection.abort();
 * assertEquals(connection.root.ann.balance, 0);
 * ```
 */
export function openSync<R extends object = Record<string, unknown>>(
  source: ClientAddress | readonly ClientAddress[] | DataFile | Storage,
  options: SyncOptions = {},
): SyncConnection<R> {
  const {
    db: dbOptions = {},
    transactionManager,
    recordCacheSize = DEFAULT_CACHE_SIZE,
    workerUrl,
    ...client
  } = options;
  let storage: Storage;
  if (isStorage(source)) {
    refuse(client, "a storage of this program has none of");
    requireImmediate(source);
    storage = source;
  } else {
    storage = new SyncStorage(sourceOf(source, client), {
      recordCacheSize,
      resolver: conflictResolver(dbOptions.classes),
      workerUrl: workerUrl ?? new URL("./storage_worker.ts", import.meta.url),
    });
  }
  const db = new SyncDB(now(run(DB.openSteps(storage, dbOptions)), "open"));
  try {
    const connection: SyncConnection<R> = db.opened(
      transactionManager ? { transactionManager } : {},
      () => db.close(),
    );
    return connection;
  } catch (error) {
    db.close();
    throw error;
  }
}

function isStorage(source: unknown): source is Storage {
  return typeof source === "object" && source !== null && "loadBefore" in source;
}

function sourceOf(
  source: ClientAddress | readonly ClientAddress[] | DataFile,
  options: Omit<ClientOptions, "cache"> & { readonly cache?: string },
): StorageSource {
  if (typeof source === "object" && "file" in source) {
    refuse(options, "a file has none of");
    const { file, blobDir, readOnly } = source;
    return { file, options: { ...(blobDir === undefined ? {} : { blobDir }), readOnly: readOnly ?? false } };
  }
  const addresses = (Array.isArray(source) ? source : [source]) as (number | string | object)[];
  for (const name of ["conflictResolver", "signal", "wait"]) {
    if (!(name in options)) continue;
    throw new TypeError(`openSync has no option ${name}: its client is in another thread`);
  }
  for (const [name, value] of Object.entries(options)) requirePlain(name, value);
  return { addresses, options: { serverSync: true, ...options } };
}

function refuse(options: object, why: string): void {
  const [name] = Object.keys(options);
  if (name !== undefined) throw new TypeError(`openSync option ${name}: ${why} a client's options`);
}

/** Only plain values arrive in another thread as what they are. */
function requirePlain(path: string, value: unknown): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => requirePlain(`${path}[${index}]`, item));
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    if (Object.getPrototypeOf(value) !== Object.prototype) {
      throw new TypeError(
        `openSync option ${path}: an object of class ${value.constructor?.name} can't be given to another thread`,
      );
    }
    for (const [key, item] of Object.entries(value)) requirePlain(`${path}.${key}`, item);
  } else if (typeof value === "function" || typeof value === "symbol") {
    throw new TypeError(`openSync option ${path}: a ${typeof value} can't be given to another thread`);
  }
}

/**
 * A storage that is behind a server: whatever a storage has to do can be asked of a server with it, over the wire.
 *
 * One connection reads and listens, each open transaction has another. What is told without waiting (the last
 * transaction, the sizes) is as it was when the last transaction or pack of this storage ended.
 *
 * @example
 * ```ts ignore
 * await using storage = await RemoteStorage.open(FileStorage.open(path), { encoding: "M", folder });
 * const found = await storage.loadBefore(oid(1), MAX_TID);
 * ```
 *
 * @module
 */

import { Dict, dumpPickle, type Value } from "../../pickle/mod.ts";
import type { Encoding } from "../../protocol/mod.ts";
import {
  type BeginOptions,
  capabilities,
  type Capability,
  type CurrentRecord,
  type IteratedRecord,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type PackResult,
  type Revision,
  type Storage,
  type StorageTransaction,
  type TransactionMetadata,
  type UndoEntry,
} from "../../storage/mod.ts";
import {
  NO_TID,
  type Oid,
  oidBytes,
  oidFromBytes,
  type Tid,
  tidBytes,
  tidFromBytes,
} from "../../values/mod.ts";
import { storageError } from "./remote_errors.ts";
import { RemoteTransaction } from "./remote_transaction.ts";
import { Serving } from "./serving.ts";
import { itemsOf, RemoteError, type WireClient } from "./wire_client.ts";

/** How a storage is served. */
export interface RemoteOptions {
  readonly encoding: Encoding;
  /** Where blobs are put that are sent or received. */
  readonly folder: string;
}

const asTid = (value: Value): Tid => tidFromBytes(value as Uint8Array);
const asOid = (value: Value): Oid => oidFromBytes(value as Uint8Array);
const nullable = <T>(value: Value, use: (value: Value) => T): T | null => value === null ? null : use(value);

/** See the module. */
export class RemoteStorage implements Storage {
  readonly [capabilities]: readonly Capability[];
  readonly name: string;
  readonly kind: string;
  readonly readOnly: boolean;
  readonly concurrentVotes: boolean;
  readonly temporaryDirectory: string;
  readonly #serving: Serving;
  readonly #reader: WireClient;
  readonly #idle: WireClient[] = [];
  readonly #waiting = new Set<Promise<unknown>>();
  readonly #heard: { tid: Tid; oids: readonly Oid[] }[] = [];
  #lastTransaction = NO_TID;
  #length = 0;
  #size = 0;
  #files = 0;

  private constructor(serving: Serving, reader: WireClient, served: Storage, info: Dict, folder: string) {
    this.#serving = serving;
    this.#reader = reader;
    this.name = info.get("name") as string;
    this.kind = served.kind;
    this.readOnly = served.readOnly;
    this.concurrentVotes = served.concurrentVotes;
    this.temporaryDirectory = folder;
    this[capabilities] = itemsOf(info.get("interfaces")!)!
      .map((pair) => itemsOf(pair)!)
      .filter(([module]) => module === "ZODB.interfaces")
      .map(([, name]) => name as Capability);
  }

  /** Starts a server with a storage, which is closed with it, and connects. */
  static async open(served: Storage, { encoding, folder }: RemoteOptions): Promise<RemoteStorage> {
    const serving = await Serving.start({ storage: served, encoding });
    const reader = await serving.connect({ readOnly: served.readOnly });
    const storage = new RemoteStorage(serving, reader, served, await reader.call("get_info") as Dict, folder);
    await storage.#refresh();
    return storage;
  }

  async loadBefore(oid: Oid, before: Tid): Promise<Loaded | null> {
    const found = await this.#call("loadBefore", oidBytes(oid), tidBytes(before));
    if (found === null) return null;
    const [data, serial, end] = itemsOf(found)!;
    return { data: data as Uint8Array, serial: asTid(serial), end: nullable(end, asTid) };
  }

  async loadSerial(oid: Oid, serial: Tid): Promise<Uint8Array> {
    return await this.#call("loadSerial", oidBytes(oid), tidBytes(serial)) as Uint8Array;
  }

  async getTid(oid: Oid): Promise<Tid> {
    return asTid(await this.#call("getTid", oidBytes(oid)));
  }

  async history(oid: Oid, size: number): Promise<Revision[]> {
    const entries = await this.#call("history", oidBytes(oid), size);
    return (itemsOf(entries) as readonly Dict[]).map((entry) => ({
      tid: asTid(entry.get("tid")!),
      size: entry.get("size") as number,
      ...said(entry),
    }));
  }

  lastTransaction(): Tid {
    return this.#lastTransaction;
  }

  /** What was heard since it was opened, of each transaction every object once. */
  async lastInvalidations(count: number): Promise<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]> {
    await this.#call("ping");
    return count === 0 ? [] : this.#heard.slice(-count);
  }

  async newOids(count: number): Promise<Oid[]> {
    // A server gives at least one.
    if (count === 0) return [];
    return itemsOf(await this.#call("new_oids", count))!.map(asOid);
  }

  length(): number {
    return this.#length;
  }

  size(): number {
    return this.#size;
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): StorageTransaction {
    return new RemoteTransaction(
      {
        offers: this[capabilities],
        connection: async () => this.#idle.pop() ?? await this.#serving.connect({ readOnly: this.readOnly }),
        ended: async (client) => {
          client.heard.length = 0;
          this.#idle.push(client);
          await this.#refresh();
        },
        wait: (promise) => this.#wait(promise),
      },
      metadata,
      options,
    );
  }

  async *transactions(start?: Tid, stop?: Tid): AsyncGenerator<IteratedTransaction, void> {
    const bound = (tid?: Tid) => tid === undefined ? null : tidBytes(tid);
    const number = await this.#call("iterator_start", bound(start), bound(stop));
    try {
      while (true) {
        const next = await this.#call("iterator_next", number);
        if (next === null) return;
        const [tid, status, user, description, extension] = itemsOf(next)!;
        yield {
          tid: asTid(tid),
          status: status as string,
          user: user as Uint8Array,
          description: description as Uint8Array,
          extension: pickled(extension as Dict),
          records: () => this.#records(number, tid),
        };
      }
    } finally {
      await this.#call("iterator_gc", [number]);
    }
  }

  /** The records of the transaction that an iterator has come to. */
  async *#records(iterator: Value, transaction: Value): AsyncGenerator<IteratedRecord, void> {
    const number = await this.#call("iterator_record_start", iterator, transaction);
    try {
      while (true) {
        const next = await this.#call("iterator_record_next", number);
        if (next === null) return;
        const [oid, tid, data, dataTid] = itemsOf(next)!;
        yield {
          oid: asOid(oid),
          tid: asTid(tid),
          data: data as Uint8Array | null,
          dataTid: nullable(dataTid, asTid),
        };
      }
    } finally {
      await this.#call("iterator_gc", [number]);
    }
  }

  async currentRecord(from: Oid): Promise<CurrentRecord | null> {
    try {
      const [oid, tid, data, next] = itemsOf(await this.#call("record_iternext", oidBytes(from)))!;
      return { oid: asOid(oid), tid: asTid(tid), data: data as Uint8Array, next: nullable(next, asOid) };
    } catch (error) {
      if (error instanceof RemoteError && error.pythonName === "builtins.ValueError") return null;
      throw error;
    }
  }

  async undoLog(first: number, last: number): Promise<UndoEntry[]> {
    const entries = await this.#call("undoLog", first, last);
    return (itemsOf(entries) as readonly Dict[]).map((entry) => ({
      tid: tidFromBytes(Uint8Array.fromBase64(new TextDecoder().decode(entry.get("id") as Uint8Array))),
      size: entry.get("size") as number,
      ...said(entry),
    }));
  }

  /** The server doesn't say what came of it; the sizes do. */
  async pack(time: number): Promise<PackResult> {
    const before = [this.#size, this.#length] as const;
    await this.#call("pack", time, true);
    await this.#refresh();
    return {
      outcome: before[0] === this.#size ? "nothing" : "packed",
      size: [before[0], this.#size],
      objects: [before[1], this.#length],
    };
  }

  /** Begins a file whose content is to be sent. */
  receiveBlob(): NewBlob {
    const path = `${this.temporaryDirectory}/sent${this.#files++}`;
    const file = Deno.openSync(path, { write: true, createNew: true });
    let open = true;
    const close = () => {
      if (open) file.close();
      open = false;
    };
    return {
      path,
      write: (bytes) => {
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      },
      close,
      discard: () => {
        close();
        Deno.removeSync(path);
      },
    };
  }

  /** The content of a blob's revision, as the server sends it. */
  async fetchBlob(oid: Oid, serial: Tid): Promise<Uint8Array> {
    const client = this.#idle.pop() ?? await this.#serving.connect({ readOnly: this.readOnly });
    client.heard.length = 0;
    try {
      await client.call("sendBlob", oidBytes(oid), tidBytes(serial));
      const chunks = client.heard.filter(({ name }) => name === "receiveBlobChunk")
        .map(({ args }) => itemsOf(args)![2] as Uint8Array<ArrayBuffer>);
      return await new Blob(chunks).bytes();
    } catch (error) {
      throw storageError(error);
    } finally {
      client.heard.length = 0;
      this.#idle.push(client);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#waiting);
    await this.#serving[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call(name: string, ...args: Value[]): Promise<Value> {
    await Promise.all(this.#waiting);
    try {
      return await this.#reader.call(name, ...args);
    } catch (error) {
      throw storageError(error);
    } finally {
      this.#listen();
    }
  }

  /** Takes the invalidations out of what was heard. */
  #listen(): void {
    for (const [tid, oids] of this.#reader.invalidations) this.#heard.push({ tid, oids });
    this.#reader.heard.length = 0;
  }

  async #refresh(): Promise<void> {
    const [tid, info] = await Promise.all([
      this.#reader.call("lastTransaction"),
      this.#reader.call("get_info"),
    ]);
    this.#listen();
    const last = asTid(tid);
    if (last < this.#lastTransaction) return;
    this.#lastTransaction = last;
    this.#length = (info as Dict).get("length") as number;
    this.#size = (info as Dict).get("size") as number;
  }

  #wait(promise: Promise<unknown>): void {
    this.#waiting.add(promise);
    promise.then(() => this.#waiting.delete(promise), () => {});
  }
}

/** Keys of an entry that are not the application's. */
const OWN = new Set<Value>(["id", "time", "user_name", "size", "description", "tid", "serial", "extension"]);

/** What an entry of a history or an undo log tells of its transaction. */
function said(entry: Dict): TransactionMetadata {
  const extension = new Dict();
  for (const [key, value] of entry) if (!OWN.has(key)) extension.set(key, value);
  return {
    user: entry.get("user_name") as Uint8Array,
    description: entry.get("description") as Uint8Array,
    extension: pickled(extension),
  };
}

/** An extension as it is stored. */
function pickled(extension: Dict): Uint8Array {
  return extension.size === 0 ? new Uint8Array(0) : dumpPickle(extension, { memo: true });
}

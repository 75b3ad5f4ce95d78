/**
 * A transaction of a {@linkcode RemoteStorage}: each call is one message.
 *
 * @module
 */

import { itemsOf } from "./wire_transaction.ts";
import type { Value } from "../../pickle/mod.ts";
import type { BeginOptions, Capability, StorageTransaction, TransactionMetadata } from "../../storage/mod.ts";
import {
  type Oid,
  oidBytes,
  oidFromBytes,
  StorageTransactionError,
  type Tid,
  tidBytes,
  tidFromBytes,
} from "../../values/mod.ts";
import { storageError } from "./remote_errors.ts";
import type { WireClient } from "./wire_client.ts";

/** What a transaction needs of its storage. */
export interface TransactionHome {
  /** What the server's storage can do. */
  readonly offers: readonly Capability[];
  /** A connection without a transaction. */
  connection(): Promise<WireClient>;
  /** The transaction has ended; its connection is free. */
  ended(client: WireClient): Promise<void>;
  /** Something that everything later has to wait for. */
  wait(promise: Promise<unknown>): void;
}

/** Bytes of a blob's content in one message. */
const CHUNK = 59_000;

let last = 0;

/** See the module. It has those methods beyond a plain transaction's that the server's storage has. */
export class RemoteTransaction implements StorageTransaction {
  readonly changes: Oid[] = [];
  readonly checks: Oid[] = [];
  readonly exclusive = false;
  declare readonly deleteObject?: (oid: Oid, serial: Tid) => void;
  declare readonly restore?: (oid: Oid, serial: Tid, data: Uint8Array | null, previous: Tid | null) => void;
  declare readonly undo?: (tid: Tid) => void;
  declare readonly storeBlob?: (oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string) => void;
  readonly #home: TransactionHome;
  readonly #id = ++last;
  readonly #client: Promise<WireClient>;
  #sent: Promise<void>;
  #phase: "open" | "voted" | "finished" | "aborted" = "open";

  constructor(home: TransactionHome, metadata: TransactionMetadata, options: BeginOptions) {
    this.#home = home;
    this.#client = home.connection();
    const { user, description, extension } = metadata;
    const tid = options.tid === undefined ? null : tidBytes(options.tid);
    this.#sent = this.#client.then((client) =>
      client.notify("tpc_begin", this.#id, user, description, extension, tid, options.status ?? " ")
    );
    if (home.offers.includes("IExternalGC")) {
      this.deleteObject = (oid, serial) =>
        this.#change(oid, "deleteObject", oidBytes(oid), tidBytes(serial), this.#id);
    }
    if (home.offers.includes("IStorageRestoreable")) {
      this.restore = (oid, serial, data, previous) => {
        const before = previous === null ? null : tidBytes(previous);
        const copy = data === null ? null : data.slice();
        this.#change(oid, "restorea", oidBytes(oid), tidBytes(serial), copy, before, this.#id);
      };
    }
    if (home.offers.includes("IStorageUndoable")) {
      this.undo = (tid) => {
        this.#require("open");
        this.#notify("undoa", new TextEncoder().encode(tidBytes(tid).toBase64()), this.#id);
      };
    }
    if (home.offers.includes("IBlobStorage")) {
      this.storeBlob = (oid, serial, data, temporaryFile) => {
        this.#require("open");
        const content = Deno.readFileSync(temporaryFile);
        Deno.removeSync(temporaryFile);
        this.#notify("storeBlobStart");
        for (let at = 0; at < content.length; at += CHUNK) {
          this.#notify("storeBlobChunk", content.subarray(at, at + CHUNK));
        }
        this.#change(oid, "storeBlobEnd", oidBytes(oid), tidBytes(serial), data.slice(), this.#id);
      };
    }
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#change(oid, "storea", oidBytes(oid), tidBytes(serial), data.slice(), this.#id);
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.checks.push(oid);
    this.#notify("checkCurrentSerialInTransaction", oidBytes(oid), tidBytes(serial), this.#id);
  }

  async vote(): Promise<readonly Oid[]> {
    this.#require("open");
    this.#phase = "voted";
    try {
      const resolved = await this.#call("vote");
      return itemsOf(resolved)!.map((oid) => oidFromBytes(oid as Uint8Array));
    } catch (error) {
      if (this.#phase === "voted") {
        this.#phase = "aborted";
        await this.#home.ended(await this.#client);
      }
      throw storageError(error);
    }
  }

  async finish(published?: (tid: Tid) => void): Promise<Tid> {
    this.#require("voted");
    this.#phase = "finished";
    try {
      const tid = tidFromBytes(await this.#call("tpc_finish") as Uint8Array);
      await this.#home.ended(await this.#client);
      published?.(tid);
      return tid;
    } catch (error) {
      throw storageError(error);
    }
  }

  abort(): void {
    if (this.#phase === "aborted") return;
    this.#require("open", "voted");
    this.#phase = "aborted";
    this.#home.wait(this.#call("tpc_abort").then(async () => this.#home.ended(await this.#client)));
  }

  #change(oid: Oid, name: string, ...args: Value[]): void {
    this.#require("open");
    this.changes.push(oid);
    this.#notify(name, ...args);
  }

  #notify(name: string, ...args: Value[]): void {
    this.#sent = this.#sent.then(async () => await (await this.#client).notify(name, ...args));
  }

  async #call(name: string): Promise<Value> {
    await this.#sent;
    return await (await this.#client).call(name, this.#id);
  }

  #require(...allowed: string[]): void {
    if (allowed.includes(this.#phase)) return;
    throw new StorageTransactionError(`transaction is ${this.#phase}, must be ${allowed.join(" or ")}`);
  }
}

/**
 * A transaction of a client, and waiting for what the server answers.
 *
 * @module
 */

import { type Dict, Tuple, type Value } from "../../pickle/mod.ts";
import { type Oid, oidBytes, oidFromBytes, type Tid, tidBytes, tidFromBytes } from "../../values/mod.ts";
import type { WireClient } from "./wire_client.ts";

const text = new TextEncoder();

/** The items of a list or tuple. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** One transaction of a client, call by call. Calls are sent in their order. */
export class WireTransaction {
  readonly id: Value;
  readonly #client: WireClient;
  #sent: Promise<void>;

  constructor(
    client: WireClient,
    id: Value,
    { user = "", description = "", extension }: { user?: string; description?: string; extension?: Dict },
  ) {
    this.#client = client;
    this.id = id;
    this.#sent = client.notify(
      "tpc_begin",
      id,
      text.encode(user),
      text.encode(description),
      extension ?? new Uint8Array(0),
      null,
      " ",
    );
  }

  /** Any call without a reply that ends in the transaction's id. */
  notify(name: string, ...args: Value[]): this {
    this.#sent = this.#sent.then(() => this.#client.notify(name, ...args, this.id));
    return this;
  }

  store(oid: Oid, serial: Tid, data: string | Uint8Array): this {
    const bytes = typeof data === "string" ? text.encode(data) : data;
    return this.notify("storea", oidBytes(oid), tidBytes(serial), bytes);
  }

  check(oid: Oid, serial: Tid): this {
    return this.notify("checkCurrentSerialInTransaction", oidBytes(oid), tidBytes(serial));
  }

  /** Everything that was called has been sent. */
  get sent(): Promise<void> {
    return this.#sent;
  }

  /** Votes; the objects whose records are not those that were sent. */
  vote(): Promise<readonly Oid[]> {
    const oids = (value: Value) => itemsOf(value)!.map((oid) => oidFromBytes(oid as Uint8Array));
    return watched(this.#call("vote").then(oids));
  }

  finish(): Promise<Tid> {
    return watched(this.#call("tpc_finish").then((tid) => tidFromBytes(tid as Uint8Array)));
  }

  abort(): Promise<Value> {
    return watched(this.#call("tpc_abort"));
  }

  /** Votes and finishes. */
  commit(): Promise<Tid> {
    return watched(this.vote().then(() => this.finish()));
  }

  async #call(name: string): Promise<Value> {
    await this.#sent;
    return await this.#client.call(name, this.id);
  }
}

/** What a promise answers, or an error after a time far beyond what it takes: a test should fail, not hang. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not there after 20 s: ${what}`)), 20_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that a test may look at later, also when it has failed by then. */
export function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * What a client asks of a server beside loads and commits.
 *
 * @module
 */

import { Dict, Float, Tuple, type Value } from "../pickle/mod.ts";
import { ServerException } from "../protocol/mod.ts";
import type { CurrentRecord, PackOptions, Revision, UndoEntry } from "../storage/mod.ts";
import { type Oid, oidBytes, StorageError, type Tid, tidBytes } from "../values/mod.ts";
import { bytesOf, dictOf, itemsOf, oidOf, oidsOf, revisionsOf, tidOf, undoEntriesOf } from "./replies.ts";

/** How a client's pack is asked for. */
export interface ClientPackOptions extends PackOptions {
  /** Whether to wait for its end, and hear of what goes wrong; true. */
  readonly wait?: boolean;
}

/** What a transaction has to say about itself to be in an `undoInfo`, by the names that entries have: `user_name` … */
export type UndoSpecification = Dict | Readonly<Record<string, Value>>;

/** A server's counts and state, by the original's names: `connections`, `loads`, `stores`, `commits` … */
export type ServerStatus = Readonly<Record<string, string | number | boolean | null>>;

/** Calls a method: waits for a connection, and makes a result of the answer when it arrives. */
export type CallServer = <T>(name: string, args: readonly Value[], use: (value: Value) => T) => Promise<T>;

/** Ids that a server gives at once. */
const OIDS_AT_ONCE = 100;

/** Entries of the undo log that are asked for at once, to be filtered here. */
const UNDO_PAGE = 100;

/** See the module. */
export class ServerMethods {
  readonly #call: CallServer;

  /** Methods of the server that is called in this way. */
  constructor(call: CallServer) {
    this.#call = call;
  }

  loadSerial(oid: Oid, serial: Tid): Promise<Uint8Array> {
    return this.#call("loadSerial", [oidBytes(oid), tidBytes(serial)], bytesOf);
  }

  getTid(oid: Oid): Promise<Tid> {
    return this.#call("getTid", [oidBytes(oid)], tidOf);
  }

  history(oid: Oid, size: number): Promise<Revision[]> {
    return this.#call("history", [oidBytes(oid), size], revisionsOf);
  }

  ping(): Promise<void> {
    return this.#call("ping", [], () => {});
  }

  /** At least so many new ids. */
  async newOids(count: number): Promise<Oid[]> {
    const calls = Math.ceil(count / OIDS_AT_ONCE);
    const batches = Array.from({ length: calls }, () => this.#call("new_oids", [], oidsOf));
    return (await Promise.all(batches)).flat();
  }

  serverStatus(): Promise<ServerStatus> {
    return this.#call("server_status", [], (value) => {
      const status: Record<string, string | number | boolean | null> = {};
      for (const [key, item] of dictOf(value)) status[String(key)] = plain(item);
      return status;
    });
  }

  /** Packs, and waits for it if that is wanted. */
  pack(time: number, wait: boolean): Promise<void> {
    return this.#call("pack", [new Float(time), wait], () => {});
  }

  async currentRecord(from: Oid): Promise<CurrentRecord | null> {
    try {
      return await this.#call("record_iternext", [oidBytes(from)], (value) => {
        const [oid, tid, data, next] = itemsOf(value, "a record");
        return {
          oid: oidOf(oid),
          tid: tidOf(tid),
          data: bytesOf(data),
          next: next === null ? null : oidOf(next),
        };
      });
    } catch (error) {
      // There is none any more: so Python's server says.
      if (error instanceof ServerException && error.pythonName === "builtins.ValueError") return null;
      throw error;
    }
  }

  async undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Promise<UndoEntry[]> {
    if (!filter) return await this.#call("undoLog", [first, last], undoEntriesOf);
    const stop = last < 0 ? first - last : last;
    const found: UndoEntry[] = [];
    for (let page = 0; found.length < stop; page++) {
      const entries = await this.#call("undoLog", [page * UNDO_PAGE, -UNDO_PAGE], undoEntriesOf);
      found.push(...entries.filter(filter));
      if (entries.length < UNDO_PAGE) break;
    }
    return found.slice(first, stop);
  }

  undoInfo(first: number, last: number, specification?: UndoSpecification): Promise<UndoEntry[]> {
    const wanted = specification === undefined || specification instanceof Dict
      ? specification ?? null
      : Dict.from(Object.entries(specification));
    return this.#call("undoInfo", [first, last, wanted], undoEntriesOf);
  }
}

function plain(value: Value): string | number | boolean | null {
  if (value instanceof Float) return value.value;
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  return String(value instanceof Tuple ? value.items : value);
}

/** What only the server decides can't be asked for. @throws {StorageError} naming the option. */
export function refuseLocalPackOptions(options: ClientPackOptions): void {
  for (const name of ["gc", "references", "keepOld", "removedList"] as const) {
    if (options[name] !== undefined) {
      throw new StorageError(`pack option ${name}: that is set where the server is configured`);
    }
  }
}

/**
 * What a server says of the storage that it serves.
 *
 * @module
 */

import { type Dict, Tuple, type Value } from "../pickle/mod.ts";
import type { Capability } from "../storage/mod.ts";
import { dictOf, itemsOf, sizesOf } from "./replies.ts";

/** What of it means that a client has it too. */
const OFFERED: ReadonlySet<string> = new Set<Capability>([
  "IStorage",
  "IStorageIteration",
  "IStorageRestoreable",
  "IStorageUndoable",
  "IStorageCurrentRecordIteration",
  "IExternalGC",
  "IBlobStorage",
  "IBlobStorageRestoreable",
]);

/** See the module. */
export class ServedInfo {
  /** How many objects there are. */
  length = 0;
  /** Bytes that the storage takes. */
  size = 0;
  /** Whether the server says that it tells of transactions in order with its answers; the original doesn't. */
  ordered = false;
  #interfaces: readonly Capability[] = ["IStorage"];

  /** The answer to `get_info`. */
  replace(info: Value): void {
    const told = dictOf(info);
    this.update(told);
    this.ordered = told.get("invalidates_in_order") === true;
    const pairs = itemsOf(told.get("interfaces") ?? new Tuple([]), "interfaces");
    const names = pairs.map((pair) => itemsOf(pair, "an interface"))
      .filter(([module, name]) => module === "ZODB.interfaces" && OFFERED.has(String(name)))
      .map(([, name]) => name as Capability);
    this.#interfaces = names.includes("IStorage") ? names : [...names, "IStorage"];
  }

  /** Sizes that the server tells, now and then. */
  update(info: Dict): void {
    const { length, size } = sizesOf(info);
    this.length = length ?? this.length;
    this.size = size ?? this.size;
  }

  /** What the client offers. @param blobs Whether it has a place for blobs. */
  offers(blobs: boolean): readonly Capability[] {
    return blobs ? this.#interfaces : this.#interfaces.filter((name) => !name.startsWith("IBlobStorage"));
  }
}

/**
 * A storage in memory: every revision of every object in a map. For tests, caches and trying things out; it has
 * the same behaviour towards transactions as a file, and forgets everything when it is closed.
 *
 * @module
 */

import { recordClass, recordReferences } from "../../pickle/mod.ts";
import {
  type Awaitable,
  ConflictError,
  isPromise,
  MAX_OID,
  MAX_TID,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadConflictError,
  StorageError,
  StorageTransactionError,
  type Tid,
  tidAfter,
  tidFromTime,
} from "../../values/mod.ts";
import type { Packable, PackOptions, PackResult } from "../pack.ts";
import { packTid } from "../pack_time.ts";
import {
  type BeginOptions,
  capabilities,
  type Capability,
  type IterableStorage,
  type IteratedRecord,
  type IteratedTransaction,
  type Loaded,
  type Revision,
  type StorageTransaction,
  type TransactionMetadata,
} from "../storage.ts";
import { packVersions } from "./pack_versions.ts";

/** What each object and each revision is said to take beyond its data; the original's figures. */
const OBJECT_COST = 50, REVISION_COST = 100;

interface Version {
  readonly tid: Tid;
  readonly data: Uint8Array;
}

interface Committed {
  readonly tid: Tid;
  readonly metadata: TransactionMetadata;
  readonly oids: readonly Oid[];
}

type Change = { readonly oid: Oid; readonly serial: Tid; readonly data: Uint8Array };
type Phase = "open" | "voted" | "finished" | "aborted";

/** A storage in memory. */
export class MappingStorage implements IterableStorage, Packable {
  readonly kind = "MappingStorage";
  readonly readOnly = false;
  readonly concurrentVotes = true;
  /** What it offers. */
  readonly [capabilities]: readonly Capability[] = ["IStorage", "IStorageIteration"];
  readonly name: string;
  /** The revisions of each object, oldest first. */
  #versions = new Map<Oid, Version[]>();
  #transactions: Committed[] = [];
  readonly #byTid = new Map<Tid, Committed>();
  readonly #taken = new Map<Oid, MappingTransaction>();
  /** Transactions that are voted and neither finished nor given up. */
  readonly #voted = new Set<MappingTransaction>();
  readonly #now: () => number;
  #size = 0;
  #lastTid: Tid = NO_TID;
  #maxOid: Oid = 0n as Oid;
  /** The moment of the last pack. */
  #packedTo: Tid = NO_TID;

  /** An empty storage. @param now What time it is, in milliseconds since 1970; for tests. */
  constructor(name = "Mapping Storage", now: () => number = Date.now) {
    this.name = name;
    this.#now = now;
  }

  loadBefore(oid: Oid, before: Tid): Loaded | null {
    const versions = this.#of(oid);
    let i = versions.length;
    while (i > 0 && versions[i - 1].tid >= before) i--;
    if (i === 0) return null;
    const { data, tid } = versions[i - 1];
    return { data, serial: tid, end: versions[i]?.tid ?? null };
  }

  loadSerial(oid: Oid, serial: Tid): Uint8Array {
    const version = this.#versions.get(oid)?.findLast((version) => version.tid === serial);
    if (!version) throw new POSKeyError(oid, serial);
    return version.data;
  }

  getTid(oid: Oid): Tid {
    return this.#of(oid).at(-1)!.tid;
  }

  history(oid: Oid, size: number): Revision[] {
    return this.#of(oid).slice(-Math.max(size, 1)).reverse().slice(0, Math.max(size, 0)).map((
      { tid, data },
    ) => ({
      ...this.#byTid.get(tid)!.metadata,
      tid,
      size: data.length,
    }));
  }

  lastTransaction(): Tid {
    return this.#lastTid;
  }

  lastInvalidations(count: number): { tid: Tid; oids: readonly Oid[] }[] {
    return count > 0 ? this.#transactions.slice(-count).map(({ tid, oids }) => ({ tid, oids })) : [];
  }

  *transactions(start: Tid = NO_TID, stop: Tid = MAX_TID): Generator<IteratedTransaction, void> {
    // A pack makes a new list, and what is committed from now on comes behind.
    const all = this.#transactions, { length } = all;
    for (let i = 0; i < length && all[i].tid <= stop; i++) {
      const { tid, metadata, oids } = all[i];
      if (tid >= start) yield { ...metadata, tid, status: " ", records: () => this.#recordsOf(tid, oids) };
    }
  }

  *#recordsOf(tid: Tid, oids: readonly Oid[]): Generator<IteratedRecord, void> {
    for (const oid of new Set(oids)) {
      const version = this.#versions.get(oid)?.findLast((version) => version.tid === tid);
      if (version) yield { oid, tid, data: version.data, dataTid: null };
    }
  }

  newOids(count: number): Oid[] {
    if (this.#maxOid + BigInt(count) > MAX_OID) {
      throw new StorageError(`${this.name}: no object ids are left`);
    }
    return Array.from({ length: count }, () => this.#maxOid = (this.#maxOid + 1n) as Oid);
  }

  length(): number {
    return this.#versions.size;
  }

  size(): number {
    return this.#size;
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): StorageTransaction {
    return new MappingTransaction(options.tid !== undefined, {
      vote: (transaction) => this.#vote(transaction, options.tid),
      finish: (transaction, decided) => this.#finish(transaction, metadata, options.tid, decided),
      forget: (transaction) => this.#forget(transaction),
    });
  }

  /**
   * Drops revisions that were no longer current at a moment, and objects that can't be reached from the root. All of
   * it is done at once.
   *
   * @param time The moment: seconds since 1970, fractions count.
   * @throws {RangeError} when it was packed to a later one.
   * @throws {POSKeyError} when an object that is kept refers to one that is not there; nothing has changed then.
   */
  pack(time: number, options: PackOptions = {}): PackResult {
    const until = packTid(time);
    if (until < this.#packedTo) throw new RangeError("Already packed to a later time");
    const before = { size: this.#size, objects: this.#versions.size };
    const references = options.gc ?? true ? options.references ?? recordReferences : undefined;
    this.#versions = packVersions(this.#versions, until, references);
    this.#packedTo = until;
    const left = new Map<Tid, Set<Oid>>();
    this.#size = 0;
    for (const [oid, versions] of this.#versions) {
      this.#size += OBJECT_COST;
      for (const { tid, data } of versions) {
        this.#size += REVISION_COST + data.length;
        let oids = left.get(tid);
        if (!oids) left.set(tid, oids = new Set());
        oids.add(oid);
      }
    }
    // A transaction goes with the last of what it wrote.
    this.#transactions = this.#transactions.flatMap((transaction) => {
      const oids = left.get(transaction.tid);
      if (!oids) {
        this.#byTid.delete(transaction.tid);
        return [];
      }
      return { ...transaction, oids: transaction.oids.filter((oid) => oids.has(oid)) };
    });
    const outcome = this.#size === before.size ? "nothing" : "packed";
    return { outcome, size: [before.size, this.#size], objects: [before.objects, this.#versions.size] };
  }

  close(): void {}

  /** Nothing to close. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #of(oid: Oid): Version[] {
    const versions = this.#versions.get(oid);
    if (!versions) throw new POSKeyError(oid);
    return versions;
  }

  #vote(transaction: MappingTransaction, tid?: Tid): void {
    if (tid !== undefined && tid <= this.#lastTid) {
      throw new StorageTransactionError(
        `transaction id ${tid} is not later than the last one, ${this.#lastTid}`,
      );
    }
    for (const other of this.#voted) {
      if (transaction.exclusive || other.exclusive) {
        throw new StorageTransactionError(
          "a transaction that needs the storage for itself votes beside another",
        );
      }
    }
    const check = (oid: Oid, serial: Tid, conflict: typeof ConflictError, data?: Uint8Array) => {
      const committed = this.#versions.get(oid)?.at(-1)?.tid;
      if (committed !== undefined && committed !== serial) {
        throw new conflict({ oid, committed, read: serial, className: data && classOf(data) });
      }
    };
    for (const { oid, serial, data } of transaction.changed) {
      if (this.#taken.has(oid)) {
        throw new StorageTransactionError(`oid ${oid}: another transaction has voted to change it`);
      }
      check(oid, serial, ConflictError, data);
    }
    for (const { oid, serial } of transaction.checked) {
      this.#of(oid);
      check(oid, serial, ReadConflictError);
    }
    this.#voted.add(transaction);
    for (const { oid } of transaction.changed) {
      this.#taken.set(oid, transaction);
      if (oid > this.#maxOid) this.#maxOid = oid;
    }
  }

  #finish(
    transaction: MappingTransaction,
    metadata: TransactionMetadata,
    given?: Tid,
    decided?: (tid: Tid) => Awaitable<void>,
  ): Tid {
    const now = tidFromTime(this.#now());
    const tid = given ?? (now > this.#lastTid ? now : tidAfter(this.#lastTid));
    const deciding = decided?.(tid);
    // Nothing here is durable, so there is nothing that would have to wait; whoever gave it hears of its failure.
    if (isPromise(deciding)) deciding.catch(() => {});
    for (const { oid, data } of transaction.changed) {
      let versions = this.#versions.get(oid);
      if (!versions) {
        this.#versions.set(oid, versions = []);
        this.#size += OBJECT_COST;
      }
      // The later of two records for one object in one transaction is the one that counts.
      if (versions.at(-1)?.tid === tid) this.#size -= REVISION_COST + versions.pop()!.data.length;
      versions.push({ tid, data });
      this.#size += REVISION_COST + data.length;
    }
    const committed = { tid, metadata, oids: transaction.changes };
    this.#transactions.push(committed);
    this.#byTid.set(tid, committed);
    this.#lastTid = tid;
    return tid;
  }

  #forget(transaction: MappingTransaction): void {
    if (!this.#voted.delete(transaction)) return;
    for (const oid of transaction.changes) {
      if (this.#taken.get(oid) === transaction) this.#taken.delete(oid);
    }
  }
}

/** The class that a conflict is told with; as Python has it, a lone dot for a record that can't be read. */
function classOf(record: Uint8Array): string {
  const { module, name } = recordClass(record) ?? { module: "", name: "" };
  return `${module}.${name}`;
}

interface Host {
  vote(transaction: MappingTransaction): void;
  finish(transaction: MappingTransaction, decided?: (tid: Tid) => Awaitable<void>): Tid;
  forget(transaction: MappingTransaction): void;
}

class MappingTransaction implements StorageTransaction {
  readonly changed: Change[] = [];
  readonly checked: { readonly oid: Oid; readonly serial: Tid }[] = [];
  readonly changes: Oid[] = [];
  readonly checks: Oid[] = [];
  readonly #host: Host;
  #phase: Phase = "open";

  constructor(readonly exclusive: boolean, host: Host) {
    this.#host = host;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#require("open");
    this.changed.push({ oid, serial, data: data.slice() });
    this.changes.push(oid);
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#require("open");
    this.checked.push({ oid, serial });
    this.checks.push(oid);
  }

  vote(): readonly Oid[] {
    this.#require("open");
    try {
      this.#host.vote(this);
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#phase = "voted";
    return [];
  }

  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Tid {
    this.#require("voted");
    this.#phase = "finished";
    const tid = this.#host.finish(this, decided);
    this.#host.forget(this);
    published?.(tid);
    return tid;
  }

  abort(): void {
    if (this.#phase === "aborted") return;
    this.#require("open", "voted");
    this.#phase = "aborted";
    this.#host.forget(this);
  }

  #require(...allowed: Phase[]): void {
    if (!allowed.includes(this.#phase)) {
      throw new StorageTransactionError(`transaction is ${this.#phase}, must be ${allowed.join(" or ")}`);
    }
  }
}

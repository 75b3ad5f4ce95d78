/**
 * A storage whose changes go beside another storage, which stays as it is.
 *
 * What the changes know of an object counts, also that it is gone; of all others the base knows. A revision of the
 * base ends where the first one of the same object in the changes begins. Where others change the base meanwhile, as it
 * is behind a server, that shows in objects that the changes don't have.
 *
 * @module
 */

import {
  type Awaitable,
  formatOid,
  isPromise,
  MAX_TID,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadOnlyError,
  StorageError,
  type Tid,
  tidAfter,
  tidFromTime,
  tidTime,
  when,
} from "../../values/mod.ts";
import { BlobDirectory, StorageWithBlobs } from "../blob/mod.ts";
import { ConflictResolver } from "../conflict/mod.ts";
import { type Merge, mergeWith } from "../file/merge.ts";
import { MappingStorage } from "../mapping/mapping_storage.ts";
import { type Packable, type PackOptions, type PackResult, supportsPack } from "../pack.ts";
import { type MeasuredStorage, statisticsOf, type StorageStatistics } from "../statistics.ts";
import {
  type BeginOptions,
  type BlobStorage,
  type BlobTransaction,
  capabilities,
  capabilitiesOf,
  type Capability,
  isObservable,
  type Items,
  type IterableStorage,
  type IteratedTransaction,
  type Loaded,
  type NewBlob,
  type Revision,
  type Storage,
  type StorageObserver,
  supportsBlobs,
  supportsIteration,
  supportsUndo,
  type TransactionMetadata,
  type UndoableStorage,
  type UndoEntry,
  type UndoingTransaction,
} from "../storage.ts";
import { DemoTransaction } from "./demo_transaction.ts";
import { LiveBase } from "./live_base.ts";
import { newestRecord, newestRevision, orMissing } from "./lookup.ts";
import { RandomOids } from "./random_oids.ts";
import { Slice } from "../slice.ts";

/** What a demo storage is made of. */
export interface DemoStorageOptions {
  /** What is there to begin with; nothing unless told otherwise. */
  readonly base?: Storage;
  /** Where changes go; memory unless told otherwise, with a temporary directory for blobs. */
  readonly changes?: Storage;
  /** What it is called; the names of its parts unless told otherwise. */
  readonly name?: string;
  /** How concurrent changes to one object are merged; as ZODB's own classes say, unless told otherwise. */
  readonly merge?: Merge;
  /** What time it is, in milliseconds since 1970, for changes in memory; for tests. */
  readonly now?: () => number;
  /** A random number from 0 up to 1, for object ids; for tests. */
  readonly random?: () => number;
}

/** What the changes may be able to do; their capabilities say what they can. */
type Changes = Storage & IterableStorage & UndoableStorage & BlobStorage;

/** Firsts that are remembered. */
const MOST_FIRSTS = 100_000;

/** Milliseconds of work between two rests. */
const SLICE = 5;

/**
 * Changes beside a base that stays as it is.
 *
 * @example
 * ```ts ignore
 * const base = FileStorage.open("Data.fs", { readOnly: true });
 * await using storage = new DemoStorage({ base });
 * ```
 */
export class DemoStorage implements IterableStorage, UndoableStorage, BlobStorage, MeasuredStorage {
  readonly kind = "DemoStorage";
  readonly name: string;
  readonly readOnly: boolean;
  readonly concurrentVotes: boolean;
  /** What it offers. */
  readonly [capabilities]: readonly Capability[];
  /**
   * Packs the changes without collecting garbage, since only the base and the changes together say what is garbage;
   * undefined where they can't be packed.
   *
   * @throws {StorageError} when the changes say that an object of the base is gone: a pack would forget that, and the
   * object would be there again.
   */
  readonly pack?: (time: number, options?: PackOptions) => Promise<PackResult>;
  /** See `ObservableStorage.observe`; only where others change the base. */
  readonly observe?: (observer: StorageObserver) => Disposable;
  readonly #base: Storage;
  /** The base, where others change it. */
  readonly #live?: LiveBase;
  readonly #changes: Changes;
  readonly #merge: Merge;
  readonly #oids: RandomOids;
  /** Whether the changes' own clock keeps their ids behind the base's. */
  readonly #clocked: boolean;
  /** The first revision in the changes of objects that the base has, too. */
  readonly #firsts = new Map<Oid, Tid>();
  /** The temporary directory for blobs. */
  readonly #temporary?: string;

  /** Puts changes beside a base. Both are closed with it. */
  constructor(options: DemoStorageOptions = {}) {
    const { base = new MappingStorage("MappingStorage"), random = Math.random } = options;
    this.#base = base;
    this.#merge = options.merge ?? mergeWith(new ConflictResolver());
    let { changes } = options;
    this.#clocked = changes === undefined;
    if (changes === undefined) {
      const last = () => this.#live?.last ?? base.lastTransaction();
      changes = new MappingStorage("MappingStorage", clockAfter(last, options.now ?? Date.now));
      this.#temporary = temporaryDirectory();
      if (this.#temporary !== undefined) {
        changes = new StorageWithBlobs(changes, BlobDirectory.open(this.#temporary));
      }
    }
    const ours = this.#changes = changes as Changes;
    if (isObservable(base)) {
      const isChanged = (oid: Oid) => when(newestRevision(ours, oid), (tid) => tid !== undefined);
      const live = this.#live = new LiveBase(base, isChanged, () => this.lastTransaction());
      this.observe = (observer) => live.observe(observer);
    }
    this.name = options.name ?? `DemoStorage('${base.name}', '${changes.name}')`;
    this.readOnly = changes.readOnly;
    this.concurrentVotes = changes.concurrentVotes;
    this.#oids = new RandomOids(random, (oid) => this.#isKnown(oid));
    const offered = capabilitiesOf(changes);
    const passedOn: readonly Capability[] = ["IBlobStorage", "IStorageUndoable"];
    this[capabilities] = [
      ...passedOn.filter((capability) => offered.includes(capability)),
      "IStorage",
      ...(supportsIteration(base) && supportsIteration(changes) ? ["IStorageIteration" as const] : []),
    ];
    if (supportsPack(changes)) {
      const packable = changes;
      this.pack = (time, packOptions) => this.#pack(packable, time, packOptions);
    }
  }

  loadBefore(oid: Oid, before: Tid): Awaitable<Loaded | null> {
    if (this.#changes.lastTransaction() === NO_TID) return this.#base.loadBefore(oid, before);
    return when(orMissing(() => this.#changes.loadBefore(oid, before)), (changed) => {
      if (changed instanceof POSKeyError) return this.#loadUnchanged(oid, before, changed);
      if (changed !== null) return changed;
      // The changes know it, but only later: until then it is as the base says.
      return when(orMissing(() => this.#base.loadBefore(oid, before)), (loaded) => {
        if (loaded instanceof POSKeyError || loaded === null) return null;
        if (loaded.end !== null) return loaded;
        return when(this.#firstChange(oid), (end) => ({ data: loaded.data, serial: loaded.serial, end }));
      });
    });
  }

  /** Loads an object that the changes don't have: because they never had it, or because it is gone. */
  #loadUnchanged(oid: Oid, before: Tid, error: POSKeyError): Awaitable<Loaded | null> {
    return when(newestRecord(this.#changes, oid), (tid) => {
      if (tid !== undefined) throw error;
      return this.#base.loadBefore(oid, before);
    });
  }

  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array> {
    return when(
      orMissing(() => this.#changes.loadSerial(oid, serial)),
      (data) => data instanceof POSKeyError ? this.#base.loadSerial(oid, serial) : data,
    );
  }

  getTid(oid: Oid): Awaitable<Tid> {
    return when(orMissing(() => this.#changes.getTid(oid)), (tid) => {
      if (!(tid instanceof POSKeyError)) return tid;
      return when(newestRecord(this.#changes, oid), (gone) => {
        if (gone !== undefined) throw tid;
        return this.#base.getTid(oid);
      });
    });
  }

  history(oid: Oid, size: number): Awaitable<Revision[]> {
    return when(orMissing(() => this.#changes.history(oid, size)), (changed) => {
      if (changed instanceof POSKeyError) return this.#base.history(oid, size);
      if (changed.length >= size) return changed;
      return when(
        orMissing(() => this.#base.history(oid, size - changed.length)),
        (before) => before instanceof POSKeyError ? changed : [...changed, ...before],
      );
    });
  }

  lastTransaction(): Tid {
    const changed = this.#changes.lastTransaction();
    if (!this.#live) return changed || this.#base.lastTransaction();
    const { last } = this.#live;
    return changed > last ? changed : last;
  }

  lastInvalidations(count: number): Awaitable<{ readonly tid: Tid; readonly oids: readonly Oid[] }[]> {
    return when(this.#changes.lastInvalidations(count), (changed) => {
      if (changed.length >= count) return changed;
      return when(this.#base.lastInvalidations(count - changed.length), (before) => [...before, ...changed]);
    });
  }

  newOids(count: number): Awaitable<Oid[]> {
    if (this.readOnly) throw new ReadOnlyError();
    return this.#oids.take(count);
  }

  /** How many objects the changes have. */
  length(): number {
    return this.#changes.length();
  }

  /** Bytes that the changes take. */
  size(): number {
    return this.#changes.size();
  }

  async *transactions(start?: Tid, stop?: Tid): AsyncGenerator<IteratedTransaction, void> {
    if (supportsIteration(this.#base)) yield* this.#base.transactions(start, stop);
    yield* this.#changes.transactions(start, stop);
  }

  undoLog(first: number, last: number, filter?: (entry: UndoEntry) => boolean): Awaitable<UndoEntry[]> {
    return this.#changes.undoLog(first, last, filter);
  }

  /** What the changes have measured. */
  get statistics(): StorageStatistics | undefined {
    return statisticsOf(this.#changes);
  }

  get temporaryDirectory(): string {
    return this.#changes.temporaryDirectory;
  }

  loadBlob(oid: Oid, serial: Tid): Awaitable<string> {
    return when(orMissing(() => this.#changes.loadBlob(oid, serial)), (found) => {
      if (typeof found === "string") return found;
      if (!supportsBlobs(this.#base)) throw found;
      return this.#base.loadBlob(oid, this.#blobOfBase(oid, serial));
    });
  }

  /** The base's revision that has a blob's content: an undo in the changes may have brought that back. */
  #blobOfBase(oid: Oid, serial: Tid): Tid {
    if (!this.#isRestored(oid, serial)) return serial;
    const loaded = orMissing(() => this.#base.loadBefore(oid, MAX_TID));
    return isPromise(loaded) || loaded instanceof POSKeyError || loaded === null ? serial : loaded.serial;
  }

  /** Whether a transaction first says that an object is gone, and then has it: so an undo shows the base's revision. */
  #isRestored(oid: Oid, serial: Tid): boolean {
    if (!supportsUndo(this.#changes)) return false;
    const found: boolean[] = [];
    for (const transaction of atOnce(this.#changes.transactions(serial, serial))) {
      for (const record of atOnce(transaction.records())) {
        if (record.oid === oid) found.push(record.data !== null);
      }
    }
    return found.length > 1 && !found[0] && found.at(-1)!;
  }

  receiveBlob(): NewBlob {
    return this.#changes.receiveBlob();
  }

  takeSharedBlob(oid: Oid, name: string): string {
    return this.#changes.takeSharedBlob(oid, name);
  }

  begin(metadata: TransactionMetadata, options: BeginOptions = {}): BlobTransaction & UndoingTransaction {
    // What is held back until the vote is merged here: nothing is left to the caller.
    const own = { ...options, tid: options.tid ?? this.#firstTid(), callerResolves: false };
    return new DemoTransaction(this.#changes.begin(metadata, own), {
      base: this.#base,
      changes: this.#changes,
      merge: this.#merge,
      load: (oid) => this.loadBefore(oid, MAX_TID),
      loadSerial: (oid, serial) => this.loadSerial(oid, serial),
    });
  }

  async close(): Promise<void> {
    this.#live?.[Symbol.dispose]();
    try {
      await this.#changes.close();
    } finally {
      await this.#base.close();
      if (this.#temporary !== undefined) await Deno.remove(this.#temporary, { recursive: true });
    }
  }

  /** Closes both parts. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The id of the first change, where the base's last transaction is in the future; else time tells. */
  #firstTid(): Tid | undefined {
    const isFirst = this.#changes.lastTransaction() === NO_TID;
    if (this.#clocked || !isFirst && !this.#live) return undefined;
    const last = this.lastTransaction();
    return last < tidFromTime(Date.now()) ? undefined : tidAfter(last);
  }

  #firstChange(oid: Oid): Awaitable<Tid | null> {
    const known = this.#firsts.get(oid);
    if (known !== undefined) return known;
    return when(orMissing(() => this.#changes.history(oid, Number.MAX_SAFE_INTEGER)), (revisions) => {
      const first = revisions instanceof POSKeyError ? undefined : revisions.at(-1)?.tid;
      if (first === undefined) return null;
      if (this.#firsts.size >= MOST_FIRSTS) this.#firsts.clear();
      this.#firsts.set(oid, first);
      return first;
    });
  }

  #isKnown(oid: Oid): Awaitable<boolean> {
    return when(
      newestRevision(this.#changes, oid),
      (tid) => tid !== undefined ? true : when(newestRevision(this.#base, oid), (tid) => tid !== undefined),
    );
  }

  async #pack(changes: Packable, time: number, options: PackOptions = {}): Promise<PackResult> {
    // What is deleted later than this look stays: the pack doesn't reach so far.
    const now = Date.now() / 1000;
    if (supportsIteration(changes)) await this.#requireNothingGone(changes);
    this.#firsts.clear();
    const result = await changes.pack(Math.min(time, now), { ...options, gc: false });
    this.#firsts.clear();
    return result;
  }

  async #requireNothingGone(changes: IterableStorage): Promise<void> {
    const slice = new Slice(SLICE);
    for await (const transaction of changes.transactions()) {
      for await (const { oid, tid, data } of transaction.records()) {
        await slice.rest();
        if (data !== null || await newestRevision(changes, oid) !== tid) continue;
        if (await newestRevision(this.#base, oid) === undefined) continue;
        throw new StorageError(
          `${this.name}: can't be packed: the changes say that object ${
            formatOid(oid)
          } of the base is gone, ` +
            "which a pack would forget",
        );
      }
    }
  }
}

/** A clock whose transaction ids are later than all of the base's, also where those are in the future. */
function clockAfter(lastTransaction: () => Tid, now: () => number): () => number {
  return () => {
    const last = lastTransaction();
    // A millisecond, so that rounding can't make it the same.
    return Math.max(now(), last === NO_TID ? 0 : tidTime(last) + 1);
  };
}

/** A directory for blobs; undefined where none may be made. */
function temporaryDirectory(): string | undefined {
  try {
    return Deno.makeTempDirSync({ prefix: "zeo-demo-" });
  } catch {
    return undefined;
  }
}

/** Items that are there at once; none of those that have to be waited for. */
function atOnce<T>(items: Items<T>): Iterable<T> {
  return Symbol.iterator in items ? items : [];
}

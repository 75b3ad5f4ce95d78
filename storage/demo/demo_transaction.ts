/**
 * A transaction of a demo storage: it goes to the changes, and what those can't check is checked against the base.
 *
 * The changes don't know the base's revisions, and those in memory merge nothing. So a new revision of an object is held
 * back until the vote, when it is clear whether it can go to the changes as it is, is to be merged, or is a conflict.
 *
 * @module
 */

import { recordClass } from "../../pickle/mod.ts";
import {
  type Awaitable,
  ConflictError,
  MAX_TID,
  NO_TID,
  type Oid,
  POSKeyError,
  ReadConflictError,
  StorageTransactionError,
  type Tid,
} from "../../values/mod.ts";
import type { Merge } from "../file/merge.ts";
import type {
  BlobTransaction,
  IterableStorage,
  Loaded,
  Storage,
  StorageTransaction,
  UndoingTransaction,
} from "../storage.ts";
import { newestRevision, orMissing } from "./lookup.ts";

/** The storage's side of a transaction. */
export interface DemoHost {
  readonly base: Storage;
  readonly changes: Storage;
  readonly merge: Merge;
  /** An object's current revision, wherever it is. */
  load(oid: Oid): Awaitable<Loaded | null>;
  /** A revision, wherever it is. */
  loadSerial(oid: Oid, serial: Tid): Awaitable<Uint8Array>;
}

interface Read {
  readonly oid: Oid;
  readonly serial: Tid;
}

interface Passed extends Read {
  readonly className: string;
}

interface Held extends Read {
  readonly data: Uint8Array;
}

/** Bytes that are held back; when there are more all goes to the changes, and is not merged any more. */
const MOST_HELD = 8 << 20;

/** See the module. */
export class DemoTransaction implements BlobTransaction, UndoingTransaction {
  readonly #inner: BlobTransaction & UndoingTransaction;
  readonly #host: DemoHost;
  readonly #checked: Read[] = [];
  /** What went to the changes, which check it only where they have the object. */
  readonly #passed: Passed[] = [];
  readonly #undone: Tid[] = [];
  #held: Held[] = [];
  readonly #heldOids = new Set<Oid>();
  #heldBytes = 0;
  #phase: "open" | "voting" | "voted" | "ended" = "open";

  /** @param inner A transaction of the changes. */
  constructor(inner: StorageTransaction, host: DemoHost) {
    this.#inner = inner as BlobTransaction & UndoingTransaction;
    this.#host = host;
  }

  get changes(): readonly Oid[] {
    return this.#held.length === 0
      ? this.#inner.changes
      : [...this.#held.map(({ oid }) => oid), ...this.#inner.changes];
  }

  get checks(): readonly Oid[] {
    return this.#checked.map(({ oid }) => oid);
  }

  get exclusive(): boolean {
    return this.#inner.exclusive;
  }

  store(oid: Oid, serial: Tid, data: Uint8Array): void {
    this.#requireOpen();
    const fits = this.#heldBytes + data.length <= MOST_HELD;
    if (serial !== NO_TID && fits) {
      this.#heldBytes += data.length;
      this.#held.push({ oid, serial, data: data.slice() });
      this.#heldOids.add(oid);
      return;
    }
    // The later of two records for an object counts, so none may overtake another.
    if (!fits || this.#heldOids.has(oid)) this.#passHeld();
    this.#passed.push({ oid, serial, className: classOf(data) });
    this.#inner.store(oid, serial, data);
  }

  storeBlob(oid: Oid, serial: Tid, data: Uint8Array, temporaryFile: string): void {
    this.#requireOpen();
    // Clients send a blob's record twice; the later one counts.
    if (this.#heldOids.delete(oid)) this.#held = this.#held.filter((held) => held.oid !== oid);
    this.#passed.push({ oid, serial, className: classOf(data) });
    this.#inner.storeBlob(oid, serial, data, temporaryFile);
  }

  checkCurrent(oid: Oid, serial: Tid): void {
    this.#requireOpen();
    this.#checked.push({ oid, serial });
  }

  undo(tid: Tid): void {
    this.#requireOpen();
    // What was stored before must not come after it.
    if (this.#held.length > 0) this.#passHeld();
    this.#undone.push(tid);
    this.#inner.undo(tid);
  }

  async vote(): Promise<readonly Oid[]> {
    this.#requireOpen();
    this.#phase = "voting";
    try {
      for (const read of this.#checked) await this.#check(read);
      for (const read of this.#passed) await this.#checkPassed(read);
      const merged: Oid[] = [];
      for (const held of this.#held) if (await this.#storeHeld(held)) merged.push(held.oid);
      this.#held = [];
      for (const tid of this.#undone) await this.#restoreBase(tid);
      // An abort meanwhile has ended the inner one, which says so.
      const resolved = await this.#inner.vote();
      this.#phase = "voted";
      return [...merged, ...resolved];
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  finish(published?: (tid: Tid) => void, decided?: (tid: Tid) => Awaitable<void>): Awaitable<Tid> {
    return this.#inner.finish(published, decided);
  }

  abort(): void {
    this.#phase = "ended";
    this.#held = [];
    this.#inner.abort();
  }

  async #check({ oid, serial }: Read): Promise<void> {
    if (await newestRevision(this.#host.changes, oid) !== undefined) {
      this.#inner.checkCurrent(oid, serial);
      return;
    }
    const committed = await newestRevision(this.#host.base, oid);
    if (committed === undefined) throw new POSKeyError(oid);
    if (committed !== serial) throw new ReadConflictError({ oid, committed, read: serial });
  }

  async #checkPassed({ oid, serial, className }: Passed): Promise<void> {
    if (await newestRevision(this.#host.changes, oid) !== undefined) return;
    const committed = await newestRevision(this.#host.base, oid);
    // As in a file, an object that nobody has seen can have any serial.
    if (committed !== undefined && committed !== serial) {
      throw new ConflictError({ oid, committed, read: serial, className });
    }
  }

  /** Hands a store that was held back to the changes; answers whether it had to be merged. */
  async #storeHeld({ oid, serial, data }: Held): Promise<boolean> {
    const committed = await newestRevision(this.#host.changes, oid) ??
      await newestRevision(this.#host.base, oid);
    if (committed === undefined || committed === serial) {
      this.#inner.store(oid, serial, data);
      return false;
    }
    const merged = await this.#merge(oid, serial, data);
    if (merged === undefined) {
      throw new ConflictError({ oid, committed, read: serial, className: classOf(data) });
    }
    this.#inner.store(oid, committed, merged);
    return true;
  }

  async #merge(oid: Oid, serial: Tid, changed: Uint8Array): Promise<Uint8Array | undefined> {
    const old = await orMissing(() => this.#host.loadSerial(oid, serial));
    const current = await orMissing(() => this.#host.load(oid));
    if (old instanceof POSKeyError || current instanceof POSKeyError || current === null) return undefined;
    return this.#host.merge({ oid, old, committed: current.data, changed });
  }

  /**
   * Where the undone transaction was the first in the changes to touch an object, undoing it would say that the object
   * is gone; it has to be as the base has it.
   */
  async #restoreBase(undone: Tid): Promise<void> {
    const { base, changes } = this.#host;
    for await (const transaction of (changes as IterableStorage).transactions(undone, undone)) {
      for await (const { oid } of transaction.records()) {
        if (await orMissing(() => changes.loadBefore(oid, undone)) !== null) continue;
        const loaded = await orMissing(() => base.loadBefore(oid, MAX_TID));
        const current = await newestRevision(changes, oid);
        if (loaded instanceof POSKeyError || loaded === null || current === undefined) continue;
        // A blob's file stays with the base, where it is looked for.
        this.#inner.store(oid, current, loaded.data);
      }
    }
  }

  #passHeld(): void {
    for (const { oid, serial, data } of this.#held) {
      this.#passed.push({ oid, serial, className: classOf(data) });
      this.#inner.store(oid, serial, data);
    }
    this.#held = [];
    this.#heldOids.clear();
    // From now on nothing is held back.
    this.#heldBytes = MOST_HELD + 1;
  }

  #requireOpen(): void {
    if (this.#phase !== "open") {
      throw new StorageTransactionError(`transaction is ${this.#phase}, must be open`);
    }
  }
}

/** The class that a conflict is told with; as Python has it, a lone dot for a record that can't be read. */
function classOf(record: Uint8Array): string {
  const { module, name } = recordClass(record) ?? { module: "", name: "" };
  return `${module}.${name}`;
}

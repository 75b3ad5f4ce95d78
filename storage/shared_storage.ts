/**
 * Those who use one storage object in this process: servers, databases. They wait in the same lines for its objects, and
 * tell each other what they commit.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import { type LockRequest, ObjectLocks, type Ticket } from "./object_locks.ts";
import {
  adaptsToUsers,
  isObservable,
  type Storage,
  type StorageObserver,
  type StorageTransaction,
} from "./storage.ts";

const shared = new WeakMap<Storage, SharedStorage>();

/** See the module. */
export class SharedStorage {
  /** The storage. */
  readonly storage: Storage;
  /** Who has which of its objects. */
  readonly locks: ObjectLocks = new ObjectLocks();
  readonly #uses = new Set<StorageUse>();

  private constructor(storage: Storage) {
    this.storage = storage;
  }

  /** What all who use a storage object have in common. */
  static of(storage: Storage): SharedStorage {
    let found = shared.get(storage);
    if (!found) shared.set(storage, found = new SharedStorage(storage));
    return found;
  }

  /** Begins to use it. @param observer Hears of what others commit, in this process and, where it can, elsewhere. */
  use(observer: StorageObserver): StorageUse {
    const use: StorageUse = new StorageUse(this, observer, (event) => {
      if (event === "left") this.#uses.delete(use);
      this.#count();
    });
    this.#uses.add(use);
    return use;
  }

  /** Those who use it. */
  get uses(): ReadonlySet<StorageUse> {
    return this.#uses;
  }

  /**
   * Gets a transaction the objects that its vote needs.
   *
   * @param granted See `ObjectLocks.request`.
   * @param alone Whether it needs the whole storage, whatever it does.
   */
  lock(
    { changes, checks, exclusive }: StorageTransaction,
    granted: () => void,
    alone: boolean = false,
  ): Ticket {
    const wholeStorage = alone || exclusive || !this.storage.concurrentVotes;
    const request: LockRequest = { exclusive: changes, shared: checks, wholeStorage };
    return this.locks.request(request, granted);
  }

  #count(): void {
    if (!adaptsToUsers(this.storage)) return;
    let users = 0;
    for (const use of this.#uses) users += use.users;
    this.storage.users = users;
  }
}

/** One of those who use a storage. */
export class StorageUse {
  /** What it has in common with the others. */
  readonly shared: SharedStorage;
  readonly #observer: StorageObserver;
  readonly #changed: (event: "left" | "counted") => void;
  readonly #observation: Disposable | undefined;
  #users = 0;

  /** @ignore */
  constructor(
    shared: SharedStorage,
    observer: StorageObserver,
    changed: (event: "left" | "counted") => void,
  ) {
    this.shared = shared;
    this.#observer = observer;
    this.#changed = changed;
    const { storage } = shared;
    if (isObservable(storage)) this.#observation = storage.observe(observer);
  }

  /** How many clients or connections it is for, so that the storage can adapt to them. */
  get users(): number {
    return this.#users;
  }

  set users(count: number) {
    this.#users = count;
    this.#changed("counted");
  }

  /**
   * Tells the others of a transaction. To be called within `finish`'s `published`, so that all hear of transactions in
   * their order, and before anybody has seen them.
   */
  published(tid: Tid, oids: readonly Oid[]): void {
    for (const other of this.shared.uses) if (other !== this) other.#observer.invalidated(tid, oids);
  }

  /** Ends the use. @returns Whether nobody is left, and the storage is to be closed. */
  leave(): boolean {
    this.#observation?.[Symbol.dispose]();
    this.#changed("left");
    return this.shared.uses.size === 0;
  }
}

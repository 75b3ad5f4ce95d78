/**
 * A base that others change while there are changes beside it, as one that is behind a server.
 *
 * What they do is passed on, but for objects that the changes have: of those the base doesn't count any more. All that is
 * told has later ids than what was told before, also where a transaction of the base comes late, behind a change that was
 * made here with a later id. It is told under an id of its own then, and its objects keep theirs.
 *
 * @module
 */

import { type Awaitable, isPromise, NO_TID, type Oid, type Tid, tidAfter } from "../../values/mod.ts";
import type { ObservableStorage, StorageObserver } from "../storage.ts";

/** See the module. */
export class LiveBase implements Disposable {
  readonly #base: ObservableStorage;
  /** The last transaction that was told. */
  #told: Tid = NO_TID;
  readonly #observers = new Set<StorageObserver>();
  readonly #observation: Disposable;

  /**
   * Begins to listen.
   * @param isChanged Whether the changes have an object; where that isn't known at once, it is told of all the same.
   * @param shown The last transaction that can be seen.
   */
  constructor(base: ObservableStorage, isChanged: (oid: Oid) => Awaitable<boolean>, shown: () => Tid) {
    this.#base = base;
    this.#observation = base.observe({
      invalidated: (tid, oids) => {
        const before = shown();
        const at = tid > before ? tid : tidAfter(before);
        const changed = oids.filter((oid) => !isKnownToBe(isChanged(oid)));
        for (const observer of [...this.#observers]) observer.invalidated(at, changed);
        this.#told = at;
      },
      reset: () => {
        for (const observer of [...this.#observers]) observer.reset();
      },
    });
  }

  /** The last transaction of the base, under the id that was told. */
  get last(): Tid {
    const last = this.#base.lastTransaction();
    return last > this.#told ? last : this.#told;
  }

  /** Has an observer hear of what others change in the base. */
  observe(observer: StorageObserver): Disposable {
    const own: StorageObserver = {
      invalidated: (tid, oids) => observer.invalidated(tid, oids),
      reset: () => observer.reset(),
    };
    this.#observers.add(own);
    return { [Symbol.dispose]: () => void this.#observers.delete(own) };
  }

  /** Ends listening. */
  [Symbol.dispose](): void {
    this.#observation[Symbol.dispose]();
    this.#observers.clear();
  }
}

function isKnownToBe(answer: Awaitable<boolean>): boolean {
  if (!isPromise(answer)) return answer;
  answer.catch(() => {});
  return false;
}

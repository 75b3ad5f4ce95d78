/**
 * The root object, as a new database gets it.
 *
 * @module
 */

import { Dict, Global, writeRecord } from "../pickle/mod.ts";
import type { Storage } from "../storage/mod.ts";
import { NO_TID, POSKeyError, ReadOnlyError, ROOT_OID, type Tid } from "../values/mod.ts";
import { CommitTurn } from "./commit_turn.ts";
import { type Steps, wait } from "./steps.ts";

/** Whether a storage has a root object. */
export function* hasRoot(storage: Storage): Steps<boolean> {
  try {
    return (yield* wait(storage.loadBefore(ROOT_OID, storage.lastTransaction() + 1n as Tid))) !== null;
  } catch (error) {
    if (error instanceof POSKeyError) return false;
    throw error;
  }
}

/**
 * Makes an empty one.
 *
 * @param published Hears of the transaction.
 * @throws {ReadOnlyError} when the storage takes no changes.
 */
export function* createRoot(storage: Storage, published: (tid: Tid) => void): Steps<void> {
  if (storage.readOnly) throw new ReadOnlyError(`${storage.name}: has no root object, and is read-only`);
  const data = writeRecord(
    new Global("persistent.mapping", "PersistentMapping"),
    Dict.of({ data: new Dict() }),
  );
  const storing = storage.begin({
    user: new Uint8Array(0),
    description: new TextEncoder().encode("initial database creation"),
    extension: new Uint8Array(0),
  });
  storing.store(ROOT_OID, NO_TID, data);
  const turn = CommitTurn.claim(storage, storing);
  try {
    yield* wait(turn.take(storing));
    yield* wait(storing.vote());
    yield* wait(storing.finish(published));
  } finally {
    turn.release();
  }
}

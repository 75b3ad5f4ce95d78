/**
 * Small things to store, and the shortest way to store them.
 *
 * @module
 */

import type {
  BeginOptions,
  ExternalGC,
  Packable,
  PackResult,
  Storage,
  TransactionMetadata,
  UndoableStorage,
} from "../../storage/mod.ts";
import {
  concatBytes,
  MAX_TID,
  NO_TID,
  type Oid,
  oid,
  POSKeyError,
  type Tid,
  tidSeconds,
} from "../../values/mod.ts";

const encoder = new TextEncoder();

/** A text's bytes. */
export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** A transaction that says nothing about itself. */
export const nobody: TransactionMetadata = { user: bytes(""), description: bytes(""), extension: bytes("") };

/** The class that {@linkcode record} says its object has. */
export const CLASS_NAME = "persistent.mapping.PersistentMapping";

/** A record as Python would write it: a pickle of the class, a pickle of the state, here a short text. */
export function record(text: string): Uint8Array<ArrayBuffer> {
  const state = bytes(text);
  if (state.length > 255) throw new Error(`text of ${state.length} bytes, at most 255 fit`);
  return concatBytes(
    new Uint8Array([0x80, 3]),
    bytes("cpersistent.mapping\nPersistentMapping\nq\0."),
    new Uint8Array([0x80, 3, 0x58, state.length, 0, 0, 0]),
    state,
    bytes("."),
  );
}

/** The text of a {@linkcode record}. */
export function textOf(data: Uint8Array): string {
  const overhead = record("").length;
  return new TextDecoder().decode(data.subarray(overhead - 1, data.length - 1));
}

/** Bytes that differ from place to place, and from seed to seed. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const random = randomNumbers(seed), words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, size);
}

/** Numbers from 0 up to 1 that look random and are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

/** One change: the object, the revision it starts from (`NO_TID` for none), the record. */
export type Change = readonly [oid: number | bigint, serial: Tid, data: string | Uint8Array];

/** Stores, votes and finishes one transaction. A text stands for its {@linkcode record}. */
export async function commit(
  storage: Storage,
  changes: readonly Change[],
  metadata: Partial<TransactionMetadata> = {},
  options?: BeginOptions,
): Promise<Tid> {
  const transaction = storage.begin({ ...nobody, ...metadata }, options);
  for (const [id, serial, data] of changes) {
    transaction.store(oid(id), serial, typeof data === "string" ? record(data) : data);
  }
  await transaction.vote();
  return await transaction.finish();
}

/** Commits new revisions of one object, one after the other; answers their tids. */
export async function revisions(
  storage: Storage,
  id: number | Oid,
  texts: readonly string[],
): Promise<Tid[]> {
  const tids: Tid[] = [];
  for (const text of texts) tids.push(await commit(storage, [[id, tids.at(-1) ?? NO_TID, text]]));
  return tids;
}

/** The text of an object's current revision; undefined where there is none. */
export async function textAt(
  storage: Storage,
  id: number,
  before: Tid = MAX_TID,
): Promise<string | undefined> {
  try {
    const found = await storage.loadBefore(oid(id), before);
    return found === null ? undefined : textOf(found.data);
  } catch (error) {
    if (error instanceof POSKeyError) return undefined;
    throw error;
  }
}

/** Takes transactions back in one. The storage has to be one that can. */
export async function undo(storage: Storage, ...undone: readonly Tid[]): Promise<Tid> {
  const transaction = (storage as UndoableStorage).begin(nobody);
  for (const each of undone) transaction.undo(each);
  await transaction.vote();
  return await transaction.finish();
}

/** Deletes an object. The storage has to be one that can. */
export async function remove(storage: Storage, id: number | Oid, serial: Tid): Promise<Tid> {
  const transaction = (storage as ExternalGC).begin(nobody);
  transaction.deleteObject(oid(id), serial);
  await transaction.vote();
  return await transaction.finish();
}

/** Packs to just after a transaction. The storage has to be one that can. */
export async function packTo(storage: Storage, last: Tid): Promise<PackResult> {
  return await (storage as Packable).pack(tidSeconds(last) + 0.001);
}

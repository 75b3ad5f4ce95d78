/**
 * Copying a database, transaction by transaction.
 *
 * @module
 */

import { POSKeyError, type Tid, tidAfter } from "../values/mod.ts";
import { isBlobRecord } from "./blob/mod.ts";
import {
  type BlobRestoringTransaction,
  type BlobStorage,
  type IterableStorage,
  type IteratedRecord,
  type RestorableStorage,
  type RestoringTransaction,
  supportsBlobs,
} from "./storage.ts";

/** How far a copy is. */
export interface CopyProgress {
  /** Transactions copied. */
  readonly transactions: number;
  /** Records copied. */
  readonly records: number;
  /** Bytes of their data. */
  readonly bytes: number;
}

/** How a database is copied. */
export interface CopyOptions {
  /** The last transaction that is there already: only later ones are copied. */
  readonly after?: Tid;
  /** The last transaction to copy; the last that is visible unless told otherwise. */
  readonly stop?: Tid;
  /** Gives the copy up between two transactions; what was copied stays. */
  readonly signal?: AbortSignal;
  /** Told after every transaction. */
  readonly progress?: (progress: CopyProgress) => void;
}

/**
 * Copies all transactions of a storage into another: ids, status, metadata, records with what they share, and blobs where
 * both have them. Into an empty storage of the same kind that makes an identical database.
 *
 * @throws {StorageTransactionError} when a transaction is not later than the last one of `to`.
 *
 * @example
 * ```ts ignore
 * await using from = FileStorage.open("Data.fs", { readOnly: true });
 * await using to = FileStorage.open("Copy.fs");
 * await copyTransactions(from, to);
 * ```
 */
export async function copyTransactions(
  from: IterableStorage,
  to: RestorableStorage,
  options: CopyOptions = {},
): Promise<CopyProgress> {
  let transactions = 0, records = 0, bytes = 0;
  const blobs = supportsBlobs(from) && supportsBlobs(to) ? { from, to } : undefined;
  const start = options.after === undefined ? undefined : tidAfter(options.after);
  for await (const copied of from.transactions(start, options.stop)) {
    options.signal?.throwIfAborted();
    const { tid, status, user, description, extension } = copied;
    const transaction = to.begin({ user, description, extension }, { tid, status });
    try {
      for await (const record of copied.records()) {
        if (!blobs || !await restoreBlob(transaction, record, blobs)) {
          transaction.restore(record.oid, record.tid, record.data, record.dataTid);
        }
        records++;
        bytes += record.data?.length ?? 0;
      }
      await transaction.vote();
      await transaction.finish();
    } catch (error) {
      transaction.abort();
      throw error;
    }
    transactions++;
    options.progress?.({ transactions, records, bytes });
  }
  return { transactions, records, bytes };
}

/** Restores a record with its blob's content. @returns Whether there is one. */
async function restoreBlob(
  transaction: RestoringTransaction,
  { oid, tid, data, dataTid }: IteratedRecord,
  { from, to }: { readonly from: BlobStorage; readonly to: BlobStorage },
): Promise<boolean> {
  if (data === null || !isBlobRecord(data)) return false;
  let path: string;
  try {
    path = await from.loadBlob(oid, tid);
  } catch (error) {
    if (error instanceof POSKeyError) return false;
    throw error;
  }
  const copy = to.receiveBlob();
  try {
    using file = await Deno.open(path);
    const chunk = new Uint8Array(1 << 20);
    for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
      copy.write(chunk.subarray(0, count));
    }
    copy.close();
  } catch (error) {
    copy.discard();
    throw error;
  }
  (transaction as BlobRestoringTransaction).restoreBlob(oid, tid, data, dataTid, copy.path);
  return true;
}

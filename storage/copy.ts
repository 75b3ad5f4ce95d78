/**
 * Copying a database, transaction by transaction.
 *
 * @module
 */

import {
  formatOid,
  formatTid,
  type Oid,
  POSKeyError,
  StorageError,
  StorageTransactionError,
  type Tid,
  tidAfter,
} from "../values/mod.ts";
import { isBlobRecord } from "./blob/mod.ts";
import {
  type BlobRestoringTransaction,
  type BlobStorage,
  type IterableStorage,
  type RestorableStorage,
  type RestoringTransaction,
  type Storage,
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
  /** Blobs of which the source has no file: their records were copied, as they are. */
  readonly missingBlobs: number;
}

/** How a database is copied. */
export interface CopyOptions {
  /** The last transaction that is there already: only later ones are copied. */
  readonly after?: Tid;
  /** The last transaction to copy; the last that is visible unless told otherwise. */
  readonly stop?: Tid;
  /**
   * What becomes of records of blobs whose contents can't be copied, since one of the two storages keeps no blobs:
   * `"refuse"` ends the copy before the first transaction that has one, `"leave"` copies them without contents, even
   * where both storages keep blobs. `"leave"` unless told otherwise where one of the two keeps none.
   */
  readonly blobs?: "refuse" | "leave";
  /** Gives the copy up between two transactions; what was copied stays. */
  readonly signal?: AbortSignal;
  /** Told after every transaction. */
  readonly progress?: (progress: CopyProgress) => void;
}

/**
 * Copies all transactions of a storage into another: ids, status, metadata, records with what they share, and blobs where
 * both have them. Into an empty storage of the same kind that makes an identical database.
 *
 * @throws {StorageTransactionError} when a transaction is not later than the last one of `to`, or its status is none.
 * @throws {BlobsLeftError} as `blobs` says.
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
  let transactions = 0, records = 0, bytes = 0, missingBlobs = 0;
  const keep = options.blobs !== "leave" && supportsBlobs(from) && supportsBlobs(to);
  const blobs = keep ? { from, to } : undefined;
  const start = options.after === undefined ? undefined : tidAfter(options.after);
  for await (const copied of from.transactions(start, options.stop)) {
    options.signal?.throwIfAborted();
    const { tid, status, user, description, extension } = copied;
    requireStatus(tid, status);
    const transaction = to.begin({ user, description, extension }, { tid, status });
    try {
      for await (const record of copied.records()) {
        const { oid, data } = record;
        const isBlob = data !== null && (blobs || options.blobs === "refuse") && isBlobRecord(data);
        if (isBlob && !blobs) {
          throw supportsBlobs(from)
            ? new BlobsLeftError("to", to, oid, tid)
            : new BlobsLeftError("from", from, oid, tid);
        }
        const restored = isBlob && blobs &&
          await restoreBlob(transaction, oid, tid, data, record.dataTid, blobs);
        if (isBlob && !restored) missingBlobs++;
        if (!restored) transaction.restore(oid, record.tid, data, record.dataTid);
        records++;
        bytes += data?.length ?? 0;
      }
      await transaction.vote();
      await transaction.finish();
    } catch (error) {
      transaction.abort();
      throw error;
    }
    transactions++;
    options.progress?.({ transactions, records, bytes, missingBlobs });
  }
  return { transactions, records, bytes, missingBlobs };
}

/** A blob would lose its content in a copy. */
export class BlobsLeftError extends StorageError {
  /** Which of the two storages keeps no blobs. */
  readonly side: "from" | "to";
  /** The blob. */
  readonly oid: Oid;
  /** The transaction, which was not copied; those before it were. */
  readonly tid: Tid;

  /** Tells which blob. @param storage The one on that side. */
  constructor(side: "from" | "to", storage: Storage, oid: Oid, tid: Tid) {
    super(`transaction ${formatTid(tid)}: ${formatOid(oid)} is a blob, and ${storage.name} keeps no blobs`);
    this.side = side;
    this.oid = oid;
    this.tid = tid;
  }
}

/** Those that a transaction which is over can have. */
const STATUSES = [" ", "p"];

function requireStatus(tid: Tid, status: string): void {
  if (STATUSES.includes(status)) return;
  throw new StorageTransactionError(
    `transaction ${formatTid(tid)} has status ${
      JSON.stringify(status)
    }: expected " ", or "p" for a packed one`,
  );
}

/** Restores a record with its blob's content. @returns Whether there is one. */
async function restoreBlob(
  transaction: RestoringTransaction,
  oid: Oid,
  tid: Tid,
  data: Uint8Array,
  dataTid: Tid | null,
  { from, to }: { readonly from: BlobStorage; readonly to: BlobStorage },
): Promise<boolean> {
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

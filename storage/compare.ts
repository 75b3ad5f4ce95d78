/**
 * Comparing two storages, transaction by transaction.
 *
 * @module
 */

import { equalBytes, formatOid, formatTid, type Oid, POSKeyError, type Tid } from "../values/mod.ts";
import { isBlobRecord } from "./blob/mod.ts";
import {
  type BlobStorage,
  type Items,
  type IterableStorage,
  type IteratedRecord,
  type IteratedTransaction,
  supportsBlobs,
} from "./storage.ts";

/** How far a comparison is. */
export interface CompareProgress {
  /** Transactions that are the same in both. */
  readonly transactions: number;
  /** Their records. */
  readonly records: number;
  /** Bytes of the records' data, and of blobs. */
  readonly bytes: number;
}

/** What is compared. */
export interface CompareOptions {
  /** The first transaction to compare; the very first unless told otherwise. */
  readonly start?: Tid;
  /** The last one. */
  readonly stop?: Tid;
  /** Whether contents of blobs are compared; where both storages keep them, unless told otherwise. */
  readonly blobs?: boolean;
  /** Gives the comparison up. */
  readonly signal?: AbortSignal;
  /** Told after every transaction. */
  readonly progress?: (progress: CompareProgress) => void;
}

/** The first thing in which two storages differ. */
export interface Difference {
  /** The transaction in which it is. */
  readonly tid: Tid;
  /** The object, where it is about one. */
  readonly oid?: Oid;
  /** What differs, in words, the first storage's side first. */
  readonly message: string;
}

/** What a comparison found. */
export interface Comparison extends CompareProgress {
  /** The blobs that were compared. */
  readonly blobs: number;
  /** The first difference; undefined when there is none. */
  readonly difference?: Difference;
}

/**
 * Compares the transactions of two storages: ids, status, metadata, records, and blobs where both have them. Which
 * records share their data is no difference: that is the storages' own business.
 *
 * @example
 * ```ts ignore
 * const { difference } = await compareStorages(from, to);
 * if (difference) console.log(`${formatTid(difference.tid)}: ${difference.message}`);
 * ```
 */
export async function compareStorages(
  first: IterableStorage,
  second: IterableStorage,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { start, stop } = options;
  const blobs = options.blobs !== false && supportsBlobs(first) && supportsBlobs(second)
    ? { first, second }
    : undefined;
  const count = { transactions: 0, records: 0, bytes: 0, blobs: 0 };
  await using theirs = new Steps(second.transactions(start, stop));
  for await (const ours of first.transactions(start, stop)) {
    options.signal?.throwIfAborted();
    const difference = await compareTransactions(ours, await theirs.next(), blobs, count);
    if (difference !== undefined) return { ...count, difference };
    count.transactions++;
    options.progress?.({ ...count });
  }
  const more = await theirs.next();
  if (more === undefined) return count;
  const message = `transaction ${formatTid(more.tid)} is missing on the first side`;
  return { ...count, difference: { tid: more.tid, message } };
}

interface Blobs {
  readonly first: BlobStorage;
  readonly second: BlobStorage;
}

interface Count {
  records: number;
  bytes: number;
  blobs: number;
}

async function compareTransactions(
  ours: IteratedTransaction,
  theirs: IteratedTransaction | undefined,
  blobs: Blobs | undefined,
  count: Count,
): Promise<Difference | undefined> {
  const { tid } = ours;
  if (theirs?.tid !== tid) {
    return {
      tid,
      message: `transaction ${formatTid(tid)}, ${theirs ? formatTid(theirs.tid) : "nothing more"}`,
    };
  }
  if (ours.status !== theirs.status) {
    const [one, other] = [ours.status, theirs.status].map((status) => JSON.stringify(status));
    return { tid, message: `status ${one}, ${other}` };
  }
  for (const key of ["user", "description", "extension"] as const) {
    if (!equalBytes(ours[key], theirs[key])) {
      return { tid, message: `${key} of ${ours[key].length} bytes, another of ${theirs[key].length}` };
    }
  }
  await using records = new Steps(theirs.records());
  for await (const record of ours.records()) {
    const { oid } = record, other = await records.next();
    const message = recordDifference(record, other) ?? await blobDifference(record, blobs, count);
    if (message !== undefined) return { tid, oid, message };
    count.records++;
    count.bytes += record.data?.length ?? 0;
  }
  const more = await records.next();
  if (more !== undefined) {
    return { tid, oid: more.oid, message: `record of ${formatOid(more.oid)} is missing on the first side` };
  }
}

function recordDifference(ours: IteratedRecord, theirs: IteratedRecord | undefined): string | undefined {
  const name = `record of ${formatOid(ours.oid)}`;
  if (theirs?.oid !== ours.oid) {
    return `${name}, ${theirs === undefined ? "no more records" : `record of ${formatOid(theirs.oid)}`}`;
  }
  if (ours.data === null || theirs.data === null) {
    if (ours.data === theirs.data) return undefined;
    return `${name} ${
      ours.data === null ? "says that it is gone, has data" : "has data, says that it is gone"
    }`;
  }
  if (equalBytes(ours.data, theirs.data)) return undefined;
  return `${name} has ${ours.data.length} bytes of data, ${theirs.data.length} other ones`;
}

async function blobDifference(
  { oid, tid, data }: IteratedRecord,
  blobs: Blobs | undefined,
  count: Count,
): Promise<string | undefined> {
  if (blobs === undefined || data === null || !isBlobRecord(data)) return undefined;
  const ours = await blobPath(blobs.first, oid, tid), theirs = await blobPath(blobs.second, oid, tid);
  if (ours === undefined || theirs === undefined) {
    if (ours === theirs) return undefined;
    return `blob ${formatOid(oid)} is ${ours === undefined ? "missing, there" : "there, missing"}`;
  }
  const bytes = await equalLength(ours, theirs);
  if (bytes === undefined) return `blob ${formatOid(oid)} has another content`;
  count.blobs++;
  count.bytes += bytes;
}

async function blobPath(storage: BlobStorage, oid: Oid, tid: Tid): Promise<string | undefined> {
  try {
    return await storage.loadBlob(oid, tid);
  } catch (error) {
    if (error instanceof POSKeyError) return undefined;
    throw error;
  }
}

const CHUNK = 1 << 20;

/** The length of two files that are the same; undefined when they are not. */
async function equalLength(first: string, second: string): Promise<number | undefined> {
  using one = await Deno.open(first);
  using other = await Deno.open(second);
  const { size } = await one.stat();
  if ((await other.stat()).size !== size) return undefined;
  const ours = new Uint8Array(CHUNK), theirs = new Uint8Array(CHUNK);
  for (let done = 0; done < size;) {
    const length = Math.min(CHUNK, size - done);
    await readFully(one, ours.subarray(0, length));
    await readFully(other, theirs.subarray(0, length));
    if (!equalBytes(ours.subarray(0, length), theirs.subarray(0, length))) return undefined;
    done += length;
  }
  return size;
}

async function readFully(file: Deno.FsFile, buffer: Uint8Array): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const count = await file.read(buffer.subarray(done));
    if (count === null) throw new Error(`file ends after ${done} of ${buffer.length} bytes`);
    done += count;
  }
}

/** Items one by one, at the pace of another iteration. */
class Steps<T> implements AsyncDisposable {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;

  constructor(items: Items<T>) {
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  async next(): Promise<T | undefined> {
    const step = await this.#iterator.next();
    return step.done ? undefined : step.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterator.return?.();
  }
}

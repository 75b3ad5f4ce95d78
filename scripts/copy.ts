/**
 * `zeo copy`: any storage to any storage; what `zodbconvert` and `copyTransactionsFrom` do.
 *
 * @module
 */

import { formatTid, NO_TID, type Tid } from "../values/mod.ts";
import {
  BlobsLeftError,
  classOf,
  compareStorages,
  copyTransactions,
  type Difference,
  type IterableStorage,
  type IteratedTransaction,
  type RestorableStorage,
  type Storage,
  supportsBlobs,
  supportsIteration,
  supportsRestore,
} from "../storage/mod.ts";
import { type Command, Failure, type Invocation, UsageError } from "./command.ts";
import {
  blobDirectoryOf,
  dataFileOf,
  locateSection,
  locateStorage,
  locationName,
  openLocation,
  type StorageLocation,
} from "./storage_location.ts";

/** The command. */
export const copy: Command = {
  name: "copy",
  summary: "Copies all transactions to another storage, compares the two",
  operands: "FROM TO | FILE.conf",
  operandCount: [1, 2],
  options: [
    { name: "from-blobs", value: "DIR", help: "where the blobs of a FROM that is a Data.fs are" },
    { name: "to-blobs", value: "DIR", help: "where those of TO go" },
    { name: "without-blobs", help: "copy records of blobs without their contents" },
    { name: "clear", help: "throw away what TO has" },
    { name: "quick", help: "of what TO has already, compare only the last transaction" },
    { name: "dry-run", help: "change nothing, only say what would be copied" },
  ],
  details: `FROM and TO are paths of a Data.fs; servers, as HOST:PORT, socket or zeo:// URI; or
FILE.conf#NAME for a storage of a configuration (a server's, a client's, or just
storages; without #NAME the first). One FILE.conf alone has storages named source
and destination, as for zodbconvert.

A copy that was broken off goes on where it was: what TO has must be how FROM
begins, which is checked. In the end the two are compared, blobs included. FROM is
only read; a server may have it open, and what it writes meanwhile is not copied. A
copy that would leave contents of blobs behind is refused.`,
  example: `$ zeo copy --from-blobs blobs --to-blobs copied-blobs Data.fs Copy.fs
Copy.fs: 1204 transactions, 31337 records copied; all 1204 transactions are the same`,
  interruptible: true,
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { source, target } = locate(invocation);
  const clear = invocation.count("clear") > 0, dryRun = invocation.count("dry-run") > 0;
  refuseSame(source, target);
  if (clear) refuseBlobs(target);
  await using from = await openLocation(source, { readOnly: true });
  if (!supportsIteration(from)) {
    throw new Failure(`${locationName(source)}: its transactions can't be gone through`);
  }
  const leave = leavesBlobs(invocation);
  if (!leave && supportsBlobs(from) && target.kind === "file" && target.blobDir === undefined) {
    throw noBlobs(source, target);
  }
  // All of it as of now, whatever is added meanwhile.
  const stop = from.lastTransaction();
  if (dryRun) return await rehearse(from, stop, target, clear, invocation);
  await using to = await openLocation(target, { create: clear });
  if (!supportsRestore(to)) throw new Failure(`${locationName(target)}: a ${to.kind} can't take copies`);
  if (!supportsIteration(to)) {
    throw new Failure(`${locationName(target)}: can't be compared with its original`);
  }
  if (!leave && supportsBlobs(from) && !supportsBlobs(to)) throw noBlobs(source, target);
  return await copyAll(from, to, stop, target, invocation);
}

function locate(invocation: Invocation): { source: StorageLocation; target: StorageLocation } {
  const { operands } = invocation;
  if (operands.length === 1) {
    if (!operands[0].endsWith(".conf")) throw new UsageError("copy needs FROM TO, or one FILE.conf");
    return {
      source: locateSection(operands[0], "source"),
      target: locateSection(operands[0], "destination"),
    };
  }
  return {
    source: locateStorage(operands[0], invocation.value("from-blobs")),
    target: locateStorage(operands[1], invocation.value("to-blobs")),
  };
}

async function copyAll(
  from: IterableStorage,
  to: RestorableStorage & IterableStorage,
  stop: Tid,
  target: StorageLocation,
  invocation: Invocation,
): Promise<number> {
  const { output, json, note, signal } = invocation;
  const had = to.lastTransaction();
  const known = had === NO_TID ? 0 : await compareStart(from, to, had, target, invocation);
  using progress = invocation.progress("copy");
  const total = from.size() - to.size();
  const leave = leavesBlobs(invocation);
  const copied = await copyTransactions(from, to, {
    after: had === NO_TID ? undefined : had,
    stop,
    blobs: leave ? "leave" : "refuse",
    signal,
    progress: ({ bytes, records }) => progress.update({ bytes, objects: records, total }),
  }).catch((error) => {
    throw error instanceof BlobsLeftError ? leftBehind(error) : error;
  });
  progress[Symbol.dispose]();
  using comparing = invocation.progress("compare");
  const start = had === NO_TID ? undefined : had;
  const { difference, transactions, blobs } = await compareStorages(from, to, {
    start,
    stop,
    blobs: !leave,
    signal,
    progress: ({ bytes, records }) => comparing.update({ bytes, objects: records, total }),
  });
  comparing[Symbol.dispose]();
  if (difference !== undefined) throw different(difference, target);
  // The last one that was there was compared twice.
  const same = known + transactions - (start === undefined ? 0 : 1);
  if (copied.missingBlobs > 0) {
    note(`${copied.missingBlobs} blobs have no file to be copied, as in the original`);
  }
  if (json) {
    output.json({ ...copied, known, same, blobs, lastTid: to.lastTransaction(), dryRun: false });
  } else {
    output.line(
      `${locationName(target)}: ${copied.transactions} transactions, ${copied.records} records copied` +
        `${had === NO_TID ? "" : ` after ${formatTid(had)}`}; all ${same} transactions are the same`,
    );
  }
  return 0;
}

/** Checks that what the target has is how the source begins. @returns How many transactions were compared. */
async function compareStart(
  from: IterableStorage,
  to: IterableStorage,
  had: Tid,
  target: StorageLocation,
  invocation: Invocation,
): Promise<number> {
  using progress = invocation.progress("compare");
  const { difference, transactions } = await compareStorages(from, to, {
    start: invocation.count("quick") > 0 ? had : undefined,
    stop: had,
    blobs: !leavesBlobs(invocation),
    signal: invocation.signal,
    progress: ({ bytes, records }) => progress.update({ bytes, objects: records, total: to.size() }),
  });
  if (difference === undefined) return transactions;
  throw new Failure(
    `${
      locationName(target)
    }: is not empty and not the start of what is to be copied; --clear throws it away: ` +
      `transaction ${formatTid(difference.tid)}: ${difference.message}`,
  );
}

async function rehearse(
  from: IterableStorage,
  stop: Tid,
  target: StorageLocation,
  clear: boolean,
  invocation: Invocation,
): Promise<number> {
  const path = dataFileOf(target);
  let known = 0, had: Tid = NO_TID;
  if (!clear && !(path !== undefined && !exists(path))) {
    await using to: Storage = await openLocation(target, { readOnly: true });
    if (!supportsIteration(to)) {
      throw new Failure(`${locationName(target)}: can't be compared with its original`);
    }
    had = to.lastTransaction();
    if (had !== NO_TID) known = await compareStart(from, to, had, target, invocation);
  }
  let transactions = 0;
  // A storage of a configuration says whether it keeps blobs when it is open.
  const sure = supportsBlobs(from) && (target.kind === "section" || target.blobDir !== undefined);
  for await (const transaction of from.transactions(undefined, stop)) {
    if (transaction.tid <= had) continue;
    transactions++;
    if (!sure && !leavesBlobs(invocation)) await refuseBlobRecords(transaction, from);
  }
  if (invocation.json) invocation.output.json({ transactions, known, clear, dryRun: true });
  else {
    const cleared = clear ? "throw away what is there, and " : "";
    invocation.output.line(`${locationName(target)}: would ${cleared}copy ${transactions} transactions`);
  }
  return 0;
}

function leavesBlobs(invocation: Invocation): boolean {
  return invocation.count("without-blobs") > 0;
}

function noBlobs(source: StorageLocation, target: StorageLocation): Failure {
  return new Failure(
    `${locationName(target)}: has no place for the blobs of ${locationName(source)}; ` +
      "--to-blobs gives one, --without-blobs leaves them behind",
  );
}

async function refuseBlobRecords(transaction: IteratedTransaction, from: Storage): Promise<void> {
  for await (const { oid, data } of transaction.records()) {
    if (data !== null && classOf(data) === "ZODB.blob.Blob") {
      throw leftBehind(new BlobsLeftError(supportsBlobs(from) ? "to" : "from", from, oid, transaction.tid));
    }
  }
}

/** A blob that would be left behind, with the options that help. */
function leftBehind({ message, side }: BlobsLeftError): Failure {
  const option = side === "from" ? "--from-blobs says where they are" : "--to-blobs says where they go";
  return new Failure(`${message}; ${option}, --without-blobs leaves them behind`);
}

function different({ tid, message }: Difference, target: StorageLocation): Failure {
  return new Failure(
    `${locationName(target)}: the copy differs in transaction ${formatTid(tid)}: ${message}`,
  );
}

function refuseSame(source: StorageLocation, target: StorageLocation): void {
  const from = dataFileOf(source), to = dataFileOf(target);
  if (from === undefined || to === undefined || !exists(from) || !exists(to)) return;
  if (Deno.realPathSync(from) === Deno.realPathSync(to)) {
    throw new Failure(`${to}: can't be copied to itself`);
  }
}

/** Blobs are not thrown away: a mistake would cost too much. */
function refuseBlobs(target: StorageLocation): void {
  const directory = blobDirectoryOf(target);
  if (directory === undefined || !exists(directory)) return;
  for (const { name } of Deno.readDirSync(directory)) {
    if (name.startsWith("0x")) {
      throw new Failure(`${directory}: has blobs; remove them before the storage is cleared`);
    }
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

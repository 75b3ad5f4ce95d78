/**
 * Blobs for clients: receiving and sending them.
 *
 *   up      storeBlobStart · storeBlobChunk* · storeBlobEnd, or storeBlobShared for a file that is there already
 *   down    sendBlob ─▶ receiveBlobStart · receiveBlobChunk* · receiveBlobStop, then the reply
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Value } from "../pickle/mod.ts";
import { type Message, PythonError } from "../protocol/mod.ts";
import { type BlobStorage, type BlobTransaction, supportsBlobs } from "../storage/mod.ts";
import { StorageError } from "../values/mod.ts";
import {
  oidArgument,
  recordArgument,
  textArgument,
  tidArgument,
  transactionIdArgument,
} from "./arguments.ts";
import type { Commit } from "./commit.ts";
import type { Session } from "./session.ts";

const log = getLogger(["zeo", "server"]);

/** `storeBlobStart()`: begins an upload; one at a time. */
export function storeBlobStart(session: Session): Value {
  session.requireWritable();
  if (session.blobs.upload) {
    throw new PythonError("builtins.AssertionError", "a blob is being stored already");
  }
  try {
    session.blobs.begin({ blob: blobStorage(session).receiveBlob() });
  } catch (error) {
    // Its transaction is told when there is a call that is answered.
    session.blobs.begin({ failure: error instanceof Error ? error : new StorageError(String(error)) });
  }
  return null;
}

/** `storeBlobChunk(bytes)`. */
export function storeBlobChunk(session: Session, [chunk]: readonly Value[]): Value {
  const { upload } = session.blobs;
  if (!upload) throw new PythonError("builtins.AssertionError", "a chunk of no blob");
  if (!(chunk instanceof Uint8Array)) throw new TypeError("chunk: expected bytes");
  session.blobs.add(upload, chunk);
  return null;
}

/** `storeBlobEnd(oid, serial, record, transaction)`: what was received is the content of this revision. */
export function storeBlobEnd(
  session: Session,
  [oid, serial, data, id]: readonly Value[],
  call: Message,
): Value {
  const upload = session.blobs.end();
  if (!upload) throw new PythonError("builtins.AssertionError", "the end of no blob");
  try {
    const commit = session.commit(transactionIdArgument(id), call.name);
    if (upload.blob) store(commit, oid, serial, data, upload.blob.path);
    else commit.refuse(upload.failure!);
  } catch (error) {
    upload.blob?.discard();
    throw error;
  }
  return null;
}

/** `storeBlobShared(oid, serial, record, name, transaction)`: the content is a file in the blob directory. */
export function storeBlobShared(
  session: Session,
  [oid, serial, data, name, id]: readonly Value[],
  call: Message,
): Value {
  const commit = session.commit(transactionIdArgument(id), call.name);
  // Nothing may be added any more: that is known before the file is touched.
  void commit.transaction;
  let path: string;
  try {
    path = blobStorage(session).takeSharedBlob(
      oidArgument(oid),
      // No file's name is longer, and what is wrong with this one goes into the log.
      textArgument(name, "name").slice(0, 256),
    );
  } catch (error) {
    if (error instanceof RangeError) {
      log.fatal`(${session.label}) We're under attack! ${error.message}`;
      throw new PythonError("builtins.ValueError", error.message);
    }
    commit.refuse(error instanceof Error ? error : new StorageError(String(error)));
    return null;
  }
  store(commit, oid, serial, data, path);
  return null;
}

function store(commit: Commit, oid: Value, serial: Value, data: Value, path: string): void {
  const transaction = commit.transaction as BlobTransaction;
  transaction.storeBlob(oidArgument(oid), tidArgument(serial), recordArgument(data), path);
}

/** `sendBlob(oid, serial)`: the content, then the reply. */
export async function sendBlob(session: Session, [oid, serial]: readonly Value[]): Promise<Value> {
  const storage = blobStorage(session);
  const blob = oidArgument(oid), revision = tidArgument(serial);
  await session.blobs.send(blob, revision, () => storage.loadBlob(blob, revision));
  return null;
}

function blobStorage(session: Session): BlobStorage {
  const { storage } = session.served;
  if (supportsBlobs(storage)) return storage;
  throw new TypeError("Blobs are not supported");
}

/**
 * What a client can call: a table from the method's name to what it does.
 *
 * @module
 */

import { Dict, pythonFloat, Tuple, type Value } from "../pickle/mod.ts";
import { type Message, PythonError, truthy } from "../protocol/mod.ts";
import {
  announcedBy,
  type Loaded,
  type Revision,
  type StorageTransaction,
  supportsCurrentRecordIteration,
  supportsDelete,
  supportsRestore,
  supportsUndo,
} from "../storage/mod.ts";
import { type Awaitable, isPromise, oidBytes, tidBytes, tidSeconds, when } from "../values/mod.ts";
import {
  bytesArgument,
  countArgument,
  extensionArgument,
  extensionDict,
  itemsOf,
  oidArgument,
  recordArgument,
  textArgument,
  tidArgument,
  transactionIdArgument,
} from "./arguments.ts";
import { sendBlob, storeBlobChunk, storeBlobEnd, storeBlobShared, storeBlobStart } from "./blob_methods.ts";
import {
  iteratorGc,
  iteratorNext,
  iteratorRecordNext,
  iteratorRecordStart,
  iteratorStart,
  recordIternext,
} from "./iteration_methods.ts";
import type { Commit } from "./commit.ts";
import { missingMethod } from "./missing_method.ts";
import { pack } from "./pack_methods.ts";
import type { Session } from "./session.ts";
import { undoa, undoInfo, undoLog } from "./undo_methods.ts";

/** The arguments of a call. */
export type Arguments = readonly Value[];

/** A result that the method sends by itself, now or later. */
export const REPLIES_ITSELF: unique symbol = Symbol("replies itself");

/** What a method answers. */
export type Answer = Awaitable<Value | typeof REPLIES_ITSELF>;

/** A method: the call itself is for those that reply by themselves. */
export type Method = (session: Session, args: Arguments, call: Message) => Answer;

/** How many arguments a method takes, and what it does. */
interface Entry {
  readonly least: number;
  readonly most: number;
  readonly call: Method;
}

const takes = (least: number, most: number, call: Method): Entry => ({ least, most, call });

/** The last argument of calls within a transaction says which. */
function transactionOf(session: Session, id: Value, { name }: Message): StorageTransaction {
  return session.commit(transactionIdArgument(id), name).transaction;
}

function begin(session: Session, args: Arguments): Answer {
  const [id, user, description, extension, tid, status] = args;
  const metadata = {
    user: bytesArgument(user, "user"),
    description: bytesArgument(description, "description"),
    extension: extensionArgument(extension),
  };
  const options = {
    tid: tid === undefined || tid === null ? undefined : tidArgument(tid),
    status: status === undefined ? " " : textArgument(status, "status"),
    callerResolves: session.served.options.clientConflictResolution,
  };
  session.begin(transactionIdArgument(id), () => session.served.storage.begin(metadata, options));
  return null;
}

function store(session: Session, [oid, serial, data, id]: Arguments, { name }: Message): Answer {
  const commit = session.commit(transactionIdArgument(id), name);
  commit.store(oidArgument(oid), tidArgument(serial), recordArgument(data));
  return null;
}

function deleteObject(session: Session, [oid, serial, id]: Arguments, { name }: Message): Answer {
  const { storage, statistics } = session.served;
  const commit = session.commit(transactionIdArgument(id), name);
  if (!supportsDelete(storage)) return refused(commit, missingMethod(storage, "deleteObject"));
  (commit.transaction as ReturnType<typeof storage.begin>).deleteObject(
    oidArgument(oid),
    tidArgument(serial),
  );
  statistics.stores++;
  return null;
}

function restore(session: Session, [oid, serial, data, previous, id]: Arguments, { name }: Message): Answer {
  const { storage, statistics } = session.served;
  const commit = session.commit(transactionIdArgument(id), name);
  if (!supportsRestore(storage)) return refused(commit, missingMethod(storage, "restore"));
  (commit.transaction as ReturnType<typeof storage.begin>).restore(
    oidArgument(oid),
    tidArgument(serial),
    data === null ? null : recordArgument(data),
    previous === null ? null : tidArgument(previous),
  );
  statistics.stores++;
  return null;
}

/** A transaction's calls have no answers: that one is impossible its vote tells. */
function refused(commit: Commit, reason: Error): null {
  commit.refuse(reason);
  return null;
}

function historyEntry(session: Session, { tid, size, user, description, extension }: Revision): Dict {
  const entry = new Dict();
  for (const [key, value] of extensionDict(extension)) entry.set(key, value);
  entry.set("time", pythonFloat(tidSeconds(tid))).set("user_name", user).set("description", description);
  entry.set("tid", tidBytes(tid)).set("size", size);
  if (session.served.storage.kind === "MappingStorage") {
    entry.set("serial", tidBytes(tid)).set("extension", extensionDict(extension));
  }
  return entry;
}

function load(session: Session, [oid, tid]: Arguments, call: Message): Answer {
  const { served } = session;
  served.statistics.loads++;
  const object = oidArgument(oid);
  const answer = served.storage.loadBefore(object, tidArgument(tid));
  if (!isPromise(answer)) return loaded(answer);
  const pending = served.loads.begin(object);
  return answer.then((found) => {
    // Between here and the reply no change may be told of.
    const value = loaded(pending.answered(found));
    if (!call.flag) session.channel.reply(call.id, value);
    return REPLIES_ITSELF;
  }, (error) => {
    pending.failed();
    throw error;
  });
}

function loaded(value: Loaded | null): Value {
  if (value === null) return null;
  return new Tuple([value.data, tidBytes(value.serial), value.end === null ? null : tidBytes(value.end)]);
}

function info(session: Session): Dict {
  const { storage } = session.served;
  const interfaces = announcedBy(storage).map((name) => new Tuple(["ZODB.interfaces", name]));
  return session.sizes()
    .set("name", storage.name)
    .set("supportsUndo", supportsUndo(storage))
    .set("supports_record_iternext", supportsCurrentRecordIteration(storage))
    // Not the original's: it tells our clients what they can rely on, and the original's pass it over.
    .set("invalidates_in_order", true)
    .set("interfaces", new Tuple([...interfaces, new Tuple(["zope.interface", "Interface"])]));
}

const methods: ReadonlyMap<string, Entry> = new Map(Object.entries({
  get_info: takes(0, 0, info),
  lastTransaction: takes(0, 0, (session) => tidBytes(session.served.storage.lastTransaction())),
  ping: takes(0, 0, () => null),
  server_status: takes(0, 0, (session) => session.served.status()),

  set_client_label: takes(1, 1, (session, [label]) => {
    session.clientLabel = textArgument(label, "label");
    return null;
  }),

  getInvalidations: takes(1, 1, (session, [tid], call) => {
    return when(session.tellMissed(call, tidArgument(tid)), () => REPLIES_ITSELF);
  }),

  new_oids: takes(0, 1, (session, [count]) => {
    session.requireWritable();
    const wanted = count === undefined ? 100 : countArgument(count, "count", 1, 100);
    return when(session.served.storage.newOids(wanted), (oids) => oids.map(oidBytes));
  }),

  new_oid: takes(0, 0, (session) => {
    throw missingMethod(session.served.storage, "new_oid");
  }),

  loadBefore: takes(2, 2, load),

  loadSerial: takes(
    2,
    2,
    (session, [oid, serial]) => session.served.storage.loadSerial(oidArgument(oid), tidArgument(serial)),
  ),

  getTid: takes(1, 1, (session, [oid]) => when(session.served.storage.getTid(oidArgument(oid)), tidBytes)),

  history: takes(1, 2, (session, [oid, size]) => {
    const wanted = size === undefined ? 1 : countArgument(size, "size", 0, Number.MAX_SAFE_INTEGER);
    return when(
      session.served.storage.history(oidArgument(oid), wanted),
      (revisions) => revisions.map((revision) => historyEntry(session, revision)),
    );
  }),

  tpc_begin: takes(4, 6, begin),
  storea: takes(4, 4, store),
  deleteObject: takes(3, 3, deleteObject),
  restorea: takes(5, 5, restore),

  checkCurrentSerialInTransaction: takes(3, 3, (session, [oid, serial, id], call) => {
    transactionOf(session, id, call).checkCurrent(oidArgument(oid), tidArgument(serial));
    return null;
  }),

  vote: takes(1, 1, (session, [id], call) => {
    session.vote(call, session.commit(transactionIdArgument(id), call.name));
    return REPLIES_ITSELF;
  }),

  tpc_finish: takes(1, 1, (session, [id], call) => {
    session.requireWritable();
    const commit = session.currentCommit(transactionIdArgument(id), call.name);
    if (!commit) return null;
    if (!commit.isLocked) throw new PythonError("builtins.AssertionError", "finished called wo lock");
    return when(session.finish(call, commit), () => REPLIES_ITSELF);
  }),

  tpc_abort: takes(1, 1, (session, [id]) => {
    session.requireWritable();
    const commit = session.currentCommit(transactionIdArgument(id));
    if (commit) session.served.statistics.aborts++;
    commit?.abort();
    return null;
  }),

  undoa: takes(2, 2, undoa),
  storeBlobStart: takes(0, 0, storeBlobStart),
  storeBlobChunk: takes(1, 1, storeBlobChunk),
  storeBlobEnd: takes(4, 4, storeBlobEnd),
  storeBlobShared: takes(5, 5, storeBlobShared),
  undoLog: takes(2, 2, undoLog),
  undoInfo: takes(2, 3, undoInfo),
  pack: takes(1, 2, pack),
  record_iternext: takes(0, 1, recordIternext),
  iterator_start: takes(2, 2, iteratorStart),
  iterator_next: takes(1, 1, iteratorNext),
  iterator_record_start: takes(2, 2, iteratorRecordStart),
  iterator_record_next: takes(1, 1, iteratorRecordNext),
  iterator_gc: takes(1, 1, iteratorGc),
  sendBlob: takes(2, 2, sendBlob),
}));

/** Whether there is such a method. */
export function hasMethod(name: string): boolean {
  return methods.has(name);
}

/**
 * Calls a method.
 * @throws {TypeError} when the number of arguments is wrong, or what the method throws.
 */
export function callMethod(session: Session, call: Message): Answer {
  const { name } = call;
  const entry = methods.get(name)!;
  const items = itemsOf(call.args);
  if (!items) throw new TypeError(`${name}: the arguments are no sequence`);
  if (items.length < entry.least || items.length > entry.most) {
    const expected = entry.least === entry.most ? `${entry.least}` : `${entry.least} to ${entry.most}`;
    throw new TypeError(`${name}() takes ${expected} arguments, ${items.length} were given`);
  }
  return entry.call(session, items, call);
}

/** The arguments of `register`: the storage that is wanted, and whether only to read it. */
export function registerArguments(args: Value): { storage: string; readOnly: boolean } {
  const items = itemsOf(args);
  if (!items || items.length < 1 || items.length > 2) {
    throw new TypeError("register() takes a storage's name and whether it is only to be read");
  }
  return { storage: textArgument(items[0], "storage"), readOnly: truthy(items[1] ?? null) };
}

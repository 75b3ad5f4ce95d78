/**
 * Going through a server's transactions and their records without a round trip for each of them.
 *
 * The server numbers iterators 0, 1, 2 … on each connection, so that the number of one that is being opened is known, and
 * its first items are asked for in the same breath:
 *
 *   ▶ iterator_start(…) iterator_next(0)                                  ◀ 0, a transaction
 *   ▶ iterator_record_start(0, tid) iterator_record_next(1) ×n            ◀ 1, records, no more
 *   ▶ iterator_next(0)                                                    ◀ a transaction
 *
 * It can't be known how many records there are, so that more are asked for than come. Python's server answers that with an
 * error, and a line in its log: after one attempt its records are asked for one by one.
 *
 * A transaction's records have to be read before the next transaction is asked for: at the end the server closes the file.
 * Should the number be another one, for an iterator that could not be opened, nothing that came under it is believed and
 * it is done again, step by step; from then on nothing is asked ahead of the number.
 *
 * @module
 */

import type { Value } from "../pickle/mod.ts";
import type { IteratedRecord, IteratedTransaction } from "../storage/mod.ts";
import { formatTid, StorageError, type Tid, tidBytes } from "../values/mod.ts";
import { bytesOf, extensionOf, itemsOf, numberOf, oidOf, tidOf, tidOrNull } from "./replies.ts";
import type { ServerConnection } from "./server_connection.ts";

/** Records that are asked for before any has come. */
const FIRST_RECORDS = 4;
/** The same where it is minded: a record, and that there are no more, which is what most transactions have. */
const FIRST_RECORDS_STRICT = 2;
/** Records that are asked for ahead, at most. */
const MOST_RECORDS = 256;
/** Bytes of records that may be on their way, as far as can be told from those that have come. */
const BYTES_AHEAD = 1 << 20;

/** The transactions from `start` to `stop`, as storages give them. */
export async function* iterateTransactions(
  connection: ServerConnection,
  start?: Tid,
  stop?: Tid,
): AsyncGenerator<IteratedTransaction, void> {
  const { number, first } = await open(connection, start, stop);
  let next: Promise<Transaction | null> | undefined = first;
  let over = false;
  try {
    while (true) {
      const transaction = await (next ?? nextTransaction(connection, number));
      next = undefined;
      if (!transaction) {
        over = true;
        return;
      }
      const place = new Place(number, transaction.tid, () => {
        next = nextTransaction(connection, number);
        next.catch(() => {});
      });
      yield { ...transaction, records: () => recordsAt(connection, place) };
      place.current = false;
    }
  } finally {
    if (!over) collect(connection, number);
  }
}

/** Where an iterator over transactions is. */
class Place {
  /** Whether the iterator is there still. */
  current = true;
  readonly #advance: () => void;

  constructor(readonly iterator: number, readonly tid: Tid, advance: () => void) {
    this.#advance = advance;
  }

  /** Has the iterator go on: the records have been read. */
  leave(): void {
    if (!this.current) return;
    this.current = false;
    this.#advance();
  }
}

/** The records of one transaction. @throws {StorageError} when it is not there. */
export async function* recordsOfTransaction(
  connection: ServerConnection,
  tid: Tid,
): AsyncGenerator<IteratedRecord, void> {
  for await (const transaction of iterateTransactions(connection, tid, tid)) {
    yield* transaction.records();
    return;
  }
  throw new StorageError(`transaction ${formatTid(tid)} is not there any more`);
}

type Transaction = Omit<IteratedTransaction, "records">;

/** Opens an iterator over transactions; as a rule its first one is asked for already. */
async function open(
  connection: ServerConnection,
  from: Tid | undefined,
  to: Tid | undefined,
): Promise<{ readonly number: number; readonly first?: Promise<Transaction | null> }> {
  const bounds = [from, to].map((tid) => tid === undefined ? null : tidBytes(tid));
  const { expected, started } = start(connection, "iterator_start", bounds);
  const likely = expected ?? await started;
  const first = nextTransaction(connection, likely);
  first.catch(() => {});
  const number = await started;
  if (number === likely) return { number, first };
  collect(connection, number);
  return { number: await start(connection, "iterator_start", bounds).started };
}

/** Opens an iterator, which will have the expected number, if one is. */
function start(
  connection: ServerConnection,
  name: string,
  args: readonly Value[],
): { readonly expected: number | undefined; readonly started: Promise<number> } {
  const expected = connection.nextIterator;
  if (expected !== undefined) connection.nextIterator = expected + 1;
  // With Python's server one that could not be opened has a number all the same. Under a number that is expected too
  // soon, an item would be taken from somebody else's iterator.
  const started = connection.call(name, args, numberOf, () => connection.nextIterator = undefined);
  started.catch(() => {});
  return { expected, started };
}

function nextTransaction(connection: ServerConnection, number: number): Promise<Transaction | null> {
  return connection.call("iterator_next", [number], (value) => {
    if (value === null) return null;
    const [tid, status, user, description, extension] = itemsOf(value, "a transaction");
    return {
      tid: tidOf(tid),
      status: typeof status === "string" ? status : " ",
      user: bytesOf(user),
      description: bytesOf(description),
      extension: extensionOf(extension),
    };
  });
}

/** The records of the transaction that an iterator is at, or was. */
async function* recordsAt(connection: ServerConnection, place: Place): AsyncGenerator<IteratedRecord, void> {
  const { iterator, tid } = place;
  if (!place.current) {
    yield* recordsOfTransaction(connection, tid);
    return;
  }
  const { expected, started } = start(connection, "iterator_record_start", [iterator, tidBytes(tid)]);
  const likely = expected ?? await started;
  const asked: Promise<IteratedRecord | null>[] = [];
  const ask = () => {
    const record = nextRecord(connection, likely, place);
    record.catch(() => {});
    asked.push(record);
  };
  const ahead = connection.lenient ?? false;
  for (let i = 0; i < (ahead ? FIRST_RECORDS : FIRST_RECORDS_STRICT); i++) ask();
  const number = await started;
  try {
    if (number !== likely) {
      yield* recordsOfTransaction(connection, tid);
      return;
    }
    for (let count = 1, bytes = 0, window = FIRST_RECORDS;; count++) {
      const record = await asked.shift()!;
      if (!record) {
        if (connection.lenient === undefined) tryLenience(connection, number);
        return;
      }
      bytes += record.data?.length ?? 0;
      const fitting = Math.max(1, Math.floor(BYTES_AHEAD * count / (bytes + 1)));
      window = ahead ? Math.min(2 * window, MOST_RECORDS, fitting) : 1;
      while (asked.length < window) ask();
      yield record;
    }
  } finally {
    collect(connection, number);
  }
}

/** Asks, once for each server, for one record more than there are. */
function tryLenience(connection: ServerConnection, number: number): void {
  connection.lenient = false;
  connection.call("iterator_record_next", [number], () => connection.lenient = true).catch(() => {});
}

function nextRecord(
  connection: ServerConnection,
  number: number,
  place: Place,
): Promise<IteratedRecord | null> {
  return connection.call("iterator_record_next", [number], (value) => {
    if (value === null) {
      place.leave();
      return null;
    }
    const [oid, tid, data, dataTid] = itemsOf(value, "a record");
    return {
      oid: oidOf(oid),
      tid: tidOf(tid),
      data: data === null ? null : bytesOf(data),
      dataTid: tidOrNull(dataTid),
    };
  });
}

/** Tells the server that an iterator is of no more use. */
function collect(connection: ServerConnection, number: number): void {
  if (!connection.closed) connection.notify("iterator_gc", [[number]]);
}

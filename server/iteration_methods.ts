/**
 * Iteration for clients: an iterator lives here, and the client pulls one item a call.
 *
 * @module
 */

import { Tuple, type Value } from "../pickle/mod.ts";
import { PythonError } from "../protocol/mod.ts";
import {
  type CurrentRecord,
  type Items,
  type IteratedRecord,
  type IteratedTransaction,
  supportsCurrentRecordIteration,
  supportsIteration,
} from "../storage/mod.ts";
import { type Awaitable, oid, oidBytes, tidBytes, when } from "../values/mod.ts";
import { countArgument, extensionDict, itemsOf, oidArgument, tidArgument } from "./arguments.ts";
import { missingMethod } from "./missing_method.ts";
import type { Session } from "./session.ts";

/** Iterators that one client may have open. One over transactions holds a file open, one over records is small. */
const MOST_ITERATORS = { transactions: 1000, records: 100_000 };

type Pull<T> = Iterator<T> | AsyncIterator<T>;

interface Transactions {
  readonly kind: "transactions";
  readonly items: Pull<IteratedTransaction>;
  /** The last one that was handed out. */
  current?: IteratedTransaction;
}

interface Records {
  readonly kind: "records";
  readonly items: Pull<IteratedRecord>;
}

function pull<T>(items: Items<T>): Pull<T> {
  return Symbol.iterator in items ? items[Symbol.iterator]() : items[Symbol.asyncIterator]();
}

/** The iterators of one session; transactions and records share one counter. */
export class Iterators {
  readonly #open = new Map<number, Transactions | Records>();
  readonly #count = { transactions: 0, records: 0 };
  #next = 0;

  /** Opens one and says its number. */
  add(iterator: Transactions | Records): number {
    const { kind } = iterator, most = MOST_ITERATORS[kind];
    if (this.#count[kind] >= most) {
      throw new PythonError("builtins.ValueError", `${most} iterators over ${kind} are open already`);
    }
    this.#count[kind]++;
    this.#open.set(this.#next, iterator);
    return this.#next++;
  }

  /** Whether there was one with this number, and it is closed. */
  isOver(number: number): boolean {
    return number >= 0 && number < this.#next && !this.#open.has(number);
  }

  /** The iterator with a number. */
  get<K extends "transactions" | "records">(
    kind: K,
    number: number,
  ): Extract<Transactions | Records, { kind: K }> {
    const iterator = this.#open.get(number);
    if (iterator?.kind !== kind) throw new PythonError("builtins.KeyError", number);
    return iterator as Extract<Transactions | Records, { kind: K }>;
  }

  /** Closes one; one that is closed already is fine. */
  close(number: number): void {
    const iterator = this.#open.get(number);
    if (!iterator) return;
    this.#open.delete(number);
    this.#count[iterator.kind]--;
    iterator.items.return?.();
  }

  /** Closes all. */
  closeAll(): void {
    for (const number of [...this.#open.keys()]) this.close(number);
  }
}

/** Uses the next item of an iterator, or null when there is none. */
function next<T>(items: Pull<T>, use: (item: T | null) => Value): Awaitable<Value> {
  const result = items.next();
  const take = ({ done, value }: IteratorResult<T>) => use(done ? null : value);
  return when(result, take);
}

function numberArgument(value: Value | undefined): number {
  return countArgument(value, "iterator", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

/** `iterator_start(start, stop)`: the number of a new iterator over transactions. */
export function iteratorStart(session: Session, [start, stop]: readonly Value[]): Value {
  const { storage } = session.served;
  if (!supportsIteration(storage)) {
    throw missingMethod(storage, "iterator");
  }
  const bound = (value: Value) => value === null ? undefined : tidArgument(value);
  const items = pull(storage.transactions(bound(start), bound(stop)));
  return session.iterators.add({ kind: "transactions", items });
}

/** `iterator_next(number)`: the next transaction; null at the end, and then the iterator is gone. */
export function iteratorNext(session: Session, [argument]: readonly Value[]): Awaitable<Value> {
  const number = numberArgument(argument);
  const iterator = session.iterators.get("transactions", number);
  return next(iterator.items, (transaction) => {
    if (!transaction) {
      session.iterators.close(number);
      return null;
    }
    iterator.current = transaction;
    const { tid, status, user, description, extension } = transaction;
    return new Tuple([tidBytes(tid), status, user, description, extensionDict(extension)]);
  });
}

/** `iterator_record_start(number, tid)`: the number of a new iterator over the records of that transaction. */
export function iteratorRecordStart(session: Session, [argument, tid]: readonly Value[]): Value {
  const { current } = session.iterators.get("transactions", numberArgument(argument));
  if (current?.tid !== tidArgument(tid)) {
    throw new PythonError(
      "builtins.Exception",
      "Record iterator requested for a transaction that is not current",
    );
  }
  return session.iterators.add({ kind: "records", items: pull(current.records()) });
}

/** `iterator_record_next(number)`: the next record; null at the end. */
export function iteratorRecordNext(session: Session, [argument]: readonly Value[]): Awaitable<Value> {
  const number = numberArgument(argument), { iterators } = session;
  if (iterators.isOver(number)) return null;
  return next(iterators.get("records", number).items, (record) => {
    if (!record) {
      // The original's client says so only with its next commit: by then there may be one for each transaction.
      iterators.close(number);
      return null;
    }
    const { oid, tid, data, dataTid } = record;
    return new Tuple([oidBytes(oid), tidBytes(tid), data, dataTid === null ? null : tidBytes(dataTid)]);
  });
}

/** `iterator_gc(numbers)`: the client has no use for these any more. */
export function iteratorGc(session: Session, [numbers]: readonly Value[]): Value {
  const items = itemsOf(numbers);
  if (!items) throw new TypeError("iterators: expected a list of numbers");
  for (const number of items) session.iterators.close(numberArgument(number));
  return null;
}

/** `record_iternext(next)`: the current record of the next object, and which comes after it. */
export function recordIternext(session: Session, [from]: readonly Value[]): Awaitable<Value> {
  const { storage } = session.served;
  if (!supportsCurrentRecordIteration(storage)) throw missingMethod(storage, "record_iternext");
  const first = from === undefined || from === null;
  const use = (record: CurrentRecord | null): Value => {
    if (!record) {
      const reason = first ? "empty tree" : "no key satisfies the conditions";
      throw new PythonError("builtins.ValueError", reason);
    }
    const { oid, tid, data, next } = record;
    return new Tuple([oidBytes(oid), tidBytes(tid), data, next === null ? null : oidBytes(next)]);
  };
  const found = storage.currentRecord(first ? oid(0) : oidArgument(from));
  return when(found, use);
}

/**
 * The history of some objects in a Data.fs, with what they refer to and what refers to them, at every time.
 *
 * @module
 */

import { PickleError, recordReferences } from "../../pickle/mod.ts";
import { type Oid, StorageError, type Tid } from "../../values/mod.ts";
import type { TransactionMetadata } from "../storage.ts";
import { decompressRecord } from "../zlib/compressed_record.ts";
import { classOf } from "./class_statistics.ts";
import type { DataFileReader, PlacedRecord, PlacedTransaction } from "./data_file_reader.ts";

/** Something that a transaction says about a traced object. */
export interface TraceEvent {
  /**
   * A revision of the object, a record that says that it is gone, a record of another object that refers to it, or a
   * reference that its own record makes.
   */
  readonly kind: "revision" | "gone" | "referenced by" | "references";
  /** Byte offset of the record that says so. */
  readonly position: number;
  /** The object at the other end of a reference; the object itself otherwise. */
  readonly oid: Oid;
  /** That object's class at the time; `<unknown>` where no record until then says. */
  readonly class: string;
}

/** What a transaction says about a traced object. */
export interface TracedTransaction extends TransactionMetadata {
  /** The transaction. */
  readonly tid: Tid;
  /** Byte offset of it. */
  readonly position: number;
  /** Revisions first, then who refers to the object, then what it refers to. */
  readonly events: readonly TraceEvent[];
}

/** The history of an object. */
export interface ObjectTrace {
  /** The object. */
  readonly oid: Oid;
  /** Its class as of its newest revision; `<unknown>` when there is none. */
  readonly class: string;
  /** How many revisions with data there are. */
  readonly revisions: number;
  /** The transactions that say something about it, oldest first. */
  readonly transactions: readonly TracedTransaction[];
}

const UNKNOWN = "<unknown>";
const ORDER = ["gone", "revision", "referenced by", "references"] as const;

interface MutableEvent {
  readonly kind: TraceEvent["kind"];
  readonly position: number;
  readonly oid: Oid;
  class: string;
}

interface Traced {
  class: string;
  revisions: number;
  readonly transactions: { readonly header: PlacedTransaction; readonly events: MutableEvent[] }[];
}

/**
 * Follows objects through a file. Reads it twice; memory grows with what is found, not with the file.
 *
 * @param oids The objects; the answer is in the order of their ids.
 * @param progress Told after every transaction how far it is in bytes, of twice the file's size.
 * @throws {CorruptedTransactionError} when the file contradicts itself.
 */
export function traceObjects(
  reader: DataFileReader,
  oids: Iterable<Oid>,
  progress: (position: number) => void = () => {},
): ObjectTrace[] {
  const sorted = [...new Set(oids)].sort((a, b) => a < b ? -1 : 1);
  const traced = new Map<Oid, Traced>(
    sorted.map((oid) => [oid, { class: UNKNOWN, revisions: 0, transactions: [] }]),
  );
  for (const header of reader.transactions()) {
    for (const record of reader.records(header)) collect(traced, header, record);
    progress(header.recordsEnd);
  }
  nameReferences(reader, traced, (position) => progress(reader.size + position));
  return [...traced].map(([oid, { class: name, revisions, transactions }]) => ({
    oid,
    class: name,
    revisions,
    transactions: transactions.map(({ header: { tid, position, user, description, extension }, events }) => ({
      tid,
      position,
      user,
      description,
      extension,
      events: events.sort(inOrder),
    })),
  }));
}

function collect(traced: Map<Oid, Traced>, header: PlacedTransaction, record: PlacedRecord): void {
  const { oid, position, data } = record;
  const own = traced.get(oid);
  const eventsOf = (one: Traced): MutableEvent[] => {
    if (one.transactions.at(-1)?.header.position !== header.position) {
      one.transactions.push({ header, events: [] });
    }
    return one.transactions.at(-1)!.events;
  };
  if (data === null) {
    if (own) eventsOf(own).push({ kind: "gone", position, oid, class: own.class });
    return;
  }
  let name: string | undefined;
  if (own) {
    own.class = name = classOf(data);
    own.revisions++;
    eventsOf(own).push({ kind: "revision", position, oid, class: name });
  }
  for (const reference of referencesOf(data)) {
    if (own) eventsOf(own).push({ kind: "references", position, oid: reference, class: UNKNOWN });
    const other = traced.get(reference);
    if (!other) continue;
    name ??= classOf(data);
    eventsOf(other).push({ kind: "referenced by", position, oid, class: name });
  }
}

/** What a record refers to; nothing when it can't be read. */
function referencesOf(data: Uint8Array): readonly Oid[] {
  try {
    return recordReferences(decompressRecord(data));
  } catch (error) {
    if (error instanceof PickleError || error instanceof StorageError) return [];
    throw error;
  }
}

/** Gives the objects that are referred to the classes that they had then. */
function nameReferences(
  reader: DataFileReader,
  traced: Map<Oid, Traced>,
  progress: (position: number) => void,
): void {
  const waiting = new Map<number, MutableEvent[]>(), names = new Map<Oid, string | undefined>();
  for (const { transactions } of traced.values()) {
    for (const { header, events } of transactions) {
      for (const event of events) {
        if (event.kind !== "references") continue;
        names.set(event.oid, undefined);
        const others = waiting.get(header.position);
        if (others) others.push(event);
        else waiting.set(header.position, [event]);
      }
    }
  }
  if (names.size === 0) return;
  for (const header of reader.transactions()) {
    for (const { oid, data } of reader.records(header)) {
      if (data !== null && names.has(oid)) names.set(oid, classOf(data));
    }
    for (const event of waiting.get(header.position) ?? []) event.class = names.get(event.oid) ?? UNKNOWN;
    progress(header.recordsEnd);
  }
}

function inOrder(a: TraceEvent, b: TraceEvent): number {
  return ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.oid < b.oid ? -1 : a.oid > b.oid ? 1 : 0) ||
    a.position - b.position;
}

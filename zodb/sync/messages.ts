/**
 * What the threads say to each other. Loads have an encoding of their own; all else is as the runtime clones values.
 *
 *   load      oid 8 | before 8
 *   records   record…               the first one is what was asked for, the others are likely to be asked for next
 *   record    oid 8 | serial 8 | end 8 | has an end 1 | size 4 | data…      serial 0: there was none yet
 *
 * @module
 */

import { deserialize, serialize } from "node:v8";
import type { Loaded } from "../../storage/mod.ts";
import { NO_TID, type Oid, type Tid } from "../../values/mod.ts";
import type { Message } from "./exchange.ts";
import { errorOf, type Failure, failureOf } from "./failures.ts";

/** Kinds of messages. */
export const CALL = 0, VALUE = 1, FAILURE = 2, LOAD = 3, RECORDS = 4;

const HEADER = 29;

/** A call of a method. */
export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A record that is sent. */
export interface SentRecord {
  readonly oid: Oid;
  /** null where the object was not there yet. */
  readonly loaded: Loaded | null;
}

/** A value as a message. */
export function valueMessage(kind: number, value: unknown): Message {
  return { kind, bytes: serialize(value) };
}

/** The value in a message. @throws The error, if it is one. */
export function valueIn<T>({ kind, bytes }: Message): T {
  const value = deserialize(bytes);
  if (kind === FAILURE) throw errorOf(value as Failure);
  return value as T;
}

/** An error as a message. */
export function failureMessage(error: unknown): Message {
  return valueMessage(FAILURE, failureOf(error));
}

/** The request for a record. */
export function loadMessage(oid: Oid, before: Tid): Message {
  const bytes = new Uint8Array(16), view = new DataView(bytes.buffer);
  view.setBigUint64(0, oid);
  view.setBigUint64(8, before);
  return { kind: LOAD, bytes };
}

/** What is requested. */
export function loadIn({ bytes }: Message): { readonly oid: Oid; readonly before: Tid } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { oid: view.getBigUint64(0) as Oid, before: view.getBigUint64(8) as Tid };
}

/** Records as a message. */
export function recordsMessage(records: readonly SentRecord[]): Message {
  const size = records.reduce((sum, { loaded }) => sum + HEADER + (loaded?.data.length ?? 0), 0);
  const bytes = new Uint8Array(size), view = new DataView(bytes.buffer);
  let at = 0;
  for (const { oid, loaded } of records) {
    view.setBigUint64(at, oid);
    if (loaded) {
      const { serial, end, data } = loaded;
      view.setBigUint64(at + 8, serial);
      view.setBigUint64(at + 16, end ?? 0n);
      view.setUint8(at + 24, end === null ? 0 : 1);
      view.setUint32(at + 25, data.length);
      bytes.set(data, at + HEADER);
    }
    at += HEADER + (loaded?.data.length ?? 0);
  }
  return { kind: RECORDS, bytes };
}

/** The records in a message. @throws The error, if it is one. */
export function recordsIn(message: Message): SentRecord[] {
  if (message.kind === FAILURE) return valueIn(message);
  const { bytes } = message, view = new DataView(bytes.buffer, bytes.byteOffset);
  const records: SentRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const serial = view.getBigUint64(at + 8) as Tid, size = view.getUint32(at + 25);
    const end = view.getUint8(at + 24) === 0 ? null : view.getBigUint64(at + 16) as Tid;
    const data = bytes.subarray(at + HEADER, at + HEADER + size);
    records.push({
      oid: view.getBigUint64(at) as Oid,
      loaded: serial === NO_TID ? null : { data, serial, end },
    });
    at += HEADER + size;
  }
  return records;
}

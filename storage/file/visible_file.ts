/**
 * What everybody can see of a Data.fs: the durable part of the file, and where each object's newest record lies.
 *
 * One object that the storage's parts share. It changes at two moments only, each in one go: when a transaction is
 * published, and when a pack puts a new file in place of the old one.
 *
 * @module
 */

import { type Oid, POSKeyError, type Tid } from "../../values/mod.ts";
import { isBlobRecord } from "../blob/mod.ts";
import type { DiskFile } from "../disk.ts";
import type { OidIndex } from "./oid_index.ts";
import type { RecordReader } from "./record_reader.ts";
import type { StoredRecord } from "./record_cache.ts";

/** See the module. */
export class VisibleFile {
  file: DiskFile;
  index: OidIndex;
  reader: RecordReader;
  /** Where the visible part ends. */
  end: number;
  /** The last transaction that is visible. */
  lastTid: Tid;
  /** Goes up when a pack gives the records other positions: those found before lead nowhere then. */
  generation = 0;

  constructor(file: DiskFile, index: OidIndex, reader: RecordReader, end: number, lastTid: Tid) {
    this.file = file;
    this.index = index;
    this.reader = reader;
    this.end = end;
    this.lastTid = lastTid;
  }

  /** Shows another file with the same transactions at other places. The caller closes the one from before. */
  replace(file: DiskFile, index: OidIndex, reader: RecordReader, end: number): void {
    reader.cache.countOn(this.reader.cache);
    this.file = file;
    this.index = index;
    this.reader = reader;
    this.end = end;
    this.generation++;
  }

  /** Where an object's newest record lies. @throws {POSKeyError} when there is none. */
  newestPosition(oid: Oid): number {
    const position = this.index.get(oid);
    if (position === undefined) throw new POSKeyError(oid);
    return position;
  }

  /** An object's newest record. @throws {POSKeyError} when there is none. */
  newest(oid: Oid): StoredRecord {
    return this.reader.record(this.newestPosition(oid), oid);
  }

  /** Whether there is a record of that revision. */
  hasRevision(oid: Oid, tid: Tid): boolean {
    const newest = this.index.get(oid);
    return newest !== undefined && this.reader.find(oid, newest, tid) !== undefined;
  }

  /** The revision of the blob that the record at a position is; undefined where it is none. */
  blobRevision(position: number): Tid | undefined {
    const record = this.reader.record(position);
    const data = this.reader.data(record);
    return data !== null && isBlobRecord(data) ? record.tid : undefined;
  }
}

/**
 * A record in a cache file, as it is known in memory.
 *
 * @module
 */

import type { Oid, Tid } from "../values/mod.ts";
import { RECORD_OVERHEAD, SEAL_LENGTH } from "./block_format.ts";
import type { SizedRevision } from "./shelf.ts";
import type { SieveMember } from "./sieve.ts";

/** One record of a cache file. */
export class FileEntry implements SizedRevision, SieveMember<FileEntry> {
  /** Where its block starts. */
  offset = 0;
  /** Whether a seal follows its block. */
  sealed = false;
  /** Whether its header fits to itself and to its seal. */
  intact = true;
  /** Whether it has been asked for since it was written where it is. */
  seen = false;

  /** The record, while it is among the hot ones. */
  data: Uint8Array | undefined = undefined;
  /** Its place among the hot ones. */
  newer: FileEntry | undefined = undefined;
  older: FileEntry | undefined = undefined;
  used = false;

  /** The record, while it is about to be written. */
  pending: Uint8Array | undefined = undefined;

  /** The records before and after it in the file. */
  previous: FileEntry | undefined = undefined;
  next: FileEntry | undefined = undefined;

  constructor(
    readonly oid: Oid,
    readonly serial: Tid,
    public end: Tid | null,
    readonly length: number,
  ) {}

  /** Bytes that it takes in the file, with its seal. */
  get size(): number {
    return RECORD_OVERHEAD + this.length + (this.sealed ? SEAL_LENGTH : 0);
  }
}

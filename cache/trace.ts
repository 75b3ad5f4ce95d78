/**
 * The access trace: what was asked of a cache, for tools that simulate other sizes.
 *
 *   time 4 (seconds since 1970) | length << 8 + code 4 | oid length 2 | tid 8 | end tid 8 | oid…
 *
 *   00 start      10 1c 1e invalidate: nothing there, kept as non-current, dropped
 *   20 22 load: miss, hit      24 26 load of a non-current revision: miss, hit      52 54 store: current, non-current
 *
 * Big-endian. The length is the record's, in stores and hits. The tid of an invalidation is the transaction that
 * changed the object, of a missed load the one that it was to be before, else the revision's.
 *
 * @module
 */

import * as fs from "node:fs";
import { getLogger } from "@logtape/logtape";
import { NO_TID, type Oid, type Tid, write16, write32, write64 } from "../values/mod.ts";

const log = getLogger(["zeo", "cache"]);

/** The events of a trace. */
export const TraceCode = {
  start: 0x00,
  invalidateMiss: 0x10,
  invalidateKept: 0x1c,
  invalidateDropped: 0x1e,
  loadMiss: 0x20,
  loadHit: 0x22,
  loadEndedMiss: 0x24,
  loadEndedHit: 0x26,
  storeCurrent: 0x52,
  storeEnded: 0x54,
} as const;

/** One of the events. */
export type TraceEvent = typeof TraceCode[keyof typeof TraceCode];

const EVENT_LENGTH = 34;
/** The longest length that fits beside the code. */
const MAX_LENGTH = 0x7f_ffff;
const BUFFER_LENGTH = EVENT_LENGTH * 256;

/** A file that events are appended to, some hundreds at a time. */
export class CacheTrace {
  #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_LENGTH);
  #used = 0;

  /** Opens, or makes, the file at `path` and writes that the cache was started. */
  constructor(readonly path: string) {
    this.#fd = fs.openSync(path, "a");
    this.#event(TraceCode.start, undefined, NO_TID, NO_TID, 0);
    this.flush();
  }

  /** Writes one event. */
  event(code: TraceEvent, oid: Oid, tid: Tid | null, end: Tid | null = NO_TID, length = 0): void {
    this.#event(code, oid, tid ?? NO_TID, end ?? NO_TID, length);
  }

  #event(code: TraceEvent, oid: Oid | undefined, tid: Tid, end: Tid, length: number): void {
    if (this.#fd < 0) return;
    if (this.#used + EVENT_LENGTH > BUFFER_LENGTH) {
      try {
        this.flush();
      } catch (error) {
        log.error("cache trace {path}: {error}: the trace ends here", { path: this.path, error });
        this.#used = 0;
        this.close();
        return;
      }
    }
    const buffer = this.#buffer;
    let at = this.#used;
    write32(buffer, at, Math.floor(Date.now() / 1000));
    write32(buffer, at + 4, Math.min(length, MAX_LENGTH) * 256 + code);
    write16(buffer, at + 8, oid === undefined ? 0 : 8);
    write64(buffer, at + 10, tid);
    write64(buffer, at + 18, end);
    at += 26;
    if (oid !== undefined) {
      write64(buffer, at, oid);
      at += 8;
    }
    this.#used = at;
  }

  /** Hands what is buffered to the file. */
  flush(): void {
    for (let done = 0; done < this.#used;) {
      done += fs.writeSync(this.#fd, this.#buffer, done, this.#used - done);
    }
    this.#used = 0;
  }

  /** Writes what is buffered and closes the file; a second call does nothing. */
  close(): void {
    if (this.#fd < 0) return;
    try {
      this.flush();
    } finally {
      fs.closeSync(this.#fd);
      this.#fd = -1;
    }
  }
}

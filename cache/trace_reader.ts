/**
 * Reading access traces, ours or the original's; `trace.ts` shows their bytes.
 *
 * @module
 */

import { type Oid, oidFromBytes, read16, read32, type Tid, tidFromBytes } from "../values/mod.ts";

/** One event of a trace. */
export interface TracedEvent {
  /** Seconds since 1970. */
  readonly time: number;
  /** What happened: one of the codes of `trace.ts`, or another one in traces by older programs. */
  readonly code: number;
  /** Bytes of the record, in stores and hits; else 0. */
  readonly length: number;
  /** The object's id, 8 bytes in sound traces; none in those that say that the cache was started. */
  readonly oid: Uint8Array;
  /** The transaction that it is about. */
  readonly tid: Tid;
  /** Where a non-current revision ends; `NO_TID` for others. */
  readonly end: Tid;
}

/** The event is that of a load, and whether it found something. */
export function loadOutcome({ code }: TracedEvent): "hit" | "miss" | undefined {
  if (code === 0x22 || code === 0x26) return "hit";
  return code === 0x20 || code === 0x24 ? "miss" : undefined;
}

/** The object of an event. @throws {RangeError} when its id is none. */
export function tracedOid({ oid }: TracedEvent): Oid {
  if (oid.length !== 8) throw new RangeError(`object id of ${oid.length} bytes: expected 8`);
  return oidFromBytes(oid);
}

const EVENT_HEAD = 26;
/** Obsolete bits of a code: of which file, and of versions. */
const PLAIN = 0x7e;
const MAX_OID = 1024;

/**
 * The events of a trace, in their order.
 *
 * @returns How many bytes are left at the end, which are no event; 0 in a whole trace.
 * @throws {RangeError} at what can't be an event, with its place.
 */
export async function* readTrace(
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<TracedEvent, number> {
  let rest = new Uint8Array(0), place = 0;
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : joined(rest, chunk);
    let at = 0;
    while (bytes.length - at >= EVENT_HEAD) {
      const size = read16(bytes, at + 8);
      if (size > MAX_OID) {
        throw new RangeError(`at ${place + at}: object id of ${size} bytes, expected 8: not a trace`);
      }
      if (bytes.length - at < EVENT_HEAD + size) break;
      yield {
        time: read32(bytes, at),
        code: bytes[at + 7] & PLAIN,
        length: read32(bytes, at + 4) >>> 8,
        oid: bytes.slice(at + EVENT_HEAD, at + EVENT_HEAD + size),
        tid: tidFromBytes(bytes, at + 10),
        end: tidFromBytes(bytes, at + 18),
      };
      at += EVENT_HEAD + size;
    }
    rest = bytes.slice(at);
    place += at;
  }
  return rest.length;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

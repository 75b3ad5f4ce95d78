/**
 * The one message that is hot: `loadBefore` and its reply, recognized and encoded without decoding anything else, on
 * both sides.
 *
 *   M   94 | id | c2 | aa "loadBefore" | 92 | c4 08 oid | c4 08 tid
 *       94 | id | 00 | a6 ".reply" | 93 | bin data | c4 08 serial | c4 08 end or c0
 *   Z   80 03 28 | id | 89 | 58 0a000000 "loadBefore" | 43 08 oid | 43 08 tid | 86 74 2e
 *       80 03 28 | id | 4b 00 | 58 06000000 ".reply" | data | 43 08 serial | 43 08 end or 4e | 87 74 2e
 *
 * The id is echoed as the bytes that it came in. Whatever looks different in any way takes the general path, which
 * gives the same answer; tests compare the two.
 *
 * @module
 */

import { type Oid, read32, type Tid, write32, write64 } from "../values/mod.ts";
import type { Encoding } from "./codec.ts";
import type { Output } from "./output.ts";

/** Recognizes loads and encodes their replies, in one encoding. No promise, no closure, no object a call. */
export interface LoadFormat {
  /**
   * Whether the bytes from `start` to `end` are a load that can take this path. Then `oidAt` and `tidAt` are where
   * its arguments lie.
   */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
  /** Where the oid's eight bytes lie. */
  oidAt: number;
  /** Where the transaction id's eight bytes lie. */
  tidAt: number;
  /** Encodes the reply to the load that was just recognized in `request`, with its length in front. */
  reply(out: Output, request: Uint8Array, data: Uint8Array, serial: Tid, end: Tid | null): void;
}

/** The format of loads in an encoding; each connection has its own. */
export function loadFormat(encoding: Encoding): LoadFormat {
  return encoding === "M" ? new MsgpackLoads() : new PickleLoads();
}

const bytesOf = (...parts: (number | string)[]): Uint8Array =>
  new Uint8Array(
    parts.flatMap((part) => typeof part === "number" ? [part] : [...new TextEncoder().encode(part)]),
  );

abstract class Loads implements LoadFormat {
  oidAt = 0;
  tidAt = 0;
  protected idAt = 0;
  protected idLength = 0;

  abstract matches(bytes: Uint8Array, start: number, end: number): boolean;
  abstract reply(out: Output, request: Uint8Array, data: Uint8Array, serial: Tid, end: Tid | null): void;

  /** Adds a constant. */
  protected constant(out: Output, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) out.bytes[out.length++] = bytes[i];
  }

  /** Adds the id as it came. */
  protected echo(out: Output, request: Uint8Array): void {
    for (let i = 0; i < this.idLength; i++) out.bytes[out.length++] = request[this.idAt + i];
  }

  /** Adds eight bytes behind a tag and their length. */
  protected eight(out: Output, tag: number, value: Tid): void {
    out.bytes[out.length] = tag;
    out.bytes[out.length + 1] = 8;
    write64(out.bytes, out.length + 2, value);
    out.length += 10;
  }
}

/** Room for everything in a reply but the id and the data. */
const REPLY_ROOM = 64;

function same(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

const M_CALL = bytesOf(0xc2, 0xaa, "loadBefore", 0x92, 0xc4, 8);
const M_REPLY = bytesOf(0, 0xa6, ".reply", 0x93);
/** Bytes of a call from its flag on. */
const M_TAIL = M_CALL.length + 8 + 10;

class MsgpackLoads extends Loads {
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const tail = end - M_TAIL;
    if (tail <= start || bytes[start] !== 0x94 || !same(bytes, tail, M_CALL)) return false;
    const tidTag = end - 10;
    if (bytes[tidTag] !== 0xc4 || bytes[tidTag + 1] !== 8) return false;
    this.idAt = start + 1;
    this.idLength = tail - this.idAt;
    this.oidAt = tail + M_CALL.length;
    this.tidAt = tidTag + 2;
    const tag = bytes[this.idAt];
    switch (this.idLength) {
      case 1:
        return tag < 0x80;
      case 2:
        return tag === 0xcc;
      case 3:
        return tag === 0xcd;
      case 5:
        return tag === 0xce;
      case 21: {
        const at = this.idAt;
        return tag === 0x92 && bytes[at + 1] === 0xc4 && bytes[at + 2] === 8 && bytes[at + 11] === 0xc4 &&
          bytes[at + 12] === 8;
      }
    }
    return false;
  }

  reply(out: Output, request: Uint8Array, data: Uint8Array, serial: Tid, end: Tid | null): void {
    out.reserve(REPLY_ROOM + this.idLength + data.length);
    const start = out.beginFrame();
    out.bytes[out.length++] = 0x94;
    this.echo(out, request);
    this.constant(out, M_REPLY);
    const size = data.length;
    if (size < 0x100) {
      out.bytes[out.length++] = 0xc4;
      out.bytes[out.length++] = size;
    } else if (size < 0x10000) {
      out.bytes[out.length++] = 0xc5;
      out.bytes[out.length++] = size >> 8;
      out.bytes[out.length++] = size & 0xff;
    } else {
      out.bytes[out.length++] = 0xc6;
      write32(out.bytes, out.length, size);
      out.length += 4;
    }
    out.bytes.set(data, out.length);
    out.length += size;
    this.eight(out, 0xc4, serial);
    if (end === null) out.bytes[out.length++] = 0xc0;
    else this.eight(out, 0xc4, end);
    out.endFrame(start);
  }
}

const Z_HEAD = bytesOf(0x80, 3, 0x28);
const Z_CALL = bytesOf(0x89, 0x58, 0x0a, 0, 0, 0, "loadBefore", 0x43, 8);
const Z_END = bytesOf(0x86, 0x74, 0x2e);
const Z_REPLY = bytesOf(0x4b, 0, 0x58, 6, 0, 0, 0, ".reply");
const Z_REPLY_END = bytesOf(0x87, 0x74, 0x2e);
const Z_TAIL = Z_CALL.length + 8 + 10 + Z_END.length;

class PickleLoads extends Loads {
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const tail = end - Z_TAIL;
    if (tail <= start + Z_HEAD.length || !same(bytes, tail, Z_CALL) || !same(bytes, start, Z_HEAD)) {
      return false;
    }
    if (!same(bytes, end - Z_END.length, Z_END)) return false;
    const tidTag = end - Z_END.length - 10;
    if (bytes[tidTag] !== 0x43 || bytes[tidTag + 1] !== 8) return false;
    this.idAt = start + Z_HEAD.length;
    this.idLength = tail - this.idAt;
    this.oidAt = tail + Z_CALL.length;
    this.tidAt = tidTag + 2;
    const tag = bytes[this.idAt];
    switch (this.idLength) {
      case 2:
        return tag === 0x4b;
      case 3:
        return tag === 0x4d;
      case 5:
        // A negative one may be a heartbeat's.
        return tag === 0x4a && bytes[this.idAt + 4] < 0x80;
      case 21: {
        const at = this.idAt;
        return tag === 0x43 && bytes[at + 1] === 8 && bytes[at + 10] === 0x43 && bytes[at + 11] === 8 &&
          bytes[at + 20] === 0x86;
      }
    }
    return false;
  }

  reply(out: Output, request: Uint8Array, data: Uint8Array, serial: Tid, end: Tid | null): void {
    out.reserve(REPLY_ROOM + this.idLength + data.length);
    const start = out.beginFrame();
    this.constant(out, Z_HEAD);
    this.echo(out, request);
    this.constant(out, Z_REPLY);
    const size = data.length;
    if (size < 0x100) {
      out.bytes[out.length++] = 0x43;
      out.bytes[out.length++] = size;
    } else {
      out.bytes[out.length++] = 0x42;
      out.bytes[out.length++] = size & 0xff;
      out.bytes[out.length++] = size >> 8 & 0xff;
      out.bytes[out.length++] = size >> 16 & 0xff;
      out.bytes[out.length++] = size >>> 24;
    }
    out.bytes.set(data, out.length);
    out.length += size;
    this.eight(out, 0x43, serial);
    if (end === null) out.bytes[out.length++] = 0x4e;
    else this.eight(out, 0x43, end);
    this.constant(out, Z_REPLY_END);
    out.endFrame(start);
  }
}

/** The client's side of loads in one encoding: encodes requests, and recognizes plain replies. */
export interface LoadCalls {
  /** Adds a request, with its length in front. @param id The message id: 0 to 2^31 - 1. */
  request(out: Output, id: number, oid: Oid, before: Tid): void;
  /**
   * Whether the bytes from `start` to `end` look like a reply with a record, a serial and an end. Then the fields say
   * what it has. Replies to some other calls look the same: the id tells.
   */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
  /** The id of the call that is answered. */
  id: number;
  /** Where the record begins. */
  dataAt: number;
  /** Where the record ends. */
  dataEnd: number;
  /** Where the serial's eight bytes lie. */
  serialAt: number;
  /** Where the eight bytes of the next revision's serial lie; -1 when the record is the current one. */
  endAt: number;
}

/** The client's side of loads in an encoding; each connection has its own. */
export function loadCalls(encoding: Encoding): LoadCalls {
  return encoding === "M" ? new MsgpackCalls() : new PickleCalls();
}

/** Room for a request. */
const REQUEST_ROOM = 64;

/** Lengths are only believed when what follows the record ends exactly where the message does. */
abstract class Calls implements LoadCalls {
  id = 0;
  dataAt = 0;
  dataEnd = 0;
  serialAt = 0;
  endAt = -1;

  abstract request(out: Output, id: number, oid: Oid, before: Tid): void;
  abstract matches(bytes: Uint8Array, start: number, end: number): boolean;

  /** Matches what follows the record, up to `end`: the serial, and an end or `none`. */
  protected revision(bytes: Uint8Array, at: number, end: number, tag: number, none: number): boolean {
    if (at + 11 > end || bytes[at] !== tag || bytes[at + 1] !== 8) return false;
    this.dataEnd = at;
    this.serialAt = at + 2;
    if (bytes[at + 10] === none && at + 11 === end) {
      this.endAt = -1;
      return true;
    }
    this.endAt = at + 12;
    return at + 20 === end && bytes[at + 10] === tag && bytes[at + 11] === 8;
  }
}

function constant(out: Output, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) out.bytes[out.length++] = bytes[i];
}

function eight(out: Output, value: bigint): void {
  write64(out.bytes, out.length, value);
  out.length += 8;
}

class MsgpackCalls extends Calls {
  request(out: Output, id: number, oid: Oid, before: Tid): void {
    out.reserve(REQUEST_ROOM);
    const start = out.beginFrame();
    out.byte(0x94);
    if (id < 0x80) out.byte(id);
    else if (id < 0x100) {
      out.byte(0xcc);
      out.byte(id);
    } else if (id < 0x10000) {
      out.byte(0xcd);
      out.byte(id >> 8);
      out.byte(id & 0xff);
    } else {
      out.byte(0xce);
      write32(out.bytes, out.length, id);
      out.length += 4;
    }
    constant(out, M_CALL);
    eight(out, oid);
    out.byte(0xc4);
    out.byte(8);
    eight(out, before);
    out.endFrame(start);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + 1;
    if (end - start < 24 || bytes[start] !== 0x94) return false;
    const tag = bytes[at++];
    if (tag < 0x80) this.id = tag;
    else if (tag === 0xcc) this.id = bytes[at++];
    else if (tag === 0xcd) {
      this.id = bytes[at] << 8 | bytes[at + 1];
      at += 2;
    } else if (tag === 0xce) {
      this.id = read32(bytes, at);
      at += 4;
    } else return false;
    if (!same(bytes, at, M_REPLY)) return false;
    at += M_REPLY.length;
    let size: number;
    const kind = bytes[at++];
    if (kind === 0xc4) size = bytes[at++];
    else if (kind === 0xc5) {
      size = bytes[at] << 8 | bytes[at + 1];
      at += 2;
    } else if (kind === 0xc6) {
      size = read32(bytes, at);
      at += 4;
    } else return false;
    this.dataAt = at;
    return this.revision(bytes, at + size, end, 0xc4, 0xc0);
  }
}

class PickleCalls extends Calls {
  request(out: Output, id: number, oid: Oid, before: Tid): void {
    out.reserve(REQUEST_ROOM);
    const start = out.beginFrame();
    constant(out, Z_HEAD);
    if (id < 0x100) {
      out.byte(0x4b);
      out.byte(id);
    } else if (id < 0x10000) {
      out.byte(0x4d);
      out.byte(id & 0xff);
      out.byte(id >> 8);
    } else {
      out.byte(0x4a);
      for (let shift = 0; shift < 32; shift += 8) out.byte(id >> shift & 0xff);
    }
    constant(out, Z_CALL);
    eight(out, oid);
    out.byte(0x43);
    out.byte(8);
    eight(out, before);
    constant(out, Z_END);
    out.endFrame(start);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + Z_HEAD.length;
    if (end - start < 32 || !same(bytes, start, Z_HEAD)) return false;
    const tag = bytes[at++];
    if (tag === 0x4b) this.id = bytes[at++];
    else if (tag === 0x4d) {
      this.id = bytes[at] | bytes[at + 1] << 8;
      at += 2;
    } else if (tag === 0x4a) {
      this.id = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
      at += 4;
    } else return false;
    if (!same(bytes, at, Z_REPLY)) return false;
    at += Z_REPLY.length;
    let size: number;
    const kind = bytes[at++];
    if (kind === 0x43) size = bytes[at++];
    else if (kind === 0x42) {
      size = (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
      at += 4;
    } else return false;
    this.dataAt = at;
    return same(bytes, end - Z_REPLY_END.length, Z_REPLY_END) &&
      this.revision(bytes, at + size, end - Z_REPLY_END.length, 0x43, 0x4e);
  }
}

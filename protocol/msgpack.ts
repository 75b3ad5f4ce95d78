/**
 * The encoding `M`: messages as msgpack, as Python's msgpack writes them (`use_bin_type`, smallest integers).
 *
 * Written here because the general library loses what matters on this wire: a whole float stays a float, an
 * integer above 2^53 stays exact, bytes may be keys, and nothing is copied. Tests compare it with that library.
 *
 * @module
 */

import { Dict, Float, pythonFloat, Tuple, type Value } from "../pickle/mod.ts";
import { ProtocolError, read16, read32, read64, write16, write32, write64 } from "../values/mod.ts";
import type { Codec, Message, MessageId } from "./codec.ts";
import type { Output } from "./output.ts";

const DEEPEST = 256;

/** Values in one message. Each takes up to 100 bytes of memory, however few it takes in the message. */
export const MOST_VALUES = 1 << 22;

/** Texts shorter than this have a tag of one byte. */
const SHORT_TEXT = 32;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Messages as msgpack. */
export const msgpackCodec: Codec = {
  encoding: "M",

  decode(bytes: Uint8Array): Message {
    const reader = new MsgpackReader(bytes);
    if (reader.arrayLength() !== 4) throw new ProtocolError("message is not a sequence of four elements");
    const id = owned(reader.value(0));
    const flag = truthy(reader.value(0));
    const name = reader.value(0);
    const args = reader.value(0);
    reader.end();
    if (typeof name !== "string") {
      throw new ProtocolError(`method name is ${describe(name)}, expected a string`);
    }
    return { id, flag, name, args };
  },

  encode(out: Output, id: MessageId, flag: boolean | number, name: string, args: Value): void {
    out.reserve(16);
    out.byte(0x94);
    encodeMsgpack(out, id);
    encodeMsgpack(out, flag);
    encodeMsgpack(out, name);
    encodeMsgpack(out, args);
  },
};

/** A value as msgpack. Lists and tuples are the same on this wire. */
export function encodeMsgpack(out: Output, value: Value): void {
  out.reserve(16);
  switch (typeof value) {
    case "number":
      if (Number.isSafeInteger(value)) encodeInteger(out, value);
      else encodeFloat(out, value);
      return;
    case "string":
      encodeText(out, value);
      return;
    case "boolean":
      out.byte(value ? 0xc3 : 0xc2);
      return;
    case "bigint":
      encodeBigInteger(out, value);
      return;
  }
  if (value === null) out.byte(0xc0);
  else if (value instanceof Uint8Array) encodeBytes(out, value);
  else if (Array.isArray(value)) encodeSequence(out, value);
  else if (value instanceof Tuple) encodeSequence(out, value.items);
  else if (value instanceof Float) encodeFloat(out, value.value);
  else if (value instanceof Dict) {
    encodeLength(out, value.size, 0x80, 0xde);
    for (const [key, item] of value.entries()) {
      encodeMsgpack(out, key);
      encodeMsgpack(out, item);
    }
  } else throw new TypeError(`a ${value.constructor.name} can't be sent as msgpack`);
}

function encodeInteger(out: Output, value: number): void {
  if (value >= 0) {
    if (value < 0x80) out.byte(value);
    else if (value < 0x100) {
      out.byte(0xcc);
      out.byte(value);
    } else if (value < 0x10000) tagged16(out, 0xcd, value);
    else if (value < 0x100000000) tagged32(out, 0xce, value);
    else tagged64(out, 0xcf, BigInt(value));
  } else if (value >= -0x20) out.byte(value & 0xff);
  else if (value >= -0x80) {
    out.byte(0xd0);
    out.byte(value & 0xff);
  } else if (value >= -0x8000) tagged16(out, 0xd1, value & 0xffff);
  else if (value >= -0x80000000) tagged32(out, 0xd2, value >>> 0);
  else tagged64(out, 0xd3, BigInt.asUintN(64, BigInt(value)));
}

function encodeBigInteger(out: Output, value: bigint): void {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) {
    encodeInteger(out, Number(value));
  } else if (value > 0n && value >> 64n === 0n) tagged64(out, 0xcf, value);
  else if (value < 0n && value >= -(1n << 63n)) tagged64(out, 0xd3, BigInt.asUintN(64, value));
  else throw new TypeError(`the integer ${value} can't be sent as msgpack: expected at most 64 bits`);
}

function tagged16(out: Output, tag: number, value: number): void {
  out.byte(tag);
  write16(out.bytes, out.length, value);
  out.length += 2;
}

function tagged32(out: Output, tag: number, value: number): void {
  out.byte(tag);
  write32(out.bytes, out.length, value);
  out.length += 4;
}

function tagged64(out: Output, tag: number, value: bigint): void {
  out.byte(tag);
  write64(out.bytes, out.length, value);
  out.length += 8;
}

function encodeFloat(out: Output, value: number): void {
  out.byte(0xcb);
  new DataView(out.bytes.buffer, out.bytes.byteOffset).setFloat64(out.length, value);
  out.length += 8;
}

function encodeText(out: Output, text: string): void {
  if (text.length < SHORT_TEXT) {
    // Room for the tag was reserved; ASCII is what there is in most cases.
    out.reserve(SHORT_TEXT + 1);
    const start = out.length;
    let i = 0;
    for (out.byte(0xa0 | text.length); i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      out.byte(code);
    }
    if (i === text.length) return;
    out.length = start;
  }
  const bytes = encoder.encode(text);
  if (bytes.length < 32) out.byte(0xa0 | bytes.length);
  else if (bytes.length < 0x100) {
    out.byte(0xd9);
    out.byte(bytes.length);
  } else if (bytes.length < 0x10000) tagged16(out, 0xda, bytes.length);
  else tagged32(out, 0xdb, bytes.length);
  out.append(bytes);
}

/** Adds bytes, with their tag and length. */
export function encodeBytes(out: Output, bytes: Uint8Array): void {
  out.reserve(5 + bytes.length);
  if (bytes.length < 0x100) {
    out.byte(0xc4);
    out.byte(bytes.length);
  } else if (bytes.length < 0x10000) tagged16(out, 0xc5, bytes.length);
  else tagged32(out, 0xc6, bytes.length);
  out.append(bytes);
}

function encodeSequence(out: Output, items: readonly Value[]): void {
  encodeLength(out, items.length, 0x90, 0xdc);
  for (const item of items) encodeMsgpack(out, item);
}

function encodeLength(out: Output, length: number, short: number, long: number): void {
  if (length < 16) out.byte(short | length);
  else if (length < 0x10000) tagged16(out, long, length);
  else tagged32(out, long + 1, length);
}

class MsgpackReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Elements of arrays and maps so far. */
  #elements = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The length of the array that starts here; -1 when something else does. */
  arrayLength(): number {
    this.#need(1);
    const tag = this.#bytes[this.#at++];
    if (tag >> 4 === 9) return tag & 15;
    if (tag === 0xdc) return this.#number(2);
    return tag === 0xdd ? this.#number(4) : -1;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw new ProtocolError(`${this.#bytes.length - this.#at} bytes after the message's end`);
    }
  }

  value(depth: number): Value {
    const bytes = this.#bytes;
    this.#need(1);
    const tag = bytes[this.#at++];
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag >= 0xa0 && tag < 0xc0) return this.#text(tag & 31);
    if (tag >= 0x90 && tag < 0xa0) return this.#array(tag & 15, depth);
    if (tag < 0x90) return this.#map(tag & 15, depth);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#number(1));
      case 0xc5:
        return this.#binary(this.#number(2));
      case 0xc6:
        return this.#binary(this.#number(4));
      case 0xca:
        return pythonFloat(this.#view(4).getFloat32(0));
      case 0xcb:
        return pythonFloat(this.#view(8).getFloat64(0));
      case 0xcc:
        return this.#number(1);
      case 0xcd:
        return this.#number(2);
      case 0xce:
        return this.#number(4);
      case 0xcf:
        return integer(this.#number64());
      case 0xd0:
        return this.#number(1) << 24 >> 24;
      case 0xd1:
        return this.#number(2) << 16 >> 16;
      case 0xd2:
        return this.#number(4) | 0;
      case 0xd3:
        return integer(BigInt.asIntN(64, this.#number64()));
      case 0xd9:
        return this.#text(this.#number(1));
      case 0xda:
        return this.#text(this.#number(2));
      case 0xdb:
        return this.#text(this.#number(4));
      case 0xdc:
        return this.#array(this.#number(2), depth);
      case 0xdd:
        return this.#array(this.#number(4), depth);
      case 0xde:
        return this.#map(this.#number(2), depth);
      case 0xdf:
        return this.#map(this.#number(4), depth);
    }
    throw new ProtocolError(
      `byte 0x${tag.toString(16)} at ${this.#at - 1} starts no msgpack value that is known`,
    );
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) {
      throw new ProtocolError(
        `msgpack value at ${this.#at} has ${count} bytes, the message ends after ${
          this.#bytes.length - this.#at
        }`,
      );
    }
  }

  #number(width: 1 | 2 | 4): number {
    this.#need(width);
    const at = this.#at;
    this.#at += width;
    return width === 1 ? this.#bytes[at] : width === 2 ? read16(this.#bytes, at) : read32(this.#bytes, at);
  }

  #number64(): bigint {
    this.#need(8);
    this.#at += 8;
    return read64(this.#bytes, this.#at - 8);
  }

  #view(width: number): DataView {
    this.#need(width);
    this.#at += width;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at - width);
  }

  #binary(length: number): Uint8Array {
    this.#need(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #text(length: number): string {
    const bytes = this.#binary(length);
    // Names of methods, most of all: for these a decoder costs more than the loop.
    if (length < SHORT_TEXT) {
      let text = "", i = 0;
      while (i < length && bytes[i] < 0x80) text += String.fromCharCode(bytes[i++]);
      if (i === length) return text;
    }
    try {
      return utf8.decode(bytes);
    } catch {
      throw new ProtocolError(`string at ${this.#at - length} is not UTF-8`);
    }
  }

  /** An array is a tuple to Python's peers, and becomes one where it is stored. */
  #array(length: number, depth: number): Tuple {
    this.#inside(length, depth);
    const items: Value[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return new Tuple(items);
  }

  #map(length: number, depth: number): Dict {
    this.#inside(length * 2, depth);
    const dict = new Dict();
    for (let i = 0; i < length; i++) {
      const key = this.value(depth + 1);
      if (typeof key !== "string" && !(key instanceof Uint8Array)) {
        throw new ProtocolError(`map key at ${this.#at} is ${describe(key)}, expected a string or bytes`);
      }
      dict.set(key, this.value(depth + 1));
    }
    return dict;
  }

  /** Every element takes a byte at least, so that a length can't ask for more memory than has arrived. */
  #inside(least: number, depth: number): void {
    this.#need(least);
    this.#elements += least;
    if (this.#elements > MOST_VALUES) throw new ProtocolError(`message of more than ${MOST_VALUES} values`);
    if (depth >= DEEPEST) throw new ProtocolError(`values nested deeper than ${DEEPEST}`);
  }
}

function integer(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** A message id that stays when the input buffer is used again. */
export function owned(id: Value): Value {
  if (typeof id !== "object" || id === null || id instanceof Float) return id;
  if (id instanceof Uint8Array) return id.slice();
  if (Array.isArray(id)) return id.map(owned);
  if (id instanceof Tuple) return new Tuple(id.items.map(owned));
  throw new ProtocolError(`message id is ${describe(id)}, expected a number, text, bytes or a tuple`);
}

/** Whether Python would take a flag for true. */
export function truthy(flag: Value): boolean {
  if (flag instanceof Float) return flag.value !== 0;
  if (flag instanceof Uint8Array || Array.isArray(flag)) return flag.length > 0;
  return Boolean(flag);
}

/** What a value is, for an error message. */
export function describe(value: Value): string {
  if (value === null) return "None";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "object") return `a ${value.constructor.name}`;
  return String(value);
}

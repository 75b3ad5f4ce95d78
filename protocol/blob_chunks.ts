/**
 * The message that carries most bytes of all: a chunk of a blob to a client.
 *
 *   M   94 00 c3 | b0 "receiveBlobChunk" | 93 | c4 08 oid | c4 08 serial | bin data
 *   Z   80 03 28 | 4b 00 | 88 | 58 10000000 "receiveBlobChunk" | 43 08 oid | 43 08 serial | data | 87 74 2e
 *
 * Written by hand, so that nothing is done but the one copy into the output; tests compare it with the general codec.
 *
 * @module
 */

import { write16, write32, write64 } from "../values/mod.ts";
import type { Oid, Tid } from "../values/mod.ts";
import type { Encoding } from "./codec.ts";
import type { Output } from "./output.ts";

const name = new TextEncoder().encode("receiveBlobChunk");
const M_HEAD = new Uint8Array([0x94, 0x00, 0xc3, 0xb0, ...name, 0x93]);
const Z_HEAD = new Uint8Array([0x80, 0x03, 0x28, 0x4b, 0x00, 0x88, 0x58, name.length, 0, 0, 0, ...name]);
const Z_END = new Uint8Array([0x87, 0x74, 0x2e]);

/** Room for everything but the data. */
const ROOM = 80;

/** Adds one chunk's message to the output, with its length in front. */
export function encodeBlobChunk(
  out: Output,
  encoding: Encoding,
  oid: Oid,
  serial: Tid,
  chunk: Uint8Array,
): void {
  out.reserve(ROOM + chunk.length);
  const start = out.beginFrame();
  const msgpack = encoding === "M";
  out.append(msgpack ? M_HEAD : Z_HEAD);
  eight(out, msgpack, oid);
  eight(out, msgpack, serial);
  if (msgpack) msgpackLength(out, chunk.length);
  else pickleLength(out, chunk.length);
  out.append(chunk);
  if (!msgpack) out.append(Z_END);
  out.endFrame(start);
}

function eight(out: Output, msgpack: boolean, value: bigint): void {
  out.byte(msgpack ? 0xc4 : 0x43);
  out.byte(8);
  write64(out.bytes, out.length, value);
  out.length += 8;
}

function msgpackLength(out: Output, length: number): void {
  if (length < 0x100) {
    out.byte(0xc4);
    out.byte(length);
  } else if (length < 0x10000) {
    out.byte(0xc5);
    write16(out.bytes, out.length, length);
    out.length += 2;
  } else {
    out.byte(0xc6);
    write32(out.bytes, out.length, length);
    out.length += 4;
  }
}

function pickleLength(out: Output, length: number): void {
  if (length < 0x100) {
    out.byte(0x43);
    out.byte(length);
    return;
  }
  out.byte(0x42);
  for (let shift = 0; shift < 32; shift += 8) out.byte(length >>> shift & 0xff);
}

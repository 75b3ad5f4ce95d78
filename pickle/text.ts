/**
 * Text in pickles: UTF-8 in which Python lets half a surrogate pair through (`surrogatepass`).
 *
 * @module
 */

import { PickleError } from "./error.ts";

/** Strings up to this length are looked for among those read before. */
const SHORT = 32;
const KNOWN = 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Method, class and attribute names come again and again: found here, they need no new string. */
const known: string[] = new Array(KNOWN).fill("");

/**
 * The string in `bytes` from `start` to `end`.
 *
 * @throws {PickleError} when it is not UTF-8.
 */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  return end - start <= SHORT ? readShort(bytes, start, end) : readLong(bytes, start, end);
}

function readShort(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  let hash = length;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte > 0x7f) return readLong(bytes, start, end);
    hash = Math.imul(hash, 31) + byte | 0;
  }
  const slot = (hash ^ hash >>> 15) & KNOWN - 1, candidate = known[slot];
  if (candidate.length === length) {
    let i = 0;
    while (i < length && candidate.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return candidate;
  }
  return known[slot] = String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}

function readLong(bytes: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return readSurrogates(bytes, start, end);
  }
}

/**
 * Decodes around the three-byte forms of half surrogate pairs (ED A0..BF xx), which `TextDecoder` refuses.
 */
function readSurrogates(bytes: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  let from = start, afterHigh = -1;
  for (let i = start; i + 2 < end; i++) {
    if (bytes[i] !== 0xed || bytes[i + 1] < 0xa0 || bytes[i + 1] > 0xbf || (bytes[i + 2] & 0xc0) !== 0x80) {
      continue;
    }
    const unit = 0xd000 | (bytes[i + 1] & 0x3f) << 6 | bytes[i + 2] & 0x3f;
    if (unit >= 0xdc00 && afterHigh === i) {
      throw new PickleError(
        "str with both halves of a surrogate pair, apart: can't be told from one character",
        i,
      );
    }
    parts.push(decodePart(bytes, from, i), String.fromCharCode(unit));
    from = i + 3;
    if (unit < 0xdc00) afterHigh = from;
    i += 2;
  }
  parts.push(decodePart(bytes, from, end));
  return parts.join("");
}

function decodePart(bytes: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    throw new PickleError("str that is not UTF-8", start);
  }
}

/** Bytes as the characters of the same numbers. */
export function readLatin1(bytes: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  for (let i = start; i < end; i += 4096) {
    const part = bytes.subarray(i, Math.min(end, i + 4096));
    parts.push(String.fromCharCode.apply(null, part as unknown as number[]));
  }
  return parts.join("");
}

/** Whether all bytes from `start` to `end` are ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] > 0x7f) return false;
  return true;
}

/** How many bytes of UTF-8 a string comes to. */
export function textLength(text: string): number {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return length;
}

/**
 * Writes a string as UTF-8 and returns the number of bytes. There must be room for them.
 */
export function writeText(text: string, target: Uint8Array, offset: number): number {
  const { length } = text;
  if (length <= SHORT) {
    let i = 0;
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      target[offset + i] = unit;
    }
    if (i === length) return length;
  }
  if (text.isWellFormed()) return encoder.encodeInto(text, target.subarray(offset)).written;
  let at = offset;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point >= 0xd800 && point <= 0xdfff) {
      target[at++] = 0xed;
      target[at++] = 0x80 | point >> 6 & 0x3f;
      target[at++] = 0x80 | point & 0x3f;
    } else {
      at += encoder.encodeInto(character, target.subarray(at)).written;
    }
  }
  return at - offset;
}

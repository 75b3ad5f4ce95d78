/**
 * Big-endian numbers in byte arrays, and comparing and joining them.
 *
 * Plain arithmetic on purpose: a `DataView` for each record costs more than the four loads it saves.
 *
 * @module
 */

/** The unsigned 16-bit number at `offset`. */
export function read16(bytes: Uint8Array, offset: number): number {
  return bytes[offset] << 8 | bytes[offset + 1];
}

/** The unsigned 32-bit number at `offset`. */
export function read32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 24 | bytes[offset + 1] << 16 | bytes[offset + 2] << 8 | bytes[offset + 3]) >>> 0;
}

/** One 64-bit number, and its halves: a number made of arithmetic on bigints costs several that nobody wants. */
const number64 = new BigUint64Array(1), halves = new Uint32Array(number64.buffer);
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0, LOW = 1 - HIGH;

/** The unsigned 64-bit number at `offset`. */
export function read64(bytes: Uint8Array, offset: number): bigint {
  halves[HIGH] = read32(bytes, offset);
  halves[LOW] = read32(bytes, offset + 4);
  return number64[0];
}

/**
 * The unsigned 64-bit number at `offset` as a double: file positions and lengths.
 * Exact up to 2^53; beyond that it is rounded, which is enough for a caller that compares it with a bound.
 */
export function readPosition(bytes: Uint8Array, offset: number): number {
  return read32(bytes, offset) * 0x1_0000_0000 + read32(bytes, offset + 4);
}

/** Writes an unsigned 16-bit number. */
export function write16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Writes an unsigned 32-bit number. */
export function write32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Writes an unsigned 64-bit number. */
export function write64(bytes: Uint8Array, offset: number, value: bigint): void {
  number64[0] = value;
  write32(bytes, offset, halves[HIGH]);
  write32(bytes, offset + 4, halves[LOW]);
}

/** Writes a file position or length, a whole number below 2^53, as 64 bits. */
export function writePosition(bytes: Uint8Array, offset: number, value: number): void {
  write32(bytes, offset, Math.floor(value / 0x1_0000_0000));
  write32(bytes, offset + 4, value >>> 0);
}

/** Whether two byte arrays hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The parts, one after the other, in a new array. */
export function concatBytes(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

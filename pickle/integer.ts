/**
 * Integers of any size as pickles hold them: two's complement, little-endian, as few bytes as will do, none
 * for 0.
 *
 * @module
 */

/** An int as a number when that is exact, else as a bigint. */
export function safeInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** The integer in `bytes` from `start` to `end`. */
export function readInteger(bytes: Uint8Array, start: number, end: number): number | bigint {
  const length = end - start;
  if (length === 0) return 0;
  const negative = bytes[end - 1] >= 0x80;
  if (length <= 6) {
    let value = 0;
    for (let i = end - 1; i >= start; i--) value = value * 0x100 + bytes[i];
    return negative ? value - 2 ** (8 * length) : value;
  }
  const value = BigInt(`0x${bytes.slice(start, end).reverse().toHex()}`);
  return safeInteger(negative ? BigInt.asIntN(8 * length, value) : value);
}

/** The bytes of an integer. */
export function integerBytes(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const digits = (value < 0n ? -value - 1n : value).toString(16).length;
  // One byte more than the magnitude fills, in case its top bit is taken; dropped again when it only repeats
  // the sign.
  const length = (digits + 1 >> 1) + 1;
  const hex = BigInt.asUintN(8 * length, value).toString(16).padStart(2 * length, "0");
  const bytes = Uint8Array.fromHex(hex).reverse();
  const sign = bytes[length - 1], below = bytes[length - 2] & 0x80;
  return sign === 0 && below === 0 || sign === 0xff && below !== 0 ? bytes.subarray(0, length - 1) : bytes;
}

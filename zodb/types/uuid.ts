/**
 * Python's `uuid.UUID`.
 *
 * @module
 */

import { ValueObject } from "./value_object.ts";

/**
 * Python's `uuid.UUID`.
 *
 * @example
 * ```ts
 * import { UUID } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new UUID("00000000-0000-0000-0000-000000000005").integer, 5n);
 * assertEquals(UUID.random().toString().length, 36);
 * ```
 */
export class UUID extends ValueObject {
  /** The 128 bits as a number. */
  readonly integer: bigint;

  /**
   * A UUID from its number, or its text with or without dashes.
   * @throws {RangeError} when it is not one of 128 bits.
   */
  constructor(value: bigint | string) {
    super();
    if (typeof value === "string") {
      const digits = value.replaceAll("-", "");
      if (!/^[0-9a-fA-F]{32}$/.test(digits)) {
        throw new RangeError(`UUID ${JSON.stringify(value)}: expected 32 hex digits`);
      }
      value = BigInt(`0x${digits}`);
    }
    if (value < 0n || value >> 128n) throw new RangeError(`UUID ${value}: expected 128 bits`);
    this.integer = value;
  }

  /** A random one. */
  static random(): UUID {
    return new UUID(crypto.randomUUID());
  }

  /** Its text. */
  override toString(): string {
    const hex = this.integer.toString(16).padStart(32, "0");
    return [0, 8, 12, 16, 20].map((at, i, starts) => hex.slice(at, starts[i + 1])).join("-");
  }
}

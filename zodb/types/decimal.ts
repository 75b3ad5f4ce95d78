/**
 * Numbers that JavaScript has no type for.
 *
 * @module
 */

import { ValueObject } from "./value_object.ts";

/** Python's `decimal.Decimal`, as its text: `1.50`, `-1E+3`, `NaN`. For sums use a library of your choice. */
export class Decimal extends ValueObject {
  /** A decimal of this text. */
  constructor(readonly text: string) {
    super();
  }

  /** Its text. */
  override toString(): string {
    return this.text;
  }

  /** The nearest number. */
  toNumber(): number {
    return Number(this.text.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity"));
  }
}

/** Python's `complex`. */
export class Complex extends ValueObject {
  /** `real + imaginary i`. */
  constructor(readonly real: number, readonly imaginary: number) {
    super();
  }

  /** Its text. */
  override toString(): string {
    return `(${this.real}${this.imaginary < 0 ? "-" : "+"}${Math.abs(this.imaginary)}j)`;
  }
}

/**
 * Numbers as configuration files have always been written: decimal digits of any script, `_` between digits.
 *
 * @module
 */

import { strip } from "./whitespace.ts";

const DECIMAL = /^\p{Nd}$/u;

/** The value of a decimal digit of any script: each script has its ten in a row, in order. */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (DECIMAL.test(String.fromCodePoint(code - before - 1))) before++;
  return before % 10;
}

function westernDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, (digit) => String(digitValue(digit)));
}

/** A decimal integer; undefined when the text isn't one. Beyond 2^53 it is rounded. */
export function parseInteger(text: string): number | undefined {
  const digits = westernDigits(strip(text));
  if (!/^[-+]?\d+(?:_\d+)*$/.test(digits)) return undefined;
  const value = Number(digits.replaceAll("_", ""));
  return Number.isFinite(value) ? value + 0 : undefined;
}

/** An octal integer with or without `0o`; undefined when the text isn't one. */
export function parseOctal(text: string): number | undefined {
  const match = /^([-+]?)(?:0[oO]_?)?([0-7]+(?:_[0-7]+)*)$/.exec(westernDigits(strip(text)));
  if (match === null) return undefined;
  const value = parseInt(match[2].replaceAll("_", ""), 8);
  return Number.isFinite(value) ? (match[1] === "-" ? 0 - value : value) : undefined;
}

const FLOAT = /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+(?:_\d+)*)?$/;
const NOT_FINITE = /^([-+]?)(inf|infinity|nan)$/i;

/** A number with or without a fraction and an exponent, or `inf` or `nan`; undefined when the text isn't one. */
export function parseFloating(text: string): number | undefined {
  const digits = westernDigits(strip(text));
  const special = NOT_FINITE.exec(digits);
  if (special !== null) {
    return special[2].toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  }
  return FLOAT.test(digits) ? Number(digits.replaceAll("_", "")) : undefined;
}

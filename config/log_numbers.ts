/**
 * Floating point numbers as Python prints them: exact, ties to even.
 *
 * JavaScript's `toFixed` and `toExponential` round ties away from zero and write exponents with one digit, so log
 * lines would differ from the original's. A double is an integer times a power of two: the arithmetic here is done
 * on that integer and never rounds twice.
 *
 * @module
 */

/** How a number is to be written. */
export interface FloatStyle {
  /** `f` fixed, `e` with exponent, `g` whichever is shorter, `r` as `repr()` would. */
  readonly type: "f" | "e" | "g" | "r";
  /** Digits after the point (`f`, `e`) or significant digits (`g`, `r`). For `r`, absent means as many as needed. */
  readonly precision?: number;
  /** Keep the point and trailing zeros that would otherwise go. */
  readonly alternate?: boolean;
}

/** `|value| × 10^digits`, rounded to an integer, ties to even. */
function scaled(value: number, digits: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponentBits = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  let numerator = exponentBits === 0 ? fraction : fraction | 0x10000000000000n;
  let denominator = 1n;
  const exponent = (exponentBits === 0 ? 1 : exponentBits) - 1075;
  if (exponent >= 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  if (digits >= 0) numerator *= 10n ** BigInt(digits);
  else denominator *= 10n ** BigInt(-digits);
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

function fixed(value: number, precision: number, alternate: boolean): string {
  const digits = scaled(value, precision).toString().padStart(precision + 1, "0");
  if (precision === 0) return alternate ? `${digits}.` : digits;
  return `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

/** Decimal digits (`precision + 1` of them) and exponent of a number that isn't negative. */
function decimal(value: number, precision: number): { digits: string; exponent: number } {
  if (value === 0) return { digits: "0".repeat(precision + 1), exponent: 0 };
  let exponent = Number(value.toExponential(17).split("e")[1]);
  let digits = scaled(value, precision - exponent).toString();
  if (digits.length > precision + 1) {
    exponent += 1;
    digits = scaled(value, precision - exponent).toString();
  }
  return { digits, exponent };
}

function withExponent(digits: string, exponent: number, alternate: boolean): string {
  const point = digits.length > 1 ? "." : alternate ? "." : "";
  const sign = exponent < 0 ? "-" : "+";
  return `${digits[0]}${point}${digits.slice(1)}e${sign}${Math.abs(exponent).toString().padStart(2, "0")}`;
}

function placed(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, "0");
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

function general(value: number, precision: number, alternate: boolean): string {
  const significant = Math.max(precision, 1);
  const { digits, exponent } = decimal(value, significant - 1);
  const kept = alternate ? digits : digits.replace(/0+$/, "") || "0";
  if (exponent < -4 || exponent >= significant) return withExponent(kept, exponent, alternate);
  const text = placed(kept, exponent);
  return alternate && !text.includes(".") ? `${text}.` : text;
}

function representation(value: number, precision: number | undefined): string {
  let digits: string;
  let exponent: number;
  let limit: number;
  if (precision === undefined) {
    // toExponential() without an argument gives the shortest digits that read back, as repr() does.
    const [mantissa, power] = value.toExponential().split("e");
    digits = mantissa.replace(".", "");
    exponent = Number(power);
    limit = 16;
  } else {
    const significant = Math.max(precision, 1);
    ({ digits, exponent } = decimal(value, significant - 1));
    digits = digits.replace(/0+$/, "") || "0";
    limit = significant - 1;
  }
  if (exponent < -4 || exponent >= limit) return withExponent(digits, exponent, false);
  const text = placed(digits, exponent);
  return text.includes(".") ? text : `${text}.0`;
}

/** A number's digits without its sign. */
export function formatMagnitude(value: number, style: FloatStyle): string {
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return "nan";
  if (magnitude === Infinity) return "inf";
  const alternate = style.alternate ?? false;
  const precision = style.precision ?? 6;
  switch (style.type) {
    case "f":
      return fixed(magnitude, precision, alternate);
    case "e": {
      const { digits, exponent } = decimal(magnitude, precision);
      return withExponent(digits, exponent, alternate);
    }
    case "g":
      return general(magnitude, precision, alternate);
    case "r":
      return representation(magnitude, style.precision);
  }
}

/** Whether a number is written with a minus sign; true for negative zero too. */
export function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

/**
 * `BTrees.Length.Length`: a number that both sides may change.
 *
 * @module
 */

import { Float, pythonFloat, type Value } from "../../pickle/mod.ts";
import { Unresolvable } from "./unresolvable.ts";

/**
 * Both sides' changes, added up: committed + new − old, in Python's arithmetic.
 *
 * @throws {Unresolvable} when one of them is no number, or an int that no float can hold meets a float.
 */
export function resolveLength(old: Value, committed: Value, current: Value): Value {
  return subtract(add(numeric(committed), numeric(current)), numeric(old));
}

/** A Python int, as bigint, or a Python float, as number. */
type Numeric = bigint | number;

function numeric(value: Value): Numeric {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof Float) return value.value;
  throw new Unresolvable("a Length's state is no number");
}

function add(left: Numeric, right: Numeric): Numeric {
  if (typeof left === "bigint" && typeof right === "bigint") return left + right;
  return float(left) + float(right);
}

function subtract(left: Numeric, right: Numeric): Value {
  if (typeof left === "bigint" && typeof right === "bigint") {
    const whole = left - right, small = Number(whole);
    return Number.isSafeInteger(small) ? small : whole;
  }
  return pythonFloat(float(left) - float(right));
}

function float(value: Numeric): number {
  if (typeof value === "number") return value;
  const converted = Number(value);
  if (!Number.isFinite(converted)) throw new Unresolvable("an int too large for a float");
  return converted;
}

/** The values of `python/zodb_objects.py`, as TypeScript has them. */

import { Persistent, registerClass } from "../../zodb/mod.ts";
import {
  Complex,
  DateTime,
  Decimal,
  Float,
  FrozenSet,
  Global,
  Inert,
  PlainDate,
  PlainTime,
  TimeDelta,
  TimeZone,
  tuple,
  UUID,
} from "../../zodb/mod.ts";

/** An account, as Python has it. */
export class Account extends Persistent {
  log: string[] = [];
  tags: string[] = [];
  address: Map<string, unknown> = new Map();
  constructor(public owner: string, public balance: number | Float = 0) {
    super();
  }
}
registerClass("bank.models.Account", Account);

/** A value that is not persistent itself. */
export class Money {
  constructor(public amount: number) {}
}
registerClass("bank.models.Money", Money);

function inert(by: "REDUCE", module: string, name: string, ...args: unknown[]): Inert {
  return new Inert(by, new Global(module, name), tuple(...args));
}

/** One value of every kind, with the name that both sides know it by. Whole floats are `Float`s. */
export function values(): Map<string, unknown> {
  const shared = ["shared"], cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const ordered = inert("REDUCE", "collections", "OrderedDict");
  ordered.dictItems = new Map([["b", 1], ["a", 2]]);
  return new Map<string, unknown>(Object.entries({
    none: null,
    true: true,
    false: false,
    int: 5,
    negative: -7,
    long: 2n ** 70n,
    edge: 2n ** 53n,
    minus_long: -(2n ** 63n),
    float: 1.5,
    whole: new Float(2),
    minus_zero: -0,
    huge: 1e300,
    inf: Infinity,
    str: "Obst ✓ 𝄞",
    empty: "",
    bytes: new Uint8Array([0, 255]),
    no_bytes: new Uint8Array(0),
    list: [1, new Float(2), "x"],
    tuple: tuple(1, tuple(new Float(2)), []),
    no_tuple: tuple(),
    dict: new Map<unknown, unknown>([["a", 1], [2, "b"], [tuple(1, "x"), new Uint8Array([121])], [
      null,
      new Float(1),
    ], [new Float(3), 4]]),
    strings: { a: { b: 1 } },
    set: new Set([1, 2]),
    no_set: new Set(),
    frozenset: new FrozenSet(["a"]),
    date: new PlainDate(2024, 2, 29),
    time: new PlainTime(1, 2, 3, 4),
    time_utc: new PlainTime(23, 59, 0, 0, TimeZone.utc),
    naive: new DateTime(Date.UTC(2024, 1, 29, 1, 2, 3, 456), null, 789),
    utc: new DateTime(-1, TimeZone.utc, 999),
    zoned: new DateTime(Date.UTC(2024, 5, 1, 15, 30), new TimeZone(new TimeDelta(0, -3.5 * 3600))),
    named: DateTime.fromWallTime(
      Date.parse("0001-01-01T00:00:00Z"),
      new TimeZone(new TimeDelta(0, 7200), "EET"),
    ),
    last: new DateTime(Date.parse("9999-12-31T23:59:59.999Z"), null, 999),
    timedelta: new TimeDelta(-1, 5, 7),
    decimal: new Decimal("1.50"),
    nan: new Decimal("NaN"),
    uuid: new UUID(2n ** 127n + 5n),
    small_uuid: new UUID(5n),
    complex: new Complex(1, -2.5),
    bytearray: inert("REDUCE", "builtins", "bytearray", new TextEncoder().encode("xy")),
    ordered,
    fraction: inert("REDUCE", "fractions", "Fraction", 1, 3),
    range: inert("REDUCE", "builtins", "range", 0, 3, 1),
    class: new Global("bank.models", "Account"),
    money: new Money(5),
    function: new Global("builtins", "len"),
    shared: [shared, shared],
    cyclic,
    many: Array.from({ length: 2500 }, (_, i) => i),
    many_items: new Map(Array.from({ length: 1001 }, (_, i) => [String(i), i])),
  }));
}

/**
 * A value as a text that tells everything of it: its kind and parts. Plain objects are told like maps, as they come back
 * as such; floats like numbers, as that is how they are seen.
 */
export function told(value: unknown, above: readonly unknown[] = []): string {
  if (typeof value !== "object" || value === null) {
    return typeof value === "string"
      ? JSON.stringify(value)
      : Object.is(value, -0)
      ? "-0"
      : `${typeof value} ${value}`;
  }
  if (above.includes(value)) return "itself";
  const parts = (items: Iterable<unknown>) => [...items].map((item) => told(item, [...above, value])).join();
  if (value instanceof Float) return told(value.value);
  if (value instanceof Map) return `{${parts([...value].flat())}}`;
  if (value instanceof Date) {
    const { zone, microsecond } = value as DateTime;
    return `${value.toISOString()} ${microsecond} ${told(zone)}`;
  }
  if (Object.getPrototypeOf(value) === Object.prototype) return `{${parts(Object.entries(value).flat())}}`;
  const { name } = value.constructor;
  if (Symbol.iterator in value) return `${name}[${parts(value as Iterable<unknown>)}]`;
  return `${name}(${parts(Object.values(value))})`;
}

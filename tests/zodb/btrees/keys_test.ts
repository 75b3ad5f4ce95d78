/** What can be keys and values of each family, and in which order they are. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  DateTime,
  Decimal,
  Float,
  fsBTree,
  IFBTree,
  IIBTree,
  LLBTree,
  OOBTree,
  OOTreeSet,
  Persistent,
  PlainDate,
  QQBTree,
  TimeDelta,
  TimeZone,
  tuple,
  UUBTree,
  UUID,
} from "../../../zodb/mod.ts";

/** The keys in the order in which a tree has them. */
function sorted(keys: unknown[]): unknown[] {
  return [...new OOTreeSet(keys)];
}

Deno.test("keys are in Python's order", () => {
  const bytes = (...items: number[]) => new Uint8Array(items);
  const orders: unknown[][] = [
    ["", "A", "Z", "a", "z", "é", "\ud7ff", "\uff21", "\u{10000}", "\u{1f600}"],
    [null, -Infinity, -(2n ** 70n), -1.5, false, 0.5, true, 2, 2.5, 3n, 2n ** 53n, 2n ** 53n + 1n, 1e300],
    [bytes(), bytes(0), bytes(0, 1), bytes(1), bytes(255)],
    [tuple(), tuple(1), tuple(1, "a"), tuple(1, "b"), tuple(2, null), tuple(2, null, 1)],
    [new PlainDate(2023, 12, 31), new PlainDate(2024, 1, 1), new PlainDate(2024, 2, 1)],
    [new DateTime(5, null), new DateTime(5, null, 1), new DateTime(6, null)],
    [new Date(5), new DateTime(5, new TimeZone(new TimeDelta(0, 3600)), 1), new Date(6)],
    [new TimeDelta(-1), new TimeDelta(0, 5), new TimeDelta(0, 5, 1)],
    [new UUID(1n), new UUID(2n ** 100n)],
  ];
  for (const order of orders) {
    const shown = (keys: unknown[]) => keys.map((key) => String(key));
    assertEquals(shown(sorted(order.toReversed())), shown(order));
    assertEquals(shown(sorted(order.toSorted(() => 1))), shown(order));
  }
});

Deno.test("equal keys of different types are one key", () => {
  const tree = new OOBTree<unknown, string>([[1, "int"]]);
  tree.set(new Float(1), "float");
  tree.set(true, "bool");
  assertEquals([...tree], [[1, "bool"]]);
  assertEquals(tree.get(1n), "bool");
});

Deno.test("bytes that are used again after they were a key change no tree", () => {
  const tree = new OOBTree<Uint8Array, number>(), buffer = new Uint8Array(1);
  for (const i of [3, 1, 2]) {
    buffer[0] = i;
    tree.set(buffer, i);
  }
  assertEquals([...tree].map(([key, value]) => [...key, value]), [[1, 1], [2, 2], [3, 3]]);
});

Deno.test("a key without an order is refused, and changes nothing", () => {
  class Thing extends Persistent {}
  const refused = [
    NaN,
    undefined,
    {},
    new Thing(),
    new Decimal("1"),
    tuple(1, NaN),
    () => 1,
    Symbol("x"),
    new Set([1]),
  ];
  const tree = new OOBTree<unknown, number>();
  for (const key of refused) {
    assertThrows(() => tree.set(key, 1), TypeError);
    assertThrows(() => tree.get(key), TypeError);
    assertEquals(tree.__getstate__(), null);
  }
  tree.set(1, 1);
  for (const key of ["x", new Uint8Array(1), tuple(1), new Date()]) {
    assertThrows(() => tree.set(key, 1), TypeError, "Python knows none of");
    assertThrows(() => tree.has(key), TypeError, "Python knows none of");
  }
  assertThrows(() => new OOTreeSet([tuple(1, "a"), tuple(1, 2)]), TypeError, 'none of "a" and 2');
  assertThrows(() => new OOTreeSet([tuple(null), tuple(1)]), TypeError);
  assertThrows(() => new OOTreeSet([new Date(), new DateTime(0, null)]), TypeError);
  assertEquals([...tree], [[1, 1]]);
});

Deno.test("ints out of their family's range, and what is no int, are refused", () => {
  const set = (tree: { set(key: never, value: never): unknown }, key: unknown, value: unknown) => () =>
    tree.set(key as never, value as never);
  const cases: [ReturnType<typeof set>, new () => Error, string][] = [
    [set(new IIBTree(), 2 ** 31, 1), RangeError, "2147483648 is out of range: expected an int of 32 bits"],
    [set(new IIBTree(), 1, -(2 ** 31) - 1), RangeError, "-2147483649 is out of range"],
    [
      set(new UUBTree(), -1, 1),
      RangeError,
      "-1 is out of range: expected an unsigned int of 32 bits, 0 to 4294967295",
    ],
    [set(new LLBTree(), 2n ** 63n, 1), RangeError, "9223372036854775808 is out of range"],
    [set(new QQBTree(), 2n ** 64n, 1), RangeError, "18446744073709551616 is out of range"],
    [set(new IIBTree(), 1.5, 1), TypeError, "1.5: expected an int of 32 bits"],
    [set(new IIBTree(), "a", 1), TypeError, '"a": expected an int of 32 bits'],
    [set(new IIBTree(), null, 1), TypeError, "null: expected an int"],
    [set(new LLBTree(), 2 ** 53, 1), TypeError, "9007199254740992: expected an int of 64 bits"],
    [set(new IFBTree(), 1, "x"), TypeError, '"x": expected a float'],
    [set(new fsBTree(), new Uint8Array(3), new Uint8Array(6)), TypeError, "3 bytes: expected 2 bytes"],
    [set(new fsBTree(), new Uint8Array(2), "abcdef"), TypeError, '"abcdef": expected 6 bytes'],
  ];
  for (const [run, type, message] of cases) assertThrows(run, type, message);
});

Deno.test("what no tree of ints can have is simply not there", () => {
  const tree = new IIBTree([[1, 1]]);
  assertEquals(tree.get("a" as unknown as number), undefined);
  assertEquals(tree.has(2 ** 40), false);
  assertThrows(() => tree.delete(2 ** 40), RangeError);
});

Deno.test("ints are numbers where numbers are exact, floats are rounded to 32 bits", () => {
  const tree = new LLBTree([[5n, 2n ** 60n], [-(2n ** 63n), 7n]]);
  assertEquals([...tree], [[-(2n ** 63n), 7], [5, 2n ** 60n]]);
  assertEquals(tree.get(5), 2n ** 60n);
  assertEquals(new IFBTree([[1, 0.1]]).get(1), Math.fround(0.1));
});

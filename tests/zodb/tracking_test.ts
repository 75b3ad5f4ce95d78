/** No change is forgotten: whatever is changed through an object is stored, and taken back by an abort. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Dict, Float, readRecord, type Value } from "../../pickle/mod.ts";
import {
  type Connection,
  DateTime,
  DB,
  FrozenSet,
  load,
  registerClass,
  TimeDelta,
  TimeZone,
  tuple,
  UUID,
  WeakReference,
} from "../../zodb/mod.ts";
import { Item } from "./objects.ts";

/** A stored object with these attributes, and the connection that it belongs to. */
async function stored(
  attributes: Record<string, unknown>,
  use: (item: Item, connection: Connection, db: DB) => Promise<void>,
) {
  await using db = await DB.open();
  await using connection = db.open();
  const item = new Item(attributes);
  await connection.root.set("item", item);
  await connection.commit();
  await use(item, connection, db);
}

/** Each of these changes what is in the attribute `v`. */
const changes: readonly (readonly [name: string, value: () => unknown, change: (v: never) => void])[] = [
  ["array item", () => [1, 2], (v: number[]) => v[0] = 5],
  ["array length", () => [1, 2], (v: number[]) => v.length = 1],
  ["push", () => [1, 2], (v: number[]) => v.push(3)],
  ["pop", () => [1, 2], (v: number[]) => v.pop()],
  ["shift", () => [1, 2], (v: number[]) => v.shift()],
  ["unshift", () => [1, 2], (v: number[]) => v.unshift(0)],
  ["splice", () => [1, 2, 3], (v: number[]) => v.splice(1, 1, 7, 8)],
  ["sort", () => [3, 1, 2], (v: number[]) => v.sort()],
  ["sort by", () => [1, 2, 3], (v: number[]) => v.sort((a, b) => b - a)],
  ["reverse", () => [1, 2, 3], (v: number[]) => v.reverse()],
  ["fill", () => [1, 2, 3], (v: number[]) => v.fill(0, 1)],
  ["copyWithin", () => [1, 2, 3], (v: number[]) => v.copyWithin(0, 1)],
  [
    "delete of an item's attribute",
    () => [new Map([["a", 1]])],
    (v: Map<string, number>[]) => v[0].delete("a"),
  ],
  ["map set", () => new Map([["a", 1]]), (v: Map<string, number>) => v.set("b", 2)],
  ["map delete", () => new Map([["a", 1]]), (v: Map<string, number>) => v.delete("a")],
  ["map clear", () => new Map([["a", 1]]), (v: Map<string, number>) => v.clear()],
  [
    "map getOrInsert",
    () => new Map([["a", [1]]]),
    (v: Map<string, number[]>) => v.getOrInsert("b", []).push(2),
  ],
  [
    "map getOrInsertComputed",
    () => new Map([["a", [1]]]),
    (v: Map<string, number[]>) => v.getOrInsertComputed("b", (key) => [key.length]).push(2),
  ],
  [
    "map in a loop",
    () => new Map([["a", [1]]]),
    (v: Map<string, number[]>) => v.forEach((items) => items.push(2)),
  ],
  ["map's values", () => new Map([["a", [1]]]), (v: Map<string, number[]>) => [...v.values()][0].push(2)],
  ["set add", () => new Set([1]), (v: Set<number>) => v.add(2)],
  ["set delete", () => new Set([1]), (v: Set<number>) => v.delete(1)],
  ["set clear", () => new Set([1]), (v: Set<number>) => v.clear()],
  ["date", () => new Date(0), (v: Date) => v.setUTCFullYear(2001)],
  ["list in a tuple", () => tuple(1, [2]), (v: [number, number[]]) => v[1].push(3)],
  ["deep", () => [[[[1]]]], (v: number[][][][]) => v[0][0][0].push(2)],
];

for (const [name, value, change] of changes) {
  Deno.test(`a change is seen, stored, and taken back by an abort: ${name}`, async () => {
    await stored({ v: value() }, async (item, connection, db) => {
      const before = JSON.stringify(plain(item.v));
      change(item.v as never);
      assertEquals(item._p_changed, true);
      const after = JSON.stringify(plain(item.v));
      assert(before !== after);
      await connection.abort();
      await load(item);
      assertEquals(JSON.stringify(plain(item.v)), before);
      change(item.v as never);
      await connection.commit();
      await using other = db.open();
      assertEquals(JSON.stringify(plain((await other.root.get<Item>("item"))!.v)), after);
    });
  });
}

/** Maps and sets as arrays, for JSON. */
function plain(value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) return [...value].map(plain);
  return Array.isArray(value) ? value.map(plain) : value;
}

Deno.test("sets that are made of a set have the items that its users see", async () => {
  await stored({ v: new Set<unknown>([new Float(2), 3]) }, async ({ v }) => {
    const set = v as Set<unknown>;
    assertEquals([...set.union(new Set([4]))], [2, 3, 4]);
    assertEquals([...set.intersection(new Set([2]))], [2]);
    assertEquals([...set.difference(new Set([2])), ...set.symmetricDifference(new Set([2, 5]))], [3, 3, 5]);
    assertEquals([set.isSubsetOf(new Set([1, 2, 3])), set.isSupersetOf(new Set([2]))], [true, true]);
    assertEquals(set.isDisjointFrom(new Set([2])), false);
    await Promise.resolve();
  });
});

Deno.test("plain objects are tracked too, and come back as plain objects where that is asked for", async () => {
  class Person extends Item {}
  registerClass("tests.tracking.Person", Person, { dicts: "object" });
  await using db = await DB.open();
  await using connection = db.open();
  const person = new Person({ address: { street: "Elm", lines: ["a"] } });
  await connection.root.set("person", person);
  await connection.commit();
  (person.address as { street: string }).street = "Oak";
  assertEquals(person._p_changed, true);
  await connection.commit();
  connection.cacheMinimize();
  await load(person);
  const address = person.address as { street?: string; lines: string[]; ["__proto__"]?: unknown };
  assertEquals(JSON.stringify(address), '{"street":"Oak","lines":["a"]}');
  delete address.street;
  assertEquals([person._p_changed, Object.keys(address)], [true, ["lines"]]);
  await connection.abort();
});

Deno.test("reading changes nothing", async () => {
  const attributes = {
    a: [1, [2]],
    m: new Map([["k", [1]]]),
    s: new Set(["x"]),
    d: new Date(5),
    t: tuple(1, 2),
  };
  await stored(attributes, async (item) => {
    const { a, m, s, d, t } = item as unknown as typeof attributes;
    JSON.stringify(item);
    for (const one of a) void one;
    assertEquals([a.map((x) => x).length, a.includes(1), a.indexOf(1), a.slice(1).length, [...a].length], [
      2,
      true,
      0,
      1,
      2,
    ]);
    assertEquals([m.get("k")![0], m.has("k"), m.size, [...m.keys()], s.has("x"), [...s]], [
      1,
      true,
      1,
      ["k"],
      true,
      ["x"],
    ]);
    assertEquals([d.getTime(), d.toISOString(), t[0], t.length], [5, "1970-01-01T00:00:00.005Z", 1, 2]);
    assertEquals([m.delete("none"), s.delete("none"), s.add("x") === s], [false, false, true]);
    assertEquals([m.getOrInsert("k", [2])[0], m.getOrInsertComputed("k", () => [2])[0]], [1, 1]);
    assertEquals([...s.union(new Set(["y"]))], ["x", "y"]);
    assertEquals(item._p_changed, false);
    await Promise.resolve();
  });
});

Deno.test("views are what they look like, and one value has one view", async () => {
  const inner = { deep: [1] };
  await stored({ a: [inner], m: new Map([["k", inner]]), d: new DateTime(0) }, async (item) => {
    const { a, m, d } = item as unknown as { a: typeof inner[]; m: Map<string, typeof inner>; d: DateTime };
    assert(Array.isArray(a) && m instanceof Map && d instanceof Date);
    assertStrictEquals(item.a, a);
    assertStrictEquals(a[0], m.get("k"));
    assertStrictEquals(a[0], [...a][0]);
    assert(a.includes(a[0]) && a.indexOf(a[0]) === 0);
    assertEquals(Object.prototype.toString.call(a), "[object Array]");
    assertEquals([d.wallTime, d.microsecond], [0, 0]);
    await Promise.resolve();
  });
});

Deno.test("what is shared within an object stays shared", async () => {
  await stored({ v: 0 }, async (item, connection, db) => {
    const shared = [1];
    item.a = shared;
    item.b = { also: item.a };
    await connection.commit();
    await using other = db.open();
    const again = (await other.root.get<Item>("item"))!;
    assertStrictEquals(again.a, (again.b as Map<string, unknown>).get("also"));
  });
});

Deno.test("a view of a state that was given up can't be changed any more", async () => {
  await stored({ v: [1] }, async (item, connection) => {
    const old = item.v as number[];
    old.push(2);
    await connection.abort();
    assertThrows(() => old.push(3), TypeError, "given up");
    await load(item);
    assertThrows(() => old.push(3), TypeError, "given up");
    assertEquals([[...item.v as number[]], item._p_changed], [[1], false]);
  });
});

Deno.test("tuples and frozensets can't be changed", async () => {
  await stored({ t: tuple(1, 2), f: new FrozenSet([1]) }, async (item) => {
    assertThrows(() => (item.t as number[])[0] = 5, TypeError, "tuple");
    assertThrows(() => (item.t as number[]).push(5), TypeError, "tuple");
    assertThrows(() => (item.f as Set<number>).add(5), TypeError, "frozenset");
    assertEquals(item._p_changed, false);
    await Promise.resolve();
  });
});

Deno.test("keys of bytes, tuples and dates are found by their content", async () => {
  const id = UUID.random();
  const map = new Map<unknown, number>([[tuple(1, "a"), 1], [new Uint8Array([7]), 2], [id, 3]]);
  await stored({ map, set: new Set([tuple(1, 2)]) }, async (item, connection) => {
    const read = item.map as Map<unknown, number>;
    assertEquals([read.get(tuple(1, "a")), read.get(new Uint8Array([7])), read.get(new UUID(id.integer))], [
      1,
      2,
      3,
    ]);
    assertEquals([read.has(tuple(1, "b")), (item.set as Set<unknown>).has(tuple(1, 2))], [false, true]);
    read.set(tuple(1, "a"), 9);
    (item.set as Set<unknown>).add(tuple(1, 2));
    await connection.commit();
    connection.cacheMinimize();
    await load(item);
    const again = item.map as Map<unknown, number>;
    assertEquals([again.size, again.get(tuple(1, "a")), (item.set as Set<unknown>).size], [3, 9, 1]);
  });
});

Deno.test("numbers of different types are one key where Python takes them for one", async () => {
  const map = new Map<unknown, string>([[5, "five"], [1, "one"], [tuple(7), "seven"]]);
  await stored({ map, set: new Set<unknown>([2n, 2n ** 60n]) }, async (item, connection) => {
    for (const when of ["as it was made", "as it is stored"]) {
      const map = item.map as Map<unknown, string>, set = item.set as Set<unknown>;
      const found = [map.get(5n), map.get(true), map.has(6n), map.get(tuple(7n)), map.get("5")];
      assertEquals(found, ["five", "one", false, "seven", undefined], when);
      assertEquals(
        [set.has(2), set.has(2n), set.has(2n ** 60n), set.has(3)],
        [true, true, true, false],
        when,
      );
      map.set(5n, "five").set(true, "one").set(tuple(7n), "seven");
      set.add(2).add(2n);
      assertEquals([map.size, set.size], [3, 2], when);
      await connection.commit();
      connection.cacheMinimize();
      await load(item);
    }
  });
});

Deno.test("weak references and zones are one key only where Python takes them for one", async () => {
  const [one, other] = [new Item(), new Item()], hour = new TimeDelta(0, 3600);
  await stored({ map: new Map() }, async (item, connection) => {
    const map = item.map as Map<unknown, number>;
    map.set(new WeakReference(one), 1).set(new WeakReference(other), 2).set(new WeakReference(one), 3);
    map.set(new TimeZone(hour, "X"), 4).set(new TimeZone(new TimeDelta(0, 60), "X"), 5).set(
      new TimeZone(hour),
      6,
    );
    assertEquals([...map.values()], [3, 2, 6, 5]);
    await connection.commit();
    connection.cacheMinimize();
    await load(item);
    const again = item.map as Map<unknown, number>;
    assertEquals([again.size, again.get(new WeakReference(one)), again.get(new TimeZone(hour))], [4, 3, 6]);
  });
});

Deno.test("a place that held a float goes on to hold floats; other whole numbers are ints", async () => {
  const values = { f: 2.5, i: 2, list: [1.5, 2, new Float(3)], map: new Map([["f", 1.5]]) };
  await stored(values, async (item, connection, db) => {
    const { list, map } = item as unknown as typeof values;
    item.f = 10;
    item.i = 10;
    list[0] = 7;
    list[1] = 7;
    map.set("f", 8);
    map.set("new", 8);
    list.reverse();
    assertEquals([item.f, item.i, [...list], map.get("f")], [10, 10, [3, 7, 7], 8]);
    await connection.commit();
    const data = (await db.storage.loadSerial(item._p_oid!, item._p_serial)) as Uint8Array;
    const state = readRecord(data).state as Dict;
    assertEquals(shown(state.get("f")!), "10.0");
    assertEquals(shown(state.get("i")!), "10");
    assertEquals((state.get("list") as Value[]).map(shown), ["3.0", "7", "7.0"]);
    assertEquals([...(state.get("map") as Dict).entries()].map(([key, value]) => [key, shown(value)]), [
      ["f", "8.0"],
      ["new", "8"],
    ]);
    item.f = 3n;
    await connection.commit();
    item._p_deactivate();
    await load(item);
    assertEquals(item.f, 3);
    item.f = 4;
    await connection.commit();
    const again = readRecord(await db.storage.loadSerial(item._p_oid!, item._p_serial)).state as Dict;
    assertEquals(shown(again.get("f")!), "4");
  });
});

/** A number as Python would show it. */
function shown(value: Value): string {
  return value instanceof Float ? value.value.toFixed(1) : String(value);
}

Deno.test("a value without a counterpart in Python is refused, and says where", async () => {
  await using db = await DB.open();
  await using connection = db.open();
  for (const [value, name] of [[() => 1, "function"], [Symbol(), "symbol"], [new WeakMap(), "WeakMap"]]) {
    await connection.root.set("bad", new Item({ value }));
    let message = "";
    await connection.commit().catch((error) => message = error.message);
    assert(message.includes(name as string) && message.includes("tests.objects.Item 0x"), message);
    await connection.abort();
  }
});

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Dict,
  dumpPickle,
  Float,
  Global,
  Instance,
  loadPickle,
  PickleError,
  PickleOutput,
  PickleWriter,
  Tuple,
  tuple,
  type Value,
} from "../../pickle/mod.ts";
import { cases, describer, readings } from "./cases.ts";

Deno.test("without a memo the bytes are Python's", () => {
  for (const { name, fast } of cases.values) {
    if (fast === null) continue;
    assertEquals(dumpPickle(loadPickle(Uint8Array.fromHex(fast)), { memo: false }).toHex(), fast, name);
  }
});

Deno.test("with a memo the bytes are Python's", () => {
  for (const { name, memo } of cases.values) {
    if (memo === null) continue;
    assertEquals(dumpPickle(loadPickle(Uint8Array.fromHex(memo))).toHex(), memo, name);
  }
});

Deno.test("every message of the wire is written as Python writes it", () => {
  const path = new URL("../fixtures/wire_vectors.json", import.meta.url);
  const { vectors } = JSON.parse(Deno.readTextFileSync(path)) as { vectors: { name: string; Z: string }[] };
  for (const { name, Z } of vectors) {
    const options = { maxProtocol: 3, allowGlobal: (module: string) => module === "ZODB.POSException" };
    const message = loadPickle(Uint8Array.fromHex(Z), options);
    assertEquals(dumpPickle(message, { memo: false }).toHex(), Z, name);
  }
});

Deno.test("a value of any kind that was read and written still means the same", () => {
  for (const { name, bytes } of readings()) {
    const value = loadPickle(bytes), again = loadPickle(dumpPickle(value));
    if (!(value instanceof Instance) || value.by !== "NEWOBJ_EX") {
      assertEquals(describer()(again), describer()(value), name);
      continue;
    }
    // Protocol 3 makes an instance with keyword arguments by calling a function.
    assertEquals((again as Instance).class, new Global("copyreg", "__newobj_ex__"));
    assertEquals((again as Instance).args.items, [value.class, value.args, value.keywords ?? null]);
  }
});

Deno.test("plain objects are dicts, and whole numbers ints unless they are Floats", () => {
  const expected = "80037d285801000000614b01580100000062473ff8000000000000580100000063474000000000000000752e";
  assertEquals(dumpPickle({ a: 1, b: 1.5, c: new Float(2) }, { memo: false }).toHex(), expected);
  assertEquals(dumpPickle(Dict.of({ a: 1, b: 1.5, c: new Float(2) }), { memo: false }).toHex(), expected);
});

Deno.test("what no pickle can hold is an error, and what was written before stays", () => {
  const writer = new PickleWriter().write("a");
  const before = writer.bytes();
  // deno-fmt-ignore
  for (const bad of [undefined, () => 1, Symbol("s"), new Date(0), new Map(), [1, undefined], { a: undefined }, 2 ** 53, 1e300]) {
    assertThrows(() => writer.write(["a", bad as Value]), PickleError);
  }
  assertThrows(() => writer.write(new Global("a\nb", "c")), PickleError, "a name has no line feed");
  assertEquals(writer.bytes(), before);
  assertThrows(() => new PickleWriter({ protocol: 2 as 3 }), PickleError, "only 3 is written");
});

Deno.test("after an error no pickle refers to what was not written", () => {
  const writer = new PickleWriter(), list: Value[] = ["x"];
  assertThrows(() => writer.write([list, undefined as unknown as Value]), PickleError);
  assertEquals(loadPickle(writer.write([list, list]).bytes()), [["x"], ["x"]]);
});

Deno.test("a value that contains itself needs a memo", () => {
  const list: Value[] = [];
  list.push(list);
  assertThrows(() => dumpPickle(list, { memo: false }), PickleError, "one that contains itself");
  const again = loadPickle(dumpPickle(list)) as Value[];
  assertEquals(again[0] === again, true);
});

Deno.test("a pickle does not grow beyond its limit", () => {
  let value: Value = ["x"];
  for (let i = 0; i < 40; i++) value = [value, value];
  assertThrows(
    () => dumpPickle(value, { memo: false, maxBytes: 100_000 }),
    PickleError,
    "expected at most 100000",
  );
  assertEquals(dumpPickle(value).length < 500, true);
  for (const text of ["x".repeat(5000), "é".repeat(2500), "🐍".repeat(1250), "\ud800".repeat(1666) + "xx"]) {
    assertEquals(loadPickle(dumpPickle(text, { memo: false, maxBytes: 5008 })), text);
    assertThrows(
      () => dumpPickle(text, { memo: false, maxBytes: 5007 }),
      PickleError,
      "expected at most 5007",
    );
  }
});

Deno.test("a value nested tens of thousands deep is written and read", () => {
  let value: Value = 1;
  for (let i = 0; i < 30_000; i++) value = i % 2 ? [value] : tuple(value);
  let again = loadPickle(dumpPickle(value));
  let depth = 0;
  for (; again !== 1; depth++) again = Array.isArray(again) ? again[0] : (again as Tuple).items[0];
  assertEquals(depth, 30_000);
});

Deno.test("any value survives being written and read, with and without a memo", () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt().filter((value) => value !== BigInt(Number(value)) || !Number.isSafeInteger(Number(value))),
    fc.double().map((value) => Number.isInteger(value) ? new Float(value) : value),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 300 }),
  );
  const { value: values } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(tie("value")),
      fc.array(tie("value")).map((items) => new Tuple(items)),
      fc.array(fc.tuple(fc.string(), tie("value"))).map((entries) => Dict.from(entries)),
    ),
  }));
  fc.assert(fc.property(values, fc.boolean(), (value, memo) => {
    assertEquals(describer()(loadPickle(dumpPickle(value, { memo }))), describer()(value));
  }));
});

Deno.test("any int is written in the fewest bytes", () => {
  fc.assert(fc.property(fc.bigInt(), (value) => {
    const bytes = dumpPickle(value);
    assertEquals(BigInt(loadPickle(bytes) as number), value);
    if (value >= -(2n ** 31n) && value < 2n ** 31n) return;
    const length = bytes.length - 5;
    assertEquals([BigInt.asIntN(8 * length, value), BigInt.asIntN(8 * length - 8, value) === value], [
      value,
      false,
    ]);
  }));
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    assertEquals(dumpPickle(value), dumpPickle(BigInt(value)));
  }));
});

Deno.test("parts can be written one by one behind a frame's length", () => {
  const out = new PickleOutput(1);
  const frame = out.reserve(4);
  out.proto().list().int(300).append().stop();
  assertEquals([frame, out.view().toHex()], [0, "0000000080035d4d2c01612e"]);
  out.truncate(4);
  out.proto().dict().mark().none().global("a", "b").setItems().stop();
  assertEquals(out.take().toHex(), "0000000080037d284e63610a620a752e");
  assertEquals(out.length, 0);
});

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Dict,
  dumpPickle,
  Float,
  Global,
  Instance,
  loadPickle,
  PersistentReference,
  PickleError,
  PickleReader,
  setItems,
  toNumber,
  tuple,
} from "../../pickle/mod.ts";
import { describer, readings } from "./cases.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

Deno.test("a pickle of any protocol means what Python says", () => {
  for (const { name, bytes, value } of readings()) {
    assertEquals(describer()(loadPickle(bytes)), value, name);
  }
});

Deno.test("an int is a number as long as that is exact, and then a bigint", () => {
  assertStrictEquals(loadPickle(bytes("\x8a\x07\xff\xff\xff\xff\xff\xff\x1f.")), Number.MAX_SAFE_INTEGER);
  assertStrictEquals(loadPickle(bytes("\x8a\x07\0\0\0\0\0\0\x20.")), 2n ** 53n);
  assertStrictEquals(loadPickle(bytes("L-9007199254740992L\n.")), -(2n ** 53n));
});

Deno.test("a float is a number if it has a fraction and a Float if not", () => {
  assertEquals(loadPickle(bytes("G\x3f\xf8\0\0\0\0\0\0.")), 1.5);
  assertEquals(loadPickle(bytes("G\x40\0\0\0\0\0\0\0.")), new Float(2));
  assertEquals([2, 2n, new Float(2), 1.5].map(toNumber), [2, 2, 2, 1.5]);
  assertThrows(() => toNumber("2"), PickleError, "expected a number, found str");
});

Deno.test("bytes are views into the input, or copies when asked for", () => {
  const input = bytes("C\x03abc.");
  assertStrictEquals((loadPickle(input) as Uint8Array).buffer, input.buffer);
  const copy = loadPickle(input, { copyBytes: true }) as Uint8Array;
  input.fill(0);
  assertEquals(copy, bytes("abc"));
});

Deno.test("consecutive pickles are read one by one, each with a memo of its own", () => {
  const reader = new PickleReader(bytes("..]q\0.h\0."), { offset: 2 });
  assertEquals([reader.read(), reader.position, reader.atEnd], [[], 6, false]);
  assertThrows(() => reader.read(), PickleError, "memo 0 is used before it is set");
  const shared = new PickleReader(bytes("]q\0.h\0."), { sharedMemo: true });
  assertStrictEquals(shared.read(), shared.read());
  assertEquals(shared.atEnd, true);
  assertThrows(() => shared.read(), PickleError, "byte 7: the pickle ends without STOP");
});

Deno.test("what follows the one pickle is an error", () => {
  assertThrows(() => loadPickle(bytes("N.N.")), PickleError, "byte 2: bytes follow");
});

Deno.test("a protocol beyond the highest accepted is refused", () => {
  assertThrows(
    () => loadPickle(bytes("\x80\x04N."), { maxProtocol: 3 }),
    PickleError,
    "protocol 4: expected at most 3",
  );
  assertThrows(() => loadPickle(bytes("\x80\x06N.")), PickleError, "protocol 6: expected at most 5");
});

Deno.test("names are inert, and refused when they are not on the caller's list", () => {
  const system = bytes("cos\nsystem\n(S'echo'\ntR.");
  const call = loadPickle(system) as Instance;
  assertEquals(call, new Instance("REDUCE", new Global("os", "system"), tuple("echo")));
  const asked: string[] = [];
  const allowGlobal = (module: string, name: string) => asked.push(`${module}.${name}`) < 0;
  for (
    const hostile of [
      "cos\nsystem\n(S'echo'\ntR.",
      "(S'echo'\nios\nsystem\n.",
      "\x8c\x02os\x8c\x06system\x93.",
    ]
  ) {
    assertThrows(() => loadPickle(bytes(hostile), { allowGlobal }), PickleError, "os.system is not allowed");
  }
  assertEquals(asked, ["os.system", "os.system", "os.system"]);
});

Deno.test("the caller's list is asked for names as they stand in the pickle", () => {
  const allowGlobal = (module: string, name: string) => module === "__builtin__" && name === "set";
  const set = loadPickle(bytes("c__builtin__\nset\n(](K\x01K\x02etR."), { allowGlobal });
  assertEquals(setItems(set), [1, 2]);
});

Deno.test("persistent references are refused where none can be", () => {
  assertThrows(() => loadPickle(bytes("C\x01aQ.")), PickleError, "a persistent reference, where none can be");
  assertThrows(() => loadPickle(bytes("Pa\n.")), PickleError, "a persistent reference, where none can be");
  assertEquals(loadPickle(bytes("Pa\n."), { persistent: true }), new PersistentReference("a"));
});

Deno.test("a Python 2 str that is not ASCII is an error, Latin-1 or bytes, as asked for", () => {
  for (const text of ["U\x02a\xe9.", "T\x02\0\0\0a\xe9.", "S'a\\xe9'\n."]) {
    assertThrows(() => loadPickle(bytes(text)), PickleError, "not ASCII");
    assertEquals(loadPickle(bytes(text), { nonAscii: "latin1" }), "aé");
    assertEquals(loadPickle(bytes(text), { nonAscii: "bytes" }), bytes("a\xe9"));
  }
  assertEquals(loadPickle(bytes("U\x02ab."), { nonAscii: "bytes" }), "ab");
});

Deno.test("a dict finds its keys as Python does", () => {
  const dict = Dict.from([[1, "one"], ["1", "str"], [bytes("1"), "bytes"], [tuple(1, "a"), "tuple"], [
    null,
    "None",
  ]]);
  dict.set(new Float(2.0), "two").set(2n ** 64n, "big").set(tuple(bytes("1")), "tuple of bytes");
  const found = [1, true, new Float(1), "1", bytes("1"), tuple(1, "a"), tuple(true, "a"), null, 2];
  assertEquals(
    found.map((key) => dict.get(key)),
    ["one", "one", "one", "str", "bytes", "tuple", "tuple", "None", "two"],
  );
  assertEquals(
    [new Float(2 ** 64), tuple(bytes("1")), tuple("1"), bytes("2"), false].map((key) => dict.get(key)),
    [
      "big",
      "tuple of bytes",
      undefined,
      undefined,
      undefined,
    ],
  );
  assertEquals(dict.size, 8);
});

Deno.test("of equal keys a dict keeps the first place and the last value", () => {
  const dict = loadPickle(bytes("}(K\x01U\x01aK\x02U\x01bK\x01U\x01cu.")) as Dict;
  assertEquals([...dict], [[1, "c"], [2, "b"]]);
  assertEquals([dict.size, dict.get(1), dict.has(3)], [2, "c", false]);
  assertEquals(Dict.from([["k", 1], ["k", 2]]).get("k"), 2);
  assertEquals({ ...Dict.of({ __proto__x: 1, k: null }).toObject() }, { __proto__x: 1, k: null });
  assertThrows(() => dict.toObject(), PickleError, "key of type int: expected str");
});

Deno.test("a long string with halves of surrogate pairs is read as Python wrote it", () => {
  const half = "\xed\xa0\x80", text = "\xf0\x9f\x90\x8d" + half.repeat(20);
  assertEquals(
    loadPickle(bytes(`X${String.fromCharCode(text.length)}\0\0\0${text}.`)),
    "🐍" + "\ud800".repeat(20),
  );
  assertThrows(
    () => loadPickle(bytes(`X\x06\0\0\0${half}\xed\xb0\x80.`)),
    PickleError,
    "surrogate pair, apart",
  );
  assertThrows(() => loadPickle(bytes("X\x02\0\0\0a\xff.")), PickleError, "not UTF-8");
});

Deno.test("every NaN is a key of its own, as in Python", () => {
  // {nan: 1, nan: 2, (nan,): 3, (nan,): 4, inf: 5} by Python, protocol 3.
  const nan = "477ff8000000000000";
  const pickle = Uint8Array.fromHex(
    `80037d28${nan}4b01${nan}4b02${nan}854b03${nan}854b04477ff00000000000004b05752e`,
  );
  const dict = loadPickle(pickle) as Dict;
  assertEquals([...dict].map(([, value]) => value), [1, 2, 3, 4, 5]);
  assertEquals(dict.get(Infinity), 5);
  assertEquals(dict.get(new Float(Infinity)), 5);
  assertEquals([...(loadPickle(dumpPickle(dict)) as Dict)].length, 5);
});

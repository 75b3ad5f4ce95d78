import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Dict,
  dumpPickle,
  loadPickle,
  PickleError,
  PickleReader,
  readRecord,
  recordClass,
  recordReferences,
  Tuple,
  type Value,
} from "../../pickle/mod.ts";
import { cases, readings } from "./cases.ts";

/** The value, or undefined for a PickleError; any other error fails the test. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof PickleError) return undefined;
    throw error;
  }
}

/** Everything that can be done with bytes that may or may not be a pickle. */
function tryAll(bytes: Uint8Array): void {
  const value = attempt(() => new PickleReader(bytes, { persistent: true, nonAscii: "bytes" }).read());
  if (value !== undefined) {
    attempt(() => dumpPickle(value));
    attempt(() => dumpPickle(value, { memo: false, maxBytes: 1 << 16 }));
    if (value instanceof Dict) attempt(() => value.size);
  }
  recordClass(bytes);
  const walked = attempt(() => recordReferences(bytes));
  attempt(() => readRecord(bytes));
  if (walked !== undefined) assertEquals(walked.every((oid) => oid >= 0n), true);
}

Deno.test("a pickle cut short anywhere is an error", () => {
  for (const { name, bytes } of readings()) {
    const length = Math.min(bytes.length, 400);
    for (let end = 0; end < length; end++) {
      if (end === bytes.length) continue;
      assertThrows(() => loadPickle(bytes.subarray(0, end)), PickleError, undefined, name);
    }
  }
});

Deno.test("damaged pickles and records give a value or a PickleError", () => {
  const originals = [
    ...[...readings()].map(({ bytes }) => bytes),
    ...cases.records.map(({ hex }) => Uint8Array.fromHex(hex)),
  ].filter((bytes) => bytes.length <= 600);
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...originals), damage, (original, places) => {
      const bytes = original.slice();
      for (const [place, byte] of places) bytes[place % bytes.length] = byte;
      tryAll(bytes);
    }),
    { numRuns: 4000 },
  );
});

Deno.test("random opcodes give a value or a PickleError", () => {
  const opcodes = [
    ..."()0123.]}abcdeghijloqrstuKNIQRUVXCPpS\n'\x80\x81\x85\x86\x87\x88\x8a\x8c\x8f\x90\x91\x92\x93\x94\x00\x01",
  ];
  const programs = fc.array(fc.constantFrom(...opcodes.map((c) => c.charCodeAt(0))), { maxLength: 60 });
  fc.assert(fc.property(programs, (program) => tryAll(Uint8Array.of(...program, 0x2e))), { numRuns: 4000 });
});

Deno.test("lengths beyond the end are refused before memory is taken for them", () => {
  const pickles = [
    "C\xff",
    "B\xff\xff\xff\xff",
    "X\xff\xff\xff\x7f",
    "T\xff\xff\xff\xff",
    "\x8b\xff\xff\xff\x7f",
    "\x8b\xff\xff\xff\xff",
    "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
    "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\x96\xff\xff\xff\xff\0\0\0\0",
    "\x95\xff\xff\xff\xff\xff\xff\xff\xff",
  ];
  for (const text of pickles) {
    const bytes = Uint8Array.from(`${text}abc.`, (c) => c.charCodeAt(0));
    assertThrows(() => loadPickle(bytes), PickleError);
    assertThrows(() => recordReferences(bytes), PickleError);
  }
});

Deno.test("a name without its line feeds is an error, wherever else there is one", () => {
  for (
    const text of ["C\x01\nNc", "C\x01\nNca", "C\x01\nNca\nb", "C\x01\nNia\nb", "C\x01\nNS'a'", "c\n", "c"]
  ) {
    const bytes = new TextEncoder().encode(text);
    assertThrows(() => loadPickle(bytes), PickleError, "no line feed");
    assertThrows(() => recordReferences(bytes), PickleError, "no line feed");
    assertEquals(recordClass(bytes), undefined);
  }
});

Deno.test("memo numbers take no memory", () => {
  assertEquals(loadPickle(new TextEncoder().encode("]p4000000000\n0g4000000000\n.")), []);
  assertThrows(
    () => loadPickle(new TextEncoder().encode("]p99999999999\n.")),
    PickleError,
    "expected a number",
  );
});

Deno.test("deep nesting does not overflow the stack", () => {
  const depth = 200_000;
  const deep = new Uint8Array(2 * depth + 2).fill(0x5d, 0, depth + 1).fill(0x61, depth + 1, 2 * depth + 1);
  deep[2 * depth + 1] = 0x2e;
  let value: Value = loadPickle(deep), found = 0;
  for (; Array.isArray(value) && value.length > 0; found++) value = value[0];
  assertEquals(found, depth);
  assertThrows(() => dumpPickle(loadPickle(deep)), PickleError, "containers within each other");
  const tuples = new Uint8Array(depth + 2).fill(0x85);
  tuples[0] = 0x29;
  tuples[depth + 1] = 0x2e;
  assertEquals(loadPickle(tuples) instanceof Tuple, true);
});

Deno.test("a pickle of more opcodes than allowed is refused", () => {
  const bytes = new Uint8Array(1000).fill(0x4e);
  assertThrows(() => loadPickle(bytes, { maxOpcodes: 100 }), PickleError, "more than 100 opcodes");
});

Deno.test("a key whose parts multiply is refused when it is looked for, not when it is read", () => {
  // t = (); t = (t, t) sixty times over: a key of 2^60 parts in 180 bytes.
  const doubling = "2\x86".repeat(60);
  const bytes = Uint8Array.from(`})${doubling}Ns.`, (c) => c.charCodeAt(0));
  const dict = loadPickle(bytes) as Dict;
  assertThrows(() => dict.get(new Tuple([])), PickleError, "a dict's key is a tuple of more than");
  assertThrows(() => dumpPickle(dict), PickleError);
});

Deno.test("decimal numbers of any length are refused beyond what takes no time", () => {
  const digits = "9".repeat(5000);
  for (const text of [`I${digits}\n.`, `L${digits}L\n.`, `F${digits}\n.`]) {
    assertThrows(() => loadPickle(new TextEncoder().encode(text)), PickleError, "expected");
  }
});

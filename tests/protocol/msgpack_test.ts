import { assertEquals, assertThrows } from "@std/assert";
import { decode, encode } from "@std/msgpack";
import fc from "fast-check";
import { Dict, Float, Global, Tuple, type Value } from "../../pickle/mod.ts";
import { encodeMsgpack, msgpackCodec, Output, pickleCodec } from "../../protocol/mod.ts";
import { ProtocolError } from "../../values/mod.ts";
import { show } from "./show.ts";

/** What the general library takes and gives. */
type Plain = null | boolean | number | bigint | string | Uint8Array | Plain[] | { [key: string]: Plain };

const plain = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, -32, -33, -128, -129, -32768, -32769),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.double({ noInteger: true }),
    fc.string({ unit: "grapheme" }),
    fc.string({ minLength: 30, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 20 }),
  ),
})).value;

/** The same value in our terms. */
function ours(value: Plain): Value {
  if (Array.isArray(value)) return new Tuple(value.map(ours));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Dict.from(Object.entries(value).map(([key, item]) => [key, ours(item)]));
}

/** The general library sends integers beyond 32 bits as floats, unless they are bigints. */
function wide(value: Value): Value {
  if (value instanceof Tuple) return new Tuple(value.items.map(wide));
  if (value instanceof Dict) return Dict.from([...value].map(([key, item]) => [key, wide(item)]));
  if (typeof value !== "number" || !Number.isInteger(value)) return value;
  return value >= 2 ** 32 || value < -(2 ** 31) ? new Float(value) : value;
}

function encoded(value: Value): Uint8Array {
  const out = new Output();
  encodeMsgpack(out, value);
  return out.bytes.slice(0, out.length);
}

/** Decodes a single value by putting it into a message. */
function decoded(bytes: Uint8Array): Value {
  return msgpackCodec.decode(new Uint8Array([0x94, 1, 0xc2, 0xa1, 0x78, ...bytes])).args;
}

Deno.test("any value that we encode the general msgpack library decodes to the same", () => {
  fc.assert(fc.property(plain, (value) => {
    assertEquals(show(ours(decode(encoded(ours(value))) as Plain)), show(ours(value)));
  }));
});

Deno.test("any value that the general msgpack library encodes we decode to the same", () => {
  fc.assert(fc.property(plain, (value) => {
    assertEquals(show(decoded(encode(value))), show(wide(ours(value))));
  }));
});

Deno.test("what was decoded is encoded to the same bytes again", () => {
  fc.assert(fc.property(plain, (value) => {
    const bytes = encoded(ours(value));
    assertEquals(encoded(decoded(bytes)), bytes);
  }));
});

Deno.test("whole floats stay floats and integers stay integers", () => {
  // Python: msgpack.packb(2.0), packb(2), packb(-0.0)
  assertEquals(encoded(new Float(2)).toHex(), "cb4000000000000000");
  assertEquals(encoded(2).toHex(), "02");
  assertEquals(show(decoded(Uint8Array.fromHex("cb4000000000000000"))), "2f");
  assertEquals(encoded(decoded(Uint8Array.fromHex("cb8000000000000000"))).toHex(), "cb8000000000000000");
});

Deno.test("bytes as keys of a map are allowed, as between Python peers", () => {
  assertEquals(show(decoded(Uint8Array.fromHex("81c4016b05"))), "{b6b:5}");
});

Deno.test("a value that msgpack has no form for is a type error that names it", () => {
  assertThrows(() => encoded(2n ** 64n), TypeError, "18446744073709551616");
  assertThrows(() => encoded(-(2n ** 63n) - 1n), TypeError, "at most 64 bits");
  assertThrows(() => encoded(new Global("os", "system")), TypeError, "Global");
});

Deno.test("V03: a count of elements that can't be there is refused before memory is taken for them", () => {
  for (const header of ["ddffffffff", "dfffffffff", "dcffff", "deffff", "dbffffffff", "c6ffffffff", "9f"]) {
    assertThrows(() => decoded(Uint8Array.fromHex(header)), ProtocolError, "the message ends");
  }
});

Deno.test("nesting is bounded", () => {
  const deep = (levels: number) => new Uint8Array([...new Uint8Array(levels).fill(0x91), 0xc0]);
  assertEquals(show(decoded(deep(200))).length, 404);
  assertThrows(() => decoded(deep(100_000)), ProtocolError, "nested deeper than 256");
});

Deno.test("random bytes are a message or a protocol error, nothing else", () => {
  const noise = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 }));
  fc.assert(fc.property(noise, ([withHead, bytes]) => {
    const message = withHead ? new Uint8Array([0x94, 1, 0xc2, 0xa1, 0x78, ...bytes]) : bytes;
    try {
      msgpackCodec.decode(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});

Deno.test("V03: a long message of values that take more memory than bytes is refused, in both encodings", () => {
  // 64 MiB of empty dicts would take gigabytes.
  const maps = new Uint8Array(5 << 20).fill(0x80);
  maps.set(Uint8Array.fromHex("9401c2a178dd"));
  new DataView(maps.buffer).setUint32(6, maps.length - 10);
  assertThrows(() => msgpackCodec.decode(maps), ProtocolError, "more than 4194304 values");
  const dicts = new Uint8Array(5 << 20).fill(0x7d);
  dicts.set(Uint8Array.fromHex("800328"));
  assertThrows(() => pickleCodec.decode(dicts), ProtocolError, "more than 4194304 opcodes");
});

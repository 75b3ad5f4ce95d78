import { assertEquals, assertThrows } from "@std/assert";
import { type Codec, msgpackCodec, Output, pickleCodec, truthy } from "../../protocol/mod.ts";
import type { Value } from "../../pickle/mod.ts";
import { ProtocolError } from "../../values/mod.ts";
import { type Tagged, wireVectors } from "../fixtures/mod.ts";
import { show, untag } from "./show.ts";

const codecs: Record<"M" | "Z", Codec> = { M: msgpackCodec, Z: pickleCodec };
const { vectors, decodeOnly, rejected } = wireVectors();

function hasException(tagged: Tagged): boolean {
  return JSON.stringify(tagged).includes('"exception"');
}

function check(codec: Codec, bytes: string, message: readonly [Tagged, Tagged, Tagged, Tagged]): void {
  const decoded = codec.decode(Uint8Array.fromHex(bytes));
  const tuples = codec.encoding === "Z";
  const [id, flag, name, args] = message.map(untag);
  assertEquals(show(decoded.id, tuples), show(id, tuples));
  assertEquals(decoded.flag, truthy(flag));
  assertEquals(decoded.name, name);
  assertEquals(show(decoded.args, tuples), show(args, tuples));
}

for (const encoding of ["M", "Z"] as const) {
  const codec = codecs[encoding];

  Deno.test(`${encoding}: every message of Python's is read with the values that Python gave it`, () => {
    for (const vector of vectors) {
      // In pickles the inner errors are made by a function's name, which a server has no reason to read.
      if (encoding === "Z" && hasException(vector.message[3])) continue;
      check(codec, vector[encoding], vector.message);
    }
  });

  Deno.test(`${encoding}: every message is written byte for byte as Python writes it`, () => {
    for (const { name, message, ...bytes } of vectors) {
      if (encoding === "Z" && hasException(message[3])) continue;
      const [id, flag, method, args] = message.map(untag) as [Value, boolean | number, string, Value];
      const out = new Output();
      codec.encode(out, id, flag, method, args);
      assertEquals(out.bytes.subarray(0, out.length).toHex(), bytes[encoding], name);
    }
  });

  Deno.test(`${encoding}: other encodings of the same values are read too`, () => {
    for (const other of decodeOnly) {
      if (other.encoding === encoding) check(codec, other.bytes, other.message);
    }
  });

  Deno.test(`${encoding}: what Python refuses is refused, as a protocol error`, () => {
    for (const { name, encoding: of, bytes } of rejected) {
      if (of === encoding) {
        assertThrows(() => codec.decode(Uint8Array.fromHex(bytes)), ProtocolError, "", name);
      }
    }
  });

  Deno.test(`${encoding}: a message that is cut anywhere is refused, as a protocol error`, () => {
    for (const vector of vectors) {
      const bytes = Uint8Array.fromHex(vector[encoding]);
      for (let length = 0; length < Math.min(bytes.length, 200); length++) {
        assertThrows(() => codec.decode(bytes.subarray(0, length)), ProtocolError);
      }
    }
  });
}

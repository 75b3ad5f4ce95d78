import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Framer } from "../../protocol/mod.ts";
import { concatBytes, ProtocolError, write32 } from "../../values/mod.ts";

function framed(message: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  write32(length, 0, message.length);
  return concatBytes(length, message);
}

/** Feeds a framer one piece after the other and collects the messages. */
function feed(framer: Framer, pieces: Iterable<Uint8Array>): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const space = framer.space();
      assert(space.length > 0, "there must always be space for more");
      const part = piece.subarray(at, at + space.length);
      space.set(part);
      framer.filled(part.length);
      at += part.length;
      while (framer.next()) messages.push(framer.buffer.slice(framer.start, framer.end));
    }
  }
  return messages;
}

Deno.test("frames come out whole, wherever the stream is cut", () => {
  const messages = [new Uint8Array(0), new Uint8Array([1]), new Uint8Array([2, 3, 4]), new Uint8Array(300)];
  const stream = concatBytes(...messages.map(framed));
  for (let cut = 0; cut <= stream.length; cut++) {
    assertEquals(feed(new Framer(1000), [stream.subarray(0, cut), stream.subarray(cut)]), messages);
  }
  assertEquals(feed(new Framer(1000), Array.from(stream, (byte) => new Uint8Array([byte]))), messages);
});

Deno.test("frames come out whole for any messages in any pieces, also long ones", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(fc.nat(200), fc.nat(200_000)), fc.nat(255)), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 10 }),
      (contents, sizes) => {
        const messages = contents.map(([length, fill]) => new Uint8Array(length).fill(fill));
        const stream = concatBytes(...messages.map(framed));
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length];
          pieces.push(stream.subarray(at, at + size));
          at += size;
        }
        const found = feed(new Framer(1 << 20), pieces);
        assertEquals(found.length, messages.length);
        found.forEach((message, i) => {
          assertEquals(message.length, messages[i].length);
          assert(message.every((byte) => byte === contents[i][1]));
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a frame of exactly the limit passes, one byte more is refused with both numbers", () => {
  assertEquals(feed(new Framer(64), [framed(new Uint8Array(64))]).length, 1);
  assertThrows(
    () => feed(new Framer(64), [framed(new Uint8Array(65))]),
    ProtocolError,
    "message of 65 bytes, limit 64",
  );
});

Deno.test("V03: a length is refused before any of the message has arrived", () => {
  for (const length of ["ffffffff", "80000000", "00000041", "72756f6b"]) {
    assertThrows(
      () => feed(new Framer(64), [Uint8Array.fromHex(length)]),
      ProtocolError,
      `message of ${parseInt(length, 16)} bytes, limit 64`,
    );
  }
});

Deno.test("V03: a length within the limit takes no memory before its bytes arrive", () => {
  const framer = new Framer(0xffff_ffff);
  const atRest = framer.buffer.length;
  feed(framer, [Uint8Array.fromHex("fffffff0")]);
  framer.space();
  assertEquals(framer.buffer.length, atRest);
  for (let arrived = 0; arrived < 1_000_000; arrived += 10_000) {
    feed(framer, [new Uint8Array(10_000)]);
    assert(framer.buffer.length <= Math.max(atRest, 2 * (arrived + 10_000) + (64 << 10)));
  }
});

Deno.test("memory of a long message is given back when it has been handled", () => {
  const framer = new Framer(10_000_000);
  const atRest = framer.buffer.length;
  assertEquals(feed(framer, [framed(new Uint8Array(5_000_000))]).length, 1);
  framer.space();
  assertEquals(framer.buffer.length, atRest);
  assertEquals(framer.waiting, 0);
});

Deno.test("the bytes of an unfinished message are counted as waiting", () => {
  const framer = new Framer(100);
  feed(framer, [framed(new Uint8Array(10)), Uint8Array.fromHex("000000640102")]);
  assertEquals(framer.waiting, 6);
});

/** Loads by the short path against the general one, and errors as Python's server sends them. */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Tuple } from "../../pickle/mod.ts";
import {
  clientPickleCodec,
  type Encoding,
  fromWireError,
  loadCalls,
  msgpackCodec,
  Output,
  ServerException,
} from "../../protocol/mod.ts";
import {
  ConflictError,
  MultipleUndoErrors,
  oid,
  oidBytes,
  POSKeyError,
  ProtocolError,
  ReadConflictError,
  ReadOnlyError,
  StorageTransactionError,
  tid,
  tidBytes,
  tidFromBytes,
  UndoError,
} from "../../values/mod.ts";

const codecs = { M: msgpackCodec, Z: clientPickleCodec } as const;
const encodings: readonly Encoding[] = ["M", "Z"];

function encoded(
  encoding: Encoding,
  ...message: Parameters<typeof msgpackCodec.encode> extends [unknown, ...infer R] ? R : never
): Uint8Array {
  const out = new Output();
  codecs[encoding].encode(out, ...message);
  return out.bytes.slice(0, out.length);
}

const ids = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 0x7fff_ffff }),
  fc.constantFrom(127, 128, 255, 256, 65_535, 65_536),
);
const eights = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

for (const encoding of encodings) {
  Deno.test(`a load is asked for in the bytes of the general encoding, ${encoding}`, () => {
    fc.assert(fc.property(ids, eights, eights, (id, object, before) => {
      const out = new Output();
      loadCalls(encoding).request(out, id, oid(object), tid(before));
      const args = new Tuple([oidBytes(oid(object)), tidBytes(tid(before))]);
      assertEquals(out.bytes.slice(4, out.length), encoded(encoding, id, false, "loadBefore", args));
    }));
  });

  Deno.test(`an answer to a load is understood as the general encoding means it, ${encoding}`, () => {
    const sizes = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(255, 256, 65_535, 65_536, 70_000));
    fc.assert(fc.property(ids, sizes, eights, fc.option(eights), (id, size, serial, end) => {
      const data = new Uint8Array(size).fill(7);
      const args = new Tuple([data, tidBytes(tid(serial)), end === null ? null : tidBytes(tid(end))]);
      const message = encoded(encoding, id, 0, ".reply", args);
      // Somewhere in a buffer, with other things around it.
      const buffer = new Uint8Array(message.length + 20).fill(0xc4);
      buffer.set(message, 9);
      const calls = loadCalls(encoding);
      assert(calls.matches(buffer, 9, 9 + message.length));
      assertEquals([calls.id, calls.dataEnd - calls.dataAt], [id, size]);
      assertEquals(buffer.slice(calls.dataAt, calls.dataEnd), data);
      assertEquals(tidFromBytes(buffer, calls.serialAt), tid(serial));
      assertEquals(
        calls.endAt < 0 ? null : tidFromBytes(buffer, calls.endAt),
        end === null ? null : tid(end),
      );
    }));
  });

  Deno.test(`what is no plain answer to a load is not taken for one, ${encoding}`, () => {
    const eight = new Uint8Array(8), data = new Uint8Array(40);
    const others: [number, string, Tuple | null][] = [
      [0, ".reply", null],
      [2, ".reply", new Tuple([data, eight, null])],
      [0, ".reply", new Tuple([data, eight])],
      [0, ".reply", new Tuple([data, eight, eight, eight])],
      [0, ".reply", new Tuple([data, data, null])],
      [0, ".reply", new Tuple(["text of a certain length", eight, null])],
      [0, ".repli", new Tuple([data, eight, null])],
    ];
    for (const [flag, name, args] of others) {
      const message = encoded(encoding, 5, flag, name, args);
      assertEquals(
        loadCalls(encoding).matches(message, 0, message.length),
        false,
        `${flag} ${name} ${args?.length}`,
      );
    }
    const good = encoded(encoding, 5, 0, ".reply", new Tuple([data, eight, null]));
    for (let length = 0; length < good.length; length++) {
      assertEquals(loadCalls(encoding).matches(good, 0, length), false, `cut after ${length}`);
    }
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = good.slice();
        damaged[at] ^= change;
        const calls = loadCalls(encoding);
        if (calls.matches(damaged, 0, damaged.length)) {
          assert(calls.dataAt <= calls.dataEnd && calls.dataEnd <= good.length);
        }
      }),
    );
  });
}

/** The error of an error reply, in hexadecimal digits as Python has sent it. */
function told(encoding: Encoding, hex: string): Error {
  const { flag, name, args } = codecs[encoding].decode(Uint8Array.fromHex(hex));
  assertEquals([flag, name], [true, ".reply"]);
  return fromWireError(args);
}

const both = (m: string, z: string, check: (error: Error) => void) => {
  check(told("M", m));
  check(told("Z", z));
};

Deno.test("errors of Python's server are the errors that it meant", () => {
  both(
    "940402a62e7265706c7992bd5a4f44422e504f53457863657074696f6e2e504f534b65794572726f7291c4080000000000000001",
    "8003284b044b0258060000002e7265706c79581d0000005a4f44422e504f53457863657074696f6e2e504f534b65794572726f72430800000000000000018586742e",
    (error) => {
      assertInstanceOf(error, POSKeyError);
      const { oid: missing, serial, reason } = error as POSKeyError;
      assertEquals([missing, serial, reason], [oid(1), undefined, undefined]);
    },
  );
  both(
    "940602a62e7265706c7992bf5a4f44422e504f53457863657074696f6e2e436f6e666c6963744572726f7284a76d657373616765b7646174616261736520636f6e666c696374206572726f72a36f6964c4080000000000000001aa636c6173735f6e616d65b44254726565732e4c656e6774682e4c656e677468a773657269616c7392c408040d2eb1cd764b11c408040d2eb1cd7472dd",
    "8003284b064b0258060000002e7265706c79581f0000005a4f44422e504f53457863657074696f6e2e436f6e666c6963744572726f727d2858070000006d6573736167655817000000646174616261736520636f6e666c696374206572726f7258030000006f696443080000000000000001580a000000636c6173735f6e616d6558140000004254726565732e4c656e6774682e4c656e677468580700000073657269616c734308040d2eb1cd764b114308040d2eb1cd7472dd867586742e",
    (error) => {
      assertInstanceOf(error, ConflictError);
      assertEquals((error as ConflictError).conflict, {
        oid: oid(1),
        committed: tid(0x040d2eb1cd764b11n),
        read: tid(0x040d2eb1cd7472ddn),
        className: "BTrees.Length.Length",
      });
    },
  );
  both(
    "940602a62e7265706c7992d9235a4f44422e504f53457863657074696f6e2e52656164436f6e666c6963744572726f7284a76d657373616765bc6461746162617365207265616420636f6e666c696374206572726f72a36f6964c4080000000000000001aa636c6173735f6e616d65c0a773657269616c7392c408040d2eb1cd764b11c408040d2eb1cd7472dd",
    "8003284b064b0258060000002e7265706c7958230000005a4f44422e504f53457863657074696f6e2e52656164436f6e666c6963744572726f727d2858070000006d657373616765581c0000006461746162617365207265616420636f6e666c696374206572726f7258030000006f696443080000000000000001580a000000636c6173735f6e616d654e580700000073657269616c734308040d2eb1cd764b114308040d2eb1cd7472dd867586742e",
    (error) => {
      assertInstanceOf(error, ReadConflictError);
      assertEquals([error.message, (error as ConflictError).conflict.className], [
        "database read conflict error",
        undefined,
      ]);
    },
  );
  both(
    "940102a62e7265706c7992bf5a4f44422e504f53457863657074696f6e2e526561644f6e6c794572726f7290",
    "8003284b014b0258060000002e7265706c79581f0000005a4f44422e504f53457863657074696f6e2e526561644f6e6c794572726f722986742e",
    (error) => assertInstanceOf(error, ReadOnlyError),
  );
  both(
    "940602a62e7265706c7992d9295a4f44422e504f53457863657074696f6e2e53746f726167655472616e73616374696f6e4572726f7292c005",
    "8003284b064b0258060000002e7265706c7958290000005a4f44422e504f53457863657074696f6e2e53746f726167655472616e73616374696f6e4572726f724e4b058686742e",
    (error) => {
      assertInstanceOf(error, StorageTransactionError);
      assertEquals(error.message, "null, 5");
    },
  );
  both(
    "940602a62e7265706c7992bb5a4f44422e504f53457863657074696f6e2e556e646f4572726f7282a75f726561736f6eb6496e76616c6964207472616e73616374696f6e206964a45f6f6964c0",
    "8003284b064b0258060000002e7265706c79581b0000005a4f44422e504f53457863657074696f6e2e556e646f4572726f727d2858070000005f726561736f6e5816000000496e76616c6964207472616e73616374696f6e20696458040000005f6f69644e7586742e",
    (error) => {
      assertInstanceOf(error, UndoError);
      assertEquals([error.message, (error as UndoError).oid], ["Invalid transaction id", undefined]);
    },
  );
  both(
    "940602a62e7265706c7992d9245a4f44422e504f53457863657074696f6e2e4d756c7469706c65556e646f4572726f727383a75f726561736f6ec4080000000000000001a45f6f696492bb5a4f44422e504f53457863657074696f6e2e556e646f4572726f7282a75f726561736f6ed92e536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6ea45f6f6964c4080000000000000001a55f657272739192c408000000000000000192bb5a4f44422e504f53457863657074696f6e2e556e646f4572726f7282a75f726561736f6ed92e536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6ea45f6f6964c4080000000000000001",
    "8003284b064b0258060000002e7265706c7958240000005a4f44422e504f53457863657074696f6e2e4d756c7469706c65556e646f4572726f72737d2858070000005f726561736f6e4308000000000000000158040000005f6f6964635a4f44422e504f53457863657074696f6e0a5f7265636f6e0a635a4f44422e504f53457863657074696f6e0a556e646f4572726f720a7d2858070000005f726561736f6e582e000000536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6e58040000005f6f696443080000000000000001580400000061726773582e000000536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6e430800000000000000018675865258050000005f657272735d43080000000000000001635a4f44422e504f53457863657074696f6e0a5f7265636f6e0a635a4f44422e504f53457863657074696f6e0a556e646f4572726f720a7d2858070000005f726561736f6e582e000000536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6e58040000005f6f696443080000000000000001580400000061726773582e000000536f6d6520646174612077657265206d6f6469666965642062792061206c61746572207472616e73616374696f6e430800000000000000018675865286617586742e",
    (error) => {
      assertInstanceOf(error, MultipleUndoErrors);
      const [[id, inner]] = (error as MultipleUndoErrors).errors;
      assertEquals([id, inner.oid, inner.message], [
        oid(1),
        oid(1),
        "Some data were modified by a later transaction",
      ]);
    },
  );
  both(
    "940102a62e7265706c7992b36275696c74696e732e56616c75654572726f7291b2756e6b6e6f776e2073746f726167653a2078",
    "8003284b014b0258060000002e7265706c7958130000006275696c74696e732e56616c75654572726f725812000000756e6b6e6f776e2073746f726167653a2078" +
      "8586742e",
    (error) => {
      assertInstanceOf(error, ServerException);
      assertEquals([(error as ServerException).pythonName, error.message], [
        "builtins.ValueError",
        "builtins.ValueError: unknown storage: x",
      ]);
    },
  );
});

Deno.test("an error that has not what its class has keeps its name; one that is none is a protocol error", () => {
  for (const name of ["POSKeyError", "ConflictError", "MultipleUndoErrors"]) {
    const error = fromWireError(new Tuple([`ZODB.POSException.${name}`, new Tuple(["odd"])]));
    assertInstanceOf(error, ServerException);
    assertEquals((error as ServerException).pythonName, `ZODB.POSException.${name}`);
  }
  for (const odd of [null, 5, new Tuple([]), new Tuple([1, 2])]) {
    assertThrows(() => fromWireError(odd), ProtocolError);
  }
});

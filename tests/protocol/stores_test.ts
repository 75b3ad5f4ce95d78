import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Tuple, type Value } from "../../pickle/mod.ts";
import { msgpackCodec, Output, StoreFormat } from "../../protocol/mod.ts";
import { concatBytes } from "../../values/mod.ts";
import vectors from "../fixtures/wire_vectors.json" with { type: "json" };

const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });
const record = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.constantFrom(0, 255, 256, 65535, 65536, 100_000).map((length) => new Uint8Array(length).fill(0xc4)),
);
const transaction = fc.oneof(
  fc.nat(300),
  fc.nat(),
  fc.maxSafeNat(),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((id) => id <= Number.MAX_SAFE_INTEGER ? Number(id) : id),
);

function encode(name: string, args: readonly Value[]): Uint8Array {
  const out = new Output();
  msgpackCodec.encode(out, 0, true, name, new Tuple(args));
  return out.bytes.slice(0, out.length);
}

/** What the short path takes out of a message; undefined when it leaves it to the general one. */
function short(message: Uint8Array): Value[] | undefined {
  const around = concatBytes(Uint8Array.of(0x94, 0, 0xc3), message, new Uint8Array(20).fill(0xcf));
  const format = new StoreFormat();
  if (!format.matches(around, 3, 3 + message.length)) return undefined;
  const { oidAt, serialAt, recordAt, recordLength, transaction } = format;
  return [
    around.slice(oidAt, oidAt + 8),
    around.slice(serialAt, serialAt + 8),
    around.slice(recordAt, recordAt + recordLength),
    transaction,
  ];
}

/** What the general path takes out of it. */
function general(message: Uint8Array): unknown[] {
  const { id, flag, name, args } = msgpackCodec.decode(message);
  return [id, flag, name, ...(Array.isArray(args) ? args : (args as Tuple).items)];
}

Deno.test("a store on the short path is what the general one makes of it", () => {
  fc.assert(fc.property(eight, eight, record, transaction, (...args) => {
    const message = encode("storea", args);
    assertEquals(short(message), args);
    assertEquals(general(message), [0, true, "storea", ...args]);
  }));
});

Deno.test("stores of Python's clients take the short path", () => {
  let found = 0;
  for (const { name, M } of vectors.vectors) {
    if (!name.startsWith("storea")) continue;
    const message = Uint8Array.fromHex(M);
    assertEquals([0, true, "storea", ...short(message)!], general(message));
    found++;
  }
  assert(found >= 3, `only ${found} stores`);
});

Deno.test("other messages are left to the general path", () => {
  const oid = new Uint8Array(8), data = new Uint8Array(20);
  for (
    const message of [
      encode("storeb", [oid, oid, data, 1]),
      encode("storea", [oid, oid, data, -1]),
      encode("storea", [oid, oid, data, "1"]),
      encode("storea", [oid, oid, "data", 1]),
      encode("storea", [oid, oid, null, 1]),
      encode("storea", [oid, data, data, 1]),
      encode("storea", [data, oid, data, 1]),
      encode("storea", [oid, oid, data]),
      encode("storea", [oid, oid, data, 1, 1]),
      encode("restorea", [oid, oid, data, oid, 1]),
    ]
  ) assertEquals(short(message), undefined);
});

Deno.test("a damaged store is left to the general path, or both make the same of it", () => {
  const damage = fc.tuple(fc.nat(80), fc.nat(255), fc.integer({ min: -3, max: 3 }));
  fc.assert(
    fc.property(
      eight,
      eight,
      fc.uint8Array({ maxLength: 40 }),
      transaction,
      damage,
      (oid, serial, data, id, how) => {
        const [at, value, longer] = how;
        const message = encode("storea", [oid, serial, data, id]);
        const damaged = new Uint8Array(Math.max(message.length + longer, 0));
        damaged.set(message.subarray(0, damaged.length));
        if (at < damaged.length) damaged[at] = value;
        const found = short(damaged);
        if (found !== undefined) assertEquals([0, true, "storea", ...found], general(damaged));
      },
    ),
    { numRuns: 3000 },
  );
});

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { dumpPickle, Tuple, type Value } from "../../pickle/mod.ts";
import {
  type Codec,
  type Encoding,
  loadFormat,
  msgpackCodec,
  Output,
  pickleCodec,
} from "../../protocol/mod.ts";
import { concatBytes, oidFromBytes, type Tid, tidBytes, tidFromBytes } from "../../values/mod.ts";
import { show } from "./show.ts";

const codecs: Record<Encoding, Codec> = { M: msgpackCodec, Z: pickleCodec };
const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });
const serial = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) as fc.Arbitrary<Tid>;
const data = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.constantFrom(0, 255, 256, 65535, 65536, 100_000).map((length) => new Uint8Array(length).fill(7)),
);

function call(codec: Codec, id: Value, oid: Uint8Array, tid: Uint8Array): Uint8Array {
  const out = new Output();
  codec.encode(out, id, false, "loadBefore", new Tuple([oid, tid]));
  return out.bytes.slice(0, out.length);
}

/** The ids that take the short path, as Python's clients send them. */
const shortId = fc.oneof(
  fc.nat(127),
  fc.integer({ min: 0, max: 65535 }),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  fc.tuple(eight, eight).map((pair) => new Tuple(pair)),
);

for (const encoding of ["M", "Z"] as const) {
  const codec = codecs[encoding];

  Deno.test(`${encoding}: a load's reply on the short path has the bytes of the general one`, () => {
    const loads = loadFormat(encoding);
    fc.assert(
      fc.property(
        shortId,
        eight,
        eight,
        data,
        serial,
        fc.option(serial),
        fc.nat(20),
        (id, oid, tid, data, start, end, before) => {
          const message = call(codec, id, oid, tid);
          const request = concatBytes(
            new Uint8Array(before).fill(0x94),
            message,
            new Uint8Array(9).fill(0x80),
          );
          assert(loads.matches(request, before, before + message.length));
          assertEquals(oidFromBytes(request, loads.oidAt), oidFromBytes(oid));
          assertEquals(tidFromBytes(request, loads.tidAt), tidFromBytes(tid));

          const short = new Output(), general = new Output();
          loads.reply(short, request, data, start, end);
          const frame = general.beginFrame();
          const result = new Tuple([data, tidBytes(start), end === null ? null : tidBytes(end)]);
          codec.encode(general, id, 0, ".reply", result);
          general.endFrame(frame);
          assertEquals(short.bytes.subarray(0, short.length), general.bytes.subarray(0, general.length));
        },
      ),
    );
  });

  Deno.test(`${encoding}: whatever the short path takes for a load the general codec reads as the same load`, () => {
    const loads = loadFormat(encoding);
    // One byte of a good request changed, added or taken away: it must be the same to both, or left to the general one.
    const edit = fc.record({
      id: shortId,
      oid: eight,
      tid: eight,
      at: fc.nat(80),
      byte: fc.nat(255),
      kind: fc.constantFrom("change", "insert", "remove", "append", "cut"),
    });
    fc.assert(
      fc.property(edit, ({ id, oid, tid, at, byte, kind }) => {
        const good = [...call(codec, id, oid, tid)];
        const place = at % good.length;
        if (kind === "change") good[place] = byte;
        else if (kind === "insert") good.splice(place, 0, byte);
        else if (kind === "remove") good.splice(place, 1);
        else if (kind === "append") good.push(byte);
        else good.length = place;
        const bytes = new Uint8Array(good);
        if (!loads.matches(bytes, 0, bytes.length)) return;
        const message = codec.decode(bytes);
        assertEquals(message.name, "loadBefore");
        assertEquals(message.flag, false);
        assert(message.id !== -1, "a heartbeat's id must be left to the general path");
        const args = message.args instanceof Tuple ? message.args.items : message.args as Value[];
        assertEquals(args.length, 2);
        assertEquals(args[0], bytes.subarray(loads.oidAt, loads.oidAt + 8));
        assertEquals(args[1], bytes.subarray(loads.tidAt, loads.tidAt + 8));
        // And the reply carries the id's value.
        const out = new Output();
        loads.reply(out, bytes, new Uint8Array(1), 1n as Tid, null);
        assertEquals(show(codec.decode(out.bytes.slice(4, out.length)).id), show(message.id));
      }),
      { numRuns: 3000 },
    );
  });

  Deno.test(`${encoding}: loads with other ids, other names and other arguments are left to the general path`, () => {
    const loads = loadFormat(encoding);
    const oid = new Uint8Array(8), tid = new Uint8Array(8).fill(1);
    const others: [Value, boolean | number, string, Value][] = [
      [-1, false, "loadBefore", new Tuple([oid, tid])],
      ["seven", false, "loadBefore", new Tuple([oid, tid])],
      [null, false, "loadBefore", new Tuple([oid, tid])],
      [2n ** 40n, false, "loadBefore", new Tuple([oid, tid])],
      [new Tuple([oid]), false, "loadBefore", new Tuple([oid, tid])],
      [new Tuple([oid, tid, oid]), false, "loadBefore", new Tuple([oid, tid])],
      [0, true, "loadBefore", new Tuple([oid, tid])],
      [1, false, "loadSerial", new Tuple([oid, tid])],
      [1, false, "loadBefore", new Tuple([oid])],
      [1, false, "loadBefore", new Tuple([oid, null])],
      [1, false, "loadBefore", new Tuple([oid, new Uint8Array(7)])],
      [1, false, "loadBefore", new Tuple([new Uint8Array(9), tid])],
      [1, false, "loadBefore", new Tuple([oid, tid, oid])],
    ];
    for (const [id, flag, name, args] of others) {
      const out = new Output();
      codec.encode(out, id, flag, name, args);
      assertEquals(loads.matches(out.bytes, 0, out.length), false, `${show(id)} ${name} ${show(args)}`);
    }
  });
}

Deno.test("Z: a load in a pickle of another shape is left to the general path", () => {
  const loads = loadFormat("Z");
  const oid = new Uint8Array(8), tid = new Uint8Array(8).fill(1);
  const withList = dumpPickle(new Tuple([1, false, "loadBefore", [oid, tid]]), { memo: false });
  const withMemo = dumpPickle(new Tuple([1, false, "loadBefore", new Tuple([oid, tid])]));
  assertEquals(loads.matches(withList, 0, withList.length), false);
  assertEquals(loads.matches(withMemo, 0, withMemo.length), false);
});

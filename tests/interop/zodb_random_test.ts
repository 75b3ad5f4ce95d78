/** Random values of every type, through Python and back. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Complex,
  DateTime,
  DB,
  Decimal,
  Float,
  FrozenSet,
  load,
  PersistentList,
  PlainDate,
  PlainTime,
  TimeDelta,
  TimeZone,
  tuple,
  UUID,
} from "../../zodb/mod.ts";
import { interopTest } from "./peers.ts";
import { Account, Money, told } from "./zodb_values.ts";

/** Python's zones reach to a day, in microseconds; a minute's multiple is what occurs. */
const zone = fc.oneof(
  fc.constant(TimeZone.utc),
  fc.integer({ min: -1439, max: 1439 }).map((minutes) => new TimeZone(new TimeDelta(0, minutes * 60))),
  fc.tuple(fc.integer({ min: -86_399, max: 86_399 }), fc.string({ minLength: 1, maxLength: 5 }))
    .map(([seconds, name]) => new TimeZone(new TimeDelta(0, seconds), name)),
);
const day = fc.date({
  min: new Date("0001-01-03T00:00:00Z"),
  max: new Date("9999-12-29T00:00:00Z"),
  noInvalidDate: true,
});

/** Values that Python can use as keys. Numbers are ints, as 1 and 1.0 are one key there. */
const hashable: fc.Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
  fc.tuple(fc.string(), fc.integer()).map(([text, number]) => tuple(text, number)),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((integer) => new UUID(integer)),
  day.map((date) => new PlainDate(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())),
);

const flat: fc.Arbitrary<unknown> = fc.oneof(
  hashable,
  fc.boolean(),
  fc.double({ noNaN: true }).map((value) => Number.isInteger(value) ? new Float(value) : value),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }).map((value) =>
    BigInt.asIntN(54, value) === value ? Number(BigInt.asIntN(53, value)) : value
  ),
  fc.tuple(day, zone, fc.nat({ max: 999 })).map(([date, zone, micro]) =>
    new DateTime(date.getTime(), zone, micro)
  ),
  fc.tuple(day, fc.nat({ max: 999 })).map(([date, micro]) => new DateTime(date.getTime(), null, micro)),
  fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999)).map((parts) => new PlainTime(...parts)),
  fc.tuple(fc.integer({ min: -999_999_999, max: 999_999_999 }), fc.nat(86_399), fc.nat(999_999))
    .map((parts) => new TimeDelta(...parts)),
  // In the words that Python has for them: it writes others, like 15E-1, anew.
  fc.tuple(fc.integer(), fc.nat(99_999)).map(([whole, rest]) =>
    new Decimal(`${whole}.${String(rest).padStart(5, "0")}`)
  ),
  fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true })).map((parts) => new Complex(...parts)),
);

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    flat,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(tie("value"), { maxLength: 5 }).map((items) => tuple(...items)),
    fc.array(fc.tuple(hashable, tie("value")), { maxLength: 5 }).map((items) => new Map(distinct(items))),
    fc.array(hashable, { maxLength: 1 }).map((items) => new Set(items)),
    fc.array(hashable, { maxLength: 1 }).map((items) => new FrozenSet(items)),
    tie("value").map((inner) => new Money(inner as number)),
  ),
}));

/** Items with keys that Python takes for different ones. */
function distinct(items: [unknown, unknown][]): [unknown, unknown][] {
  return [...new Map(items.map((item) => [told(item[0]), item])).values()];
}

await interopTest("random values come back from Python as they were", async (peers) => {
  const python = peers.session(), path = `${peers.folder}/Data.fs`;
  const seed = Date.now() & 0x7fffffff, samples = fc.sample(value, { numRuns: 500, seed });
  {
    await using db = await DB.open(path);
    await using connection = db.open();
    const holders = samples.map((sample) => {
      const account = new Account("x");
      Object.assign(account, { sample });
      return account;
    });
    await connection.root.set("samples", new PersistentList(holders));
    await connection.commit();
  }
  assertEquals(await python.call("zodb_objects.rewrite", { path }), samples.length + 2);
  await using db = await DB.open(path);
  await using connection = db.open();
  const list = await load((await connection.root.get<PersistentList<Account>>("samples"))!, { depth: 1 });
  for (const [i, sample] of samples.entries()) {
    const { sample: found } = list.at(i) as Account & { sample: unknown };
    assertEquals(told(found), told(sample), `seed ${seed}, sample ${i}`);
  }
});
